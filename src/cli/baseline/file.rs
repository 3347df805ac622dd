//! Baselines as files: taken next to the source, taken in where drills run.
//!
//! A file is JSON: `format`, `playbook`, `baselines` (each with its step, check and baseline), and `digest`, the SHA-256 of
//! `baselines` as JSON without spaces, its keys in the order of the file: it shows damage on the way. It holds digests,
//! counts and keys' sums, and no rows; it is no secret, and not signed: whoever can change it can make a wrong restore look right.

use super::{key, listed, say};
use crate::{
    app::App,
    error::Failure,
    files::{SHARED, write_whole},
    ids::{Digest, StepId},
    playbook::Playbook,
    ports::{Baseline, BaselineKey},
    time::SystemClock,
    verify::wanted_baselines,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, path::Path};

const FORMAT: &str = "firedrill/baseline/v1";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    playbook: String,
    digest: String,
    baselines: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    step: StepId,
    check: String,
    baseline: Baseline,
}

fn digest(entries: &[Entry]) -> Result<String, Failure> {
    let bytes = serde_json::to_vec(entries)
        .map_err(|error| Failure::Failed(format!("the baselines can't be written: {error}")))?;
    Ok(format!("sha256:{}", Digest::of(&bytes)))
}

/// Writes the file whole, or not at all.
pub(super) fn export(
    playbook: &Playbook,
    taken: &[(BaselineKey, Baseline)],
    path: &Path,
) -> Result<(), Failure> {
    let baselines: Vec<Entry> = taken
        .iter()
        .map(|(key, baseline)| Entry {
            step: key.step.clone(),
            check: key.check.clone(),
            baseline: baseline.clone(),
        })
        .collect();
    let file = File {
        format: FORMAT.to_owned(),
        playbook: playbook.name().to_string(),
        digest: digest(&baselines)?,
        baselines,
    };
    let text = format!("{}\n", crate::cli::pretty(&file));
    write_whole(path, text.as_bytes(), SHARED).map_err(Failure::io(format!("writing {}", path.display())))
}

/// Takes a file in. A recovery point that lies elsewhere on this machine is found by its file name and time.
pub(super) async fn import(
    app: &App,
    playbook: &Playbook,
    path: &Path,
    point: Option<&str>,
) -> Result<Vec<(BaselineKey, Baseline)>, Failure> {
    let text = std::fs::read(path).map_err(Failure::io(format!("reading {}", path.display())))?;
    let wrong = |what: String| Failure::Invalid(format!("{}: {what}", path.display()));
    let file: File = serde_json::from_slice(&text)
        .map_err(|error| wrong(format!("this is no file of baselines: {error}")))?;
    if file.format != FORMAT {
        return Err(wrong(format!("its format is `{}`; this firedrill reads `{FORMAT}`", file.format)));
    }
    if file.digest != digest(&file.baselines)? {
        return Err(wrong(
            "it is not as it was written: its digest is another one; export it again".to_owned(),
        ));
    }
    if file.playbook != playbook.name().as_str() {
        return Err(wrong(format!("it is of the playbook {}, not of {}", file.playbook, playbook.name())));
    }
    let now = SystemClock::wall();
    let mut taken = Vec::new();
    let mut not_here = BTreeSet::new();
    for entry in file.baselines {
        let all = wanted_baselines(playbook);
        let wanted = all.iter().find(|wanted| *wanted.step == entry.step && wanted.check.name == entry.check);
        let wanted = wanted.ok_or_else(|| {
            wrong(format!(
                "playbook {} has no check `{}` in step {} that expects a baseline",
                playbook.name(),
                entry.check,
                entry.step
            ))
        })?;
        let mut baseline = entry.baseline;
        let name = |id: &str| Path::new(id).file_name().map(|name| name.to_string_lossy().into_owned());
        let candidates = listed(app, playbook, wanted, now).await?;
        let same = |id: &str| candidates.iter().find(|candidate| candidate.point.id == id);
        let here = match point {
            Some(point) => {
                if let Some(other) = same(point).filter(|same| same.point.time != baseline.point_time) {
                    return Err(wrong(format!(
                        "its baselines are of the moment {}, and {point} is of {}: compared with those, nothing could be proven",
                        baseline.point_time, other.point.time
                    )));
                }
                point.to_owned()
            }
            None => {
                let alike = || {
                    candidates.iter().find(|candidate| {
                        name(&candidate.point.id) == name(&baseline.point)
                            && candidate.point.time == baseline.point_time
                    })
                };
                let found = same(&baseline.point).or_else(alike);
                // One that is not here yet may still come.
                found.map_or_else(
                    || {
                        not_here.insert((baseline.point.clone(), baseline.point_time));
                        baseline.point.clone()
                    },
                    |candidate| candidate.point.id.clone(),
                )
            }
        };
        baseline.point.clone_from(&here);
        let key = key(playbook, wanted, &here);
        taken.push((key, baseline));
    }
    for (point, time) in &not_here {
        say(&format!(
            "note: no recovery point here is {point} of {}, so this baseline waits for one that is called exactly so; \
             import it again once the backup is here, or say with --point which one it is of",
            time.human()
        ));
    }
    for (key, baseline) in &taken {
        app.journal().save_baseline(key, baseline).await?;
    }
    Ok(taken)
}
