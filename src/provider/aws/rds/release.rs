//! Removing a claim, after the three proofs: it comes from the journal (the engine says so), the live resource bears its
//! tags, and its scope is scratch now, in the account that AWS says the credentials are of.

use super::{
    chain::{COPY, INSTANCE},
    describe,
    names::is_ours_by_name,
    restore::receipt,
};
use crate::{
    drill::{Claim, FaultClass},
    ports::Receipts,
    provider::{
        aws::{
            client::{Scratch, as_problem},
            errors::{Call, Kind, Problem},
            tags,
        },
        scratch::refused,
    },
};
use aws_sdk_rds::{
    operation::{
        RequestId, delete_db_instance::builders::DeleteDbInstanceInputBuilder,
        modify_db_instance::builders::ModifyDbInstanceInputBuilder,
    },
    types::DbInstance,
};

/// Asks for the claim to be removed. What is not there is fine; any doubt is a refusal.
pub(super) async fn release(at: &Scratch, claim: &Claim) -> Result<Receipts, Problem> {
    let name = &claim.link.name;
    if !is_ours_by_name(name) {
        return Err(as_problem(refused(format!(
            "`{name}` is not the name of a thing that firedrill makes: kept"
        ))));
    }
    let done = match claim.link.kind.as_str() {
        COPY => snapshot(at, claim).await,
        INSTANCE => instance(at, claim).await,
        other => Err(as_problem(refused(format!("`{other}` is no claim of an RDS restore")))),
    };
    done.map_err(|problem| match problem.kind {
        // What is forbidden now is forbidden in a minute too: it is tried a few times, not until the teardown's end.
        Kind::Denied => Problem {
            fault: crate::drill::Fault { class: FaultClass::Permanent, ..problem.fault },
            ..problem
        },
        _ => problem,
    })
}

fn gone(claim: &Claim) -> Receipts {
    vec![format!("there is no {} {}", claim.link.kind, claim.link.name)]
}

fn kept(claim: &Claim, whose: &str) -> Problem {
    as_problem(refused(format!("{} is kept: {whose}", claim.link.name)))
}

async fn snapshot(at: &Scratch, claim: &Claim) -> Result<Receipts, Problem> {
    let name = &claim.link.name;
    let Some(live) = describe::snapshot(at, name).await? else { return Ok(gone(claim)) };
    tags::belongs_to(&describe::tags(live.tag_list()), claim).map_err(|whose| kept(claim, &whose))?;
    let call = Call::rds("DeleteDBSnapshot", &at.region);
    match at.rds.delete_db_snapshot().db_snapshot_identifier(name).send().await {
        Ok(done) => Ok(receipt("DeleteDBSnapshot", done.request_id())),
        Err(error) => match call.problem(error) {
            problem if problem.kind == Kind::NotFound => Ok(gone(claim)),
            problem => Err(problem),
        },
    }
}

async fn instance(at: &Scratch, claim: &Claim) -> Result<Receipts, Problem> {
    let name = &claim.link.name;
    let Some(live) = describe::instance(at, name).await? else { return Ok(gone(claim)) };
    tags::belongs_to(&describe::tags(live.tag_list()), claim).map_err(|whose| kept(claim, &whose))?;
    if live.db_instance_status() == Some("deleting") {
        return Ok(vec![format!("{name} is being deleted already")]);
    }
    let mut receipts = Receipts::new();
    if let Some(input) = unprotecting(&live, name) {
        let call = Call::rds("ModifyDBInstance", &at.region);
        let done = input.send_with(&at.rds).await.map_err(|error| call.problem(error))?;
        receipts.extend(receipt("ModifyDBInstance, protection off", done.request_id()));
    }
    let call = Call::rds("DeleteDBInstance", &at.region);
    match deleting(name).send_with(&at.rds).await {
        Ok(done) => receipts.extend(receipt("DeleteDBInstance", done.request_id())),
        Err(error) => match call.problem(error) {
            problem if problem.kind == Kind::NotFound => receipts.extend(gone(claim)),
            problem => return Err(problem),
        },
    }
    Ok(receipts)
}

/// An instance that a defaults policy protected can be deleted only once it no longer is. Its tags are proven by now.
fn unprotecting(live: &DbInstance, name: &str) -> Option<ModifyDbInstanceInputBuilder> {
    (live.deletion_protection() == Some(true)).then(|| {
        ModifyDbInstanceInputBuilder::default()
            .db_instance_identifier(name)
            .deletion_protection(false)
            .apply_immediately(true)
    })
}

/// A final snapshot or backups that are kept would be things left behind that no claim names.
fn deleting(name: &str) -> DeleteDbInstanceInputBuilder {
    DeleteDbInstanceInputBuilder::default()
        .db_instance_identifier(name)
        .skip_final_snapshot(true)
        .delete_automated_backups(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_leaves_no_snapshot_and_no_backups() {
        let input = deleting("fd-1-x-1").build().expect("whole");
        assert_eq!((input.skip_final_snapshot(), input.delete_automated_backups()), (Some(true), Some(true)));
        assert_eq!(input.final_db_snapshot_identifier(), None);
    }

    #[test]
    fn protection_is_taken_off_where_there_is_any() {
        let live = |protected| DbInstance::builder().set_deletion_protection(protected).build();
        assert!(unprotecting(&live(Some(false)), "x").is_none() && unprotecting(&live(None), "x").is_none());
        let input = unprotecting(&live(Some(true)), "x").expect("a call").build().expect("whole");
        assert_eq!((input.deletion_protection(), input.apply_immediately()), (Some(false), Some(true)));
    }
}
