//! Dumps of PostgreSQL, MySQL and MariaDB, restored into a database of their own on a server that the operator allows.
//!
//! ```text
//!  /backups/orders.dump ──read only──> pg_restore / psql / mysql ──> fd_RUN_STEP_1 on the scratch server
//! ```
//!
//! | claim | what it is | when |
//! | --- | --- | --- |
//! | `roles` | roles that the dump names and the server lacks (PostgreSQL) | `roles: create` |
//! | `database` | the scratch database | always |
//!
//! Each bears a [`marker`]: the claim as JSON, on the server itself.

mod archive;
mod feed;
mod files;
mod format;
mod marker;
mod mysql;
mod postgres;
mod servers;
mod sql;
mod tools;
mod words;
mod work;

use super::{
    backup_file::{self, Wanted},
    pace,
    scratch::refused,
};
use crate::{
    config::Config,
    drill::{Candidate, Claim, Fault, FaultClass, Link, Outputs, RecoveryPoint, Scope},
    ids::ClaimId,
    playbook::{DumpSource, Roles, ServerEngine, Source, SourceKind},
    ports::{
        AcquireRequest, Observation, Owned, Preflight, Provider, Receipts, ReleaseRequest, RestoreRequest,
    },
    process::Runner,
    server::Login,
    time::Period,
};
use async_trait::async_trait;
use files::DumpFiles;
use futures_util::future::join_all;
use servers::{Servers, Target};
use std::collections::BTreeMap;

/// The link of the scratch database.
const DATABASE: &str = "database";

/// The link of the roles.
const ROLES: &str = "roles";

/// A statement that was sent before its session broke is done by then.
const SETTLE: Period = Period::from_secs(1);

/// How long the live server is waited for when it is asked whether it is the scratch server.
const SHORT_PATIENCE: Period = Period::from_secs(2);

/// Restores dumps of one engine.
#[derive(Debug, Clone)]
pub struct Dumps {
    engine: ServerEngine,
    servers: Servers,
    runner: Runner,
}

impl Dumps {
    /// With what the operator allows.
    pub fn new(engine: ServerEngine, config: Config, runner: Runner) -> Self {
        Self { engine, servers: Servers::new(config), runner }
    }

    fn kind(&self) -> SourceKind {
        match self.engine {
            ServerEngine::Postgres => SourceKind::PostgresDump,
            ServerEngine::Mysql => SourceKind::MysqlDump,
        }
    }

