//! Simulation: the real engine over simulated clock, randomness, providers, people and journal, by seed.
//!
//! ```text
//!   seed ─> generate ─> scenario ─> run ──────────────> the engine, process after process
//!                                    │   clock, journal, provider (over cloud), verifier, commands, observer
//!                                    └─> invariants ──> hub.violations
//! ```
//!
//! A failing seed is printed with the command that replays it. [`crash_sweep`] kills the process at every entry
//! and around every effect; [`seeds`] draws ten thousand worlds.

mod clock;
mod cloud;
mod commands;
mod crash_sweep;
mod fault_sweep;
mod generate;
mod hub;
mod invariants;
mod journal;
mod named;
mod observer;
mod person;
mod provider;
pub mod rng;
mod run;
mod scenario;
mod seeds;
mod truth;
mod verdict_property;
mod verifier;
