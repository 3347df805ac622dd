//! `firedrill baseline`: fingerprints taken on the source, stored for the recovery point that they belong to.

use super::{
    args::Format,
    context::Context,
    say,
    view::{Mode, View},
};
use crate::{
    app::App,
    drill::{Choice, Fault, FaultClass, choose},
    error::{Exit, Failure},
    ids::{RunId, StepId},
    playbook::{Playbook, Sample, Selector},
    ports::{Baseline, BaselineKey, Journal, Known, RestoreRequest},
    sample,
    time::{SystemClock, Timestamp},
    verify::{BaselineRequest, WantedBaseline, take_baselines, wanted_baselines},
};
use std::{collections::BTreeMap, path::Path};

pub(super) async fn baseline(
    context: &Context,
    path: &Path,
    point: Option<String>,
    format: Format,
) -> Result<Exit, Failure> {
    let playbook = context.playbook(path)?;
    let app = context.app().await?;
    if let Some(kind) = playbook.metadata().sample {
        make_sample(&playbook, kind).await?;
    }
    let taken = take(context, &app, &playbook, point).await?;
    if taken.is_empty() {
        return Err(Failure::Invalid(format!(
            "playbook {} has no fingerprint check with `expect: baseline`, so there is nothing to take",
            playbook.name()
        )));
    }
    if format != Format::Human {
        let each = taken.iter().map(|(key, baseline)| {
            serde_json::json!({ "step": key.step, "check": key.check, "baseline": baseline })
        });
        let all: Vec<_> = each.collect();
        return super::print(&format!("{}\n", super::pretty(&all)));
    }
    for (key, baseline) in &taken {
        let rows: u64 = baseline.tables.iter().map(|table| table.rows).sum();
        let what = format!(
            "{} {}",
            baseline.tables.len(),
            if baseline.tables.len() == 1 { "table" } else { "tables" }
        );
        super::print(&format!(
            "{}/{}: {what}, {rows} rows, for the recovery point {} of {}\n",
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
        let choice = point_for(app, playbook, &wanted, None, SystemClock::wall()).await?;
        missing |= app.journal().baseline(&key(playbook, &wanted, &choice)).await?.is_none();
    }
    if missing {
        take(context, app, playbook, None).await?;
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

fn key(playbook: &Playbook, wanted: &WantedBaseline<'_>, choice: &Choice) -> BaselineKey {
    BaselineKey {
        playbook: playbook.name().clone(),
        step: wanted.step.clone(),
        check: wanted.check.name.clone(),
        point: choice.point.id.clone(),
    }
}

/// The recovery point that a baseline belongs to: the one asked for, or the one that a run would take now.
async fn point_for(
    app: &App,
    playbook: &Playbook,
    wanted: &WantedBaseline<'_>,
    id: Option<&str>,
    now: Timestamp,
) -> Result<Choice, Failure> {
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
        declared: now,
    };
    let candidates = provider.recovery_points(&ask).await.map_err(of_fault)?;
    let wish = match id {
        Some(id) => Selector::Id(id.to_owned()),
        None if matches!(wanted.restore.recovery_point, Selector::RandomWithin(_)) => {
            return Err(Failure::Invalid(format!(
                "step {} draws its recovery point at random, so a baseline needs --point",
                wanted.restored_by.id
            )));
        }
        None => wanted.restore.recovery_point.clone(),
    };
    choose(&wish, None, candidates, now, 0).map_err(of_fault)
}

async fn take(
    context: &Context,
    app: &App,
    playbook: &Playbook,
    point: Option<String>,
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
        let live = first.live().ok_or_else(|| {
            Failure::Invalid(format!(
                "step {step} names no live database to take a baseline on: add `live: PATH` to its sqlite source"
            ))
        })?;
        let live = playbook.folder().join(live);
        let choice = point_for(app, playbook, first, point.as_deref(), now).await?;
        let asks: Vec<_> = all
            .iter()
            .map(|wanted| BaselineRequest {
                step: wanted.step,
                check: &wanted.check.name,
                fingerprint: wanted.fingerprint,
                point: Some(&choice.point),
                known: &known,
                progress: &view,
            })
            .collect();
        let prints = Box::pin(take_baselines(&asks, &live)).await.map_err(of_fault)?;
        let age = now.since(choice.point.time);
        if age > crate::drill::CLOCK_SKEW && playbook.metadata().sample.is_none() && !context.global.quiet {
            say(&format!(
                "note: the recovery point {} is {} older than this baseline; whatever changed in between will show as a difference",
                super::words::short_path(&choice.point.id),
                age.human()
            ));
        }
        for (wanted, tables) in all.iter().zip(prints) {
            let baseline = Baseline {
                taken: now,
                source: live.display().to_string(),
                point: choice.point.id.clone(),
                point_time: choice.point.time,
                by: context.by(),
                position: None,
                schema: None,
                tables,
            };
            let key = key(playbook, wanted, &choice);
            app.journal().save_baseline(&key, &baseline).await?;
            taken.push((key, baseline));
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
