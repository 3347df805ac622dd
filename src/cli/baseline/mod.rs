//! `firedrill baseline`: fingerprints and schemas taken on the source, kept for the recovery point that they belong to.
//! On a machine next to the source they can be written to a file, which another one takes in.

mod file;

use super::{
    args::Format,
    context::Context,
    say,
    view::{Mode, View},
};
use crate::{
    app::App,
    drill::{Candidate, Fault, FaultClass, RecoveryPoint, choose},
    error::{Exit, Failure},
    ids::{RunId, StepId},
    playbook::{Playbook, Sample, Selector},
    ports::{Baseline, BaselineKey, Journal, Known, RestoreRequest},
    sample,
    time::{SystemClock, Timestamp},
    verify::{BaselineRequest, LiveSource, WantedBaseline, take_baselines, wanted_baselines},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What is asked of `firedrill baseline`.
pub(super) struct Asked {
    pub(super) point: Option<String>,
    pub(super) point_time: Option<Timestamp>,
    pub(super) snapshot: Option<String>,
    pub(super) export: Option<PathBuf>,
    pub(super) import: Option<PathBuf>,
    pub(super) format: Format,
}

pub(super) async fn baseline(context: &Context, path: &Path, asked: Asked) -> Result<Exit, Failure> {
    let playbook = context.playbook(path)?;
    if wanted_baselines(&playbook).is_empty() {
        return Err(Failure::Invalid(format!(
            "playbook {} has no fingerprint or schema check with `expect: baseline`, so there is nothing to take",
            playbook.name()
        )));
    }
    if let Some(kind) = playbook.metadata().sample {
        make_sample(&playbook, kind).await?;
    }
    if let Some(file) = &asked.import {
        let app = context.app().await?;
        let taken = file::import(&app, &playbook, file, asked.point.as_deref()).await?;
        return tell(&taken, asked.format);
    }
    let given = match (&asked.point, asked.point_time) {
        (Some(id), Some(time)) => Some(Points::Given(given(id, time))),
        _ => None,
    };
    let taken = match (given, &asked.export) {
        // Nothing of this machine is needed: neither a journal nor the backups.
        (Some(points), Some(_)) => take(context, &playbook, &points, asked.snapshot.as_deref()).await?,
        (given, export) => {
            let app = context.app().await?;
            let points = given.unwrap_or(Points::Listed { app: &app, id: asked.point.as_deref() });
            let taken = take(context, &playbook, &points, asked.snapshot.as_deref()).await?;
            if export.is_none() {
                for (key, baseline) in &taken {
                    app.journal().save_baseline(key, baseline).await?;
                }
            }
            taken
        }
    };
    if let Some(file) = &asked.export {
        file::export(&playbook, &taken, file)?;
        if !context.global.quiet {
            say(&format!(
                "wrote {}; take it in with `firedrill baseline {} --import FILE`",
                file.display(),
                path.display()
            ));
        }
    }
    tell(&taken, asked.format)
}

/// A recovery point that the caller describes.
fn given(id: &str, time: Timestamp) -> RecoveryPoint {
    RecoveryPoint {
        id: id.to_owned(),
        time,
        time_source: "given on the command line".to_owned(),
        location: None,
        bytes: None,
        encrypted: None,
        details: BTreeMap::new(),
    }
}

fn tell(taken: &[(BaselineKey, Baseline)], format: Format) -> Result<Exit, Failure> {
    if format != Format::Human {
        let each = taken.iter().map(|(key, baseline)| {
            serde_json::json!({ "step": key.step, "check": key.check, "baseline": baseline })
        });
        let all: Vec<_> = each.collect();
        return super::print(&format!("{}\n", super::pretty(&all)));
    }
    for (key, baseline) in taken {
        let rows: u64 = baseline.tables.iter().map(|table| table.rows).sum();
        let counted =
            |number: usize, thing: &str| format!("{number} {thing}{}", if number == 1 { "" } else { "s" });
        let what = match &baseline.schema {
            Some(schema) => counted(schema.objects.len(), "object"),
            None => format!("{}, {rows} rows", counted(baseline.tables.len(), "table")),
        };
        let position =
            baseline.position.as_ref().map(|position| format!(", at {position}")).unwrap_or_default();
        super::print(&format!(
            "{}/{}: {what}, for the recovery point {} of {}{position}\n",
            key.step,
            key.check,
            super::words::short_path(&baseline.point),
            baseline.point_time.human()
        ))?;
        for table in &baseline.tables {
            super::print(&format!(
                "  {:<24} {:>10} rows  {}:{}\n",
                table.table, table.rows, table.algorithm, table.digest
            ))?;
        }
    }
    Ok(Exit::Passed)
}

/// Makes the demonstration database of a playbook, and takes its baseline where there is none yet.
pub(super) async fn prepare_sample(
    context: &Context,
    app: &App,
    playbook: &Playbook,
    kind: Sample,
) -> Result<(), Failure> {
    make_sample(playbook, kind).await?;
    let mut missing = false;
    for wanted in wanted_baselines(playbook) {
        let points = Points::Listed { app, id: None };
        let point = points.of(playbook, &wanted, SystemClock::wall()).await?;
        missing |= app.journal().baseline(&key(playbook, &wanted, &point.id)).await?.is_none();
    }
    if missing {
        for (key, baseline) in take(context, playbook, &Points::Listed { app, id: None }, None).await? {
            app.journal().save_baseline(&key, &baseline).await?;
        }
        say("took the baseline of the sample database, as `firedrill baseline` does");
    }
    Ok(())
}

async fn make_sample(playbook: &Playbook, kind: Sample) -> Result<(), Failure> {
    let folder = playbook.folder().join("sample");
    let made = sample::prepare(&folder, kind, SystemClock::wall())
        .await
        .map_err(|error| Failure::Surroundings(format!("making the sample database: {error}")))?;
    if made.made {
        say(&format!("made a sample database and its backups in {}", made.backups.display()));
    }
    Ok(())
}

fn key(playbook: &Playbook, wanted: &WantedBaseline<'_>, point: &str) -> BaselineKey {
    BaselineKey {
        playbook: playbook.name().clone(),
        step: wanted.step.clone(),
        check: wanted.check.name.clone(),
        point: point.to_owned(),
    }
}

/// Where the recovery point comes from that a baseline belongs to.
enum Points<'a> {
    /// What the backups' own place lists: the one asked for, or the one that a run would take now.
    Listed {
        /// With the providers.
        app: &'a App,
        /// Its id.
        id: Option<&'a str>,
    },
    /// As given: the place is not asked.
    Given(RecoveryPoint),
}

