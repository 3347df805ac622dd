//! What passes the sieves, what is left out, and what is refused.

use super::{postgres::PostgresSieve, *};
use crate::playbook::{Extensions, Roles};
use proptest::prelude::*;

const HEAD: &str = "--\n-- PostgreSQL database dump\n--\n\n";
const END: &str = "--\n-- PostgreSQL database dump complete\n--\n\n";

fn run(sieve: &mut dyn Sieve, dump: &[u8], piece: usize) -> Result<String, Refusal> {
    let mut out = Vec::new();
    for piece in dump.chunks(piece.max(1)) {
        sieve.push(piece, &mut out)?;
    }
    sieve.finish(&mut out)?;
    Ok(String::from_utf8(out).expect("text"))
}

fn sift(body: &str, roles: Roles, extensions: Extensions) -> (Result<String, Refusal>, Found) {
    let dump = format!("{HEAD}{body}{END}");
    let mut whole = None;
    // Wherever the pieces are cut, the outcome is the same.
    for piece in [dump.len(), 1, 3, 64] {
        let mut sieve = PostgresSieve::new(roles, extensions);
        let result = run(&mut sieve, dump.as_bytes(), piece);
        let this = (result.map(|text| text.replace(HEAD, "").replace(END, "")), sieve.found().clone());
        assert_eq!(*whole.get_or_insert(this.clone()), this, "in pieces of {piece}");
    }
    whole.expect("was run")
}

fn passes(body: &str) {
    let (result, found) = sift(body, Roles::Keep, Extensions::Create);
    assert_eq!(result.as_deref(), Ok(body), "{found:?}");
}

fn left_out(body: &str, roles: Roles, extensions: Extensions) -> Vec<&'static str> {
    let (result, found) = sift(body, roles, extensions);
    let lines = body.matches('\n').count();
    assert_eq!(result.map(|text| text.matches('\n').count()), Ok(lines), "{body}");
    found.left_out.into_keys().collect()
}

fn refused(body: &str) -> Refusal {
    sift(body, Roles::Skip, Extensions::Create).0.expect_err(body)
}

#[test]
fn what_pg_dump_writes_passes_unchanged() {
    for body in [
        "SET client_encoding = 'UTF8';\nSELECT pg_catalog.set_config('search_path', '', false);\n",
        "CREATE TABLE public.t (a integer, \"to\" text DEFAULT 'C:\\'::text, program text);\n\n\nCREATE SCHEMA s;\n",
        "COPY public.t (a, \"to\", program) FROM stdin;\n1\t\\N\tx;\\\\y\n\\\\.\tDROP DATABASE x;\t\\! ls\n\\.\n\n\nSELECT 1;\n",
        "COPY public.t FROM STDIN WITH (FORMAT text);\r\n1\r\n\\.\r\nSELECT 1;\n",
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $_$ select $1 || '\\'' ; \\! ls $_$;\n",
        "CREATE FUNCTION g() RETURNS text LANGUAGE sql\n    BEGIN ATOMIC\n SELECT CASE WHEN 1 = 1 THEN 'a;' END;\n SELECT 2;\nEND;\n",
        "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; DELETE FROM t);\n",
        "INSERT INTO t VALUES (1, 'it''s; \\! x'), (2, E'a\\'; \\! ls'), (3, U&'\\0041'), (4, B'01');\n",
        "COMMENT ON TABLE t IS 'a \\connect b; -- c /* d';\n",
        "/* one /* two */ still \\! one */ SELECT 1 -- \\! ls\n;\n",
        "SELECT a$$b$$ FROM \"we\"\"ird \\! \";\n",
        "ALTER TABLE ONLY public.t ADD CONSTRAINT c CHECK ((a > 0));\n",
        "SELECT 5 - 3 / 2, '-', a[1:2], x::text;\n",
        "GRANT SELECT(a) ON TABLE t TO \"we ird\", app WITH GRANT OPTION;\nALTER TABLE t OWNER TO app;\n",
        "SET SESSION AUTHORIZATION 'app';\nCREATE TABLE x ();\nRESET SESSION AUTHORIZATION;\n",
        "SELECT pg_catalog.lo_create('17182');\n",
        "SET standard_conforming_strings = off;\nSELECT 'a\\'; \\! ls';\nSET standard_conforming_strings = on;\nSELECT 'a\\';\n",
    ] {
        passes(body);
    }
}

