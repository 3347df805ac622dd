//! Wrong playbooks: what is changed in a right one.

use super::Case;

pub const BASE: &str = r#"apiVersion: firedrill/v1
kind: Playbook
metadata:
  name: orders
  description: Orders
  owner: platform-team
scenario: The disk is lost.
controls: [SOC2:A1.3, DORA:11]
objectives: { rto: 2h, rpo: 15m }
schedule:
  cron: "0 0 9 1-7 1,4,7,10 MON"
  timezone: Europe/Berlin
  unannounced: { window: 10d, between: ["09:00", "17:00"], days: [mon, tue] }
  blackout: [{ from: 2026-12-20, to: 2027-01-03, reason: peak season }]
  missed: run_once
limits: { max_duration: 6h, keep_on_failure: 4h, max_cost_usd: 40 }
scratch:
  aws: { account: "210987654321", region: eu-central-1 }
  kubernetes: { context: drill, namespaces: ["drill-*"] }
  folder: work
steps:
  - id: database
    restore:
      sqlite:
        backup: backups/orders-*.db
        timestamp: "%Y%m%dT%H%M%SZ"
        recovery_point: latest
        max_age: 26h
  - id: intact
    needs: [database]
    retry: { attempts: 2, backoff: 5s, max_backoff: 1m }
    verify:
      sql:
        database: database
        checks:
          - { name: all rows, fingerprint: { tables: [orders, lines] }, expect: baseline }
          - { name: books, query: "select sum(debit) - sum(credit) from ledger", expect: { equals: 0 } }
          - { name: fresh, freshness: "select max(created_at) from orders", max_age: 1h }
  - id: files
    restore:
      command:
        recovery_point: { random_within: 30d }
        commands:
          recovery_point: [restic, snapshots, --json]
          acquire: { argv: [restic, restore, "{{ recovery_point.id }}"], env: { RESTIC_PASSWORD: { env: RESTIC } } }
          release: { shell: "rm -rf work/{{ run.id }}", timeout: 5m }
  - id: smoke
    needs: [intact, files]
    run: [./smoke.sh, "{{ steps.database.path }}"]
  - id: shop
    needs: [smoke]
    verify:
      http:
        url: "http://localhost:8080/health"
        method: POST
        headers: { Authorization: { env: TOKEN } }
        body: "{}"
        status: 200
        body_matches: "^ok"
        within: 2m
  - id: sign-off
    needs: [shop]
    approve: { question: "Did the on-call engineer reach the runbook?", timeout: 30m }
"#;

const SQLITE: &str = "      sqlite:
        backup: backups/orders-*.db
        timestamp: \"%Y%m%dT%H%M%SZ\"
        recovery_point: latest
        max_age: 26h
";

const FINGERPRINT: &str = "{ name: all rows, fingerprint: { tables: [orders, lines] }, expect: baseline }";
const BOOKS: &str =
    "{ name: books, query: \"select sum(debit) - sum(credit) from ledger\", expect: { equals: 0 } }";
const FRESH: &str = "{ name: fresh, freshness: \"select max(created_at) from orders\", max_age: 1h }";
const APPROVE: &str = "approve: { question: \"Did the on-call engineer reach the runbook?\", timeout: 30m }";

