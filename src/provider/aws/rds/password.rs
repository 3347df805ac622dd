//! Passwords of restored instances: set anew, from Secrets Manager, or an IAM token. They live in memory only.
//!
//! ```text
//!  { reset: true } ──> ModifyDBInstance on the scratch instance ──> logins are tried until one works ──> kept in memory
//! ```
//!
//! After a crash the password is gone with the process, and is simply set anew. Only an instance that bears the tags of this
//! very run and claim is ever given one, in a scope that is scratch now.

use super::{describe, restore::receipt};
use crate::{
    drill::{Fault, FaultClass, Scope},
    playbook::Password,
    ports::Receipts,
    provider::{
        aws::{
            client::{Cloud, Scratch, as_problem, permanent},
            errors::{Call, Problem},
            tags,
        },
        scratch::refused,
    },
    server::{Credentials, Login, ManagedAsk, ManagedLogins, Secret, blames_password, connect},
    time::{Period, SystemClock},
};
use async_trait::async_trait;
use aws_sdk_rds::{
    auth_token::{AuthTokenGenerator, Config as TokenConfig},
    operation::RequestId,
};
use std::{collections::BTreeMap, fmt, sync::Arc};
use tokio::sync::Mutex;

/// How long a password that was set is waited for until it works.
const PATIENCE: Period = Period::from_secs(600);
/// The pause between two tries.
const PAUSE: Period = Period::from_secs(2);
/// How long credentials that ran out are waited for.
const RENEWAL: Period = Period::from_secs(120);
/// MySQL takes no more than 41.
const LENGTH: usize = 40;

/// The passwords of the instances that this process has set.
pub struct RdsLogins {
    cloud: Arc<Cloud>,
    known: Mutex<BTreeMap<String, Arc<Mutex<Option<Set>>>>>,
}

impl fmt::Debug for RdsLogins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RdsLogins")
    }
}

/// A password that was set, and whether it was seen to work.
struct Set {
    password: Secret,
    works: bool,
}

impl RdsLogins {
    /// With AWS as the operator lets firedrill see it.
    pub fn new(cloud: Arc<Cloud>) -> Self {
        Self { cloud, known: Mutex::default() }
    }

    async fn reset(&self, ask: &ManagedAsk<'_>, scope: &Scope) -> Result<Credentials, Fault> {
        let arn = given(ask, "arn")?;
        let slot = Arc::clone(self.known.lock().await.entry(arn.to_owned()).or_default());
        // Checks that run side by side must not overwrite each other's password.
        let mut slot = slot.lock().await;
        let mut note = None;
        if slot.is_none() {
            let password = random()?;
            let set = |at: Scratch| {
                let password = password.clone();
                async move { modify(&at, ask, &password).await }
            };
            let receipts = self.cloud.working(scope, RENEWAL, set).await?;
            note = Some(format!("the master password was set anew ({})", receipts.join(", ")));
            *slot = Some(Set { password, works: false });
        }
        let Some(set) = slot.as_mut() else { return Err(permanent("no password was set")) };
        if !set.works {
            let login = Login { password: Some(set.password.clone()), ..ask.login.clone() };
            until_it_works(&login).await?;
            set.works = true;
        }
        Ok(Credentials { user: None, password: set.password.clone(), note })
    }

    async fn secret(&self, ask: &ManagedAsk<'_>, id: &str) -> Result<Credentials, Fault> {
        let (account, own) = (given(ask, "account")?, given(ask, "region")?);
        // The ARN names the region that the secret is in.
        let region = id.split(':').nth(3).filter(|region| !region.is_empty()).unwrap_or(own);
        let at = self.cloud.reading(account, region).await?;
        let call = Call { service: "secretsmanager", operation: "GetSecretValue", region };
        let client = aws_sdk_secretsmanager::Client::new(&at.sdk);
        let answer = client.get_secret_value().secret_id(id).send().await;
        let answer = answer.map_err(|error| Fault::from(call.problem(error)))?;
        let text = answer.secret_string().ok_or_else(|| {
            permanent(
                "the secret holds bytes, not a text: store the JSON that RDS writes, or the password alone",
            )
        })?;
        of_secret(text).map_err(permanent)
    }

    async fn token(&self, ask: &ManagedAsk<'_>) -> Result<Credentials, Fault> {
        let (account, region) = (given(ask, "account")?, given(ask, "region")?);
        // A token is for the instance's own name, whatever way leads to it.
        let address = given(ask, "address")?;
        let (host, port) = address.rsplit_once(':').ok_or_else(|| permanent("the instance tells no port"))?;
        let user = &ask.login.user;
        if !user.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
            return Err(permanent(format!("`{user}` is not a user that a token can be made for")));
        }
        let at = self.cloud.reading(account, region).await?;
        let token = TokenConfig::builder()
            .hostname(host)
            .port(port.parse().map_err(|_| permanent("the instance's port is no number"))?)
            .username(user)
            .build();
        let token = match token {
            Ok(config) => AuthTokenGenerator::new(config).auth_token(&at.sdk).await,
            Err(error) => Err(error),
        };
        let token = token.map_err(|error| {
            Fault::new(
                FaultClass::Surroundings,
                format!("an IAM token for {user} could not be made: {error}"),
            )
        })?;
        Ok(Credentials { user: None, password: Secret::new(token.as_str()), note: None })
    }
}