impl Points<'_> {
    async fn of(
        &self,
        playbook: &Playbook,
        wanted: &WantedBaseline<'_>,
        now: Timestamp,
    ) -> Result<RecoveryPoint, Failure> {
        let (app, id) = match self {
            Points::Given(point) => return Ok(point.clone()),
            Points::Listed { app, id } => (app, id),
        };
        let candidates = listed(app, playbook, wanted, now).await?;
        let wish = match id {
            Some(id) => Selector::Id((*id).to_owned()),
            None if matches!(wanted.restore.recovery_point, Selector::RandomWithin(_)) => {
                return Err(Failure::Invalid(format!(
                    "step {} draws its recovery point at random, so a baseline needs --point",
                    wanted.restored_by.id
                )));
            }
            None => wanted.restore.recovery_point.clone(),
        };
        Ok(choose(&wish, None, candidates, now, 0).map_err(of_fault)?.point)
    }
}

/// The recovery points of the restore that a check looks at.
async fn listed(
    app: &App,
    playbook: &Playbook,
    wanted: &WantedBaseline<'_>,
    now: Timestamp,
) -> Result<Vec<Candidate>, Failure> {
    let provider = app.provider(wanted.restore.source.kind()).ok_or_else(|| {
        Failure::Refused(format!(
            "this build of firedrill can't restore from `{}`",
            wanted.restore.source.kind().key()
        ))
    })?;
    let ask = RestoreRequest {
        run: RunId::new(now, [0; 10]),
        step: &wanted.restored_by.id,
        attempt: 1,
        restore: wanted.restore,
        folder: playbook.folder(),
        scratch_folder: playbook.scratch().folder.as_deref(),
        scratch_aws: playbook.scratch().aws.as_ref(),
        declared: now,
    };
    provider.recovery_points(&ask).await.map_err(of_fault)
}

