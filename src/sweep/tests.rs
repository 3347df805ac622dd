//! Both phases over a place made up here: what refuses, what rests on what, and who holds a run meanwhile.

use super::*;
use crate::{
    drill::{Entry, Event, FaultClass, Link, RecoveryPoint},
    ids::{ClaimId, StepId},
    journal::{Deletion, Mode},
    metrics::fixture::{SQLITE, START, Story, outline, point},
    ports::{
        AcquireRequest, Journal, NewRun, Observation, Owned, PlaybookText, Preflight, Receipts,
        ReleaseRequest, RestoreRequest,
    },
    time::Reading,
};
use async_trait::async_trait;
use std::{
    path::Path,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

/// A clock that goes on when someone waits. What only bounds a call does not end it sooner than its work.
struct Fast(Mutex<Timestamp>);

#[async_trait]
impl Clock for Fast {
    fn read(&self) -> Reading {
        Reading { wall: *self.0.lock().expect("not poisoned"), monotonic: Duration::ZERO }
    }

    async fn sleep(&self, period: Period) {
        match period >= Period::from_secs(60) {
            true => tokio::time::sleep(Duration::from_secs(20)).await,
            false => tokio::task::yield_now().await,
        }
        let mut now = self.0.lock().expect("not poisoned");
        *now = *now + period;
    }
}

/// What may be removed, given what else is there.
type Rule = fn(&Claim, &[Claim]) -> Result<(), Fault>;

/// The folder `/srv/drill`, with these things in it.
struct Folder {
    there: Mutex<Vec<Claim>>,
    rule: Rule,
    journal: Arc<SqliteJournal>,
    clock: Arc<Fast>,
    /// Whether someone else could have taken the run up, each time that something was removed.
    taken: Mutex<Vec<bool>>,
}

impl Folder {
    fn there(&self) -> MutexGuard<'_, Vec<Claim>> {
        self.there.lock().expect("not poisoned")
    }
}

#[async_trait]
impl Provider for Folder {
    async fn preflight(&self, _: &RestoreRequest<'_>) -> Result<Preflight, Fault> {
        Ok(Preflight::default())
    }

    async fn recovery_points(&self, _: &RestoreRequest<'_>) -> Result<Vec<crate::drill::Candidate>, Fault> {
        Ok(Vec::new())
    }

    fn chain(&self, _: &RestoreRequest<'_>, _: &RecoveryPoint) -> Result<Vec<Link>, Fault> {
        Ok(Vec::new())
    }

    async fn acquire(&self, _: &AcquireRequest<'_>) -> Result<Receipts, Fault> {
        Err(Fault::new(FaultClass::Refused, "a sweep makes nothing"))
    }

    async fn observe(&self, claims: &[&Claim]) -> Vec<(ClaimId, Observation)> {
        let there = self.there();
        let seen = |claim: &&Claim| match there.contains(claim) {
            true => (claim.id.clone(), Observation::Broken { reason: "there".to_owned() }),
            false => (claim.id.clone(), Observation::Absent { proof: "not there".to_owned() }),
        };
        claims.iter().map(seen).collect()
    }

    async fn release(&self, claim: &Claim, _: &ReleaseRequest<'_>) -> Result<Receipts, Fault> {
        let now = self.clock.read().wall;
        let other = self.journal.take_lease(claim.run, "someone else", now).await;
        self.taken.lock().expect("not poisoned").push(other.is_ok());
        let mut there = self.there();
        (self.rule)(claim, &there)?;
        there.retain(|other| other != claim);
        Ok(vec![format!("removed {}", claim.link.name)])
    }

    async fn owned(&self, _: &Scope) -> Result<Vec<Owned>, Fault> {
        Ok(self.there().iter().map(|claim| Owned { run: claim.run, claim: claim.clone() }).collect())
    }

    fn pace(&self, _: Period) -> Period {
        Period::from_secs(5)
    }
}