#[test]
fn roles_are_left_out_where_they_are_skipped_and_named_either_way() {
    let body = "ALTER TABLE public.\"Odd\" OWNER TO App_Owner;\n\nGRANT ALL ON FUNCTION f(a integer) TO \"we ird\" GRANTED BY boss;\nREVOKE ALL ON SCHEMA public FROM PUBLIC;\nALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA s GRANT SELECT ON TABLES TO reader, GROUP writer;\nCREATE POLICY p ON t FOR SELECT TO auditor USING (true);\nCREATE POLICY q ON t USING (true);\nSET SESSION AUTHORIZATION 'app2';\n";
    let expected = ["app", "app2", "app_owner", "auditor", "boss", "reader", "we ird", "writer"];
    for roles in [Roles::Skip, Roles::Create, Roles::Keep] {
        let (_, found) = sift(body, roles, Extensions::Create);
        assert_eq!(found.roles.into_iter().collect::<Vec<_>>(), expected);
    }
    assert_eq!(left_out(body, Roles::Skip, Extensions::Create), ["grants", "owners", "policies for roles"]);
    let (text, _) = sift(body, Roles::Skip, Extensions::Create);
    assert_eq!(text.expect("passes").trim(), "CREATE POLICY q ON t USING (true);");
    assert!(left_out(body, Roles::Keep, Extensions::Create).is_empty());
}

#[test]
fn extensions_are_left_out_where_they_are_skipped() {
    let body = "CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" WITH SCHEMA public;\nCOMMENT ON EXTENSION citext IS 'x';\n";
    assert_eq!(left_out(body, Roles::Skip, Extensions::Skip), ["extensions"]);
    let (text, found) = sift(body, Roles::Skip, Extensions::Create);
    assert_eq!(text.as_deref(), Ok(body));
    assert!(found.extensions.contains("uuid-ossp"));
}

#[test]
fn what_belongs_to_the_database_itself_or_reaches_out_of_it_is_left_out() {
    let body = "\\restrict abc\nCREATE DATABASE shop WITH TEMPLATE = template0;\nALTER DATABASE shop OWNER TO app;\n\\unrestrict abc\n\\connect shop\n\\restrict abc\nCOMMENT ON DATABASE shop IS 'x';\nGRANT CONNECT ON DATABASE shop TO x;\nSET default_tablespace = fast;\nCREATE SUBSCRIPTION s CONNECTION 'host=db' PUBLICATION p;\nALTER SUBSCRIPTION s ENABLE;\nCREATE USER MAPPING FOR app SERVER other OPTIONS (password 'hidden');\n\\unrestrict abc\n";
    let words = left_out(body, Roles::Keep, Extensions::Create);
    assert_eq!(
        words,
        [
            "\\connect",
            "grants on the database itself",
            "properties of the database itself",
            "subscriptions",
            "tablespaces",
            "user mappings to other servers"
        ]
    );
    let (text, _) = sift(body, Roles::Keep, Extensions::Create);
    assert_eq!(text.expect("passes").trim(), "");
}

#[test]
fn what_would_leave_the_database_or_speak_to_psql_is_refused() {
    for (body, because) in [
        ("\\! touch /tmp/pwned\n", "`\\!`: a command for psql"),
        ("SELECT 1;\n\\i /etc/passwd\n", "`\\i`"),
        ("\\copy t from '/etc/passwd'\n", "`\\copy`"),
        ("SELECT 1 \\! ls\n;\n", "in the middle of a statement"),
        ("SELECT 1 \\gexec\n", "in the middle of a statement"),
        ("SELECT 1\\; SELECT 2;\n", "in the middle"),
        ("\\connect a\n\\connect b\n", "several databases"),
        ("\\connect \"dbname=x host=evil\"\n", "`\\connect`"),
        ("\\N\t5\n", "a backslash"),
        ("COPY t FROM PROGRAM 'ls';\n", "COPY from or to a file or a program"),
        ("COPY t TO '/tmp/x';\n", "COPY from or to"),
        ("COPY (SELECT 1 FROM stdin) TO PROGRAM 'x';\n", "COPY from or to"),
        ("COPY t FROM '/etc/passwd';\n", "COPY from or to"),
        ("COPY t FROM stdin; \\! ls\n", "after COPY on its line"),
        ("ALTER SYSTEM SET x = 1;\n", "ALTER SYSTEM"),
        ("CREATE ROLE evil SUPERUSER;\n", "CREATE ROLE"),
        ("/* x */ drop user postgres;\n", "DROP USER"),
        ("ALTER\nROLE x\nPASSWORD 'y';\n", "ALTER ROLE"),
        ("DROP OWNED BY x;\n", "DROP OWNED"),
        ("SELECT E'a'\n'\\' \\! ls';\n", "goes on after its end"),
    ] {
        let refusal = refused(body);
        assert!(refusal.what.contains(because) && refusal.hostile, "{body}: {refusal:?}");
        assert!(!refusal.what.contains("passwd") && !refusal.what.contains("pwned"), "{refusal:?}");
    }
    assert_eq!(refused("SELECT 1;\n\n/* x\n */ ALTER\nROLE x;\n").line, 8);
}

