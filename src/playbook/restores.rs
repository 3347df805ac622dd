//! Restores: which backup, how old at most, from which kind of source.
//!
//! Kinds that this build has no provider for are read in full all the same, so that a playbook is checked
//! before the build that runs it.

use super::{
    commands::command,
    model::{CommandSource, Restore, Selector, Source, SourceKind, SqliteSource},
    secrets, values,
};
use crate::{
    document::{
        read::{Fields, Reader},
        words,
    },
    time::Period,
};
use chrono::format::{Item, StrftimeItems};
use serde_json::json;

/// A restore.
pub(super) fn restore(r: &mut Reader<'_>) -> Option<Restore> {
    r.fields("a restore", |m| {
        m.one_of(&[
            ("sqlite", "A SQLite backup: a file, or the newest of a folder or glob.", sqlite),
            ("command", "Any restore tool, by commands of your own.", commands),
            ("rds", "A snapshot of an RDS instance.", rds),
            ("aurora", "A snapshot of an Aurora cluster.", aurora),
            ("aws_backup", "A recovery point of AWS Backup.", aws_backup),
            ("velero", "A Velero backup.", velero),
            ("postgres_dump", "A PostgreSQL dump.", postgres_dump),
        ])
    })
}

/// The keys that every source has.
struct Common {
    recovery_point: Selector,
    max_age: Option<Period>,
}

fn common(m: &mut Fields<'_, '_>, kind: SourceKind) -> Common {
    let point = m.opt("recovery_point", "Which backup; the newest where left out.", selector);
    let max_age = m.opt("max_age", "Older than this: the step fails, and says so.", values::duration);
    let continuous = matches!(kind, SourceKind::Rds | SourceKind::Aurora | SourceKind::AwsBackup);
    if matches!(point, Some(Selector::PointInTime(_) | Selector::PointInTimeLatest)) && !continuous {
        m.error(
            "recovery_point",
            format!("`{}` has no continuous backup to restore a point in time from", kind.key()),
            "use `latest`, { id: … }, { before: … } or { random_within: … }",
        );
    }
    if matches!(point, Some(Selector::Id(_))) && max_age.is_some() {
        m.warn(
            "max_age",
            "`max_age` beside a fixed `id`: every run after that age will fail",
            "leave one of the two out",
        );
    }
    Common { recovery_point: point.unwrap_or(Selector::Latest), max_age }
}

fn selector(r: &mut Reader<'_>) -> Option<Selector> {
    r.shared("recovery_point", |r| {
        r.forms(
            "`latest` or a map such as { before: … }",
            Some(|r| {
                r.also(json!({ "const": "latest" }));
                if r.describing() {
                    return None;
                }
                let text = r.text()?;
                if text == "latest" {
                    return Some(Selector::Latest);
                }
                let help = match words::nearest(&text, ["latest"]) {
                    Some(_) => "did you mean `latest`?".to_owned(),
                    None => "use `latest`, { id: … }, { before: … }, { random_within: … } or \
                             { point_in_time: latest }"
                        .to_owned(),
                };
                r.error(format!("{} is no recovery point", words::quoted(&text)), help);
                None
            }),
            None,
            Some(|r| {
                r.fields("a recovery point", |m| {
                    m.one_of(&[
                        ("id", "That one.", |r| values::words_of(r).map(Selector::Id)),
                        ("before", "The newest at or before that moment.", |r| {
                            values::moment(r).map(Selector::Before)
                        }),
                        ("random_within", "Any within the last so long, drawn at random.", |r| {
                            values::duration(r).map(Selector::RandomWithin)
                        }),
                        ("point_in_time", "A moment from continuous backup, or `latest`.", point_in_time),
                    ])
                })
            }),
        )
    })
}

fn point_in_time(r: &mut Reader<'_>) -> Option<Selector> {
    if !r.describing() && !r.is_map() && r.text().as_deref() == Some("latest") {
        return Some(Selector::PointInTimeLatest);
    }
    values::moment(r).map(Selector::PointInTime)
}

