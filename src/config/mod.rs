//! `firedrill.toml`: what the operator allows. A playbook can only narrow it.
//!
//! | place | allowed by | never in |
//! | --- | --- | --- |
//! | folder | `[scratch] folders` | `[production] folders` |
//! | AWS account and region | `[scratch] aws` | `[production] aws_accounts` |
//! | cluster and namespaces | `[scratch] kubernetes` | `[production] kubernetes_contexts` |
//! | database server | `[scratch] postgres`, `mysql` | `[production] servers` |
//!
//! Without a file the only scratch place is a folder of firedrill's own: a first drill needs no configuration,
//! and can't touch anything.

mod narrow;
mod parse;
mod places;
mod servers;
#[cfg(test)]
mod servers_tests;

pub use crate::playbook::ServerAddress;
pub use narrow::{Narrowed, real_path};
pub use servers::ServerAllowed;

use crate::playbook::ServerEngine;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// What the operator allows and wants.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    file: Option<PathBuf>,
    playbooks: Vec<PathBuf>,
    scratch: Scratch,
    production: Production,
    commands: Option<Vec<glob::Pattern>>,
    tools: Tools,
    serve: Serve,
    notify: Vec<Notify>,
}

/// Where things may be created and deleted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Scratch {
    /// AWS accounts with their regions.
    pub aws: Vec<AwsAllowed>,
    /// Clusters with their namespaces.
    pub kubernetes: Vec<KubernetesAllowed>,
    /// Folders, absolute.
    pub folders: Vec<PathBuf>,
    /// Database servers, on which scratch databases are made.
    pub servers: Vec<ServerAllowed>,
}

/// An AWS account and its regions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AwsAllowed {
    /// Twelve digits.
    pub account: String,
    /// Such as `eu-central-1`.
    pub regions: Vec<String>,
    /// The ARN of the role to assume; the credentials as they are found where absent.
    pub role: Option<String>,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<String>,
}

/// A cluster and its namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KubernetesAllowed {
    /// As in the kubeconfig.
    pub context: String,
    /// Names; `*` at the end stands for the rest.
    pub namespaces: Vec<String>,
}

/// What must never be touched, even if it is allowed above by mistake.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Production {
    /// AWS accounts.
    pub aws_accounts: Vec<String>,
    /// Contexts of the kubeconfig.
    pub kubernetes_contexts: Vec<String>,
    /// Folders, absolute.
    pub folders: Vec<PathBuf>,
    /// Database servers.
    pub servers: Vec<ServerAddress>,
}

/// Where the programs are that come with the databases.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Tools {
    /// The folder of `pg_restore` and `psql`; the `PATH` where absent.
    pub postgres: Option<PathBuf>,
    /// The folder of `mysql` or `mariadb`; the `PATH` where absent.
    pub mysql: Option<PathBuf>,
}

impl Tools {
    /// The folder of the programs for that kind of server.
    pub fn folder(&self, engine: ServerEngine) -> Option<&Path> {
        match engine {
            ServerEngine::Postgres => self.postgres.as_deref(),
            ServerEngine::Mysql => self.mysql.as_deref(),
        }
    }
}

/// The service.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Serve {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Whence the token that callers must show; none: it listens to this machine only.
    pub token: Option<Secret>,
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// An environment variable.
    Env(String),
    /// A file, absolute.
    File(PathBuf),
}

/// Whom to tell of what.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notify {
    /// Whence the webhook's URL, which is a secret.
    pub url: Secret,
    /// Of what.
    pub on: Vec<Occasion>,
}

/// What can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Occasion {
    /// A run passed.
    Passed,
    /// Restored and verified, but later or older than promised.
    ObjectiveMissed,
    /// A restore or a required check failed.
    Failed,
    /// A guardrail said no.
    Refused,
    /// Stopped on request.
    Aborted,
    /// Something may be left behind.
    Leaked,
    /// A person is asked.
    ApprovalRequested,
}

impl Config {
    /// Where playbooks are.
    pub fn playbooks(&self) -> &[PathBuf] {
        &self.playbooks
    }

    /// The file it was read from.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// All that is scratch.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// All that is production.
    pub fn production(&self) -> &Production {
        &self.production
    }

    /// The folders where anything may be created or deleted.
    pub fn scratch_folders(&self) -> &[PathBuf] {
        &self.scratch.folders
    }

    /// The folders that must never be touched.
    pub fn production_folders(&self) -> &[PathBuf] {
        &self.production.folders
    }

    /// Where the programs are that come with the databases.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// The service.
    pub fn serve(&self) -> &Serve {
        &self.serve
    }

    /// Whom to tell of what.
    pub fn notify(&self) -> &[Notify] {
        &self.notify
    }

    /// Whether playbooks may run that program. A bare name is looked up on the `PATH`, as running it does.
    pub fn command_allowed(&self, program: &str) -> bool {
        let Some(allowed) = &self.commands else { return true };
        let path = match Path::new(program).components().count() {
            1 if !program.contains('/') => match on_path(program) {
                Some(path) => path,
                None => return false,
            },
            _ => PathBuf::from(program),
        };
        // A path with `..` in it matches by what it leads to, not by how it begins.
        let path = narrow::tidy(&path);
        let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
        path.is_absolute() && allowed.iter().any(|pattern| pattern.matches_path_with(&path, options))
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}
