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
fn what_clean_drops_before_anything_is_there_is_left_out() {
    let body = "ALTER TABLE ONLY public.t DROP CONSTRAINT t_pkey;\nDROP TABLE public.t;\nDROP SCHEMA public;\nCREATE SCHEMA public;\nCREATE TABLE public.t (a int);\nDROP TABLE public.t;\n";
    let (text, found) = sift(body, Roles::Keep, Extensions::Create);
    let passes = "\n\nDROP SCHEMA public;\nCREATE SCHEMA public;\nCREATE TABLE public.t (a int);\nDROP TABLE public.t;\n";
    assert_eq!(text.as_deref(), Ok(passes));
    assert_eq!(found.left_out["drops of what is not there"], 2);
    let body = "SELECT pg_catalog.lo_unlink('17182');\n";
    assert_eq!(left_out(body, Roles::Keep, Extensions::Create), ["drops of what is not there"]);
    let body = "ALTER ROLE app IN DATABASE shop SET work_mem TO '1MB';\n";
    assert_eq!(left_out(body, Roles::Keep, Extensions::Create), ["properties of the database itself"]);
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

// ---------------------------------------------------------------- MySQL and MariaDB

const MYSQL_HEAD: &str = "-- MySQL dump 10.13  Distrib 8.0.31, for Linux (x86_64)\n--\n";
const MYSQL_TAIL: &str = "\n-- Dump completed on 2026-11-24  7:57:22\n";

fn sift_mysql(body: &str) -> (Result<String, Refusal>, Found) {
    let dump = format!("{MYSQL_HEAD}{body}{MYSQL_TAIL}");
    let mut whole = None;
    for piece in [dump.len(), 1, 3, 64] {
        let mut sieve = mysql::MysqlSieve::new(true);
        let result = run(&mut sieve, dump.as_bytes(), piece);
        let this =
            (result.map(|text| text.replace(MYSQL_HEAD, "").replace(MYSQL_TAIL, "")), sieve.found().clone());
        assert_eq!(*whole.get_or_insert(this.clone()), this, "in pieces of {piece}");
    }
    whole.expect("was run")
}

#[test]
fn what_mysqldump_writes_passes_unchanged() {
    for body in [
        "/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;\n/*!50503 SET NAMES utf8mb4 */;\n/*M!100616 SET NOTE_VERBOSITY=@OLD_NOTE_VERBOSITY */;\n",
        "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n",
        "DROP TABLE IF EXISTS `t`;\nCREATE TABLE `t` (\n  `a;b` int DEFAULT '5' COMMENT 'x\\'; \\\\',\n  PRIMARY KEY (`a;b`)\n) ENGINE=InnoDB;\n",
        "LOCK TABLES `t` WRITE;\n/*!40000 ALTER TABLE `t` DISABLE KEYS */;\nINSERT INTO `t` VALUES (1,'Ada; \\\\! ls \\'q\\' \\\"x\\\" -- # /* '),(2,\"x''y\"),(3,'it''s'),(4,_binary 'x\\0y'),(5,-1.5e10);\n/*!40000 ALTER TABLE `t` ENABLE KEYS */;\nUNLOCK TABLES;\n",
        "INSERT  IGNORE INTO `t` (`id`, `name`) VALUES\n(1,'a.b'),\n(2,NULL);\n",
        "REPLACE INTO `t` VALUES (1);\nCOMMIT;\nSET AUTOCOMMIT=@OLD_AUTOCOMMIT;\n",
        "DELIMITER ;;\n/*!50003 CREATE TRIGGER `tr` BEFORE INSERT ON `t` FOR EACH ROW begin if new.c = 0 then set new.c = 1; end if; end */;;\nDELIMITER ;\n",
        "DELIMITER ;;\nCREATE PROCEDURE `p`(in x int)\nbegin select 'a;b', x; /* c */ end ;;\nDELIMITER ;\nSELECT 1;\n",
        "/*!50001 CREATE VIEW `v` AS SELECT\n 1 AS `id`,\n 1 AS `name`*/;\n",
        "SELECT 5 - -3, 4/2, 2*3; # a comment; \\! ls\n-- another; \\! ls\nSELECT 1;\n",
        "/* a comment; \\! ls */ SELECT 1;\n",
    ] {
        let (result, found) = sift_mysql(body);
        assert_eq!(result.as_deref(), Ok(body), "{found:?}");
    }
}

#[test]
fn definers_are_taken_out() {
    for (body, passes) in [
        (
            "DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER tr before insert on t for each row set @a = 1 */;;\nDELIMITER ;\n",
            "DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 */ /*!50003 TRIGGER tr before insert on t for each row set @a = 1 */;;\nDELIMITER ;\n",
        ),
        (
            "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`ro``ot`@`%` SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select 1 */;\n",
            "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013  SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select 1 */;\n",
        ),
        (
            "CREATE DEFINER=root@localhost FUNCTION `f`(x int) RETURNS int return x+1;\n",
            "CREATE  FUNCTION `f`(x int) RETURNS int return x+1;\n",
        ),
        ("CREATE DEFINER = CURRENT_USER() PROCEDURE p() select 1;\n", "CREATE  PROCEDURE p() select 1;\n"),
        ("CREATE VIEW v AS select 'DEFINER=`a`@`b`';\n", "CREATE VIEW v AS select 'DEFINER=`a`@`b`';\n"),
    ] {
        let (result, found) = sift_mysql(body);
        assert_eq!(result.as_deref(), Ok(passes));
        assert_eq!(found.left_out.contains_key("definers"), body != passes);
    }
}

#[test]
fn what_belongs_to_the_source_database_or_server_is_left_out_or_turned_to_ours() {
    for (body, passes, what) in [
        ("USE `shop`;\nSELECT 1;\nUSE `shop`;\n", "\nSELECT 1;\n\n", "USE"),
        (
            "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET latin1 */ /*!80016 DEFAULT ENCRYPTION='N' */;\n",
            "ALTER DATABASE  /*!40100 DEFAULT CHARACTER SET latin1 */ /*!80016 DEFAULT ENCRYPTION='N' */;\n",
            "",
        ),
        ("CREATE DATABASE `shop`;\n", "\n", "the database itself"),
        ("/*!40000 DROP DATABASE IF EXISTS `shop`*/;\n", "\n", "the database itself"),
        (
            "ALTER DATABASE `shop` CHARACTER SET latin1 COLLATE latin1_bin ;\n",
            "ALTER DATABASE  CHARACTER SET latin1 COLLATE latin1_bin ;\n",
            "",
        ),
        (
            "SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '8849d6ab-e7dc-11f1-a63f-02fc00000001:1-12';\n",
            "\n",
            "settings of the whole server",
        ),
        (
            "SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;\nSET @@SESSION.SQL_LOG_BIN= 0;\n",
            "\n\n",
            "settings of the binary log",
        ),
        ("CHANGE MASTER TO MASTER_LOG_FILE='x', MASTER_LOG_POS=4;\n", "\n", "replication"),
        (
            "/*!50106 CREATE*/ /*!50117 DEFINER=`root`@`localhost`*/ /*!50106 EVENT `ev` ON SCHEDULE EVERY 1 DAY DO delete from t */;\n",
            "\n",
            "events, which would run: the server's event_scheduler is on",
        ),
        (
            "CREATE TABLE `t` (a int) ENGINE=FEDERATED CONNECTION='mysql://u:hidden@prod/x';\n",
            "\n",
            "tables that lie on other servers",
        ),
        (
            "/*M!999999\\- enable the sandbox mode */ \nSELECT 1;\n",
            "/*- enable the sandbox mode */ \nSELECT 1;\n",
            "",
        ),
    ] {
        let (result, found) = sift_mysql(body);
        assert_eq!(result.as_deref(), Ok(passes), "{body}");
        assert!(what.is_empty() || found.left_out.contains_key(what), "{body}: {found:?}");
    }
}

#[test]
fn what_would_leave_the_database_or_speak_to_the_client_is_refused() {
    for (body, because) in [
        ("\\! touch /tmp/pwned\n", "a backslash outside of a text"),
        ("SELECT 1 \\! ls\n;\n", "a backslash outside of a text"),
        ("USE `a`;\nUSE `b`;\n", "several databases"),
        ("INSERT INTO `other`.`t` VALUES (1);\n", "another database"),
        ("INSERT IGNORE INTO other.t VALUES (1);\n", "another database"),
        ("DROP TABLE IF EXISTS `other`.`t`;\n", "another database"),
        ("CREATE TABLE other.t (a int);\n", "another database"),
        ("CREATE VIEW `other`.`v` AS select 1;\n", "another database"),
        ("/*!50001 DROP TABLE other.t */;\n", "another database"),
        ("GRANT ALL ON *.* TO x;\n", "GRANT"),
        ("/*!50001 CREATE USER x */;\n", "CREATE USER"),
        ("CREATE ROLE x;\n", "CREATE ROLE"),
        ("ALTER USER x IDENTIFIED BY 'y';\n", "ALTER USER"),
        ("DROP USER x;\n", "DROP USER"),
        ("SET PASSWORD = 'x';\n", "SET PASSWORD"),
        ("CREATE FUNCTION f RETURNS STRING SONAME 'evil.so';\n", "library"),
        ("INSTALL PLUGIN x SONAME 'evil.so';\n", "INSTALL"),
        ("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t;\n", "LOAD"),
        ("SELECT 1 INTO OUTFILE '/tmp/x';\n", "writes a file"),
        ("CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x');\n", "CREATE SERVER"),
        ("DELIMITER system\n", "DELIMITER"),
        ("SET NAMES gbk;\n", "look like quotes"),
        ("KILL 5;\n", "KILL"),
    ] {
        let (result, _) = sift_mysql(body);
        let refusal = result.expect_err(body);
        assert!(refusal.what.contains(because) && refusal.hostile, "{body}: {refusal:?}");
        assert!(!refusal.what.contains("passwd") && !refusal.what.contains("pwned"), "{refusal:?}");
    }
}

#[test]
fn a_mysql_dump_that_ends_early_is_told() {
    for dump in [
        format!("{MYSQL_HEAD}SELECT 1;\n"),
        format!("{MYSQL_HEAD}INSERT INTO t VALUES (1,'{MYSQL_TAIL}"),
        format!("{MYSQL_HEAD}SELECT 1{MYSQL_TAIL}"),
        format!("{MYSQL_HEAD}{MYSQL_TAIL}SELECT 1;\n"),
    ] {
        let mut sieve = mysql::MysqlSieve::new(false);
        let refusal = run(&mut sieve, dump.as_bytes(), 7).expect_err(&dump);
        assert!(refusal.what.contains("not whole") && !refusal.hostile, "{dump}: {refusal:?}");
    }
}

proptest! {
    #[test]
    fn pieces_do_not_matter_for_mysql(parts in proptest::collection::vec(
        prop_oneof![
            Just("INSERT INTO t VALUES ("), Just("'"), Just("\""), Just("`"), Just("\\"), Just("\n"), Just(";"), Just("--"), Just("-- "),
            Just("#"), Just("/*"), Just("/*!50001 "), Just("*/"), Just("*"), Just("/"), Just("a"), Just(" "), Just("DELIMITER ;;\n"), Just(")"),
        ], 0..30), piece in 1usize..9)
    {
        let text = parts.concat();
        let both = [text.len().max(1), piece].map(|piece| {
            let mut sieve = mysql::MysqlSieve::new(true);
            let mut out = Vec::new();
            let result = text.as_bytes().chunks(piece).try_for_each(|piece| sieve.push(piece, &mut out));
            let out = if result.is_ok() { out } else { Vec::new() };
            (result, out)
        });
        prop_assert_eq!(&both[0], &both[1]);
    }
}
