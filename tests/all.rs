//! Tests of the whole, in one binary: linking twenty of them costs more than running them.

#[cfg(test)]
mod sim;
