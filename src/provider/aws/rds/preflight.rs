//! What would stop a restore from RDS: looked for before anything is made. Every look only reads.

use super::{
    chain::{self, COPY},
    describe::{self, Quota},
    names::identifier,
    place::Place,
    settings::{is_default, keys},
};
use crate::{
    drill::{Candidate, Outputs, choose},
    playbook::{RdsSource, Restore},
    ports::{Preflight, RestoreRequest},
    provider::aws::{client::Connection, errors::Problem},
};
use aws_sdk_rds::types::OrderableDbInstanceOption;
use std::collections::BTreeSet;

/// Looks at everything that can be known before a restore begins.
pub(super) async fn look(
    at: &Connection,
    ask: &RestoreRequest<'_>,
    place: &Place,
    source: &RdsSource,
    candidates: Vec<Candidate>,
    found: &mut Preflight,
) -> Result<(), Problem> {
    let who = at.identity.arn().await.unwrap_or_default();
    found.facts.push(format!(
        "the credentials are {who} of account {}, and {} is scratch there",
        place.account, place.region
    ));
    let fit = candidates.iter().filter(|candidate| candidate.unfit.is_none()).count();
    found.facts.push(format!(
        "{fit} of {} recovery points of {} in {}/{} can be restored",
        candidates.len(),
        source.instance,
        place.owner,
        place.home
    ));
    let name = identifier(ask.run, ask.step, ask.attempt);
    free(at, &name, found).await?;
    let Some(plan) = plan(ask.restore, ask, place, source, candidates, found) else { return Ok(()) };
    for (kind, params) in &plan {
        if *kind == COPY {
            copied(at, params, found).await?;
        } else {
            network(at, params, found).await?;
            groups(at, params, found).await?;
            offered(at, params, found).await?;
        }
    }
    let quotas = describe::quotas(at).await?;
    room(&quotas, &plan, place, found);
    Ok(())
}

/// What would be made now. The choice is made anew when the step begins; what stands against it then stands against it now.
fn plan(
    restore: &Restore,
    ask: &RestoreRequest<'_>,
    place: &Place,
    source: &RdsSource,
    candidates: Vec<Candidate>,
    found: &mut Preflight,
) -> Option<Vec<(&'static str, Outputs)>> {
    let none_shared = !place.own() && candidates.is_empty();
    let choice = choose(&restore.recovery_point, restore.max_age, candidates, ask.declared, 0);
    let choice = match choice {
        Ok(choice) => choice,
        // Whether the backups are good is what the run is to find out. It is no reason not to begin.
        Err(_) if none_shared => {
            found.refusals.push(format!(
                "account {} shares no snapshot of {} with account {} in {}: share one there. A snapshot under the default key aws/rds can't be shared; copy it under a key of your own first, and let the key's policy name account {}",
                place.owner, source.instance, place.account, place.home, place.account
            ));
            return None;
        }
        Err(fault) => {
            found.facts.push(format!("as of now no recovery point would be taken: {fault}"));
            return None;
        }
    };
    found.facts.push(format!("as of now {} would be restored: {}", choice.point.id, choice.because));
    match chain::plan(place, source, &choice.point) {
        Ok(plan) => {
            let kinds: Vec<&str> = plan.iter().map(|(kind, _)| *kind).collect();
            found.facts.push(format!("it takes {}", kinds.join(", then ")));
            Some(plan)
        }
        Err(against) => {
            found.refusals.extend(against);
            None
        }
    }
}

/// Names must not collide with what is there.
async fn free(at: &Connection, name: &str, found: &mut Preflight) -> Result<(), Problem> {
    if describe::instance(at, name).await?.is_some() {
        found.refusals.push(format!("there is an instance {name} in {} already: remove it first", at.region));
    }
    if describe::snapshot(at, name).await?.is_some() {
        found.refusals.push(format!("there is a snapshot {name} in {} already: remove it first", at.region));
    }
    Ok(())
}

