//! How claims are: from one listing of instances and one of copied snapshots, whatever the number of claims.
//!
//! | RDS says | a claim is |
//! | --- | --- |
//! | `available`, `storage-optimization`, `storage-initialization`, everything as asked for | ready |
//! | … something not as asked for, or tags that are not this claim's | broken, naming it |
//! | `failed`, `incompatible-*`, `storage-full`, … | broken |
//! | any other word, known or not | pending, with that word |
//! | not in the listing, and `…NotFound` when asked for by its name | absent |

use super::{
    chain::{COPY, INSTANCE},
    describe, readback,
    settings::keys,
};
use crate::{
    drill::{Claim, Fault, Hydration, Outputs},
    ids::ClaimId,
    playbook::Tls,
    ports::Observation,
    provider::{
        aws::{
            client::Connection,
            errors::{Kind, Problem},
            poller::Poller,
            tags,
        },
        scratch::refused,
    },
    server::is_here,
};
use aws_sdk_rds::types::{DbInstance, DbSnapshot};
use futures_util::future::try_join_all;
use std::{collections::BTreeSet, sync::Mutex};

/// How many claims that are not listed are asked for by their names at the same time.
const AT_ONCE: usize = 8;

type Seen = Result<(ClaimId, Observation), Problem>;

/// Listings that all claims share, and what was seen of their storage.
#[derive(Default)]
pub(super) struct Watcher {
    instances: Poller<DbInstance>,
    copies: Poller<DbSnapshot>,
    /// Claims whose storage was seen loading: once RDS no longer says so, it is loaded.
    loading: Mutex<BTreeSet<String>>,
}

impl Watcher {
    /// One answer for each claim. `Err`: the credentials have run out, and nothing was seen.
    pub(super) async fn observe(
        &self,
        at: &Connection,
        claims: &[&Claim],
    ) -> Result<Vec<(ClaimId, Observation)>, Problem> {
        let of_kind = |kind: &str| -> Vec<&Claim> {
            claims.iter().copied().filter(|claim| claim.link.kind == kind).collect()
        };
        let mut seen = Vec::with_capacity(claims.len());
        let copies = of_kind(COPY);
        if !copies.is_empty() {
            match self.copies.look(at, &copies, || describe::manual_snapshots(at)).await {
                Ok(listed) => {
                    for some in copies.chunks(AT_ONCE) {
                        let mut looks = Vec::with_capacity(some.len());
                        for claim in some {
                            looks.push(self.copy(at, &listed, claim));
                        }
                        seen.extend(try_join_all(looks).await?);
                    }
                }
                Err(problem) => seen.extend(unknown(&copies, seen_nothing(problem)?)),
            }
        }
        let instances = of_kind(INSTANCE);
        if !instances.is_empty() {
            match self.instances.look(at, &instances, || describe::instances(at)).await {
                Ok(listed) => {
                    for some in instances.chunks(AT_ONCE) {
                        let mut looks = Vec::with_capacity(some.len());
                        for claim in some {
                            looks.push(self.instance(at, &listed, claim));
                        }
                        seen.extend(try_join_all(looks).await?);
                    }
                }
                Err(problem) => seen.extend(unknown(&instances, seen_nothing(problem)?)),
            }
        }
        let strange = claims.iter().filter(|claim| ![COPY, INSTANCE].contains(&claim.link.kind.as_str()));
        seen.extend(strange.map(|claim| {
            let fault = refused(format!("`{}` is no claim of an RDS restore", claim.link.kind));
            (claim.id.clone(), Observation::Unknown(fault))
        }));
        Ok(seen)
    }

    /// The copies that there are, as seen for a claim that waits to become one.
    pub(super) async fn copies(
        &self,
        at: &Connection,
        claim: &Claim,
    ) -> Result<std::sync::Arc<Vec<DbSnapshot>>, Problem> {
        self.copies.look(at, &[claim], || describe::manual_snapshots(at)).await
    }

    async fn copy(&self, at: &Connection, listed: &[DbSnapshot], claim: &Claim) -> Seen {
        let name = &claim.link.name;
        let seen = match listed.iter().find(|it| it.db_snapshot_identifier() == Some(name)) {
            Some(found) => of_copy(found, claim),
            None if self.copies.watched_for(claim) < claim.link.settle.to_std() => too_early(),
            None => match describe::snapshot(at, name).await {
                Ok(Some(found)) => of_copy(&found, claim),
                Ok(None) => absent(at, "DescribeDBSnapshots", "DBSnapshotNotFound", claim),
                Err(problem) => Observation::Unknown(seen_nothing(problem)?),
            },
        };
        Ok((claim.id.clone(), seen))
    }

