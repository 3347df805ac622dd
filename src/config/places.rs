//! `[scratch]` and `[production]`: where things may be made, and where never. A place that is both is a fault.

use super::{
    AwsAllowed, KubernetesAllowed, Production, Scratch, ServerAddress, ServerAllowed,
    narrow::{inside, tidy},
    servers,
};
use crate::{
    document::{
        read::{At, Fields, Reader},
        words,
    },
    playbook::{ServerEngine, values},
};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Scratch places with where they are written.
#[derive(Default)]
pub(super) struct Places {
    aws: Vec<At<AwsAllowed>>,
    kubernetes: Vec<At<KubernetesAllowed>>,
    folders: Vec<At<PathBuf>>,
    servers: Vec<At<ServerAllowed>>,
}

/// Production places with where they are written.
#[derive(Default)]
pub(super) struct Never {
    accounts: Vec<At<String>>,
    contexts: Vec<At<String>>,
    folders: Vec<At<PathBuf>>,
    servers: Vec<At<ServerAddress>>,
}

fn bare<T>(list: Vec<At<T>>) -> Vec<T> {
    list.into_iter().map(|at| at.value).collect()
}

impl Places {
    pub(super) fn plain(self) -> Scratch {
        Scratch {
            aws: bare(self.aws),
            kubernetes: bare(self.kubernetes),
            folders: bare(self.folders),
            servers: bare(self.servers),
        }
    }
}

impl Never {
    pub(super) fn plain(self) -> Production {
        Production {
            aws_accounts: bare(self.accounts),
            kubernetes_contexts: bare(self.contexts),
            folders: bare(self.folders),
            servers: bare(self.servers),
        }
    }
}

/// Notes every place that is scratch and production.
pub(super) fn overlaps(m: &mut Fields<'_, '_>, scratch: &Places, production: &Never) {
    let help = "take it out of one of the two: production is never touched";
    for aws in &scratch.aws {
        if production.accounts.iter().any(|account| account.value == aws.value.account) {
            m.error_at(aws.span, format!("account {} is scratch and production", aws.value.account), help);
        }
    }
    for cluster in &scratch.kubernetes {
        if production.contexts.iter().any(|context| context.value == cluster.value.context) {
            let name = words::quoted(&cluster.value.context);
            m.error_at(cluster.span, format!("context {name} is scratch and production"), help);
        }
    }
    for folder in &scratch.folders {
        for never in &production.folders {
            if inside(&folder.value, &never.value) || inside(&never.value, &folder.value) {
                let (a, b) = (folder.value.display(), never.value.display());
                m.error_at(folder.span, format!("scratch {a} and production {b} overlap"), help);
            }
        }
    }
    for server in &scratch.servers {
        let address = server.value.address();
        if let Some(never) = production.servers.iter().find(|never| never.value.forbids(&address)) {
            let message = match never.value == address {
                true => format!("server {address} is scratch and production"),
                false => format!("scratch server {address} and production server {} are one", never.value),
            };
            m.error_at(server.span, message, help);
        }
    }
}

fn at<T>(r: &mut Reader<'_>, f: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> Option<At<T>> {
    let span = r.span();
    f(r).map(|value| At { value, span })
}

/// `[scratch]`.
pub(super) fn scratch(r: &mut Reader<'_>) -> Option<Places> {
    r.fields("`scratch`", |m| {
        let aws = m.opt("aws", "AWS accounts with their regions.", |r| r.list(0, |r| at(r, aws)));
        let kubernetes =
            m.opt("kubernetes", "Clusters with their namespaces.", |r| r.list(0, |r| at(r, kubernetes)));
        let folders = m.opt("folders", "Folders, absolute.", |r| r.list(0, |r| at(r, folder)));
        let postgres = m.opt("postgres", "PostgreSQL servers.", |r| {
            r.list(0, |r| at(r, |r| servers::allowed(r, ServerEngine::Postgres)))
        });
        let mysql = m.opt("mysql", "MySQL and MariaDB servers.", |r| {
            r.list(0, |r| at(r, |r| servers::allowed(r, ServerEngine::Mysql)))
        });
        for folder in folders.iter().flatten() {
            if folder.value.parent().is_none_or(|parent| parent.parent().is_none()) {
                m.error_at(
                    folder.span,
                    format!("{} is no scratch folder: all kinds of things are in it", folder.value.display()),
                    "give firedrill a folder of its own, such as /var/lib/firedrill/scratch",
                );
            }
        }
        let servers: Vec<At<ServerAllowed>> = [postgres, mysql].into_iter().flatten().flatten().collect();
        twice(m, &servers);
        Some(Places {
            aws: aws.unwrap_or_default(),
            kubernetes: kubernetes.unwrap_or_default(),
            folders: folders.unwrap_or_default(),
            servers,
        })
    })
}

