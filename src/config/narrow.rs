//! A playbook's wish against what the operator allows.

use super::{AwsAllowed, Config};
use crate::playbook::{AwsScratch, KubernetesScratch, ScratchWish};
use std::path::{Component, Path, PathBuf};

/// Where a run may create and delete things: what the author wishes for, within what the operator allows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Narrowed {
    /// The folder to work in; the operator's first where the author names none.
    pub folder: Option<PathBuf>,
    /// The account and region, where the author names them.
    pub aws: Option<AwsScratch>,
    /// The cluster and namespaces, where the author names them.
    pub kubernetes: Option<KubernetesScratch>,
}

impl Config {
    /// What of the wish is allowed: all of it, or the reasons why not. A relative folder starts at `folder`,
    /// that of the playbook.
    pub fn narrow(&self, wish: &ScratchWish, folder: &Path) -> Result<Narrowed, Vec<String>> {
        let mut refusals = Vec::new();
        let mut narrowed =
            Narrowed { aws: wish.aws.clone(), kubernetes: wish.kubernetes.clone(), folder: None };
        let wanted = wish.folder.as_ref().map(|wanted| folder.join(wanted));
        match wanted.or_else(|| self.scratch.folders.first().cloned()).map(|wanted| self.folder(&wanted)) {
            Some(Ok(folder)) => narrowed.folder = Some(folder),
            Some(Err(refusal)) => refusals.push(refusal),
            None => {}
        }
        if let Some(aws) = &wish.aws {
            refusals.extend(self.refuses_aws(&aws.account, &aws.region));
        }
        if let Some(cluster) = &wish.kubernetes {
            refusals.extend(self.refuses_cluster(cluster));
        }
        if refusals.is_empty() { Ok(narrowed) } else { Err(refusals) }
    }

    /// The folder that `wanted` really is, if it lies within a scratch folder and touches no production folder.
    pub fn folder(&self, wanted: &Path) -> Result<PathBuf, String> {
        let real = real_path(wanted);
        let never = self.production.folders.iter().map(|folder| real_path(folder));
        if let Some(never) = never.into_iter().find(|never| inside(&real, never) || inside(never, &real)) {
            return Err(format!("{} touches the production folder {}", real.display(), never.display()));
        }
        if self.scratch.folders.iter().any(|folder| inside(&real, &real_path(folder))) {
            return Ok(real);
        }
        let allowed: Vec<String> = self.scratch.folders.iter().map(|f| f.display().to_string()).collect();
        Err(format!(
            "{} is not within a scratch folder ({}); the operator can allow it: [scratch] folders in firedrill.toml",
            real.display(),
            allowed.join(", ")
        ))
    }

    /// The account and region in which a restore from AWS makes its claims: what the author wishes for, within what the
    /// operator allows; where the author names none, the only one that the operator allows.
    pub fn scratch_aws(&self, wish: Option<&AwsScratch>) -> Result<AwsScratch, String> {
        let chosen = match (wish, self.scratch.aws.as_slice()) {
            (Some(wish), _) => wish.clone(),
            (None, []) => {
                return Err(
                    "no AWS account is scratch: the operator can allow one, [scratch] aws in firedrill.toml"
                        .to_owned(),
                );
            }
            (None, [only]) if only.regions.len() == 1 => {
                AwsScratch { account: only.account.clone(), region: only.regions.concat() }
            }
            (None, _) => {
                return Err(
                    "several AWS accounts or regions are scratch: name the one to use, `scratch: { aws: { account: …, region: … } }`"
                        .to_owned(),
                );
            }
        };
        match self.refuses_aws(&chosen.account, &chosen.region) {
            Some(refusal) => Err(refusal),
            None => Ok(chosen),
        }
    }

    /// How to act in a scratch account, if things may be created and deleted in that region of it now.
    pub fn aws_allowed(&self, account: &str, region: &str) -> Result<&AwsAllowed, String> {
        if let Some(refusal) = self.refuses_aws(account, region) {
            return Err(refusal);
        }
        let mut all = self.scratch.aws.iter().filter(|allowed| allowed.account == account);
        all.find(|allowed| allowed.regions.iter().any(|own| own == region))
            .ok_or_else(|| format!("account {account} is not scratch"))
    }

    fn refuses_aws(&self, account: &str, region: &str) -> Option<String> {
        if self.production.aws_accounts.iter().any(|never| never == account) {
            return Some(format!("account {account} is production"));
        }
        let of_account = || self.scratch.aws.iter().filter(|aws| aws.account == account);
        let allowed = |aws: &&AwsAllowed| aws.regions.iter().any(|allowed| allowed == region);
        match of_account().find(allowed).or_else(|| of_account().next()) {
            Some(aws) if allowed(&aws) => None,
            Some(aws) => Some(format!(
                "region {region} of account {account} is not scratch; allowed there: {}",
                aws.regions.join(", ")
            )),
            None => Some(format!(
                "account {account} is not scratch; the operator can allow it: [scratch] aws in firedrill.toml"
            )),
        }
    }

