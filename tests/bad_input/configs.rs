//! Wrong configurations: what is changed in a right one.

use super::Case;

pub const BASE: &str = r#"playbooks = ["/etc/firedrill/drills"]

[scratch]
aws = [{ account = "210987654321", regions = ["eu-central-1"] }]
kubernetes = [{ context = "drill", namespaces = ["drill-*"] }]
folders = ["/var/lib/firedrill/scratch"]

[production]
aws_accounts = ["123456789012"]
kubernetes_contexts = ["prod"]
folders = ["/var/lib/orders"]

[commands]
allowed = ["/usr/bin/*"]

[serve]
listen = "127.0.0.1:8080"

[[notify]]
webhook = { url_env = "SLACK_URL", on = ["failed", "objective_missed", "leaked"] }
"#;

#[rustfmt::skip]
pub const CASES: &[Case] = &[
    ("toml: wrong syntax in two places", &[("playbooks = [", "playbooks = "), ("listen = ", "listen = = ")]),
    ("toml: unknown keys everywhere", &[("[commands]", "[comands]"), ("regions =", "region ="), ("listen", "listn")]),
    ("toml: a key twice", &[("[serve]\n", "[serve]\nlisten = \"127.0.0.1:1\"\n")]),
    ("toml: wrong types", &[("[\"/etc/firedrill/drills\"]", "\"/etc/firedrill/drills\""), ("\"127.0.0.1:8080\"", "8080")]),
    ("toml: scratch and production are one account", &[("123456789012", "210987654321")]),
    ("toml: scratch and production are one cluster", &[("[\"prod\"]", "[\"prod\", \"drill\"]")]),
    ("toml: scratch lies in production", &[("/var/lib/orders", "/var/lib/firedrill")]),
    ("toml: production lies in scratch", &[("/var/lib/orders", "/var/lib/firedrill/scratch/orders")]),
    ("toml: a relative scratch folder", &[("/var/lib/firedrill/scratch", "scratch")]),
    ("toml: a scratch folder that climbs", &[("/var/lib/firedrill/scratch", "/var/lib/x/../orders")]),
    ("toml: everything is scratch", &[("\"/var/lib/firedrill/scratch\"", "\"/\", \"/tmp\"")]),
    ("toml: every namespace is scratch", &[("\"drill-*\"", "\"*\"")]),
    ("toml: an account that is a number", &[("\"210987654321\"", "10987654321")]),
    ("toml: no regions", &[("[\"eu-central-1\"]", "[]")]),
    ("toml: a program without a folder", &[("/usr/bin/*", "restic")]),
    ("toml: a glob that is wrong", &[("/usr/bin/*", "/usr/bin/***")]),
    ("toml: a name for an address", &[("127.0.0.1:8080", "localhost:8080")]),
    ("toml: open to the world without a token", &[("127.0.0.1:8080", "0.0.0.0:8080")]),
    ("toml: a token in the file", &[("listen = ", "token = \"hunter2\"\nlisten = ")]),
    ("toml: the url of a webhook in the file", &[("url_env = \"SLACK_URL\"", "url = \"https://hooks.example.com/T0/hunter2\"")]),
    ("toml: a url for the name of a variable", &[("\"SLACK_URL\"", "\"https://hooks.example.com/T0\"")]),
    ("toml: an unknown occasion", &[("\"failed\"", "\"fail\"")]),
    ("toml: a webhook without an occasion", &[(", on = [\"failed\", \"objective_missed\", \"leaked\"]", "")]),
];
