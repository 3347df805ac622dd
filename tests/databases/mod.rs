//! Checks on real database servers, made through firedrill's public API alone.
//!
//! | | |
//! | --- | --- |
//! | [`soundness`] | random single mutations of rows of every type: each is seen, the rows are named, nothing else is |
//! | [`stability`] | the same rows give the same digest, whatever the version and the settings of the server |
//! | [`limits`] | a check ends at its timeout, and a baseline is of one moment while others write |
//!
//! [`values`] holds the types with their values, [`mutations`] what can happen to a row.

mod drill;
mod limits;
mod mutations;
mod report;
mod soundness;
mod stability;
mod tables;
mod values;

pub use drill::{Drill, Place};

/// A runtime for one test: servers are waited for, and cancelling needs a task of its own.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}
