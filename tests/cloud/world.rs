//! An account of its own for a test: a production in one region, a network to drill in, and drills by the binary.

use super::emulator::{Emulator, between};
use crate::{
    binary::{Firedrill, Ran},
    databases::words_of,
};
use serde_json::{Value, json};
use std::{
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Where production is.
pub const HOME: &str = "eu-west-1";
/// Where drills are.
pub const SCRATCH: &str = "eu-central-1";
/// The password of every source, which nothing may ever say.
pub const PASSWORD: &str = "first-secret-of-production";
/// The secret key of the caller, which nothing may ever say.
pub const SECRET_KEY: &str = "secret-access-key-of-the-caller";

/// An account of the emulator.
pub struct World<'a> {
    pub emulator: &'a Emulator,
    pub account: String,
    /// Of whoever prepares and looks; never firedrill's.
    pub key: String,
    /// Security groups of the region of production and that of drills.
    pub groups: [String; 2],
}

impl<'a> World<'a> {
    pub fn new(emulator: &'a Emulator) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let account = format!("7{:011}", COUNT.fetch_add(1, Ordering::Relaxed));
        let key = emulator.key_of(&account);
        let mut world = Self { emulator, account, key, groups: Default::default() };
        world.groups = [HOME, SCRATCH].map(|region| world.network(region));
        world
    }

    /// A call that must work.
    pub fn call(&self, service: &str, region: &str, form: &[(&str, &str)]) -> String {
        self.emulator
            .call(&self.key, service, region, form)
            .unwrap_or_else(|words| panic!("{form:?}: {words}"))
    }

    /// A subnet group and a key named `drill`; gives a security group.
    fn network(&self, region: &str) -> String {
        let subnets = self.call("ec2", region, &[("Action", "DescribeSubnets")]);
        let network = between(&subnets, "vpcId").expect("a network");
        let form = [
            ("Action", "CreateSecurityGroup"),
            ("GroupName", "drill"),
            ("GroupDescription", "drill"),
            ("VpcId", network),
        ];
        let group = self.call("ec2", region, &form);
        let names = ["1", "2", "3"].map(|number| format!("SubnetIds.SubnetIdentifier.{number}"));
        let ids = subnets.split("<subnetId>").skip(1).filter_map(|rest| rest.split('<').next());
        let mut form = vec![
            ("Action", "CreateDBSubnetGroup"),
            ("DBSubnetGroupName", "drill"),
            ("DBSubnetGroupDescription", "drill"),
        ];
        form.extend(names.iter().map(String::as_str).zip(ids));
        self.call("rds", region, &form);
        let json = |target: &str, body: Value| self.emulator.json(&self.key, "kms", region, target, &body);
        let key = json("TrentService.CreateKey", json!({ "Description": "drill" }));
        let id = &key["KeyMetadata"]["KeyId"];
        let alias = json!({ "AliasName": "alias/drill", "TargetKeyId": id });
        json("TrentService.CreateAlias", alias);
        between(&group, "groupId").expect("a group").to_owned()
    }

    /// A source instance in [`HOME`]: public, protected and with a standby, as no restored one may be.
    pub fn instance(&self, name: &str, engine: &str, version: &str, encrypted: bool) {
        let form = [
            ("Action", "CreateDBInstance"),
            ("DBInstanceIdentifier", name),
            ("DBInstanceClass", "db.m6g.large"),
            ("Engine", engine),
            ("EngineVersion", version),
            ("MasterUsername", "chief"),
            ("MasterUserPassword", PASSWORD),
            ("DBName", name),
            ("AllocatedStorage", "20"),
            ("StorageType", "gp3"),
            ("DBSubnetGroupName", "drill"),
            ("VpcSecurityGroupIds.VpcSecurityGroupId.1", &self.groups[0]),
            ("MultiAZ", "true"),
            ("DeletionProtection", "true"),
            ("PubliclyAccessible", "true"),
            ("BackupRetentionPeriod", "7"),
            ("CopyTagsToSnapshot", "true"),
            ("Tags.Tag.1.Key", "environment"),
            ("Tags.Tag.1.Value", "production"),
        ];
        let key = [("StorageEncrypted", "true"), ("KmsKeyId", "alias/drill")];
        let more = if encrypted { &key[..] } else { &[] };
        self.call("rds", HOME, &[&form[..], more].concat());
        self.available("db", name);
    }

    /// A manual snapshot of a source instance.
    pub fn snapshot(&self, instance: &str, name: &str) {
        let form = [
            ("Action", "CreateDBSnapshot"),
            ("DBInstanceIdentifier", instance),
            ("DBSnapshotIdentifier", name),
        ];
        self.call("rds", HOME, &form);
        self.available("snapshot", name);
        self.available("db", instance);
    }

