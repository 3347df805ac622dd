//! What makes a database or a role firedrill's: the claim, written down on it as JSON.
//!
//! On PostgreSQL it is the comment of the database or role, on MySQL and MariaDB the first row of a table `_firedrill`.
//! Once the restore is complete it says so: a database without that word is one whose restore was cut short.

use crate::{
    drill::Claim,
    ids::{RunId, StepId},
    ports::Receipts,
};
use serde::{Deserialize, Serialize};

/// Marks a database or a role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Marker {
    /// Whose it is.
    pub(super) firedrill: Claim,
    /// What proves the restore, once it is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) restored: Option<Receipts>,
}

impl Marker {
    /// Of a claim whose restore is not complete.
    pub(super) fn of(claim: &Claim) -> Self {
        Self { firedrill: claim.clone(), restored: None }
    }

    /// As it is written down.
    pub(super) fn text(&self) -> String {
        // A claim is texts, numbers and maps with text keys: none of that can fail to become JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// None: it is no marker.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Whether it is the marker of a database of that name, or of one that is being made, whose name ends so.
    pub(super) fn is_of(&self, name: &str, making: &str) -> bool {
        let own = &self.firedrill.link.name;
        name == own || name.strip_suffix(making) == Some(own)
    }

    /// `Err`: whose it is instead.
    pub(super) fn belongs_to(&self, claim: &Claim) -> Result<(), String> {
        let own = &self.firedrill;
        if own.run == claim.run
            && own.id == claim.id
            && own.link.name == claim.link.name
            && own.link.scope == claim.link.scope
        {
            return Ok(());
        }
        Err(format!(
            "it belongs to claim {} of run {}, not to {} of run {}",
            own.id, own.run, claim.id, claim.run
        ))
    }
}

/// The name of the database that a restore makes: letters, digits and `_`, at most `most` bytes. Made from the request
/// alone, so that making it twice makes the same.
pub(super) fn database_name(run: RunId, step: &StepId, attempt: u32, most: usize) -> String {
    let step = step.as_str().replace('-', "_");
    let (head, tail) = (format!("fd_{}_", run.short()), format!("_{attempt}"));
    let room = most.saturating_sub(head.len() + tail.len());
    if step.len() <= room {
        return format!("{head}{step}{tail}");
    }
    // Two steps whose names begin alike are told apart by their digests.
    let digest = crate::ids::Digest::of(step.as_bytes()).to_string();
    format!("{head}{}_{}{tail}", &step[..room.saturating_sub(9)], &digest[..8])
}

/// Whether firedrill makes databases of such a name.
pub(super) fn is_ours_by_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.starts_with("fd_") && name.len() <= 64 && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn names_are_valid_and_differ() {
        let run = RunId::new(Timestamp::from_millis(1_795_424_400_000), [7; 10]);
        let step = |text: &str| text.parse::<StepId>().expect("a label");
        assert_eq!(database_name(run, &step("orders-db"), 2, 56), "fd_07070707_orders_db_2");
        let long = "a".repeat(62);
        let names = ["b", "c"].map(|end| database_name(run, &step(&format!("{long}{end}")), 1, 56));
        assert_ne!(names[0], names[1]);
        for name in names {
            assert!(name.len() <= 56 && is_ours_by_name(&name), "{name}");
        }
        for bad in ["orders", "fd-x", "fd_X", "fd_x\"; drop", ""] {
            assert!(!is_ours_by_name(bad), "{bad}");
        }
    }
}
