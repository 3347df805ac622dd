//! Reading what a person wrote: YAML playbooks and the TOML configuration, with every fault at its place.
//!
//! ```text
//! bytes ── yaml, toml ──> Node (a tree that knows its places) ── read ──> values
//!                │                                                 │
//!                └────────────────── Faults <──────────────────────┘
//! ```
//!
//! Serde stops at the first fault. Here the text becomes a tree first, and `read` goes through all of it,
//! noting faults and carrying on. The same reading code, run without a tree, describes what it accepts: the
//! JSON Schema can't say anything else than what is read.

mod faults;
mod mask;
mod node;
pub(crate) mod read;
mod render;
mod toml;
pub(crate) mod words;
mod yaml;

pub use faults::{Faults, FileFault, Severity, Span};
pub(crate) use node::{Kind, Node, Scalar};

pub(crate) use self::{toml::parse as parse_toml, yaml::parse as parse_yaml};

/// Files larger than this are not read: no playbook is, and a mistake must not fill the memory.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// The text of `bytes`, or the fault that says why they are no text.
pub(crate) fn text_of<'a>(file: &std::path::Path, bytes: &'a [u8]) -> Result<&'a str, Box<Faults>> {
    let Err(error) = std::str::from_utf8(bytes) else {
        return Ok(std::str::from_utf8(bytes).unwrap_or_default());
    };
    let text = String::from_utf8_lossy(bytes).into_owned();
    // What is valid comes through unchanged, so the place is the same in the text with replacements.
    let start = error.valid_up_to();
    let bad = bytes.get(start).copied().unwrap_or(0);
    let mut faults = Faults::new(file, &text);
    faults.error(
        Span { start, end: start + '\u{fffd}'.len_utf8() },
        format!("the byte 0x{bad:02x} is not UTF-8"),
        Some("save the file as UTF-8"),
    );
    Err(Box::new(faults))
}