    fn available(&self, kind: &str, name: &str) {
        eventually(&format!("{kind} {name} is available"), 120, || {
            self.all(kind, HOME).iter().any(|one| one["id"] == name && one["status"] == "available")
        });
    }

    /// A source instance without data and a snapshot of it, `nightly`.
    pub fn hollow(emulator: &'a Emulator) -> Self {
        let world = Self::new(emulator);
        world.instance("orders", "postgres", "16", true);
        world.snapshot("orders", "nightly");
        world
    }

    /// What of that kind there is in a region.
    pub fn all(&self, kind: &str, region: &str) -> Vec<Value> {
        let all = self.emulator.resources(&self.account);
        all.into_iter().filter(|one| one["kind"] == kind && one["region"] == region).collect()
    }

    /// Whether that is there, in whatever state.
    pub fn has(&self, kind: &str, region: &str, name: &str) -> bool {
        self.all(kind, region).iter().any(|one| one["id"] == name)
    }

    /// Instances and snapshots of this account that bear a name or a tag of firedrill's, as `REGION KIND NAME`.
    pub fn left(&self) -> Vec<String> {
        let all = self.emulator.resources(&self.account);
        let tagged = |one: &Value| {
            one["tags"].as_object().is_some_and(|tags| tags.keys().any(|key| key.starts_with("firedrill:")))
        };
        let named = |one: &Value| one["id"].as_str().is_some_and(|id| id.contains("fd-"));
        let mine = all.iter().filter(|one| named(one) || tagged(one));
        mine.map(|one| format!("{} {} {}", word(one, "region"), word(one, "kind"), word(one, "id"))).collect()
    }

    /// Nothing of any drill is left in any region.
    pub fn left_nothing(&self) {
        assert_eq!(self.left(), Vec::<String>::new(), "left in account {}", self.account);
    }

    /// As administrator of a source.
    pub fn sql(&self, instance: &str, sql: &str) {
        let sent = json!({ "instance": instance, "region": HOME, "account": self.account, "database": instance, "sql": sql });
        self.emulator.control("POST sql", &sent);
    }

    /// Changes that snapshot's data, and nothing else of it.
    pub fn tamper(&self, snapshot: &str, database: &str, sql: &str) {
        let sent = json!({ "snapshot": snapshot, "region": HOME, "account": self.account, "database": database, "sql": sql });
        self.emulator.control("POST tamper", &sent);
    }

    /// Behind everybody's back.
    pub fn change(&self, kind: &str, region: &str, id: &str, what: &Value) {
        let mut sent = json!({ "kind": kind, "id": id, "region": region, "account": self.account });
        let all = sent.as_object_mut().expect("an object");
        all.extend(what.as_object().expect("an object").clone());
        self.emulator.control("POST change", &sent);
    }

    /// What befalls the calls of this account.
    pub fn faults(&self, rules: &Value) {
        self.emulator.control("POST faults", &json!({ "account": self.account, "rules": rules }));
    }

    /// How many calls a fault of this account's has befallen.
    pub fn struck(&self) -> u64 {
        let rules = self.emulator.control("GET faults", &json!(null));
        let mine =
            rules.as_array().expect("a list").iter().filter(|rule| rule["of"] == self.account.as_str());
        mine.filter_map(|rule| rule["struck"].as_u64()).sum()
    }

    /// The calls that wait at a `hold_before` or `hold_after`.
    pub fn held(&self) -> Vec<Value> {
        self.emulator.of("GET held", &self.account)
    }

    /// Lets go of them.
    pub fn release(&self) {
        self.emulator.control("POST release", &json!({ "account": self.account }));
    }

    /// The calls of firedrill in this account.
    pub fn calls(&self) -> Vec<Value> {
        let all = self.emulator.calls(&self.account);
        all.into_iter().filter(|call| call["access_key"] != self.key.as_str()).collect()
    }

    /// Those that change something, as `REGION OPERATION NAME`.
    pub fn changes(&self) -> Vec<String> {
        let calls = self.calls();
        let changing = calls.iter().filter(|call| is_change(call));
        changing
            .map(|call| format!("{} {} {}", word(call, "region"), word(call, "operation"), target(call)))
            .collect()
    }

    /// How often firedrill made that call with success.
    pub fn made(&self, operation: &str) -> usize {
        self.calls().iter().filter(|call| call["operation"] == operation && call["status"] == 200).count()
    }

    /// Nothing was changed but in the region of drills, and there only what is named as firedrill names things.
    pub fn touched_scratch_alone(&self) {
        for change in self.changes() {
            let name = change.rsplit(' ').next().unwrap_or_default();
            assert!(change.starts_with(SCRATCH) && name.starts_with("fd-"), "it called {change}");
        }
    }
}

