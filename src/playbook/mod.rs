//! The playbook: parsed once into checked types; nothing after this module re-checks.
//!
//! ```text
//! text ─ document ─> tree ─ parse, steps, restores, checks, … ─> drafts ─ graph ─> Playbook
//!                      └──────────── every fault with its place ───────────┘
//! ```

mod calendar;
mod checks;
mod cloud;
mod commands;
pub(crate) mod dumps;
mod expectations;
mod fingerprints;
mod graph;
mod http;
mod managed;
mod model;
mod parse;
mod restores;
pub(crate) mod secrets;
mod servers;
mod steps;
mod subjects;
mod template;
#[cfg(test)]
mod tests;
pub(crate) mod values;

pub use crate::document::{Faults, FileFault, Severity};
pub use managed::*;
pub use model::*;
pub use parse::{Checked, schema};
pub use servers::*;
pub use template::{Bound, Part, Reference, Template, TemplateError};