async fn copied(at: &Connection, params: &Outputs, found: &mut Preflight) -> Result<(), Problem> {
    if let Some(key) = params.get(keys::KMS_KEY) {
        found.facts.push(format!(
            "the copy is encrypted with {key} of {}; whether it can be used shows when the copy is made",
            at.region
        ));
    }
    if let Some(group) = params.get(keys::OPTION_GROUP)
        && !describe::has_option_group(at, group).await?
    {
        found.refusals.push(no_group("option group", group, &at.region, keys::OPTION_GROUP));
    }
    Ok(())
}

async fn network(at: &Connection, params: &Outputs, found: &mut Preflight) -> Result<(), Problem> {
    let Some(name) = params.get(keys::SUBNET_GROUP) else { return Ok(()) };
    match describe::subnet_group(at, name).await? {
        None => found.refusals.push(format!(
            "there is no DB subnet group {name} in {}: create it in the scratch network, or name another as `into.subnet_group`",
            at.region
        )),
        Some(group) => {
            let zones: BTreeSet<&str> = group
                .subnets()
                .iter()
                .filter_map(|subnet| subnet.subnet_availability_zone().and_then(|zone| zone.name()))
                .collect();
            let network = group.vpc_id().unwrap_or("a network without a name");
            match zones.len() {
                0 | 1 => found.refusals.push(format!(
                    "the DB subnet group {name} of {network} covers {} availability zone, and RDS wants two: add a subnet in another",
                    zones.len()
                )),
                zones => found.facts.push(format!("the DB subnet group {name} covers {zones} zones of {network}")),
            }
            let groups = params.get(keys::SECURITY_GROUPS).map_or("", String::as_str);
            found.facts.push(format!(
                "the security groups {groups} are taken at their word: firedrill does not ask EC2 whether they are of {network} or what they let in"
            ));
        }
    }
    Ok(())
}

async fn groups(at: &Connection, params: &Outputs, found: &mut Preflight) -> Result<(), Problem> {
    if let Some(group) = params.get(keys::PARAMETER_GROUP).filter(|group| !is_default(group)) {
        match describe::has_parameter_group(at, group).await? {
            true => found.facts.push(format!("the parameter group {group} is there")),
            false => {
                found.refusals.push(no_group("parameter group", group, &at.region, keys::PARAMETER_GROUP))
            }
        }
    }
    if let Some(group) = params.get(keys::OPTION_GROUP).filter(|group| !is_default(group)) {
        match describe::has_option_group(at, group).await? {
            true => found.facts.push(format!("the option group {group} is there")),
            false => found.refusals.push(no_group("option group", group, &at.region, keys::OPTION_GROUP)),
        }
    }
    Ok(())
}

fn no_group(what: &str, group: &str, region: &str, key: &str) -> String {
    format!(
        "there is no {what} {group} in {region}, and the default one is not taken silently: create it there as the source has it, or name one as `into.{key}`"
    )
}

async fn offered(at: &Connection, params: &Outputs, found: &mut Preflight) -> Result<(), Problem> {
    let (Some(engine), Some(class)) = (params.get(keys::ENGINE), params.get(keys::CLASS)) else {
        return Ok(());
    };
    let version = params.get(keys::ENGINE_VERSION).map(String::as_str);
    let offers = describe::offers(at, engine, version, Some(class)).await?;
    let shown = format!("{engine} {}", version.unwrap_or_default());
    if let Some(refusal) = judge(&offers, &shown, class, params.get(keys::STORAGE_TYPE), &at.region) {
        found.refusals.push(refusal);
    } else {
        found.facts.push(format!("{class} is offered for {shown} in {}", at.region));
    }
    Ok(())
}

