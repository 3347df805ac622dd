//! What the commands of a `command` source are told, and where their claim's files are.

use super::place::Place;
use crate::{
    drill::{Claim, RecoveryPoint},
    ports::RestoreRequest,
    process::variable_name,
};
use std::path::PathBuf;

/// Where firedrill keeps its own files in the claim's folder.
pub(super) struct Files {
    /// How to observe, for a firedrill that was started anew.
    pub(super) command: PathBuf,
    /// What `acquire` gave.
    pub(super) outputs: PathBuf,
    /// There once `release` has succeeded.
    pub(super) released: PathBuf,
    /// `FIREDRILL_SCRATCH`.
    pub(super) data: PathBuf,
}

impl Files {
    pub(super) fn of(place: &Place) -> Self {
        let [command, outputs, released, data] =
            ["command.json", "outputs.json", "released", "data"].map(|name| place.live.join(name));
        Self { command, outputs, released, data }
    }
}

/// The variables that every command is given.
pub(super) fn request_env(ask: &RestoreRequest<'_>) -> Vec<(String, String)> {
    [
        ("FIREDRILL_RUN", ask.run.to_string()),
        ("FIREDRILL_STEP", ask.step.to_string()),
        ("FIREDRILL_ATTEMPT", ask.attempt.to_string()),
        ("FIREDRILL_DECLARED", ask.declared.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// The variables of a command that is about a claim.
pub(super) fn claim_env(
    ask: &RestoreRequest<'_>,
    claim: &Claim,
    point: &RecoveryPoint,
    files: &Files,
) -> Vec<(String, String)> {
    let mut env = request_env(ask);
    let more = [
        ("FIREDRILL_ATTEMPT", claim.attempt.to_string()),
        ("FIREDRILL_CLAIM", claim.link.name.clone()),
        ("FIREDRILL_POINT_ID", point.id.clone()),
        ("FIREDRILL_POINT_TIME", point.time.to_string()),
        ("FIREDRILL_POINT_LOCATION", point.location.clone().unwrap_or_default()),
        ("FIREDRILL_EXPIRES", claim.expires.to_string()),
        ("FIREDRILL_SCRATCH", files.data.display().to_string()),
    ];
    env.extend(more.map(|(name, value)| (name.to_owned(), value)));
    let details = point.details.iter();
    env.extend(details.map(|(key, value)| (variable_name(&format!("point_detail_{key}")), value.clone())));
    env
}
