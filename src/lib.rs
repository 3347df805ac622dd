//! firedrill
pub mod drill;
pub mod ids;
pub mod playbook;
pub mod ports;
pub mod time;
pub mod verify;