#[async_trait]
impl ManagedLogins for RdsLogins {
    async fn credentials(&self, ask: &ManagedAsk<'_>) -> Result<Credentials, Fault> {
        match ask.from {
            Password::Reset => {
                let scope = Scope::Aws {
                    account: given(ask, "account")?.to_owned(),
                    region: given(ask, "region")?.to_owned(),
                };
                self.reset(ask, &scope).await
            }
            Password::SecretsManager(id) => self.secret(ask, id).await,
            Password::Iam => self.token(ask).await,
            Password::Env(_) | Password::File(_) => Err(permanent("this password does not come from AWS")),
        }
    }
}

fn given<'a>(ask: &ManagedAsk<'a>, key: &str) -> Result<&'a str, Fault> {
    ask.given.get(key).map(String::as_str).ok_or_else(|| {
        refused(format!(
            "the password of {} is to come from AWS, but the restore step gave no `{key}`: it restores no database that AWS manages; \
             write {{ env: NAME }} or {{ file: PATH }}",
            ask.login.place()
        ))
    })
}

/// Sets the password of this run's own instance.
async fn modify(at: &Scratch, ask: &ManagedAsk<'_>, password: &Secret) -> Result<Receipts, Problem> {
    let name = given(ask, "identifier").map_err(as_problem)?;
    let claim = given(ask, "claim").map_err(as_problem)?;
    let Some(live) = describe::instance(at, name).await? else {
        return Err(as_problem(permanent(format!("the instance {name} is not there any more"))));
    };
    tags::are_of(&describe::tags(live.tag_list()), ask.run, claim)
        .map_err(|whose| as_problem(refused(format!("{name} is given no password: {whose}"))))?;
    if let Some(master) = live.master_username().filter(|master| *master != ask.login.user) {
        return Err(as_problem(permanent(format!(
            "`password: {{ reset: true }}` sets the master user's, and that is `{master}`, not `{}`: leave `user` out, or say where the password of `{}` comes from",
            ask.login.user, ask.login.user
        ))));
    }
    let call = Call::rds("ModifyDBInstance", &at.region);
    let done = at
        .rds
        .modify_db_instance()
        .db_instance_identifier(name)
        .master_user_password(password.reveal())
        .apply_immediately(true)
        .send()
        .await;
    match done {
        Ok(done) => Ok(receipt("ModifyDBInstance", done.request_id())),
        Err(error) => {
            let mut problem = call.problem(error);
            // No service should say it again; none is trusted not to.
            problem.fault.message = problem.fault.message.replace(password.reveal(), "…");
            Err(problem)
        }
    }
}

/// Tries to log in until the password is taken: RDS sets it some time after it says so.
async fn until_it_works(login: &Login) -> Result<(), Fault> {
    let started = SystemClock::read().monotonic;
    loop {
        let fault = match connect(login, Period::ZERO).await {
            Ok(_) => return Ok(()),
            Err(fault) => fault,
        };
        let waited: Period = SystemClock::read().monotonic.saturating_sub(started).into();
        let may_pass = fault.class.may_pass() || blames_password(&fault);
        if !may_pass || waited >= PATIENCE {
            return Err(fault);
        }
        tokio::time::sleep(PAUSE.to_std()).await;
    }
}

/// A password of 200 random bits, in letters and digits that no engine refuses.
fn random() -> Result<Secret, Fault> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0_u8; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| {
        Fault::new(
            FaultClass::Surroundings,
            format!("this machine has no randomness for a password: {error}"),
        )
    })?;
    Ok(Secret::new(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect::<String>()))
}

/// A secret as RDS writes it, `{"username": …, "password": …}`, or the password alone.
fn of_secret(text: &str) -> Result<Credentials, String> {
    let whole = |text: &str| Credentials { user: None, password: Secret::new(text), note: None };
    if !text.trim_start().starts_with('{') {
        return match text.is_empty() {
            true => Err("the secret is empty".to_owned()),
            false => Ok(whole(text)),
        };
    }
    // What is wrong with it is not said in the parser's words, which may quote it.
    let Ok(serde_json::Value::Object(object)) = serde_json::from_str(text) else {
        return Err("the secret looks like JSON and can't be read as such".to_owned());
    };
    let word = |key: &str| object.get(key).and_then(|value| value.as_str()).filter(|text| !text.is_empty());
    match word("password") {
        Some(password) => Ok(Credentials { user: word("username").map(str::to_owned), ..whole(password) }),
        None => Err("the secret's JSON has no `password`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_random_and_fit_every_engine() {
        let (one, other) = (random().expect("random"), random().expect("random"));
        assert_ne!(one, other);
        let text = one.reveal();
        assert!(text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert!(!format!("{one:?}").contains(text));
    }

    #[test]
    fn secrets_are_read_as_rds_writes_them() {
        let json = r#"{"username":"ada","password":"p\"w","engine":"postgres","host":"x"}"#;
        let found = of_secret(json).expect("a secret");
        assert_eq!((found.user.as_deref(), found.password.reveal()), (Some("ada"), "p\"w"));
        assert_eq!(of_secret("plain").expect("a secret").password.reveal(), "plain");
        for (bad, part) in
            [("", "empty"), ("{\"password\": 7}", "no `password`"), ("{\"hunter2", "can't be read")]
        {
            let why = of_secret(bad).expect_err(bad);
            assert!(why.contains(part) && !why.contains("hunter2"), "{why}");
        }
    }
}
