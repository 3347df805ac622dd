//! Disaster-recovery drills: restore real backups, prove the data, measure what was achieved, remove everything.
//!
//! ```text
//!   playbook.yaml ── playbook ──> Playbook ──┐                       ┌─> provider   restores and removes
//!   (document: every fault with its place)   v                       ├─> verify     proves
//!                                          engine ──── ports ────────┼─> process    runs commands
//!                     decide, intend, perform, append                └─> journal    remembers
//!                                            │ ^
//!                                            v │
//!                                          drill   pure: next(state, entry), decide(state, now), verdict
//!
//!   journal ── entries ──> metrics ──> RunSummary ──> report, cli      what people see
//! ```
//!
//! [`sweep`] finds what was left behind by its marks alone, through the same ports.
//!
//! Read [`drill`] first: it holds the words ([`drill::Event`]), every legal move ([`drill::next`]) and what is wanted at a
//! moment ([`drill::decide`]). [`engine`] is the loop around it. [`ports`] are the traits through which it sees the
//! world, and [`app`] is the one place that names what stands behind them. [`provider`] and [`verify`] talk to PostgreSQL, MySQL
//! and MariaDB through [`server`].
//!
//! Three rules hold in every line: intent before effect; a deletion needs three proofs; a verdict is never better
//! than what was proven.

pub mod app;
pub mod cli;
pub mod config;
pub mod document;
pub mod drill;
pub mod engine;
pub mod error;
mod files;
pub mod ids;
pub mod journal;
pub mod metrics;
pub mod playbook;
pub mod ports;
pub mod process;
pub mod provider;
pub mod random;
pub mod report;
pub mod sample;
pub mod server;
pub mod starter;
pub mod sweep;
pub mod time;
pub mod verify;
