//! Verify steps: what is looked at, and which checks are made.

use super::{
    dumps,
    expectations::{BETWEEN, Choice, EQUALS, MATCHES, MAX, MIN, ROWS, expectation},
    fingerprints::{
        DIGEST, Print, SERVERS_ONLY, digest, fingerprint, fingerprint_expect, other_side, schema,
    },
    http::http,
    model::{
        Check, CheckKind, DatabaseSubject, Expectation, FingerprintExpect, Password, RowCount, SchemaCheck,
        Subject, Verify,
    },
    secrets,
    template::Template,
    values,
};
use crate::document::read::{Fields, Reader};

/// A verify step.
pub(super) fn verify(r: &mut Reader<'_>) -> Option<Verify> {
    r.fields("a verify step", |m| {
        m.one_of(&[
            ("sql", "Checks on a restored database.", sql),
            ("http", "A request, and what must come back.", http),
            ("kubernetes", "What must be so in the cluster.", kubernetes),
        ])
    })
}

/// What `database` names is set aside under this word, for the look at the whole graph.
pub(super) const DATABASE: &str = "a database";
/// Ways to a password that only databases have which AWS manages.
pub(super) const MANAGED: &str = "for managed databases only";

fn sql(r: &mut Reader<'_>) -> Option<Verify> {
    r.fields("an sql verification", |m| {
        let step = m.need("database", "The restore step that gives the database.", |r| {
            let step = values::step_id(r)?;
            r.note(step.value.as_str(), DATABASE);
            Some(step.value)
        });
        let name = m.opt("name", "The database on the server; not for SQLite.", values::words_of);
        let user = m.opt("user", "Who logs in; not for SQLite.", values::words_of);
        let password = m.opt("password", "Where the password comes from; not for SQLite.", password);
        let tls = m.opt("tls", "How the connection is secured; as the restore's where left out.", dumps::tls);
        let ca = m.opt("ca", "The certificates of the authorities to trust; as the restore's.", values::path);
        for key in ["tls", "ca"] {
            m.note(key, SERVERS_ONLY);
        }
        let parallel = m.opt("parallel", "How many checks run at the same time; 1 where left out.", |r| {
            r.integer(1, 16).and_then(|n| u32::try_from(n).ok())
        });
        let checks = m.need("checks", "The checks, in order.", checks);
        let subject = Subject::Database(DatabaseSubject { step: step?, name, user, password, tls, ca });
        Some(Verify { subject, checks: checks?, parallel: parallel.unwrap_or(1) })
    })
}

/// Where the password comes from. Whether that can be is known once the restore step is.
fn password(r: &mut Reader<'_>) -> Option<Password> {
    let password = secrets::password(r)?;
    let managed = match password {
        Password::Reset => Some("reset"),
        Password::SecretsManager(_) => Some("secrets_manager"),
        Password::Iam => Some("iam"),
        Password::Env(_) | Password::File(_) => None,
    };
    if let Some(word) = managed {
        r.note(word, MANAGED);
    }
    Some(password)
}

/// Names of checks are set aside under this word: they must differ, also where a check is wrong otherwise.
pub(super) const CHECK_NAME: &str = "the name of a check";

fn checks(r: &mut Reader<'_>) -> Option<Vec<Check>> {
    r.list(1, check)
}

fn check_name(r: &mut Reader<'_>) -> Option<String> {
    let name = values::words_of(r)?;
    r.note(&name, CHECK_NAME);
    Some(name)
}

/// What a check looks at, before its expectation is read.
enum Look {
    Integrity,
    Schema(Vec<String>),
    Sequences,
    /// Whether rows are named by the digest of their key.
    References(bool),
    Fingerprint(Print),
    Query(Template),
    Freshness(Template),
}

/// What a check expects.
enum Expect {
    Fingerprint(FingerprintExpect),
    Query(Expectation),
}