    fn refuses_cluster(&self, wish: &KubernetesScratch) -> Option<String> {
        if self.production.kubernetes_contexts.contains(&wish.context) {
            return Some(format!("context {} is production", wish.context));
        }
        let Some(scope) = self.scratch.kubernetes.iter().find(|scope| scope.context == wish.context) else {
            return Some(format!(
                "context {} is not scratch; the operator can allow it: [scratch] kubernetes in firedrill.toml",
                wish.context
            ));
        };
        let beyond =
            wish.namespaces.iter().find(|name| !scope.namespaces.iter().any(|all| covers(all, name)))?;
        Some(format!(
            "namespace {beyond} of context {} is not scratch; allowed there: {}",
            wish.context,
            scope.namespaces.join(", ")
        ))
    }
}

/// Whether every name that fits `part` fits `all`; `*` at the end stands for the rest.
fn covers(all: &str, part: &str) -> bool {
    match all.strip_suffix('*') {
        Some(head) => part.starts_with(head),
        None => all == part,
    }
}

/// Whether `path` is `folder` or lies within it.
pub(super) fn inside(path: &Path, folder: &Path) -> bool {
    path.starts_with(folder)
}

/// Without `.` and `..`, by the text alone.
pub(super) fn tidy(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() && !path.is_absolute() {
                    out.push("..");
                }
            }
            part => out.push(part),
        }
    }
    out
}

/// Where a path leads, links followed as far as it exists: a link in a scratch folder must not lead out of it.
pub fn real_path(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut missing: Vec<Component<'_>> = Vec::new();
    let mut at = absolute.as_path();
    loop {
        if let Ok(real) = at.canonicalize() {
            return tidy(&real.join(missing.iter().rev().collect::<PathBuf>()));
        }
        let (Some(last), Some(parent)) = (at.components().next_back(), at.parent()) else {
            return tidy(&absolute);
        };
        missing.push(last);
        at = parent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::parse(Path::new("/etc/firedrill.toml"), text, Path::new("/data")).expect("no faults")
    }

    fn wish(folder: &str) -> ScratchWish {
        ScratchWish { folder: Some(folder.into()), ..ScratchWish::default() }
    }

    #[test]
    fn a_folder_must_lie_within_a_scratch_folder() {
        let config = config(
            "[scratch]\nfolders = [\"/nowhere/scratch\"]\n[production]\nfolders = [\"/nowhere/data\"]",
        );
        let narrow = |folder: &str| config.narrow(&wish(folder), Path::new("/nowhere/drills"));
        assert_eq!(narrow("/nowhere/scratch/a").expect("allowed").folder, Some("/nowhere/scratch/a".into()));
        assert_eq!(narrow("../scratch/a").expect("allowed").folder, Some("/nowhere/scratch/a".into()));
        for bad in ["/nowhere/scratchy", "/nowhere/scratch/../data", "/nowhere", "x", "/nowhere/data/x"] {
            assert!(narrow(bad).is_err(), "{bad}");
        }
        let none = config.narrow(&ScratchWish::default(), Path::new("/x")).expect("allowed");
        assert_eq!(none.folder, Some("/nowhere/scratch".into()));
    }

    #[test]
    fn a_link_does_not_lead_out_of_the_scratch_folder() {
        let root = tempfile::tempdir().expect("a folder");
        let scratch = root.path().join("scratch");
        std::fs::create_dir(&scratch).expect("made");
        std::os::unix::fs::symlink(root.path(), scratch.join("out")).expect("linked");
        let config = config(&format!("[scratch]\nfolders = [{:?}]", scratch.display().to_string()));
        assert!(config.folder(&scratch.join("in")).is_ok());
        assert!(config.folder(&scratch.join("out/x")).is_err());
    }

    #[test]
    fn accounts_regions_and_namespaces_are_only_narrowed() {
        let config = config(
            "[scratch]\naws = [{ account = \"210987654321\", regions = [\"eu-central-1\"] }]\n\
             kubernetes = [{ context = \"drill\", namespaces = [\"drill-*\"] }]\n\
             [production]\naws_accounts = [\"123456789012\"]\nkubernetes_contexts = [\"prod\"]",
        );
        let aws = |account: &str, region: &str| {
            let aws = Some(AwsScratch { account: account.into(), region: region.into() });
            config.narrow(&ScratchWish { aws, ..ScratchWish::default() }, Path::new("/")).is_ok()
        };
        assert!(aws("210987654321", "eu-central-1"));
        assert!(!aws("210987654321", "eu-west-1") && !aws("123456789012", "eu-central-1"));
        let only = config.scratch_aws(None).expect("there is only one");
        assert_eq!((only.account.as_str(), only.region.as_str()), ("210987654321", "eu-central-1"));
        let wish = AwsScratch { account: "123456789012".into(), region: "eu-central-1".into() };
        assert!(config.scratch_aws(Some(&wish)).expect_err("production").contains("is production"));
        assert!(config.aws_allowed("210987654321", "eu-west-1").is_err());
        let cluster = |context: &str, namespace: &str| {
            let kubernetes =
                Some(KubernetesScratch { context: context.into(), namespaces: vec![namespace.into()] });
            config.narrow(&ScratchWish { kubernetes, ..ScratchWish::default() }, Path::new("/")).is_ok()
        };
        assert!(cluster("drill", "drill-shop") && cluster("drill", "drill-a*"));
        assert!(!cluster("drill", "dri*") && !cluster("drill", "shop") && !cluster("prod", "drill-shop"));
    }
}
