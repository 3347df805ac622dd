//! The integration tests, in one binary: linking twenty costs more than running them.

mod binary;
mod guard;
