//! The drill: pure. Events in, state out; state in, wishes out. No clock, no I/O, no randomness.

mod event;

pub use event::*;