fn sqlite(r: &mut Reader<'_>) -> Option<Restore> {
    r.fields("a sqlite restore", |m| {
        let backup = m.need("backup", "A file, a folder or a glob, plain, .gz or .zst.", values::path);
        let timestamp = m.opt(
            "timestamp",
            "How the file name tells its moment, as %Y%m%dT%H%M%SZ; its modification time where left out.",
            timestamp,
        );
        let timezone = m.opt("timezone", "The zone of that moment; UTC where left out.", values::timezone);
        let live =
            m.opt("live", "The database that the backups are of, for baselines. Only read.", values::path);
        let common = common(m, SourceKind::Sqlite);
        if m.has("timezone") && !m.has("timestamp") {
            m.warn(
                "timezone",
                "`timezone` without `timestamp` says nothing",
                "give the pattern of the file names",
            );
        }
        if let (Some(backup), Some(live)) = (&backup, &live)
            && backup == live
        {
            m.error("live", "the backup is the live database itself", "give the backups' folder as `backup`");
        }
        if let Some(error) =
            backup.as_ref().and_then(|path| glob::Pattern::new(&path.to_string_lossy()).err())
        {
            m.error("backup", format!("this glob is wrong: {}", error.msg), "use `*`, `?` and [a-z]");
        }
        let source = Source::Sqlite(SqliteSource { backup: backup?, timestamp, timezone, live });
        Some(Restore { recovery_point: common.recovery_point, max_age: common.max_age, source })
    })
}

/// A strftime pattern that tells a moment.
fn timestamp(r: &mut Reader<'_>) -> Option<String> {
    let schema = json!({ "type": "string", "examples": ["%Y%m%dT%H%M%SZ", "%Y-%m-%d"] });
    r.parsed(schema, "a pattern", |text| {
        let help = "write it like %Y%m%dT%H%M%SZ or %Y-%m-%d; %s stands for seconds since 1970";
        let items: Vec<Item<'_>> = StrftimeItems::new(text).collect();
        if items.iter().any(|item| matches!(item, Item::Error)) {
            return Err((format!("{} has letters that mean nothing", words::quoted(text)), help.to_owned()));
        }
        let has = |letters: &[&str]| letters.iter().any(|letter| text.contains(letter));
        let date = has(&["%Y"]) && (has(&["%j"]) || has(&["%m", "%b", "%B"]) && has(&["%d", "%e"]));
        if date || has(&["%s", "%F", "%D", "%c", "%+"]) {
            return Ok(text.to_owned());
        }
        Err((format!("{} does not tell a day", words::quoted(text)), help.to_owned()))
    })
}

fn commands(r: &mut Reader<'_>) -> Option<Restore> {
    r.fields("a command restore", |m| {
        let source = m.need("commands", "The four commands; see the JSON contract.", |r| {
            r.fields("`commands`", |m| {
                let from = m.noted();
                let point = m.need("recovery_point", "Prints the recovery points.", command);
                let early = m.take_notes(from);
                let acquire = m.need("acquire", "Restores one.", command);
                let observe = m.opt("observe", "Tells how the restored thing is.", command);
                let release = m.need("release", "Removes it; succeeds where there is nothing.", command);
                for note in early {
                    if note.text.contains("recovery_point.") && !note.text.contains("steps.") {
                        m.error(
                            "recovery_point",
                            "the recovery point is not chosen yet when this command runs",
                            "refer to it in `acquire`, `observe` and `release` only",
                        );
                    }
                }
                Some(Source::Command(CommandSource {
                    recovery_point: point?,
                    acquire: acquire?,
                    observe,
                    release: release?,
                }))
            })
        });
        let common = common(m, SourceKind::Command);
        Some(Restore { recovery_point: common.recovery_point, max_age: common.max_age, source: source? })
    })
}