fn judge(
    offers: &[OrderableDbInstanceOption],
    engine: &str,
    class: &str,
    storage: Option<&String>,
    region: &str,
) -> Option<String> {
    let of_class: Vec<_> = offers.iter().filter(|offer| offer.db_instance_class() == Some(class)).collect();
    if of_class.is_empty() {
        return Some(format!(
            "RDS does not offer {class} for {engine} in {region}: name another `into.class` (`aws rds describe-orderable-db-instance-options` lists them); a version that is offered nowhere any more must be upgraded on the source"
        ));
    }
    let storage = storage?;
    let kinds: BTreeSet<&str> = of_class.iter().filter_map(|offer| offer.storage_type()).collect();
    (!kinds.is_empty() && !kinds.contains(storage.as_str())).then(|| {
        format!(
            "RDS does not offer {storage} storage for {class} with {engine} in {region}: name one of {} as `into.storage_type`",
            kinds.into_iter().collect::<Vec<_>>().join(", ")
        )
    })
}

/// Room within the quotas for what this restore makes. Other steps of the playbook take theirs too, and RDS has the last word.
fn room(quotas: &[Quota], plan: &[(&'static str, Outputs)], place: &Place, found: &mut Preflight) {
    let gib = plan.iter().find_map(|(_, params)| params.get(keys::GIB)?.parse::<i64>().ok()).unwrap_or(0);
    let copies = plan.iter().any(|(kind, _)| *kind == COPY);
    for (name, need, what) in [
        ("DBInstances", 1, "instances"),
        ("ManualSnapshots", i64::from(copies), "manual snapshots"),
        ("AllocatedStorage", gib, "GiB of storage"),
    ] {
        let Some(quota) = quotas.iter().find(|quota| quota.name == name) else { continue };
        // RDS tells how much is used in each account and region, some of it late.
        if need > 0 && quota.used.saturating_add(need) > quota.most {
            found.refusals.push(format!(
                "account {} has {} of {} {what} in {} in use, and this restore needs {need} more: raise the quota (Service Quotas), or remove what is not needed",
                place.account, quota.used, quota.most, place.region
            ));
        } else {
            found.facts.push(format!("{} of {} {what} are in use", quota.used, quota.most));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(class: &str, storage: &str) -> OrderableDbInstanceOption {
        OrderableDbInstanceOption::builder().db_instance_class(class).storage_type(storage).build()
    }

    #[test]
    fn a_class_or_storage_that_is_not_offered_is_refused() {
        let offers = [offer("db.t4g.medium", "gp3"), offer("db.t4g.medium", "io2")];
        let judge = |class: &str, storage: &str| {
            judge(&offers, "postgres 16.3", class, Some(&storage.into()), "eu-central-1")
        };
        assert_eq!(judge("db.t4g.medium", "gp3"), None);
        assert!(judge("db.r3.large", "gp3").is_some_and(|why| why.contains("into.class")));
        assert!(judge("db.t4g.medium", "standard").is_some_and(|why| why.contains("gp3, io2")));
    }

    #[test]
    fn a_full_quota_is_refused() {
        let place = chain::tests::place("eu-west-1", "210987654321");
        let gib = Outputs::from([("gib".to_owned(), "100".to_owned())]);
        let plan = [(COPY, gib), (chain::INSTANCE, Outputs::new())];
        let quota = |name: &str, used, most| Quota { name: name.to_owned(), used, most };
        let refused = |quotas: &[Quota]| {
            let mut found = Preflight::default();
            room(quotas, &plan, &place, &mut found);
            found.refusals
        };
        assert!(refused(&[quota("DBInstances", 39, 40), quota("ManualSnapshots", 99, 100)]).is_empty());
        assert_eq!(refused(&[quota("DBInstances", 40, 40)]).len(), 1);
        assert_eq!(refused(&[quota("ManualSnapshots", 100, 100)]).len(), 1);
        assert!(refused(&[quota("AllocatedStorage", 950, 1000)])[0].contains("100 more"));
    }
}
