//! firedrill
pub mod config;
pub mod document;
pub mod drill;
pub mod engine;
pub mod ids;
pub mod journal;
pub mod metrics;
pub mod playbook;
pub mod ports;
pub mod process;
pub mod provider;
pub mod report;
pub mod sample;
pub mod starter;
pub mod time;
pub mod verify;
