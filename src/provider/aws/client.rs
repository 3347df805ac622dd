//! Connections to AWS: one for each account and region, its credentials those of the usual chain or of the role that the
//! operator names.
//!
//! ```text
//!  Cloud ── reading(account, region) ──> Connection   who the credentials are was asked; nothing may be changed through it
//!        └─ scratch(scope) ────────────> Scratch      … and the operator allows that scope now: the only way to change things
//! ```
//!
//! Every mutating call of this module takes a [`Scratch`], and [`Cloud::scratch`] alone makes one.

use super::{
    errors::{Kind, Problem},
    identity::Identity,
};
use crate::{
    config::Config,
    drill::{Fault, FaultClass, Scope},
    provider::scratch::refused,
    time::{Period, SystemClock},
};
use aws_config::{
    AppName, BehaviorVersion, Region, SdkConfig, retry::RetryConfig, sts::AssumeRoleProvider,
    timeout::TimeoutConfig,
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use std::{collections::BTreeMap, fmt, future::Future, sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// How often one call is tried by the SDK itself, with its own backoff.
const TRIES: u32 = 3;
/// The pause before credentials that ran out are looked for again.
const RENEWAL_PAUSE: Period = Period::from_secs(10);

/// AWS, as the operator lets firedrill see it.
pub struct Cloud {
    config: Config,
    connections: Mutex<BTreeMap<(String, String), Arc<Connection>>>,
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cloud")
    }
}

/// A client for one account and region.
pub(super) struct Connection {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) sdk: SdkConfig,
    pub(super) rds: aws_sdk_rds::Client,
    pub(super) identity: Identity,
}

/// A connection through which things may be made and removed.
#[derive(Clone)]
pub(super) struct Scratch(Arc<Connection>);

