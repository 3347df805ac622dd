//! Checks of a database as a whole: storage, schema, sequences, references.

use super::{
    SchemaSnapshot,
    catalog::{self, Findings},
    logins,
    sql::{Session, Trouble, outcome},
    tables::ticker,
    words::counted,
};
use crate::{
    drill::{CheckOutcome, Fault, FaultClass},
    playbook::{FingerprintExpect, Roles, SchemaCheck, ServerEngine, Source},
    ports::CheckRequest,
};

/// Lines of a schema's differences that are shown.
const SHOWN: usize = 50;

fn seen<'a>(ask: &'a CheckRequest<'_>, what: &'a str) -> impl Fn(u64, Option<u64>) + Send + Sync + 'a {
    let tick = ticker(ask.progress, ask.step, &ask.check.name);
    move |done, total| tick(what, done, total)
}

/// The engine's own check of its storage.
pub(super) async fn integrity(
    session: &mut dyn Session,
    ask: &CheckRequest<'_>,
) -> Result<CheckOutcome, Trouble> {
    let found = session.integrity(&seen(ask, "integrity")).await?;
    let actual = match found.problems.len() {
        0 => format!("sound: {}", found.looked_at),
        problems => counted(problems as u64, "problem"),
    };
    Ok(CheckOutcome {
        details: found.problems.iter().chain(&found.notes).cloned().collect(),
        ..outcome(found.problems.is_empty(), "no problem in storage, indexes or references", actual)
    })
}

/// Sequences ahead of their columns.
pub(super) async fn sequences(
    session: &mut dyn Session,
    ask: &CheckRequest<'_>,
) -> Result<CheckOutcome, Trouble> {
    let found = session.sequences(&seen(ask, "sequences")).await?;
    Ok(of_findings(found, "every sequence is beyond the largest value in its column", "sequence"))
}

/// Foreign keys that find their rows.
pub(super) async fn references(
    session: &mut dyn Session,
    ask: &CheckRequest<'_>,
    redact: bool,
) -> Result<CheckOutcome, Trouble> {
    let found = session.references(redact, &seen(ask, "references")).await?;
    Ok(of_findings(found, "every foreign key finds its row", "foreign key"))
}

fn of_findings(found: Findings, expected: &str, thing: &str) -> CheckOutcome {
    let mut details = found.problems;
    if found.looked_at == 0 {
        details
            .push(format!("there is no {thing} in this database: nothing was proven, leave the check out"));
    }
    let passed = details.is_empty();
    let actual = match (passed, details.len()) {
        (true, _) => format!("sound: {}", found.words),
        (false, problems) => counted(problems as u64, "problem"),
    };
    details.extend(found.notes);
    CheckOutcome { details, ..outcome(passed, expected, actual) }
}

/// Whether owners and grants belong to the schema that is compared: not where the restore leaves them out.
pub(super) fn with_grants(source: Option<&Source>, engine: Option<ServerEngine>) -> bool {
    match source {
        Some(Source::Dump(dump)) => dump.engine == ServerEngine::Postgres && dump.roles != Roles::Skip,
        _ => engine != Some(ServerEngine::Mysql),
    }
}

/// What was seen of a schema, and a remark for each kind of object that the server hid: of those nothing is proven.
fn seen_of(taken: &SchemaSnapshot, side: &str) -> (SchemaSnapshot, Vec<String>) {
    let mut seen = taken.clone();
    let mut notes = Vec::new();
    seen.objects.retain(|name, why| {
        let hidden = name.strip_prefix(catalog::HIDDEN);
        notes.extend(hidden.map(|kind| {
            format!("{side} the server hides each {kind}, so none was compared: {why}; grant it, or look as another user")
        }));
        hidden.is_none()
    });
    (seen, notes)
}

/// The schema against the source's.
pub(super) async fn schema(
    session: &mut dyn Session,
    ask: &CheckRequest<'_>,
    check: &SchemaCheck,
) -> Result<CheckOutcome, Trouble> {
    let grants = with_grants(ask.source, logins::engine(ask.subject));
    let (here, mut notes) = seen_of(&session.schema(grants, &check.exclude).await?, "here");
    let digest = catalog::digest(&here);
    let objects = counted(here.objects.len() as u64, "object");
    if !grants {
        notes.push("owners and grants are not compared: the restore leaves them out".to_owned());
    }
    let (expected, differences, mut of_other) = match &check.expect {
        FingerprintExpect::Baseline => {
            // What the playbook leaves out now was perhaps still in when the baseline was taken.
            let (was, hidden) = seen_of(baseline(ask)?, "in the baseline");
            let mut was = catalog::without(&was, &check.exclude);
            if !grants {
                was = catalog::without(&was, &catalog::OWNERS_AND_GRANTS);
            }
            let all = counted(was.objects.len() as u64, "object");
            let taken = ask.baseline.map(|baseline| baseline.taken.human()).unwrap_or_default();
            (format!("the schema of the baseline of {taken}: {all}"), catalog::compare(&was, &here), hidden)
        }
        FingerprintExpect::Source => {
            let mut live = super::source::open(ask).await?;
            let (was, hidden) = seen_of(&live.schema(grants, &check.exclude).await?, "in the source");
            live.close().await;
            let all = counted(was.objects.len() as u64, "object");
            (format!("the schema of the source as it is now: {all}"), catalog::compare(&was, &here), hidden)
        }
        FingerprintExpect::Digest(wanted) => {
            let differences = match wanted.eq_ignore_ascii_case(&digest) {
                true => Vec::new(),
                false => {
                    vec![format!("the digest is {digest}; what differs can be told from a baseline only")]
                }
            };
            (format!("digest {wanted}"), differences, Vec::new())
        }
    };
    let mut details = differences;
    if here.objects.is_empty() {
        details.push("the database holds no objects: nothing was proven".to_owned());
    }
    let passed = details.is_empty();
    let actual = match passed {
        true => format!("equal: {objects}"),
        false => format!("{} in {objects}", counted(details.len() as u64, "difference")),
    };
    let more = details.len().saturating_sub(SHOWN);
    details.truncate(SHOWN);
    if more > 0 {
        details.push(format!("and {}", counted(more as u64, "more difference")));
    }
    notes.append(&mut of_other);
    details.extend(notes);
    let digests = [("schema".to_owned(), digest)].into_iter().collect();
    Ok(CheckOutcome { details, digests, ..outcome(passed, expected, actual) })
}

fn baseline<'a>(ask: &CheckRequest<'a>) -> Result<&'a SchemaSnapshot, Fault> {
    super::tables::baseline_for(ask)?.schema.as_ref().ok_or_else(|| {
        Fault::new(
            FaultClass::Permanent,
            format!(
                "the baseline of `{}` holds no schema: take it anew with `firedrill baseline`",
                ask.check.name
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_hides_is_told_and_not_compared() {
        let hidden = format!("{}trigger", catalog::HIDDEN);
        let objects = [("table t", "InnoDB"), (hidden.as_str(), "this user lacks TRIGGER")];
        let objects = objects.into_iter().map(|(name, definition)| (name.to_owned(), definition.to_owned()));
        let (seen, notes) = seen_of(&SchemaSnapshot { objects: objects.collect() }, "in the baseline");
        assert_eq!(seen.objects.keys().collect::<Vec<_>>(), ["table t"]);
        assert!(
            notes.len() == 1 && notes[0].contains("in the baseline the server hides each trigger"),
            "{notes:?}"
        );
    }
}