#[test]
fn a_dump_that_ends_early_is_told() {
    for dump in [
        format!("{HEAD}SELECT 1;\n"),
        format!("{HEAD}COPY t FROM stdin;\n1\n"),
        format!("{HEAD}COPY t FROM stdin;\n1\n{END}"),
        format!("{HEAD}SELECT 'a{END}"),
        format!("{HEAD}SELECT 1{END}"),
        format!("{HEAD}{END}SELECT 1;\n"),
        String::new(),
    ] {
        let mut sieve = PostgresSieve::new(Roles::Skip, Extensions::Create);
        let refusal = run(&mut sieve, dump.as_bytes(), 7).expect_err(&dump);
        assert!(refusal.what.contains("not whole") && !refusal.hostile, "{dump}: {refusal:?}");
    }
    let mut sieve = PostgresSieve::new(Roles::Skip, Extensions::Create);
    let end = "SELECT 1;\n-- PostgreSQL database dump complete";
    assert!(run(&mut sieve, end.as_bytes(), 7).is_ok());
}

/// What `psql` would see as the start of a command of its own, told in another way than the sieve does it: by taking
/// quotes and comments out one after the other.
fn commands_of_psql(text: &str) -> bool {
    let pattern = regex::Regex::new(
        r#"(?s)[eE]'(?:[^'\\]|\\.|'')*(?:\\?\z|')|[A-Za-z_][A-Za-z_0-9$]*|'(?:[^']|'')*(?:'|\z)|"[^"]*(?:"|\z)|--[^\n]*|\$\$.*?(?:\$\$|\z)|\\"#,
    )
    .expect("a pattern");
    pattern.find_iter(text).any(|found| found.as_str() == "\\")
}

proptest! {
    #[test]
    fn no_command_of_psql_gets_through(parts in proptest::collection::vec(
        prop_oneof![
            Just("SELECT "), Just("'"), Just("''"), Just("\\"), Just("\\! ls\n"), Just("\n"), Just(";"), Just("E'"),
            Just("\""), Just("$$"), Just("--"), Just("/*"), Just("*/"), Just(" "), Just("a"), Just("e"), Just("("), Just(")"),
            Just("COPY t FROM stdin;\n"), Just("\\.\n"), Just("ALTER "), Just("\\restrict x\n"),
        ], 0..40))
    {
        let text = parts.concat();
        let mut sieve = PostgresSieve::new(Roles::Skip, Extensions::Create);
        let mut out = Vec::new();
        // Whatever passes before the refusal has passed.
        let _ = sieve.push(text.as_bytes(), &mut out);
        let passed = String::from_utf8(out).expect("text");
        // Rows are the server's; what stands around them must hold.
        if !passed.contains("COPY") && !passed.contains("/*") {
            prop_assert!(!commands_of_psql(&passed), "{text:?} -> {passed:?}");
        }
    }

    #[test]
    fn pieces_do_not_matter(text in "[a-zE'\"$\\\\;\n/*() -]{0,60}", piece in 1usize..9) {
        let both = [text.len().max(1), piece].map(|piece| {
            let mut sieve = PostgresSieve::new(Roles::Skip, Extensions::Create);
            let mut out = Vec::new();
            let result = text.as_bytes().chunks(piece).try_for_each(|piece| sieve.push(piece, &mut out));
            let out = if result.is_ok() { out } else { Vec::new() };
            (result, out)
        });
        prop_assert_eq!(&both[0], &both[1]);
    }
}