    async fn instance(&self, at: &Connection, listed: &[DbInstance], claim: &Claim) -> Seen {
        let name = &claim.link.name;
        let seen = match listed.iter().find(|it| it.db_instance_identifier() == Some(name)) {
            Some(found) => self.of_instance(found, claim),
            None if self.instances.watched_for(claim) < claim.link.settle.to_std() => too_early(),
            None => match describe::instance(at, name).await {
                Ok(Some(found)) => self.of_instance(&found, claim),
                Ok(None) => absent(at, "DescribeDBInstances", "DBInstanceNotFound", claim),
                Err(problem) => Observation::Unknown(seen_nothing(problem)?),
            },
        };
        Ok((claim.id.clone(), seen))
    }

    fn of_instance(&self, live: &DbInstance, claim: &Claim) -> Observation {
        let status = live.db_instance_status().unwrap_or("of unknown status");
        let params = &claim.link.params;
        if let Err(whose) = tags::belongs_to(&describe::tags(live.tag_list()), claim) {
            return broken(format!("the instance is not this run's: {whose}"));
        }
        match stage(status) {
            Stage::Broken => return broken(in_words(live, status)),
            Stage::Underway => return pending(percent(live), in_words(live, status)),
            Stage::Usable => {}
        }
        if live.pending_modified_values().is_some_and(changes) {
            return pending(None, format!("{status}, with changes that are still to be made"));
        }
        let faults = readback::faults(live, params);
        if !faults.is_empty() {
            return broken(format!("it is not as it was asked for: {}", faults.join("; ")));
        }
        let (hydration, share) = self.hydration(live, claim);
        if hydration == Hydration::Loading && params.get(keys::HYDRATION).is_some_and(|wish| wish == "wait") {
            return pending(share, "available; its storage is being loaded".to_owned());
        }
        match outputs(live, claim) {
            Ok(outputs) => Observation::Ready { outputs, hydration },
            Err(missing) => pending(None, format!("{status}, but RDS tells no {missing} yet")),
        }
    }

    fn hydration(&self, live: &DbInstance, claim: &Claim) -> (Hydration, Option<f64>) {
        let key = format!("{} {}", claim.run, claim.id);
        let Ok(mut loading) = self.loading.lock() else { return (Hydration::Unknown, None) };
        let initialising = live.db_instance_status() == Some("storage-initialization")
            || live.storage_operation_status().is_some_and(|it| it.eq_ignore_ascii_case("initializing"));
        if initialising {
            loading.insert(key);
            let share = live.storage_operation_percent_progress().map(|percent| f64::from(percent) / 100.0);
            return (Hydration::Loading, share);
        }
        match loading.contains(&key) {
            true => (Hydration::Complete, None),
            // It may never have been told: nothing follows from silence.
            false => (Hydration::Unknown, None),
        }
    }
}

/// Credentials that ran out can be renewed, and everything looked at again; anything else is what is said of the claims.
fn seen_nothing(problem: Problem) -> Result<Fault, Problem> {
    match problem.kind {
        Kind::Expired => Err(problem),
        _ => Ok(problem.fault),
    }
}

fn unknown(claims: &[&Claim], fault: Fault) -> Vec<(ClaimId, Observation)> {
    claims.iter().map(|claim| (claim.id.clone(), Observation::Unknown(fault.clone()))).collect()
}

/// Before the settle time has passed absence proves nothing, so it is not worth a call for each claim.
fn too_early() -> Observation {
    pending(None, "it is not listed, or not yet".to_owned())
}

fn broken(reason: String) -> Observation {
    Observation::Broken { reason }
}

fn pending(progress: Option<f64>, note: String) -> Observation {
    Observation::Pending { progress, note }
}

fn absent(at: &Connection, operation: &str, code: &str, claim: &Claim) -> Observation {
    Observation::Absent {
        proof: format!(
            "{operation} in {}/{} does not list {}, and says {code} when asked for it",
            at.account, at.region, claim.link.name
        ),
    }
}

/// What a status means for whoever waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Usable,
    Underway,
    Broken,
}

fn stage(status: &str) -> Stage {
    match status {
        "available" | "storage-optimization" | "storage-initialization" => Stage::Usable,
        "failed"
        | "restore-error"
        | "storage-full"
        | "insufficient-capacity"
        | "stopped"
        | "inaccessible-encryption-credentials"
        | "inaccessible-encryption-credentials-recoverable" => Stage::Broken,
        status if status.starts_with("incompatible-") => Stage::Broken,
        // A word that firedrill does not know is not one to be trusted.
        _ => Stage::Underway,
    }
}

