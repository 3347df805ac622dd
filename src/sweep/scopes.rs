//! Where to look: every place that the operator allows.

use crate::{
    config::{Config, real_path},
    drill::Scope,
    ids::Digest,
    playbook::{ServerEngine, SourceKind},
};
use std::path::{Path, PathBuf};

/// So deep a playbook's own folder may lie within a scratch folder to be found.
const DEPTH: usize = 4;

/// So many folders are looked at for each scratch folder.
const MOST: usize = 2000;

/// The scopes, which sources make things there, and in words what could not be listed.
pub(super) fn scopes(config: &Config) -> (Vec<(Scope, Vec<SourceKind>)>, Vec<String>) {
    let mut found: Vec<(Scope, Vec<SourceKind>)> = Vec::new();
    let mut cut = Vec::new();
    let mut add = |scope: Scope| {
        if !found.iter().any(|(other, _)| *other == scope) {
            let makers = makers(&scope);
            found.push((scope, makers));
        }
    };
    for folder in config.scratch_folders() {
        let (folders, whole) = below(&real_path(folder), MOST);
        if !whole {
            let folder = folder.display();
            cut.push(format!("{folder} holds more than {MOST} folders: the others were not looked into"));
        }
        for folder in folders {
            add(Scope::Folder(folder.display().to_string()));
        }
    }
    for server in &config.scratch().servers {
        add(Scope::Server { engine: server.engine, place: server.address().to_string() });
    }
    for aws in &config.scratch().aws {
        for region in &aws.regions {
            add(Scope::Aws { account: aws.account.clone(), region: region.clone() });
        }
    }
    for cluster in &config.scratch().kubernetes {
        add(Scope::Kubernetes { context: cluster.context.clone(), cluster: "not asked".to_owned() });
    }
    (found, cut)
}

fn makers(scope: &Scope) -> Vec<SourceKind> {
    match scope {
        Scope::Folder(_) => vec![SourceKind::Sqlite, SourceKind::Command],
        Scope::Command(_) => Vec::new(),
        Scope::Server { engine: ServerEngine::Postgres, .. } => vec![SourceKind::PostgresDump],
        Scope::Server { engine: ServerEngine::Mysql, .. } => vec![SourceKind::MysqlDump],
        Scope::Aws { .. } => vec![SourceKind::Rds, SourceKind::Aurora, SourceKind::AwsBackup],
        Scope::Kubernetes { .. } => vec![SourceKind::Velero],
    }
}

/// A scratch folder and the folders in it that a playbook may have chosen. What firedrill makes begins with `fd-`, and is
/// not looked into; links are not followed. At most so many, and whether those are all.
fn below(root: &Path, most: usize) -> (Vec<PathBuf>, bool) {
    let (mut found, mut whole) = (vec![root.to_owned()], true);
    let mut at = 0;
    while let Some(folder) = found.get(at).cloned() {
        at += 1;
        let depth = folder.components().count() - root.components().count();
        if depth >= DEPTH {
            continue;
        }
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let ours = entry.file_name().to_string_lossy().starts_with("fd-");
            if ours || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            match found.len() < most {
                true => found.push(entry.path()),
                false => whole = false,
            }
        }
    }
    (found, whole)
}

/// The digest of what the operator allows and forbids: a list is good for that alone.
pub(super) fn digest(config: &Config) -> Digest {
    Digest::of(format!("{:?} {:?}", config.scratch(), config.production()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_allowed_place_is_looked_at_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path().canonicalize().expect("real");
        for name in ["team/a", "fd-07070707-db-1/inside"] {
            std::fs::create_dir_all(root.join(name)).expect("made");
        }
        std::os::unix::fs::symlink("/", root.join("out")).expect("linked");
        let text = format!(
            "[scratch]\nfolders = [{root:?}, {root:?}]\nmysql = [{{ host = \"127.0.0.1\" }}]\n\
             aws = [{{ account = \"210987654321\", regions = [\"eu-central-1\", \"eu-west-1\"] }}]\n"
        );
        let config =
            Config::parse(Path::new("/etc/firedrill.toml"), &text, Path::new("/data")).expect("no faults");
        let seen: Vec<String> = scopes(&config).0.iter().map(|(scope, _)| scope.to_string()).collect();
        assert_eq!(below(&root, 3).0.len(), 3);
        assert!(below(&root, 3).1 && !below(&root, 2).1);
        let root = root.display();
        assert_eq!(
            seen,
            [
                format!("folder {root}"),
                format!("folder {root}/team"),
                format!("folder {root}/team/a"),
                "mysql server 127.0.0.1:3306".to_owned(),
                "aws 210987654321/eu-central-1".to_owned(),
                "aws 210987654321/eu-west-1".to_owned(),
            ]
        );
    }
}
