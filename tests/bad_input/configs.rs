//! Wrong configurations: what is changed in a right one.

use super::Case;

pub const BASE: &str = r#"playbooks = ["/etc/firedrill/drills"]

[scratch]
aws = [{ account = "210987654321", regions = ["eu-central-1"] }]
kubernetes = [{ context = "drill", namespaces = ["drill-*"] }]
folders = ["/var/lib/firedrill/scratch"]
postgres = [
  { host = "127.0.0.1", port = 5433, user = "drill", password = { env = "DRILL_PG" }, databases = ["fd_*"], identity = "7301245678901234567" },
  { host = "pg.scratch", tls = "verify-full", ca = "/etc/firedrill/ca.pem" },
]
mysql = [{ host = "/run/scratch.sock" }]

[production]
aws_accounts = ["123456789012"]
kubernetes_contexts = ["prod"]
folders = ["/var/lib/orders"]
servers = ["db.internal:5432", "db.internal", "[::1]:5432"]

[commands]
allowed = ["/usr/bin/*"]

[tools]
postgres = "/usr/lib/postgresql/15/bin"
mysql = "/usr/bin"

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
    ("toml: a scratch server that is production", &[("host = \"pg.scratch\"", "host = \"DB.internal\"")]),
    ("toml: a scratch server that is production by its port", &[("db.internal:5432", "127.0.0.1:5433")]),
    ("toml: a scratch server that is production by another name", &[("db.internal:5432", "localhost:5433")]),
    ("toml: a scratch socket of a machine that is production", &[("\"db.internal\"", "\"localhost\"")]),
    ("toml: a scratch server twice", &[("\"pg.scratch\",", "\"127.0.0.1\", port = 5433,")]),
    ("toml: a scratch server with faults", &[("port = 5433", "prt = 5433"), ("tls = \"verify-full\"", "tls = \"verify\""), ("\"/etc/firedrill/ca.pem\"", "\"ca.pem\""), ("/run/scratch.sock", "scratch.sock:1")]),
    ("toml: a scratch server without a host", &[("host = \"pg.scratch\", ", "")]),
    ("toml: a scratch server by its name alone", &[("[{ host = \"/run/scratch.sock\" }]", "[\"127.0.0.1:3307\"]")]),
    ("toml: the password of a server in the file", &[("{ env = \"DRILL_PG\" }", "\"hunter2\"")]),
    ("toml: a password that only AWS has", &[("{ env = \"DRILL_PG\" }", "{ reset = true }")]),
    ("toml: a password in a file that is not absolute", &[("{ env = \"DRILL_PG\" }", "{ file = \"secret\" }")]),
    ("toml: other databases than firedrill's own", &[("\"fd_*\"", "\"*\"")]),
    ("toml: an identity that is none", &[("7301245678901234567", "pg-15-main")]),
    ("toml: a production server that is a url", &[("\"db.internal:5432\"", "\"postgres://ro:hunter2@db.internal\"")]),
    ("toml: a production server with a port that is none", &[("db.internal:5432", "db.internal:postgres")]),
    ("toml: production servers as a text", &[("[\"db.internal:5432\", \"db.internal\", \"[::1]:5432\"]", "\"db.internal\"")]),
    ("toml: a program for the folder of tools", &[("15/bin", "15/bin/pg_restore")]),
    ("toml: tools in a folder that is not absolute", &[("\"/usr/bin\"\n\n[serve]", "\"bin\"\n\n[serve]")]),
    ("toml: tools of another database", &[("mysql = \"/usr/bin\"", "mariadb = \"/usr/bin\"")]),
    ("toml: a webhook without an occasion", &[(", on = [\"failed\", \"objective_missed\", \"leaked\"]", "")]),
];