impl std::ops::Deref for Scratch {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl Cloud {
    /// With what the operator allows. Nothing is contacted yet.
    pub fn new(config: Config) -> Self {
        Self { config, connections: Mutex::default() }
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// A connection to read through. Whose account it is was asked of AWS.
    pub(super) async fn reading(&self, account: &str, region: &str) -> Result<Arc<Connection>, Problem> {
        let connection = self.connection(account, region).await;
        match connection.identity.confirm(&connection).await {
            Ok(()) => Ok(connection),
            Err(problem) => {
                if problem.kind == Kind::Expired {
                    self.forget(account, region).await;
                }
                Err(problem)
            }
        }
    }

    /// A connection to a scope in which things may be made and removed now.
    pub(super) async fn scratch(&self, scope: &Scope) -> Result<Scratch, Problem> {
        let (account, region) = place_of(scope).map_err(as_problem)?;
        self.config
            .aws_allowed(account, region)
            .map_err(|why| as_problem(refused(format!("{why}: nothing is made or removed there"))))?;
        Ok(Scratch(self.reading(account, region).await?))
    }

    async fn connection(&self, account: &str, region: &str) -> Arc<Connection> {
        let key = (account.to_owned(), region.to_owned());
        let mut all = self.connections.lock().await;
        if let Some(connection) = all.get(&key) {
            return Arc::clone(connection);
        }
        let connection = Arc::new(self.connect(account, region).await);
        all.insert(key, Arc::clone(&connection));
        connection
    }

    async fn connect(&self, account: &str, region: &str) -> Connection {
        let own = Region::new(region.to_owned());
        let base = loader(own.clone()).load().await;
        let role = self.config.scratch().aws.iter().find(|allowed| allowed.account == account);
        let sdk = match role.and_then(|allowed| Some((allowed.role.as_ref()?, &allowed.external_id))) {
            None => base,
            Some((role, external_id)) => {
                let mut assuming = AssumeRoleProvider::builder(role)
                    .configure(&base)
                    .region(own.clone())
                    .session_name("firedrill");
                if let Some(id) = external_id {
                    assuming = assuming.external_id(id);
                }
                loader(own).credentials_provider(assuming.build().await).load().await
            }
        };
        Connection {
            account: account.to_owned(),
            region: region.to_owned(),
            rds: aws_sdk_rds::Client::new(&sdk),
            identity: Identity::new(&sdk, account),
            sdk,
        }
    }

    /// Drops what is known of credentials, so that they are read anew.
    pub(super) async fn forget(&self, account: &str, region: &str) {
        self.connections.lock().await.remove(&(account.to_owned(), region.to_owned()));
    }

    /// Reads through a connection; where the credentials have run out, once more with new ones.
    pub(super) async fn looking<T, F>(
        &self,
        account: &str,
        region: &str,
        work: impl Fn(Arc<Connection>) -> F,
    ) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, Problem>>,
    {
        for _ in 0..2 {
            match work(self.reading(account, region).await?).await {
                Err(problem) if problem.kind == Kind::Expired => self.forget(account, region).await,
                other => return other,
            }
        }
        work(self.reading(account, region).await?).await
    }

    /// Does `work` in a scratch scope. Where the credentials run out it waits for new ones, says so, and begins again:
    /// every call of this module can be made twice.
    pub(super) async fn working<T, F>(
        &self,
        scope: &Scope,
        patience: Period,
        work: impl Fn(Scratch) -> F,
    ) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, Problem>>,
    {
        let started = SystemClock::read().monotonic;
        let mut renewed = false;
        loop {
            let problem = match self.scratch(scope).await {
                Ok(scratch) => match work(scratch).await {
                    Ok(done) => return Ok(done),
                    Err(problem) => problem,
                },
                Err(problem) => problem,
            };
            let waited: Period = SystemClock::read().monotonic.saturating_sub(started).into();
            if problem.kind != Kind::Expired || (renewed && waited >= patience) {
                return Err(problem);
            }
            if let Ok((account, region)) = place_of(scope) {
                self.forget(account, region).await;
            }
            if renewed {
                tokio::time::sleep(RENEWAL_PAUSE.to_std()).await;
            } else if patience > Period::ZERO {
                tracing::warn!("{}; waiting for new ones for {}", problem.fault, patience.human());
            }
            renewed = true;
        }
    }
}

fn loader(region: Region) -> aws_config::ConfigLoader {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(20))
        .operation_attempt_timeout(Duration::from_secs(25))
        .operation_timeout(Duration::from_secs(50));
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .http_client(http.build_https())
        .retry_config(RetryConfig::adaptive().with_max_attempts(TRIES))
        .timeout_config(timeouts.build());
    if let Ok(name) = AppName::new("firedrill") {
        loader = loader.app_name(name);
    }
    loader
}

/// Account and region of a scope.
pub(super) fn place_of(scope: &Scope) -> Result<(&str, &str), Fault> {
    match scope {
        Scope::Aws { account, region } => Ok((account, region)),
        other => Err(refused(format!("{other} is no account of AWS"))),
    }
}

/// A fault of firedrill's own.
pub(super) fn as_problem(fault: Fault) -> Problem {
    Problem { kind: Kind::Other, fault }
}

/// A permanent fault.
pub(super) fn permanent(message: impl Into<String>) -> Fault {
    Fault::new(FaultClass::Permanent, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn cloud() -> Cloud {
        let text = "[scratch]\naws = [{ account = \"210987654321\", regions = [\"eu-central-1\"] }]\n\
                    [production]\naws_accounts = [\"123456789012\"]";
        let config = Config::parse(Path::new("/etc/firedrill.toml"), text, Path::new("/data"));
        Cloud::new(config.expect("no faults"))
    }

    #[tokio::test]
    async fn only_an_allowed_scope_is_scratch() {
        let cloud = cloud();
        for (account, region, part) in [
            ("123456789012", "eu-central-1", "is production"),
            ("210987654321", "eu-west-1", "is not scratch"),
            ("333333333333", "eu-central-1", "is not scratch"),
        ] {
            let scope = Scope::Aws { account: account.into(), region: region.into() };
            let Err(problem) = cloud.scratch(&scope).await else { panic!("{account} {region}") };
            assert_eq!(problem.fault.class, FaultClass::Refused);
            assert!(problem.fault.message.contains(part), "{}", problem.fault);
        }
        let folder = Scope::Folder("/scratch".to_owned());
        assert!(cloud.scratch(&folder).await.is_err());
    }
}
