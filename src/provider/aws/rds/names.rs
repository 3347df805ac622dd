//! Names of what a restore makes, from the request alone, so that making it twice makes the same.

use crate::{
    ids::{Digest, RunId, StepId},
    provider::claim_name,
};

/// The longest identifier that RDS takes for an instance.
const MOST: usize = 63;

/// The identifier of an instance or a snapshot: small letters, digits and single hyphens, a letter first.
pub(super) fn identifier(run: RunId, step: &StepId, attempt: u32) -> String {
    let name = claim_name(run, step, attempt);
    // RDS refuses two hyphens in a row, which a step's name may have; steps that differ in nothing else are told apart
    // by their digests, as are long ones that begin alike.
    let plain = name.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    if plain == name && name.len() <= MOST {
        return name;
    }
    let digest = Digest::of(step.as_str().as_bytes()).to_string();
    let (head, tail) = (format!("fd-{}-", run.short()), format!("-{}-{attempt}", &digest[..8]));
    let room = MOST.saturating_sub(head.len() + tail.len());
    let middle = plain.get(head.len()..).unwrap_or_default();
    let middle = middle.get(..room.min(middle.len())).unwrap_or_default().trim_end_matches('-');
    format!("{head}{middle}{tail}")
}

/// Whether firedrill makes things of such a name.
pub(super) fn is_ours_by_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.starts_with("fd-") && name.len() <= MOST && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn names_are_valid_and_differ() {
        let run = RunId::new(Timestamp::from_millis(1_795_424_400_000), [7; 10]);
        let step = |text: &str| text.parse::<StepId>().expect("a label");
        assert_eq!(identifier(run, &step("orders-db"), 2), "fd-07070707-orders-db-2");
        let long = "a".repeat(62);
        let steps = ["a--b", "a-b", &format!("{long}b"), &format!("{long}c"), "x"];
        let names: Vec<String> = steps.iter().map(|name| identifier(run, &step(name), 1)).collect();
        for (i, name) in names.iter().enumerate() {
            assert!(is_ours_by_name(name) && !name.contains("--") && !name.ends_with('-'), "{name}");
            assert!(!names[..i].contains(name), "{name} comes twice");
        }
        for bad in ["orders-prod", "fd_x", "fd-X", ""] {
            assert!(!is_ours_by_name(bad), "{bad}");
        }
    }
}
