//! The loop: decide, write the intent, perform through a port, append the outcome.
