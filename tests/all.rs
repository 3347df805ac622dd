//! The integration tests, in one binary: linking twenty costs more than running them.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that can't go on panics, says why it was not made, and may look at the clock"
)]

mod bad_input;
mod binary;
mod cloud;
mod databases;
mod guard;
mod servers;
mod sim;