/// Two ways to log in to one server: it would depend on their order which is taken.
fn twice(m: &mut Fields<'_, '_>, servers: &[At<ServerAllowed>]) {
    for (i, server) in servers.iter().enumerate() {
        let address = server.value.address();
        if servers[..i].iter().any(|earlier| earlier.value.address().is(&address)) {
            m.error_at(server.span, format!("server {address} comes twice"), "list each server once");
        }
    }
}

fn aws(r: &mut Reader<'_>) -> Option<AwsAllowed> {
    r.fields("an AWS scratch scope", |m| {
        let account = m.need("account", "Twelve digits, in quotes.", values::account);
        let regions = m.need("regions", "Such as eu-central-1.", |r| r.list(1, values::region));
        let role = m.opt("role", "The ARN of the role to assume there.", values::arn);
        let external_id = m.opt("external_id", "What the role's trust policy asks for.", values::words_of);
        if m.has("external_id") && !m.has("role") && !m.misspelt("role") {
            m.error("external_id", "there is no role to show it to", "add `role`, or leave it out");
        }
        if let (Some(account), Some(role)) = (&account, &role)
            && role.split(':').nth(4) != Some(account)
        {
            m.error(
                "role",
                format!("this role is not one of account {account}"),
                "give the role in the scratch account: whatever it does, it does there",
            );
        }
        Some(AwsAllowed { account: account?, regions: regions?, role, external_id })
    })
}

fn kubernetes(r: &mut Reader<'_>) -> Option<KubernetesAllowed> {
    r.fields("a Kubernetes scratch scope", |m| {
        let context = m.need("context", "As in the kubeconfig.", values::words_of);
        let namespaces = m.need("namespaces", "Names; `*` at the end stands for the rest.", |r| {
            r.list(1, values::namespaces)
        });
        Some(KubernetesAllowed { context: context?, namespaces: namespaces? })
    })
}

/// An absolute path: what it means must not depend on where firedrill starts.
pub(super) fn folder(r: &mut Reader<'_>) -> Option<PathBuf> {
    absolute(r, "folder")
}

/// The same, for a file.
pub(super) fn file(r: &mut Reader<'_>) -> Option<PathBuf> {
    absolute(r, "path")
}

fn absolute(r: &mut Reader<'_>, what: &'static str) -> Option<PathBuf> {
    r.parsed(json!({ "type": "string", "pattern": "^/" }), "a folder", |text| {
        let path = Path::new(text);
        let stays = !path.components().any(|part| part == std::path::Component::ParentDir);
        match path.is_absolute() && stays {
            true => Ok(tidy(path)),
            false => Err((
                format!("{} is not an absolute {what}", words::quoted(text)),
                "begin it with `/`, without `..`: what it means must not depend on where firedrill starts"
                    .to_owned(),
            )),
        }
    })
}

/// `[production]`.
pub(super) fn production(r: &mut Reader<'_>) -> Option<Never> {
    r.fields("`production`", |m| {
        let accounts = m.opt("aws_accounts", "AWS accounts.", |r| r.list(0, |r| at(r, values::account)));
        let contexts = m.opt("kubernetes_contexts", "Contexts of the kubeconfig.", |r| {
            r.list(0, |r| at(r, values::words_of))
        });
        let folders = m.opt("folders", "Folders, absolute.", |r| r.list(0, |r| at(r, folder)));
        let servers = m.opt("servers", "Database servers: host:port, or a host with any port.", |r| {
            r.list(0, |r| at(r, servers::never))
        });
        Some(Never {
            accounts: accounts.unwrap_or_default(),
            contexts: contexts.unwrap_or_default(),
            folders: folders.unwrap_or_default(),
            servers: servers.unwrap_or_default(),
        })
    })
}
