//! `firedrill.toml`: what the operator allows.