fn in_words(live: &DbInstance, status: &str) -> String {
    let said = live.status_infos().iter().filter_map(|info| info.message()).collect::<Vec<_>>().join("; ");
    match said.is_empty() {
        true => status.to_owned(),
        false => format!("{status}: {said}"),
    }
}

fn percent(live: &DbInstance) -> Option<f64> {
    let percent: f64 = live.percent_progress()?.trim_end_matches('%').parse().ok()?;
    Some((percent / 100.0).clamp(0.0, 1.0))
}

/// Whether changes are pending that the read-back would look at too early. A password is no such change.
fn changes(pending: &aws_sdk_rds::types::PendingModifiedValues) -> bool {
    pending.db_instance_class().is_some()
        || pending.backup_retention_period().is_some()
        || pending.multi_az().is_some()
        || pending.storage_type().is_some()
        || pending.ca_certificate_identifier().is_some()
        || pending.db_subnet_group_name().is_some()
        || pending.iam_database_authentication_enabled().is_some()
}

/// Whether a snapshot is one that is being copied here.
pub(super) fn is_underway(snapshot: &DbSnapshot) -> bool {
    snapshot.source_db_snapshot_identifier().is_some()
        && matches!(snapshot.status(), Some("creating" | "copying" | "pending"))
}

fn of_copy(live: &DbSnapshot, claim: &Claim) -> Observation {
    if let Err(whose) = tags::belongs_to(&describe::tags(live.tag_list()), claim) {
        return broken(format!("the snapshot is not this run's: {whose}"));
    }
    let status = live.status().unwrap_or("of unknown status");
    match status {
        "available" => {}
        "failed" | "incompatible-restore" | "incompatible-parameters" => return broken(status.to_owned()),
        _ => {
            let share = live.percent_progress().map(|percent| f64::from(percent) / 100.0);
            return pending(share, status.to_owned());
        }
    }
    let wants_key = claim.link.params.get(keys::ENCRYPTED).is_some_and(|wish| wish == "true");
    if wants_key && live.encrypted() != Some(true) {
        return broken(
            "it is not as it was asked for: Encrypted is false, and true was asked for".to_owned(),
        );
    }
    let outputs = [(keys::SNAPSHOT.to_owned(), claim.link.name.clone())].into();
    Observation::Ready { outputs, hydration: Hydration::Complete }
}

/// What the instance gives to later steps; `Err`: what RDS does not tell yet.
fn outputs(live: &DbInstance, claim: &Claim) -> Result<Outputs, &'static str> {
    let own = live.endpoint().and_then(|endpoint| Some((endpoint.address()?, endpoint.port()?)));
    let (address, own_port) = own.ok_or("endpoint")?;
    let engine = live.engine().ok_or("engine")?;
    let arn = live.db_instance_arn().ok_or("ARN")?;
    let other = claim.link.params.get(keys::ENDPOINT).and_then(|place| place.rsplit_once(':'));
    let (host, port) = match other {
        Some((host, port)) => (host.trim_matches(['[', ']']).to_owned(), port.to_owned()),
        None => (address.to_owned(), own_port.to_string()),
    };
    // Through a tunnel the certificate is for another name than the one that is dialled. An instance that says that it is
    // on this very machine is one of an emulator.
    let tls = match (is_here(address), other.is_some()) {
        (true, _) => Tls::Disable,
        (false, true) => Tls::VerifyCa,
        (false, false) => Tls::VerifyFull,
    };
    let mut outputs = Outputs::new();
    let mut put = |key: &str, value: &str| drop(outputs.insert(key.to_owned(), value.to_owned()));
    put("endpoint", &if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") });
    put("host", &host);
    put("port", &port);
    put("engine", engine);
    put("identifier", &claim.link.name);
    put("arn", arn);
    put("address", &format!("{address}:{own_port}"));
    put("tls", tls.word());
    if let Ok((account, region)) = crate::provider::aws::client::place_of(&claim.link.scope) {
        put("account", account);
        put("region", region);
    }
    put("claim", claim.id.as_str());
    for (key, value) in [
        ("engine_version", live.engine_version()),
        ("user", live.master_username()),
        ("database", live.db_name()),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            put(key, value);
        }
    }
    Ok(outputs)
}

#[cfg(test)]
#[path = "observe_tests.rs"]
mod tests;