fn unsupported(kind: SourceKind, common: Common, asset: String) -> Restore {
    let source = Source::Unsupported { kind, asset };
    Restore { recovery_point: common.recovery_point, max_age: common.max_age, source }
}

fn rds(r: &mut Reader<'_>) -> Option<Restore> {
    r.fields("an rds restore", |m| {
        let instance = m.need("instance", "The DB instance whose backup is restored.", values::words_of);
        let region = m.opt("region", "The region where the backup lives.", values::region);
        aws_keys(m);
        let _ = m.opt("into", "How the restored instance is made.", |r| {
            r.fields("the restored instance", |m| {
                instance_keys(m);
                let _ = m.opt("storage_type", "Such as gp3.", values::words_of);
                let _ = m.opt("iops", "Provisioned I/O operations a second.", |r| r.integer(1000, 256_000));
                let _ = m.opt("throughput", "MiB a second.", |r| r.integer(125, 4000));
                let _ = m.opt("multi_az", "Whether it has a standby; false where left out.", values::boolean);
                let _ = m.opt("option_group", "The source's own where left out.", values::words_of);
                Some(())
            })
        });
        let common = common(m, SourceKind::Rds);
        Some(unsupported(SourceKind::Rds, common, at_region(instance?, region)))
    })
}

fn aurora(r: &mut Reader<'_>) -> Option<Restore> {
    r.fields("an aurora restore", |m| {
        let cluster = m.need("cluster", "The DB cluster whose backup is restored.", values::words_of);
        let region = m.opt("region", "The region where the backup lives.", values::region);
        aws_keys(m);
        let _ = m.opt("into", "How the restored cluster is made.", |r| {
            r.fields("the restored cluster", |m| {
                instance_keys(m);
                let _ =
                    m.opt("cluster_parameter_group", "The source's own where left out.", values::words_of);
                let _ = m.opt("clone", "Clone instead of restore, within one region.", values::boolean);
                let _ = m.opt("serverless", "Serverless v2 capacity.", |r| {
                    r.fields("the capacity", |m| {
                        let least = m.need("min", "The least.", capacity);
                        let most = m.need("max", "The most.", capacity);
                        if least? > most? {
                            m.error("min", "`min` is above `max`", "swap them");
                        }
                        Some(())
                    })
                });
                Some(())
            })
        });
        let common = common(m, SourceKind::Aurora);
        Some(unsupported(SourceKind::Aurora, common, at_region(cluster?, region)))
    })
}

fn capacity(r: &mut Reader<'_>) -> Option<f64> {
    r.parsed(json!({ "type": "number", "minimum": 0, "maximum": 256 }), "a capacity", |text| {
        text.parse::<f64>().ok().filter(|units| (0.0..=256.0).contains(units)).ok_or_else(|| {
            (format!("{} is not a capacity", words::quoted(text)), "use 0 to 256 in steps of 0.5".to_owned())
        })
    })
}

fn aws_keys(m: &mut Fields<'_, '_>) {
    let _ = m.opt(
        "account",
        "The account that owns the backup; that of the scratch scope where left out.",
        values::account,
    );
    let _ = m.opt("tags", "Only backups that carry these tags.", texts);
    let _ = m.opt("hydration", "Wait until the storage is loaded, or measure it only.", |r| {
        r.word(&[("wait", ()), ("measure", ())])
    });
    let _ = m.opt(
        "endpoint",
        "Reach the database at this host:port instead, such as a port forward.",
        values::words_of,
    );
}

fn instance_keys(m: &mut Fields<'_, '_>) {
    let _ = m.opt("class", "Such as db.r6g.large.", values::words_of);
    let _ = m.opt("subnet_group", "The DB subnet group.", values::words_of);
    let _ = m.opt("security_groups", "The security groups.", values::several_words);
    let _ = m.opt("parameter_group", "The source's own where left out.", values::words_of);
    let _ = m.opt("kms_key", "The key of the scratch region: an ARN, id or alias.", values::words_of);
    let _ = m.opt("ca_certificate", "The certificate authority.", values::words_of);
    let _ = m.opt("iam_authentication", "Whether IAM tokens are taken for passwords.", values::boolean);
}