/// What a check can look at: its key, what it means, and how it is read.
const LOOKS: [Choice<Look>; 7] = [
    ("fingerprint", "The digest and row count of tables or of a query.", |r| {
        fingerprint(r).map(Look::Fingerprint)
    }),
    ("query", "A statement with one answer.", |r| values::sql(r).map(Look::Query)),
    ("freshness", "A statement that gives the newest moment in the data.", |r| {
        values::sql(r).map(Look::Freshness)
    }),
    ("integrity", "The engine's own check of its storage and indexes.", |r| {
        values::only_true(r).map(|()| Look::Integrity)
    }),
    ("schema", "Tables, columns, constraints, indexes, functions, grants; not for SQLite.", |r| {
        schema(r).map(Look::Schema)
    }),
    ("sequences", "Every sequence is beyond the largest value of its column; not for SQLite.", |r| {
        values::only_true(r).map(|()| Look::Sequences)
    }),
    ("references", "Every foreign key finds its row; not for SQLite.", |r| {
        references(r).map(Look::References)
    }),
];

fn check(r: &mut Reader<'_>) -> Option<Check> {
    r.fields("a check", |m| {
        let name = m.need("name", "A name, unique within the step.", check_name);
        let required =
            m.opt("required", "Whether the verdict depends on it; true where left out.", values::boolean);
        let timeout = m.opt("timeout", "How long the statement may take.", values::duration);
        let look = m.one_of(&LOOKS);
        let kind = LOOKS.iter().map(|(key, ..)| *key).find(|key| m.has(key)).unwrap_or("");
        let expect = match kind {
            "fingerprint" | "schema" => {
                m.opt("expect", EXPECT, |r| fingerprint_expect(r).map(Expect::Fingerprint))
            }
            "query" => m.opt("expect", EXPECT, |r| expectation(r).map(Expect::Query)),
            _ => m.opt("expect", EXPECT, |r| {
                let side = |r: &mut Reader<'_>| other_side(r).map(Expect::Fingerprint);
                r.forms("an expectation", Some(side), None, Some(any_expectation))
            }),
        };
        let allow_empty =
            m.opt("allow_empty", "Whether no row at all is fine; false where left out.", values::boolean);
        let max_age = m.opt("max_age", "For freshness: older than this, the check fails.", values::duration);
        for key in ["schema", "sequences", "references"] {
            m.note(key, SERVERS_ONLY);
        }
        fitting(m, kind);
        let allow_empty = allow_empty.unwrap_or(false);
        let kind = match (look?, expect) {
            (Look::Fingerprint(print), Some(Expect::Fingerprint(expect))) => {
                CheckKind::Fingerprint(print.expecting(m, expect, allow_empty))
            }
            (Look::Schema(exclude), Some(Expect::Fingerprint(expect))) => {
                CheckKind::Schema(SchemaCheck { expect, exclude })
            }
            (Look::Query(sql), Some(Expect::Query(expect))) => {
                let none = matches!(expect, Expectation::Rows(RowCount { max: Some(0), .. }));
                if allow_empty
                    && !none
                    && matches!(expect, Expectation::Rows(RowCount { min: Some(1..), .. }))
                {
                    m.error(
                        "allow_empty",
                        "`allow_empty` beside a least number of rows",
                        "leave one of the two out",
                    );
                }
                // Asking for no rows is asking for emptiness.
                CheckKind::Query { sql, expect, allow_empty: allow_empty || none }
            }
            (Look::Freshness(sql), _) => CheckKind::Freshness { sql, max_age },
            (Look::Integrity, _) => CheckKind::Integrity,
            (Look::Sequences, _) => CheckKind::Sequences,
            (Look::References(redact_keys), _) => CheckKind::References { redact_keys },
            _ => return None,
        };
        Some(Check { name: name?, required: required.unwrap_or(true), timeout, kind })
    })
}

/// `true`, or how keys are named: whether by their digest.
fn references(r: &mut Reader<'_>) -> Option<bool> {
    r.forms(
        "`true` or { redact: keys }",
        Some(|r| values::only_true(r).map(|()| false)),
        None,
        Some(|r| {
            r.fields("the references", |m| {
                m.need("redact", "Rows that refer to nothing are counted, and not named.", |r| {
                    r.word(&[("keys", true)])
                })
            })
        }),
    )
}