#[rustfmt::skip]
pub const CASES: &[Case] = &[
    // The text.
    ("empty file", &[(BASE, "")]),
    ("only a comment", &[(BASE, "# nothing yet\n")]),
    ("a list", &[(BASE, "- a\n- b\n")]),
    ("a text", &[(BASE, "hello")]),
    ("two documents", &[("steps:\n", "---\nsteps:\n")]),
    ("a tab", &[("  name: orders", "\tname: orders")]),
    ("an open bracket", &[("[SOC2:A1.3, DORA:11]", "[SOC2:A1.3, DORA:11")]),
    ("an open quote", &[("Europe/Berlin", "\"Europe/Berlin")]),
    ("a colon in a text", &[("The disk is lost.", "note: the disk: lost")]),
    ("a cron word without quotes", &[("\"0 0 9 1-7 1,4,7,10 MON\"", "@quarterly")]),
    ("a cron text that begins with a star", &[("\"0 0 9 1-7 1,4,7,10 MON\"", "*/5 * * * * *")]),
    ("a reference without quotes", &[("\"http://localhost:8080/health\"", "{{ steps.database.path }}")]),
    ("an unknown alias", &[("Europe/Berlin", "*zone")]),
    ("an alias within itself", &[("[SOC2:A1.3, DORA:11]", "&a [*a]")]),
    ("a merge key", &[("  name: orders", "  <<: { owner: x }\n  name: orders")]),
    ("a tag", &[("The disk is lost.", "!secret disk")]),
    ("a key that is a list", &[("  name: orders", "  [a, b]: c\n  name: orders")]),
    ("wrong indentation", &[("  name: orders\n", "  name: orders\n   more: x\n")]),
    ("a sign that drives the terminal", &[("name: orders", "name: \"\\e[31morders\"")]),
    // Keys.
    ("unknown keys everywhere", &[
        ("kind: Playbook", "kind: Playbook\nversion: 3"),
        ("owner:", "ownr:"),
        ("timezone: Europe", "time_zone: Europe"),
        ("max_age: 26h", "maxAge: 26h"),
        ("needs: [database]", "need: [database]"),
    ]),
    ("duplicate keys", &[("  owner: platform-team", "  owner: platform-team\n  owner: other-team")]),
    ("missing keys", &[("apiVersion: firedrill/v1\n", ""), ("  name: orders\n", ""), ("rto: 2h, ", ""), ("backup: backups", "backups: backups")]),
    ("no steps", &[(BASE_STEPS, "")]),
    ("steps are empty", &[(BASE_STEPS, "steps: []\n")]),
    ("a key without a value", &[("  owner: platform-team", "  owner:")]),
    ("another version", &[("firedrill/v1", "firedrill/v2")]),
    ("another kind", &[("kind: Playbook", "kind: playbook")]),
    ("a list for a map", &[("{ rto: 2h, rpo: 15m }", "[2h, 15m]")]),
    ("a text for a list", &[("needs: [database]", "needs: database")]),
    ("a map for a text", &[("scenario: The disk is lost.", "scenario: { disk: lost }")]),
    ("a blank text", &[("The disk is lost.", "\"  \"")]),
    ("yes for true", &[(FRESH, "{ name: fresh, required: yes, freshness: select 1 }")]),
    // Metadata, objectives, limits.
    ("a name with capitals and dots", &[("name: orders", "name: Orders.EU")]),
    ("an unknown sample", &[("  owner: platform-team", "  sample: order")]),
    ("controls without framework", &[("[SOC2:A1.3, DORA:11]", "[A1.3, \"SOC2: A1.3\", SOC2: A1.3]")]),
    ("durations without or with wrong units", &[("rto: 2h", "rto: 120"), ("rpo: 15m", "rpo: 15min"), ("6h", "1.5h"), ("26h", "a while")]),
    ("durations out of bounds", &[("rto: 2h", "rto: 0s"), ("rpo: 15m", "rpo: 99999999d"), ("6h", "-1h")]),
    ("no objectives", &[("objectives: { rto: 2h, rpo: 15m }\n", "")]),
    ("objectives without any", &[("{ rto: 2h, rpo: 15m }", "{}")]),
    ("stopped before the objective", &[("6h", "1h")]),
    ("a step longer than the run", &[("    needs: [intact, files]", "    needs: [intact, files]\n    timeout: 7h")]),
    ("a cost with a sign", &[("max_cost_usd: 40", "max_cost_usd: $40")]),
    // Schedule.
    ("five cron fields", &[("0 0 9 1-7 1,4,7,10 MON", "0 9 * * 1")]),
    ("two cron fields", &[("0 0 9 1-7 1,4,7,10 MON", "0 9")]),
    ("a wrong cron field", &[("0 0 9 1-7 1,4,7,10 MON", "0 0 9 1-7 13 MON")]),
    ("a wrong day in cron", &[("0 0 9 1-7 1,4,7,10 MON", "0 0 9 * * MONTAG")]),
    ("a cron that never fires", &[("0 0 9 1-7 1,4,7,10 MON", "0 0 9 30 2 *")]),
    ("a cron that is past", &[("0 0 9 1-7 1,4,7,10 MON", "0 0 9 1 1 * 2024")]),
    ("an unknown cron word", &[("0 0 9 1-7 1,4,7,10 MON", "@quaterly")]),
    ("an unknown zone", &[("Europe/Berlin", "Europe/Belrin")]),
    ("a zone by its city", &[("Europe/Berlin", "berlin")]),
    ("a day that is over before it begins", &[("[\"09:00\", \"17:00\"]", "[\"17:00\", \"09:00\"]")]),
    ("a time of day that is none", &[("[\"09:00\", \"17:00\"]", "[9, \"25:00\"]")]),
    ("an unknown day", &[("days: [mon, tue]", "days: [monday, tue, tues]")]),
    ("a day twice", &[("days: [mon, tue]", "days: [mon, mon]")]),
    ("a window without an allowed day", &[("0 0 9 1-7 1,4,7,10 MON", "0 0 9 * * WED"), ("10d", "1d")]),
    ("a window longer than the time between fires", &[("0 0 9 1-7 1,4,7,10 MON", "@weekly")]),
    ("a blackout that ends before it begins", &[("to: 2027-01-03", "to: 2026-01-03")]),
    ("a day that is not in the calendar", &[("from: 2026-12-20", "from: 2026-02-30")]),
    ("an unknown way with missed fires", &[("missed: run_once", "missed: runonce")]),
    // Scratch.
    ("an account that lost its zeros", &[("\"210987654321\"", "10987654321")]),
    ("an account with dashes", &[("\"210987654321\"", "2109-8765-4321")]),
    ("a zone for a region", &[("region: eu-central-1", "region: eu-central-1a")]),
    ("every namespace", &[("\"drill-*\"", "\"*\"")]),
    // The graph.
    ("an unknown step in needs", &[("needs: [intact, files]", "needs: [intakt, files]")]),
    ("a step that needs itself", &[("needs: [intact, files]", "needs: [intact, files, smoke]")]),
    ("a need twice", &[("needs: [intact, files]", "needs: [intact, files, intact]")]),
    ("a circle", &[("  - id: database\n", "  - id: database\n    needs: [shop]\n")]),
    ("two steps of one name", &[("id: files", "id: intact")]),
    ("a step id with an underscore", &[("id: sign-off", "id: sign_off")]),
    ("a step that does nothing", &[(APPROVE, "required: true")]),
    ("a step that does two things", &[(APPROVE, "approve: { question: Yes? }\n    run: [x]")]),
    ("a misspelt step", &[(APPROVE, "aprove: { question: Yes? }")]),
    ("a step that is a text", &[("  - id: sign-off\n    needs: [shop]\n    ", "  - sign-off\n  - id: sign-off\n    ")]),
    ("a verify step that needs no restore", &[("    needs: [smoke]\n", "")]),
    ("a database that is not needed", &[("    needs: [database]\n", "    needs: [files]\n")]),
    ("a database that is unknown", &[("database: database", "database: databas")]),
    ("a database that is no restore", &[("database: database", "database: smoke")]),
    ("nothing is restored", &[(BASE_STEPS, "steps:\n  - id: x\n    run: [x]\n")]),
    ("nothing is proven", &[(BASE_STEPS, "steps:\n  - id: x\n    restore: { sqlite: { backup: x.db } }\n")]),
    ("nothing that is required is proven", &[(BASE_STEPS, "steps:\n  - id: x\n    restore: { sqlite: { backup: x.db } }\n  - id: y\n    needs: [x]\n    required: false\n    run: [x]\n")]),
    ("a restore that nothing looks at", &[("needs: [intact, files]", "needs: [intact]")]),
    ("retries that shrink", &[("max_backoff: 1m", "max_backoff: 1s"), ("attempts: 2", "attempts: 0")]),
    ("an approval that is tried again", &[(APPROVE, "retry: { attempts: 2 }\n    timeout: 5m\n    approve: { question: Yes? }")]),
    // References.
    ("a reference to an unknown step", &[("steps.database.path", "steps.databse.path")]),
    ("a reference to a step that is not needed", &[("    needs: [intact, files]\n    run", "    needs: [files]\n    run")]),
    ("a reference to an unknown output", &[("steps.database.path", "steps.database.pth")]),
    ("a reference to a verify step", &[("steps.database.path", "steps.intact.path")]),
    ("a reference to itself", &[("steps.database.path", "steps.smoke.path")]),
    ("a reference to nothing", &[("{{ steps.database.path }}", "{{ database.path }}")]),
    ("a reference that is not closed", &[("{{ steps.database.path }}", "{{ steps.database.path")]),
    ("a recovery point of no restore", &[("{{ steps.database.path }}", "{{ recovery_point.time }}")]),
    ("a recovery point that is not chosen yet", &[("snapshots, --json", "snapshots, \"{{ recovery_point.id }}\"")]),
    // Restores.
    ("an unknown source", &[("      sqlite:", "      sqlit:")]),
    ("two sources", &[("      sqlite:", "      rds: { instance: a }\n      sqlite:")]),
    ("a restore of nothing", &[(SQLITE, "      {}\n")]),
    ("a point in time of a file", &[("recovery_point: latest", "recovery_point: { point_in_time: latest }")]),
    ("a misspelt recovery point", &[("recovery_point: latest", "recovery_point: lastest")]),
    ("a recovery point before no moment", &[("recovery_point: latest", "recovery_point: { before: yesterday }")]),
    ("a fixed point with an age", &[("recovery_point: latest", "recovery_point: { id: orders-1.db }")]),
    ("a pattern that tells no day", &[("%Y%m%dT%H%M%SZ", "%H%M")]),
    ("a pattern with unknown letters", &[("%Y%m%dT%H%M%SZ", "%Y%m%d%Ö")]),
    ("a zone without a pattern", &[("timestamp: \"%Y%m%dT%H%M%SZ\"", "timezone: UTC")]),
    ("a glob that is wrong", &[("orders-*.db", "orders-[.db")]),
    ("the live database as its own backup", &[("backups/orders-*.db", "x.db\n        live: x.db")]),
    ("a velero restore over itself", &[(SQLITE, "      velero: { schedule: shop, namespaces: { shop: shop } }\n")]),
    ("an rds restore with faults", &[(SQLITE, "      rds: { instnce: x, region: Frankfurt, into: { clas: db.t3 } }\n")]),
    ("an aurora restore with faults", &[(SQLITE, "      aurora: { cluster: x, into: { serverless: { min: 4, max: 2 } } }\n")]),
    ("a dump with a password", &[(SQLITE, "      postgres_dump: { backup: x, into: { host: db, password: hunter2 } }\n")]),
    ("a backup plan without a resource", &[(SQLITE, "      aws_backup: { vault: x, resource: orders }\n")]),
    // Commands.
    ("a command as one text", &[("run: [./smoke.sh, \"{{ steps.database.path }}\"]", "run: ./smoke.sh --all")]),
    ("an empty command", &[("run: [./smoke.sh, \"{{ steps.database.path }}\"]", "run: []")]),
    ("a command in two ways", &[("shell: \"rm", "argv: [x], shell: \"rm")]),
    ("a reference pasted into a shell", &[("[./smoke.sh, \"{{ steps.database.path }}\"]", "[sh, -c, \"ls {{ steps.database.path }}\"]")]),
    ("commands without the release", &[("          release: {", "          relase: {")]),
    ("a secret in the environment", &[("{ env: RESTIC }", "hunter2")]),
    ("a secret as the name of a variable", &[("{ env: RESTIC }", "{ env: \"hunter2!\" }")]),
    ("a variable that can't be", &[("RESTIC_PASSWORD:", "RESTIC-PASSWORD:")]),
    ("exit codes out of range", &[("timeout: 5m", "success: [0, 300]")]),
    // Checks.
    ("no checks", &[(FINGERPRINT, ""), (BOOKS, ""), (FRESH, ""), ("checks:\n          - \n          - \n          - \n", "checks: []\n")]),
    ("two checks of one name", &[("name: books", "name: all rows")]),
    ("a check without a name", &[("{ name: books, ", "{ ")]),
    ("a check of nothing", &[(BOOKS, "{ name: books, expect: { equals: 0 } }")]),
    ("a check without an expectation", &[(", expect: { equals: 0 }", ""), (", expect: baseline", "")]),
    ("two expectations", &[("{ equals: 0 }", "{ min: 0, max: 3 }")]),
    ("an unknown expectation", &[("{ equals: 0 }", "{ equal: 0 }")]),
    ("an expectation without its key", &[("{ equals: 0 }", "0")]),
    ("bounds the wrong way", &[("{ equals: 0 }", "{ between: [5, 1] }")]),
    ("bounds of two kinds", &[("{ equals: 0 }", "{ between: [5, abc] }")]),
    ("rows the wrong way", &[("{ equals: 0 }", "{ rows: { min: 5, max: 1 } }")]),
    ("a number beyond 64 bits", &[("{ equals: 0 }", "{ equals: 123456789012345678901234567890 }")]),
    ("a number that is none", &[("{ equals: 0 }", "{ equals: .nan }")]),
    ("a regular expression that does not compile", &[("{ equals: 0 }", "{ matches: \"(a\" }")]),
    ("the source is not at hand", &[("expect: baseline", "expect: source")]),
    ("a misspelt baseline", &[("expect: baseline", "expect: basline")]),
    ("a digest without algorithm", &[("{ tables: [orders, lines] }, expect: baseline", "{ tables: [orders] }, expect: { digest: 0123 }")]),
    ("one digest for two tables", &[("expect: baseline", "expect: { digest: \"fd1:0123456789abcdef\" }")]),
    ("a table twice", &[("[orders, lines]", "[orders, orders]")]),
    ("an excluded column of no table", &[("[orders, lines] }", "[orders, lines], exclude: [order.seen] }")]),
    ("an excluded column without its table", &[("[orders, lines] }", "[orders, lines], exclude: [seen] }")]),
    ("every table is not asked for", &[("tables: [orders, lines]", "all_tables: false")]),
    ("freshness with an expectation", &[("max_age: 1h }", "expect: { min: 0 } }")]),
    ("a query with an age", &[("expect: { equals: 0 }", "expect: { equals: 0 }, max_age: 1h")]),
    ("a statement that is none", &[("select max(created_at) from orders", ";")]),
    ("a password in the playbook", &[("database: database", "database: database\n        password: hunter2")]),
    ("a password in a block of text", &[("database: database", "database: database\n        password: |\n          hunter2")]),
    ("two sources of a password", &[("database: database", "database: database\n        password: { env: A, file: b }")]),
    ("a password that is not reset", &[("database: database", "database: database\n        password: { reset: false }")]),
    ("too many at once", &[("database: database", "database: database\n        parallel: 17")]),
    // HTTP.
    ("a url without a scheme", &[("http://localhost:8080/health", "localhost/health")]),
    ("a url of another scheme", &[("http://localhost:8080/health", "ftp://localhost/health")]),
    ("a url with a password", &[("http://localhost:8080/health", "http://me:hunter2@localhost/")]),
    ("a method in small letters", &[("method: POST", "method: post")]),
    ("a status that is none", &[("status: 200", "status: 20")]),
    ("a body without a method", &[("        method: POST\n", "")]),
    ("a secret header", &[("{ env: TOKEN }", "Bearer hunter2")]),
    ("a header that can't be", &[("Authorization:", "\"X Y\":")]),
];

/// All of the steps, to be replaced as a whole.
const BASE_STEPS: &str = steps();

const fn steps() -> &'static str {
    let (_, steps) = BASE.split_at(at());
    steps
}

const fn at() -> usize {
    let bytes = BASE.as_bytes();
    let mut i = 0;
    while i + 6 < bytes.len() {
        if bytes[i] == b'\n'
            && bytes[i + 1] == b's'
            && bytes[i + 2] == b't'
            && bytes[i + 3] == b'e'
            && bytes[i + 4] == b'p'
        {
            return i + 1;
        }
        i += 1;
    }
    0
}