struct World {
    _dir: tempfile::TempDir,
    folder: Arc<Folder>,
    journal: Arc<SqliteJournal>,
    clock: Arc<Fast>,
    config: Config,
}

/// A day and six hours after the runs were declared, and so past their time.
const LATE: Period = Period::from_secs(30 * 3600);

impl World {
    async fn new(there: Vec<Claim>, rule: Rule) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let journal = SqliteJournal::open(dir.path(), Mode::ReadWrite).await.expect("opens");
        let (journal, clock) = (Arc::new(journal), Arc::new(Fast(Mutex::new(START + LATE))));
        let text = "[scratch]\nfolders = [\"/srv/drill\"]\n";
        let config =
            Config::parse(Path::new("/etc/firedrill.toml"), text, Path::new("/data")).expect("valid");
        let folder = Folder {
            there: Mutex::new(there),
            rule,
            journal: Arc::clone(&journal),
            clock: Arc::clone(&clock),
            taken: Mutex::default(),
        };
        Self { _dir: dir, folder: Arc::new(folder), journal, clock, config }
    }

    fn sweep(&self) -> Sweep<'_> {
        let folder: Arc<dyn Provider> = Arc::clone(&self.folder) as _;
        Sweep {
            providers: BTreeMap::from([(SourceKind::Sqlite, folder)]),
            journal: &self.journal,
            config: &self.config,
            clock: Arc::clone(&self.clock) as _,
            holder: "the sweep".to_owned(),
            by: "anna@drill".to_owned(),
            min_age: None,
        }
    }

    async fn find(&self) -> Listed {
        Listed { file: "/data/sweep.json".into(), found: self.sweep().find().await.expect("finds") }
    }

    async fn standings(&self, list: &Listed) -> Vec<Standing> {
        let found = self.sweep().purge(list).await.expect("purges");
        found.things.iter().map(|thing| thing.standing).collect()
    }

    async fn record(&self) -> Vec<Deletion> {
        self.journal.deletions().await.expect("reads").into_iter().map(|row| row.deletion).collect()
    }

    /// Journals a run that made one thing and was interrupted.
    async fn interrupted(&self) -> Claim {
        let mut story = Story::new(vec![outline("db", SQLITE, &[], &[])], None, None);
        story.cleared(1).restored(2, 100, "db", 1, point("/backups/x.db", 5));
        let run = story.declaration().run;
        let text = PlaybookText { text: "playbook".to_owned(), folder: "/drills".into() };
        let (first, rest) = story.entries.split_first().expect("a declaration");
        let new = NewRun { run, playbook: &text, holder: "the drill", first };
        let lease = self.journal.declare(new).await.expect("declares");
        self.journal.append(&lease, 1, rest).await.expect("appends");
        self.journal.give_up(&lease).await.expect("given up");
        let intended = story.entries.iter().find_map(|Entry { event, .. }| match event {
            Event::ClaimIntended { claim } => Some(claim.clone()),
            _ => None,
        });
        let claim = Claim { run, ..intended.expect("an intent") };
        self.folder.there().push(claim.clone());
        claim
    }
}

fn lost(run: u8, kind: &str) -> Claim {
    let step: StepId = "db".parse().expect("a step");
    Claim {
        id: ClaimId::new(&step, 1, kind),
        run: RunId::new(START, [run; 10]),
        step,
        attempt: 1,
        source: SourceKind::Sqlite,
        link: Link {
            kind: kind.to_owned(),
            scope: Scope::Folder("/srv/drill".to_owned()),
            name: format!("fd-{run:08}-db-1-{kind}"),
            params: Default::default(),
            settle: Period::from_secs(1),
        },
        expires: START + Period::from_secs(3600),
    }
}

fn refuse(why: &str) -> Result<(), Fault> {
    Err(Fault::new(FaultClass::Refused, why))
}