    fn source<'a>(&self, ask: &RestoreRequest<'a>) -> Result<&'a DumpSource, Fault> {
        match &ask.restore.source {
            Source::Dump(source) if source.engine == self.engine => Ok(source),
            other => Err(Fault::new(
                FaultClass::Permanent,
                format!("`{}` is not restored by the {} provider", other.kind().key(), self.kind().key()),
            )),
        }
    }

    fn is_mine(&self, claim: &Claim) -> Result<(), Fault> {
        match claim.source == self.kind() {
            true => Ok(()),
            false => Err(refused(format!(
                "the claim {} was not made by the {} provider",
                claim.id,
                self.kind().key()
            ))),
        }
    }

    async fn candidates(&self, ask: &RestoreRequest<'_>) -> Result<Vec<Candidate>, Fault> {
        let source = self.source(ask)?;
        let wanted = Wanted {
            backup: &source.backup,
            folder: ask.folder,
            timestamp: source.timestamp.as_deref(),
            timezone: source.timezone,
            now: ask.declared,
        };
        let files = DumpFiles { engine: self.engine, zone: source.timezone };
        backup_file::candidates(wanted, &files).await
    }

    async fn look_at_server(
        &self,
        ask: &RestoreRequest<'_>,
        target: &Target,
        candidates: &[Candidate],
        found: &mut Preflight,
    ) -> Result<(), Fault> {
        let source = self.source(ask)?;
        let mut server = target.connect().await?;
        let own = servers::identity(server.as_mut(), self.engine).await?;
        match (&target.identity, &own) {
            (Some(_), Some(own)) => found.facts.push(format!("it is {own}, as `identity` says")),
            (None, Some(own)) => {
                found.facts.push(format!("it says that it is {own}; `identity` does not pin it"))
            }
            (_, None) => found.facts.push("it does not tell who it is".to_owned()),
        }
        if let Some(live) = &source.live {
            let place = live.server.address(self.engine);
            // Where baselines come as files, this machine may know neither its password nor a way to it.
            let is_same = match Login::of(&live.server, self.engine, &live.database, ask.folder) {
                Ok(login) => servers::same(server.as_mut(), &login, SHORT_PATIENCE).await,
                Err(fault) => Err(fault),
            };
            match is_same {
                Ok(true) => found.refusals.push(format!(
                    "the scratch server {} and the live one, {place}, are the same server: nothing is made or removed next to live data",
                    target.login.place(),
                )),
                Ok(false) => found.facts.push(format!("the live server {place} is another one")),
                Err(fault) => found.facts.push(format!(
                    "the live server can't be asked who it is, so only its address tells it apart: {fault}"
                )),
            }
        }
        let link = self.link(ask, DATABASE, Outputs::new())?;
        let fit = candidates.iter().filter(|candidate| candidate.unfit.is_none());
        let newest = fit.max_by_key(|candidate| candidate.point.time);
        match self.engine {
            ServerEngine::Postgres => {
                let (servers, runner) = (&self.servers, &self.runner);
                postgres::preflight::look(servers, runner, source, target, server.as_mut(), newest, found)
                    .await?;
                let there = postgres::databases::list(server.as_mut(), &[&link.name]).await?;
                for name in there.keys() {
                    found.refusals.push(format!("the database {name} is there already"));
                }
                Ok(())
            }
            ServerEngine::Mysql => {
                let (servers, runner) = (&self.servers, &self.runner);
                mysql::preflight::look(servers, runner, source, target, server.as_mut(), newest, found)
                    .await?;
                for name in mysql::databases::list(server.as_mut(), &[&link.name]).await? {
                    found.refusals.push(format!("the database {name} is there already"));
                }
                Ok(())
            }
        }
    }

    fn link(&self, ask: &RestoreRequest<'_>, kind: &str, more: Outputs) -> Result<Link, Fault> {
        let (scope, mut params) = self.servers.choose(self.source(ask)?, ask.folder)?;
        params.extend(more);
        let most = match self.engine {
            ServerEngine::Postgres => postgres::claims::MOST,
            ServerEngine::Mysql => mysql::claims::MOST,
        };
        let mut name = marker::database_name(ask.run, ask.step, ask.attempt, most);
        if kind == ROLES {
            name.push_str(postgres::roles::END);
        }
        Ok(Link { kind: kind.to_owned(), scope, name, params, settle: SETTLE })
    }

    /// The claims of one server, answered together.
    async fn observe_on(&self, claims: Vec<&Claim>) -> Vec<(ClaimId, Observation)> {
        let look = async {
            let first = claims.first().ok_or_else(|| refused("no claim"))?;
            let target = self.servers.of(first)?;
            let mut server = target.connect().await?;
            match self.engine {
                ServerEngine::Postgres => postgres::claims::observe(&target, server.as_mut(), &claims).await,
                ServerEngine::Mysql => mysql::claims::observe(&target, server.as_mut(), &claims).await,
            }
        };
        look.await.unwrap_or_else(|fault| {
            claims.iter().map(|claim| (claim.id.clone(), Observation::Unknown(fault.clone()))).collect()
        })
    }
}

#[async_trait]
impl Provider for Dumps {
    async fn preflight(&self, ask: &RestoreRequest<'_>) -> Result<Preflight, Fault> {
        let source = self.source(ask)?;
        let mut found = Preflight::default();
        let candidates = match self.candidates(ask).await {
            Ok(candidates) => candidates,
            Err(fault) if fault.class == FaultClass::Surroundings => return Err(fault),
            Err(fault) => {
                found.refusals.push(fault.message);
                Vec::new()
            }
        };
        let fit = candidates.iter().filter(|candidate| candidate.unfit.is_none()).count();
        let home = backup_file::home(&source.backup, ask.folder);
        found.facts.push(format!(
            "{} holds {fit} of {} dumps fit to restore",
            home.display(),
            candidates.len()
        ));
        let target = match self.servers.target(source, ask.folder) {
            Ok(target) => target,
            Err(fault) => {
                found.refusals.push(fault.message);
                return Ok(found);
            }
        };
        found.facts.push(format!(
            "the {} server {} is allowed and not production",
            self.engine.word(),
            target.login.place()
        ));
        self.look_at_server(ask, &target, &candidates, &mut found).await?;
        Ok(found)
    }

    async fn recovery_points(&self, ask: &RestoreRequest<'_>) -> Result<Vec<Candidate>, Fault> {
        self.candidates(ask).await
    }

    fn chain(&self, ask: &RestoreRequest<'_>, point: &RecoveryPoint) -> Result<Vec<Link>, Fault> {
        let backup = || Outputs::from([("backup_id".to_owned(), point.id.clone())]);
        let mut chain = Vec::new();
        if self.source(ask)?.roles == Roles::Create {
            chain.push(self.link(ask, ROLES, backup())?);
        }
        chain.push(self.link(ask, DATABASE, backup())?);
        Ok(chain)
    }