/// Takes what the playbook wants, all of one restore at one moment, and hands it over without keeping it.
async fn take(
    context: &Context,
    playbook: &Playbook,
    points: &Points<'_>,
    snapshot: Option<&str>,
) -> Result<Vec<(BaselineKey, Baseline)>, Failure> {
    let now = SystemClock::wall();
    let mut by_restore: BTreeMap<&StepId, Vec<WantedBaseline<'_>>> = BTreeMap::new();
    for wanted in wanted_baselines(playbook) {
        by_restore.entry(&wanted.restored_by.id).or_default().push(wanted);
    }
    let view = View::new(if context.global.quiet { Mode::Quiet } else { Mode::Plain }, false);
    let known = Known { run: String::new(), declared: now.to_string(), steps: BTreeMap::new() };
    let mut taken = Vec::new();
    for (step, all) in by_restore {
        let Some(first) = all.first() else { continue };
        let live = LiveSource::of(&first.restore.source, playbook.folder()).map_err(of_fault)?;
        let live = live.ok_or_else(|| {
            Failure::Invalid(format!(
                "step {step} names no live database to take a baseline on: add `live` to its source, or import a baseline \
                 that was taken elsewhere"
            ))
        })?;
        let point = points.of(playbook, first, now).await?;
        let asks: Vec<_> = all
            .iter()
            .map(|wanted| BaselineRequest {
                step: wanted.step,
                check: &wanted.check.name,
                of: wanted.of,
                source: Some(&wanted.restore.source),
                point: Some(&point),
                known: &known,
                progress: &view,
            })
            .collect();
        let all_taken = Box::pin(take_baselines(&asks, &live, snapshot)).await.map_err(of_fault)?;
        let age = now.since(point.time);
        let closed = snapshot.is_some() || all.iter().all(WantedBaseline::is_of_closed_data);
        if age > crate::drill::CLOCK_SKEW
            && playbook.metadata().sample.is_none()
            && !closed
            && !context.global.quiet
        {
            say(&format!(
                "note: the recovery point {} is {} older than this baseline; whatever changed in between will show as a \
                 difference (`where` and `changed_since` are for data that goes on changing)",
                super::words::short_path(&point.id),
                age.human()
            ));
        }
        for remark in &all_taken.remarks {
            say(&format!("note: {remark}"));
        }
        for (wanted, found) in all.iter().zip(all_taken.taken) {
            let baseline = Baseline {
                taken: now,
                source: live.shown(),
                point: point.id.clone(),
                point_time: point.time,
                by: context.by(),
                position: all_taken.position.clone(),
                schema: found.schema,
                tables: found.tables,
            };
            taken.push((key(playbook, wanted, &point.id), baseline));
        }
    }
    Ok(taken)
}

fn of_fault(fault: Fault) -> Failure {
    match fault.class {
        FaultClass::Refused => Failure::Refused(fault.message),
        FaultClass::Surroundings | FaultClass::Transient | FaultClass::Throttled | FaultClass::Timeout => {
            Failure::Surroundings(fault.message)
        }
        FaultClass::Permanent => Failure::Failed(fault.message),
    }
}
