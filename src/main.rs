//! firedrill's command line.
fn main() {}