/// Waits until `holds`, and looks no oftener than an emulator with many guests bears.
pub fn eventually(what: &str, seconds: u64, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(seconds), "not within {seconds} s: {what}");
        std::thread::sleep(Duration::from_millis(150));
    }
}

/// Whether a call changes something.
pub fn is_change(call: &Value) -> bool {
    let operation = call["operation"].as_str().unwrap_or_default();
    let reads = ["Describe", "List", "Get", "AssumeRole", "Download"];
    !reads.iter().any(|word| operation.starts_with(word))
}

/// What a call is to make, change or remove.
pub fn target(call: &Value) -> &str {
    let names = [
        "TargetDBSnapshotIdentifier",
        "TargetDBInstanceIdentifier",
        "DBInstanceIdentifier",
        "DBSnapshotIdentifier",
    ];
    names.iter().find_map(|name| call["parameters"][name].as_str()).unwrap_or("?")
}

fn word<'a>(one: &'a Value, key: &str) -> &'a str {
    one[key].as_str().unwrap_or("?")
}

/// A playbook in a data directory of its own, run in an account.
pub struct Drill {
    pub firedrill: Firedrill,
    pub account: String,
    endpoint: String,
    /// The playbook's scratch scope.
    pub scratch: String,
    /// The operator's configuration.
    pub config: String,
    /// More of the playbook's head, whole lines.
    pub head: String,
    /// The steps, in YAML.
    pub steps: String,
}

impl Drill {
    /// Where a drill is allowed in the usual region.
    pub fn new(world: &World<'_>, steps: String) -> Self {
        Self::in_region(world, SCRATCH, steps)
    }

    pub fn in_region(world: &World<'_>, region: &str, steps: String) -> Self {
        let account = &world.account;
        Self {
            firedrill: Firedrill::new(),
            account: account.clone(),
            endpoint: world.emulator.endpoint().to_owned(),
            scratch: format!("{{ account: \"{account}\", region: {region} }}"),
            config: format!(
                "[scratch]\naws = [{{ account = \"{account}\", regions = [\"{region}\"], role = \"arn:aws:iam::{account}:role/drill\" }}]\n\
                 [production]\naws_accounts = [\"123456789012\"]\n"
            ),
            head: String::new(),
            steps,
        }
    }

    /// A restore of `orders` and a step after it.
    pub fn hollow(world: &World<'_>) -> Self {
        let steps = restore(world, SCRATCH, "db", "orders", "");
        Self::new(world, steps + "  - { id: after, needs: [db], run: [\"/bin/true\"] }\n")
    }

    fn write(&self) {
        self.firedrill.write("firedrill.toml", &self.config);
        self.firedrill.write(
            "drill.yaml",
            &format!(
                "apiVersion: firedrill/v1\nkind: Playbook\nmetadata: {{ name: cloud, owner: platform-team }}\n\
                 objectives: {{ rto: 30m, rpo: 26h }}\n{}scratch:\n  aws: {}\nsteps:\n{}",
                self.head, self.scratch, self.steps
            ),
        );
    }

    pub fn command(&self, args: &[&str]) -> Command {
        self.write();
        let mut command = self.firedrill.command(args);
        for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"] {
            command.env_remove(name);
        }
        command
            .env("FIREDRILL_CONFIG", "firedrill.toml")
            .env("LIVE_PASSWORD", PASSWORD)
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        command
    }

    pub fn ask(&self, args: &[&str]) -> Ran {
        Ran::from(self.command(args).output().expect("firedrill starts"))
    }

    pub fn run(&self) -> Ran {
        self.ask(&["run", "drill.yaml"])
    }

    /// The last run's summary.
    pub fn last(&self) -> Value {
        let ran = self.ask(&["show", "last", "--format", "json"]);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"))
    }
}

/// A restore of an instance of [`HOME`], with more keys, each on a line and indented by eight.
pub fn restore(world: &World<'_>, region: &str, step: &str, instance: &str, keys: &str) -> String {
    let (group, key) = match region {
        SCRATCH => (&world.groups[1], ", kms_key: alias/drill"),
        _ => (&world.groups[0], ""),
    };
    format!(
        "  - id: {step}\n    restore:\n      rds:\n        instance: {instance}\n        region: {HOME}\n        \
         into: {{ subnet_group: drill, security_groups: [{group}]{key} }}\n{keys}"
    )
}

/// All of that is said, wherever lines were wrapped.
pub fn says(ran: &Ran, words: &[&str]) {
    let text = words_of(&format!("{} {}", ran.stdout, ran.stderr));
    for word in words {
        assert!(text.contains(word), "`{word}` is missing: {ran}");
    }
}