/// Which keys a check of that kind must and can't have.
fn fitting(m: &mut Fields<'_, '_>, kind: &str) {
    let by_itself = "leave it out: it passes where nothing is wrong";
    match kind {
        "freshness" => {
            m.forbid(&["expect"], "beside `freshness`", "give `max_age` if the data must not be older");
            m.forbid(&["allow_empty"], "beside `freshness`", "leave it out: no moment is never fresh");
        }
        "integrity" => m.forbid(&["expect", "allow_empty"], "beside `integrity`", by_itself),
        "sequences" => m.forbid(&["expect", "allow_empty"], "beside `sequences`", by_itself),
        "references" => m.forbid(&["expect", "allow_empty"], "beside `references`", by_itself),
        "schema" => m.forbid(&["allow_empty"], "beside `schema`", "leave it out: no row is looked at"),
        _ => {}
    }
    if !matches!(kind, "freshness" | "") {
        m.forbid(&["max_age"], "here", "it belongs to `freshness`");
    }
    if matches!(kind, "fingerprint" | "query" | "schema") && !m.has("expect") {
        let help = if kind == "query" {
            "add `expect: { equals: … }`, or `min`, `max`, `between`, `matches` or `rows`"
        } else {
            "add `expect: baseline`; `firedrill baseline` takes it on the source"
        };
        m.error(kind, "a check without `expect` proves nothing", help);
    }
}

const EXPECT: &str = "What must come out: `baseline`, `source` or a digest, or for a query a condition.";

/// Every expectation there is, where the kind of the check is not known.
fn any_expectation(r: &mut Reader<'_>) -> Option<Expect> {
    r.fields("an expectation", |m| {
        m.one_of(&[
            ("digest", DIGEST, |r| {
                digest(r).map(|text| Expect::Fingerprint(FingerprintExpect::Digest(text)))
            }),
            EQUALS_E,
            MIN_E,
            MAX_E,
            BETWEEN_E,
            MATCHES_E,
            ROWS_E,
        ])
    })
}

const EQUALS_E: Choice<Expect> = (EQUALS.0, EQUALS.1, |r| (EQUALS.2)(r).map(Expect::Query));
const MIN_E: Choice<Expect> = (MIN.0, MIN.1, |r| (MIN.2)(r).map(Expect::Query));
const MAX_E: Choice<Expect> = (MAX.0, MAX.1, |r| (MAX.2)(r).map(Expect::Query));
const BETWEEN_E: Choice<Expect> = (BETWEEN.0, BETWEEN.1, |r| (BETWEEN.2)(r).map(Expect::Query));
const MATCHES_E: Choice<Expect> = (MATCHES.0, MATCHES.1, |r| (MATCHES.2)(r).map(Expect::Query));
const ROWS_E: Choice<Expect> = (ROWS.0, ROWS.1, |r| (ROWS.2)(r).map(Expect::Query));

/// A step with one check, which is named by itself.
pub(super) fn one(
    subject: Subject,
    name: String,
    required: Option<bool>,
    timeout: Option<crate::time::Period>,
    kind: CheckKind,
) -> Verify {
    let check = Check { name, required: required.unwrap_or(true), timeout, kind };
    Verify { subject, checks: vec![check], parallel: 1 }
}

fn kubernetes(r: &mut Reader<'_>) -> Option<Verify> {
    r.fields("a kubernetes verification", |m| {
        let name = m.opt("name", "A name; `workloads ready` where left out.", values::words_of);
        let timeout = m.need("workloads_ready", "Every workload of a namespace is ready.", |r| {
            r.fields("`workloads_ready`", |m| {
                let namespace = m.need("namespace", "The namespace.", values::playbook_name);
                let timeout = m.opt("timeout", "How long to wait for it.", values::duration);
                namespace.map(|_| timeout)
            })
        });
        let required =
            m.opt("required", "Whether the verdict depends on it; true where left out.", values::boolean);
        let name = name.unwrap_or_else(|| "workloads ready".to_owned());
        Some(one(Subject::Kubernetes, name, required, timeout?, CheckKind::Kubernetes))
    })
}
