//! The playbook: parsed once into checked types; nothing after this module re-checks.

mod model;
mod template;

pub use model::*;
pub use template::{Bound, Part, Reference, Template, TemplateError};