    async fn acquire(&self, ask: &AcquireRequest<'_>) -> Result<Receipts, Fault> {
        self.is_mine(ask.claim)?;
        let source = self.source(&ask.restore)?;
        match self.engine {
            ServerEngine::Postgres => {
                Box::pin(postgres::claims::acquire(&self.servers, &self.runner, source, ask)).await
            }
            ServerEngine::Mysql => {
                Box::pin(mysql::claims::acquire(&self.servers, &self.runner, source, ask)).await
            }
        }
    }

    async fn observe(&self, claims: &[&Claim]) -> Vec<(ClaimId, Observation)> {
        // Those that are logged in to in the same way are asked for in one session.
        let mut by_server: BTreeMap<Outputs, Vec<&Claim>> = BTreeMap::new();
        for claim in claims {
            let mut login = claim.link.params.clone();
            login.remove("backup_id");
            login.insert("scope".to_owned(), claim.link.scope.to_string());
            by_server.entry(login).or_default().push(claim);
        }
        let all = join_all(by_server.into_values().map(|claims| self.observe_on(claims))).await;
        all.into_iter().flatten().collect()
    }

    async fn release(&self, claim: &Claim, _: &ReleaseRequest<'_>) -> Result<Receipts, Fault> {
        self.is_mine(claim)?;
        match self.engine {
            ServerEngine::Postgres => postgres::claims::release(&self.servers, claim).await,
            ServerEngine::Mysql => mysql::claims::release(&self.servers, claim).await,
        }
    }

    async fn owned(&self, scope: &Scope) -> Result<Vec<Owned>, Fault> {
        let Scope::Server { engine, place } = scope else { return Ok(Vec::new()) };
        if *engine != self.engine {
            return Ok(Vec::new());
        }
        let target = self.servers.of_scope(*engine, place)?;
        let mut server = target.connect().await?;
        let markers = match self.engine {
            ServerEngine::Postgres => {
                let mut markers = postgres::databases::owned(server.as_mut()).await?;
                let roles = postgres::roles::marked(server.as_mut()).await?;
                markers.extend(roles.into_values());
                markers
            }
            ServerEngine::Mysql => mysql::databases::owned(server.as_mut()).await?,
        };
        let mut found: Vec<Owned> = Vec::new();
        for claim in markers.into_iter().map(|marker| marker.firedrill) {
            let known = found.iter().any(|other| other.claim.run == claim.run && other.claim.id == claim.id);
            if claim.source == self.kind() && claim.link.scope == *scope && !known {
                found.push(Owned { run: claim.run, claim });
            }
        }
        Ok(found)
    }

    async fn unclear(&self, scope: &Scope) -> Result<Vec<String>, Fault> {
        let Scope::Server { engine, place } = scope else { return Ok(Vec::new()) };
        if *engine != self.engine {
            return Ok(Vec::new());
        }
        let target = self.servers.of_scope(*engine, place)?;
        let mut server = target.connect().await?;
        let (making, named) = match self.engine {
            ServerEngine::Postgres => {
                (postgres::databases::MAKING, postgres::databases::scratch(server.as_mut()).await?)
            }
            ServerEngine::Mysql => ("", mysql::databases::scratch(server.as_mut()).await?),
        };
        let doubt = |(name, marker): (String, Option<marker::Marker>)| match marker {
            None => Some(format!(
                "the database {name} bears no marker that can be read: it can't be told who made it"
            )),
            Some(marker) if marker.firedrill.link.scope != *scope => Some(format!(
                "the database {name} bears the marker of a claim in {}: if that is this server by another name, list it by that name in firedrill.toml",
                marker.firedrill.link.scope
            )),
            Some(marker) => (!marker.is_of(&name, making))
                .then(|| format!("the database {name} bears the marker of {}", marker.firedrill.link.name)),
        };
        Ok(named.into_iter().filter_map(doubt).collect())
    }

    async fn identity(&self, scope: &Scope) -> Result<Option<String>, Fault> {
        let Scope::Server { engine, place } = scope else { return Ok(None) };
        if *engine != self.engine {
            return Ok(None);
        }
        let mut server = self.servers.of_scope(*engine, place)?.connect().await?;
        servers::identity(server.as_mut(), self.engine).await
    }

    fn pace(&self, so_far: Period) -> Period {
        pace(so_far, Period::from_millis(300), Period::from_secs(15))
    }
}
