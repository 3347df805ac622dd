//! Backups that AWS and Velero keep. Where this build has no provider for a kind, its keys are read in full all the
//! same, so that a playbook is checked before the build that runs it.

use super::{
    dumps,
    managed::{BackupHome, HydrationWish, InstanceWish, RdsSource},
    model::{Restore, Source, SourceKind},
    restores::{Common, common},
    values,
};
use crate::document::{
    read::{Fields, Reader},
    words,
};
use serde_json::json;

fn unsupported(kind: SourceKind, common: Common, asset: String) -> Restore {
    let source = Source::Unsupported { kind, asset };
    Restore { recovery_point: common.recovery_point, max_age: common.max_age, source }
}

/// A snapshot of an RDS instance.
pub(super) fn rds(r: &mut Reader<'_>) -> Option<Restore> {
    r.fields("an rds restore", |m| {
        let instance = m.need("instance", "The DB instance whose backup is restored.", identifier);
        let region = m.opt("region", "The region where the backup lives.", values::region);
        let keys = aws_keys(m);
        let into = m.opt("into", "How the restored instance is made.", |r| {
            r.fields("the restored instance", |m| {
                let common = instance_keys(m);
                let storage_type = m.opt("storage_type", "Such as gp3.", values::words_of);
                let iops =
                    m.opt("iops", "Provisioned I/O operations a second.", |r| r.integer(1000, 256_000));
                let throughput = m.opt("throughput", "MiB a second.", |r| r.integer(125, 4000));
                let multi_az =
                    m.opt("multi_az", "Whether it has a standby; false where left out.", values::boolean);
                let option_group =
                    m.opt("option_group", "The source's own where left out.", values::words_of);
                let small = |number: Option<i64>| number.and_then(|number| i32::try_from(number).ok());
                Some(InstanceWish {
                    storage_type,
                    iops: small(iops),
                    throughput: small(throughput),
                    multi_az: multi_az.unwrap_or_default(),
                    option_group,
                    ..common
                })
            })
        });
        let live = m.opt(
            "live",
            "The database that the backups are of, for baselines. Only read.",
            dumps::live_of_engine,
        );
        let common = common(m, SourceKind::Rds);
        let source = Source::Rds(RdsSource {
            instance: instance?,
            home: BackupHome { region, account: keys.account, tags: keys.tags.into_iter().collect() },
            into: into.unwrap_or_default(),
            hydration: keys.hydration,
            endpoint: keys.endpoint,
            live,
        });
        Some(Restore { recovery_point: common.recovery_point, max_age: common.max_age, source })
    })
}

/// The identifier of a DB instance. It is compared as RDS keeps it: in small letters.
fn identifier(r: &mut Reader<'_>) -> Option<String> {
    let schema = json!({ "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9-]{0,62}$" });
    r.parsed(schema, "a DB identifier", |text| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
        if begins && text.len() <= 63 && text.chars().all(fits) && !text.ends_with('-') && !text.contains("--")
        {
            return Ok(text.to_ascii_lowercase());
        }
        let help = match text.starts_with("arn:") {
            true => "give the identifier alone, the part of the ARN after `:db:`; `region` and `account` have keys of their own",
            false => "it has 1 to 63 letters, digits and single hyphens, and begins with a letter",
        };
        Err((format!("{} is not the identifier of a DB instance", words::quoted(text)), help.to_owned()))
    })
}

/// A snapshot of an Aurora cluster.
pub(super) fn aurora(r: &mut Reader<'_>) -> Option<Restore> {
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

/// What every restore from AWS can say.
struct AwsKeys {
    account: Option<String>,
    tags: Vec<(String, String)>,
    hydration: HydrationWish,
    endpoint: Option<(String, u16)>,
}

fn aws_keys(m: &mut Fields<'_, '_>) -> AwsKeys {
    let account = m.opt(
        "account",
        "The account that owns the backup; that of the scratch scope where left out.",
        values::account,
    );
    let tags = m.opt("tags", "Only backups that carry these tags.", texts);
    let hydration = m.opt("hydration", "Wait until the storage is loaded, or measure it only.", |r| {
        r.word(&[("wait", HydrationWish::Wait), ("measure", HydrationWish::Measure)])
    });
    let endpoint = m.opt(
        "endpoint",
        "Reach the database at this host:port instead, such as a port forward.",
        host_and_port,
    );
    AwsKeys { account, tags: tags.unwrap_or_default(), hydration: hydration.unwrap_or_default(), endpoint }
}

fn host_and_port(r: &mut Reader<'_>) -> Option<(String, u16)> {
    r.parsed(json!({ "type": "string", "pattern": "^.+:[0-9]+$" }), "a host and a port", |text| {
        let parts = text.rsplit_once(':').and_then(|(host, port)| {
            let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
            Some((host.to_owned(), port.parse::<u16>().ok().filter(|port| *port > 0)?))
        });
        match parts {
            Some((host, port)) if !host.is_empty() && !host.contains(['/', '@', ' ']) => Ok((host, port)),
            _ => Err((
                format!("{} is not a host and a port", words::quoted(text)),
                "write it as 127.0.0.1:15432".to_owned(),
            )),
        }
    })
}

fn instance_keys(m: &mut Fields<'_, '_>) -> InstanceWish {
    InstanceWish {
        class: m.opt("class", "Such as db.r6g.large.", values::words_of),
        subnet_group: m.opt("subnet_group", "The DB subnet group.", values::words_of),
        security_groups: m
            .opt("security_groups", "The security groups.", values::several_words)
            .unwrap_or_default(),
        parameter_group: m.opt("parameter_group", "The source's own where left out.", values::words_of),
        kms_key: m.opt("kms_key", "The key of the scratch region: an ARN, id or alias.", values::words_of),
        ca_certificate: m.opt("ca_certificate", "The certificate authority.", values::words_of),
        iam_authentication: m.opt(
            "iam_authentication",
            "Whether IAM tokens are taken for passwords.",
            values::boolean,
        ),
        ..InstanceWish::default()
    }
}

fn texts(r: &mut Reader<'_>) -> Option<Vec<(String, String)>> {
    r.entries(|_, r| r.text())
}

fn at_region(asset: String, region: Option<String>) -> String {
    region.map_or_else(|| asset.clone(), |region| format!("{asset} ({region})"))
}

/// A recovery point of AWS Backup.
pub(super) fn aws_backup(r: &mut Reader<'_>) -> Option<Restore> {
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

/// A Velero backup.
pub(super) fn velero(r: &mut Reader<'_>) -> Option<Restore> {
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