#[tokio::test]
async fn what_something_else_rests_on_goes_after_it() {
    let rule: Rule = |claim, there| match claim.link.kind.as_str() {
        "cluster" if there.iter().any(|other| other.link.kind == "instance") => refuse("it has an instance"),
        _ => Ok(()),
    };
    let world = World::new(vec![lost(1, "cluster"), lost(1, "instance")], rule).await;
    let list = world.find().await;
    assert_eq!(world.standings(&list).await, [Standing::Removed, Standing::Removed]);
    assert!(world.folder.there().is_empty());
    let failed = world.record().await.iter().filter(|it| matches!(it, Deletion::Failed { .. })).count();
    assert_eq!(failed, 1);
}

#[tokio::test]
async fn what_refuses_to_go_is_left_and_told_and_claims_of_two_runs_are_told_apart() {
    let rule: Rule = |claim, _| match claim.link.name.starts_with("fd-00000001") {
        true => refuse("its mark is gone"),
        false => Ok(()),
    };
    // One and the same id, of two runs.
    let world = World::new(vec![lost(1, "folder"), lost(2, "folder")], rule).await;
    let list = world.find().await;
    assert_eq!(world.standings(&list).await, [Standing::StillThere, Standing::Removed]);
    assert_eq!(*world.folder.there(), [lost(1, "folder")]);
    let record = world.record().await;
    let is_left = |it: &&Deletion| matches!(it, Deletion::Left { reason } if reason == "its mark is gone");
    assert_eq!(record.iter().filter(is_left).count(), 1, "{record:?}");
    assert!(matches!(record[0], Deletion::Intended { tries: 1, .. }), "the intent comes first");
}

#[tokio::test]
async fn what_does_not_go_though_it_was_asked_to_is_given_up_after_a_while() {
    let world = World::new(vec![lost(1, "folder")], |_, _| {
        Err(Fault::new(FaultClass::Transient, "the server is busy"))
    })
    .await;
    let list = world.find().await;
    assert_eq!(world.standings(&list).await, [Standing::StillThere]);
    assert!(world.record().await.len() > 20, "it was tried again and again");
}

#[tokio::test]
async fn nobody_takes_a_run_up_while_it_is_swept() {
    let world = World::new(Vec::new(), |_, _| Ok(())).await;
    let claim = world.interrupted().await;
    *world.clock.0.lock().expect("not poisoned") = START + Period::from_secs(3600);
    assert_eq!(world.find().await.found.things[0].standing, Standing::Kept, "it can be resumed");
    *world.clock.0.lock().expect("not poisoned") = START + LATE;
    let list = world.find().await;
    assert_eq!(world.standings(&list).await, [Standing::Removed]);
    assert_eq!(*world.folder.taken.lock().expect("not poisoned"), [false]);
    let after = world.journal.take_lease(claim.run, "someone else", world.clock.read().wall).await;
    assert!(after.is_ok(), "the run is free again: {after:?}");
}

#[tokio::test]
async fn a_run_that_is_taken_up_after_the_list_was_made_is_not_touched() {
    let world = World::new(Vec::new(), |_, _| Ok(())).await;
    let claim = world.interrupted().await;
    let list = world.find().await;
    assert_eq!(list.found.things[0].standing, Standing::LeftBehind);
    world.journal.take_lease(claim.run, "the drill", world.clock.read().wall).await.expect("taken up");
    assert_eq!(world.standings(&list).await, [Standing::Kept]);
    assert_eq!(*world.folder.there(), [claim]);
    assert!(world.record().await.is_empty());
}

#[tokio::test]
async fn a_mark_that_its_run_never_journaled_is_in_doubt() {
    let world = World::new(Vec::new(), |_, _| Ok(())).await;
    let claim = world.interrupted().await;
    let mut other = claim.clone();
    other.link.name = "fd-other-db-1".to_owned();
    *world.folder.there() = vec![other];
    let list = world.find().await;
    assert_eq!(list.found.things[0].standing, Standing::Doubtful);
    assert_eq!(world.standings(&list).await, [Standing::Doubtful]);
    assert_eq!(world.folder.there().len(), 1);
}