fn texts(r: &mut Reader<'_>) -> Option<Vec<(String, String)>> {
    r.entries(|_, r| r.text())
}

fn at_region(asset: String, region: Option<String>) -> String {
    region.map_or_else(|| asset.clone(), |region| format!("{asset} ({region})"))
}

fn aws_backup(r: &mut Reader<'_>) -> Option<Restore> {
    r.fields("an aws_backup restore", |m| {
        let resource = m.need("resource", "The ARN of the protected resource.", values::arn);
        let _ = m.opt("vault", "The backup vault.", values::words_of);
        let region = m.opt("region", "The region of the vault.", values::region);
        let _ = m.opt("role", "The ARN of the role that AWS Backup restores with.", values::arn);
        aws_keys(m);
        let _ = m.opt("into", "Restore metadata that replaces the recovery point's own.", texts);
        let common = common(m, SourceKind::AwsBackup);
        Some(unsupported(SourceKind::AwsBackup, common, at_region(resource?, region)))
    })
}

fn velero(r: &mut Reader<'_>) -> Option<Restore> {
    r.fields("a velero restore", |m| {
        let asset = m.one_of(&[
            ("schedule", "The Velero schedule whose backups are taken.", values::words_of),
            ("backup", "That backup.", values::words_of),
        ]);
        let _ = m.need("namespaces", "From which namespace into which.", |r| {
            let pairs = r.entries(|_, r| values::playbook_name(r))?;
            if pairs.is_empty() {
                r.error("no namespace is restored", "write { shop: drill-shop }");
                return None;
            }
            if let Some((from, _)) = pairs.iter().find(|(from, to)| from == to.as_str()) {
                r.error(
                    format!("{} would be restored over itself", words::quoted(from)),
                    format!("restore it into a scratch namespace, such as drill-{from}"),
                );
                return None;
            }
            Some(())
        });
        let _ =
            m.opt("velero_namespace", "Where Velero runs; `velero` where left out.", values::playbook_name);
        let _ = m.opt("include", "Only these kinds of resources.", values::several_words);
        let _ = m.opt("exclude", "All but these kinds of resources.", values::several_words);
        let common = common(m, SourceKind::Velero);
        Some(unsupported(SourceKind::Velero, common, asset?))
    })
}

fn postgres_dump(r: &mut Reader<'_>) -> Option<Restore> {
    r.fields("a postgres_dump restore", |m| {
        let backup = m.need("backup", "A dump: a file, a folder or a glob.", values::words_of);
        let _ = m.opt("timestamp", "How the file name tells its moment.", timestamp);
        let _ = m.opt("timezone", "The zone of that moment; UTC where left out.", values::timezone);
        let _ = m.opt("jobs", "How many tables are restored at the same time.", |r| r.integer(1, 64));
        let _ = m.opt("roles", "Keep, create or skip the roles that the dump names.", |r| {
            r.word(&[("keep", ()), ("create", ()), ("skip", ())])
        });
        let _ = m.opt("extensions", "Create or skip the extensions that the dump names.", |r| {
            r.word(&[("create", ()), ("skip", ())])
        });
        let _ = m.opt("into", "The scratch server.", |r| {
            r.fields("the scratch server", |m| {
                let _ = m.need("host", "Its host, or the folder of its socket.", values::words_of);
                let _ = m.opt("port", "Its port; 5432 where left out.", |r| r.integer(1, 65_535));
                let _ = m.opt("user", "Who creates the scratch database.", values::words_of);
                let _ = m.opt("password", "Where the password comes from.", secrets::password);
                Some(())
            })
        });
        let common = common(m, SourceKind::PostgresDump);
        Some(unsupported(SourceKind::PostgresDump, common, backup?))
    })
}
