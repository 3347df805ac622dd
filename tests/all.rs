//! The integration tests, in one binary: linking twenty costs more than running them.

mod bad_input;
mod binary;
mod guard;
mod sim;
