//! `firedrill sweep`: finds what firedrill left behind; with `--apply`, removes what is on the list.

use super::{
    args::{Format, SweepArgs},
    context::Context,
    say,
};
use crate::{
    drill::FaultClass,
    error::{Exit, Failure},
    report::{deletions, sweep as page},
    sweep::{Found, Listed, Sweep, SweepError, load, save},
    time::SystemClock,
};
use std::{path::PathBuf, sync::Arc};

/// The list, in the data directory, where none is named.
const LIST: &str = "sweep.json";

pub(super) async fn sweep(context: &Context, args: SweepArgs) -> Result<Exit, Failure> {
    let app = context.app().await?;
    let format = args.answer.format;
    if args.record {
        let rows = app.journal().deletions().await?;
        return match format {
            Format::Human => super::print(&deletions(&rows, context.style())),
            Format::Json | Format::Ndjson => super::print(&format!("{}\n", super::pretty(&rows))),
        };
    }
    let sweep = Sweep {
        providers: app.providers(),
        journal: app.journal(),
        config: app.config(),
        clock: Arc::new(SystemClock),
        holder: app.holder().to_owned(),
        by: context.by(),
        min_age: args.min_age,
    };
    let found = match args.apply {
        true => apply(context, &sweep, args.list).await?,
        false => {
            let file = args.save.unwrap_or_else(|| context.data_dir().join(LIST));
            let found = Box::pin(sweep.find()).await.map_err(failure)?;
            save(&found, &file)?;
            if !context.global.quiet && found.things.iter().any(|thing| thing.is_left_behind()) {
                let list = if file == context.data_dir().join(LIST) {
                    String::new()
                } else {
                    format!(" --list {}", file.display())
                };
                say(&format!("`firedrill sweep --apply{list}` removes what is left behind"));
            }
            found
        }
    };
    match format {
        Format::Human => super::print(&page(&found, context.style()))?,
        Format::Json | Format::Ndjson => super::print(&format!("{}\n", super::pretty(&found)))?,
    };
    Ok(exit(&found))
}

/// Removes what is on the list. Where none was written yet, it is written now: both phases in one.
async fn apply(context: &Context, sweep: &Sweep<'_>, named: Option<PathBuf>) -> Result<Found, Failure> {
    let own = context.data_dir().join(LIST);
    let file = named.clone().unwrap_or_else(|| own.clone());
    let list = match (load(&file)?, named) {
        (Some(list), _) => list,
        (None, Some(_)) => {
            return Err(Failure::Invalid(format!(
                "there is no list {}; `firedrill sweep --save {0}` writes one",
                file.display()
            )));
        }
        (None, None) => {
            let found = Box::pin(sweep.find()).await.map_err(failure)?;
            save(&found, &file)?;
            Listed { file: file.clone(), found }
        }
    };
    let found = Box::pin(sweep.purge(&list)).await.map_err(failure)?;
    // Done with: the next sweep looks anew.
    if file == own
        && let Err(error) = std::fs::remove_file(&own)
    {
        say(&format!("the list {} could not be removed: {error}", own.display()));
    }
    Ok(found)
}

fn failure(error: SweepError) -> Failure {
    match error {
        SweepError::Journal(error) => Failure::Journal(error),
        SweepError::Refused(refused) => Failure::Refused(refused.to_string()),
    }
}

/// What may be left behind wins; then what could not be looked at.
fn exit(found: &Found) -> Exit {
    if found.may_be_left() {
        return Exit::Leaked;
    }
    let mut faults = found.places.iter().filter_map(|place| place.fault.as_ref());
    match faults.next() {
        None => Exit::Passed,
        Some(first)
            if first.class == FaultClass::Refused && faults.all(|f| f.class == FaultClass::Refused) =>
        {
            Exit::Refused
        }
        Some(_) => Exit::Surroundings,
    }
}
