//! What a user could write, and what the server hides from it, as its grants tell.

/// What only reads, or manages without touching rows.
/// `TRIGGER` too: without it a reader does not see the triggers, and a read-only session makes none.
const HARMLESS: [&str; 13] = [
    "TRIGGER",
    "USAGE",
    "SELECT",
    "SHOW VIEW",
    "SHOW DATABASES",
    "PROCESS",
    "EXECUTE",
    "REPLICATION CLIENT",
    "REPLICATION SLAVE",
    "BINLOG MONITOR",
    "SLAVE MONITOR",
    "LOCK TABLES",
    "RELOAD",
];

/// Whether one of these grants, as `SHOW GRANTS` writes them, allows to write in that database.
pub(super) fn may_write(grants: &[String], database: &str) -> bool {
    grants.iter().any(|grant| writes(grant, database).unwrap_or(false))
}

/// What the server shows only to those who have one of some privileges: what it is, and which they are. The first is asked for.
const SHOWN_TO: [(&str, &[&str]); 3] = [
    ("trigger", &["TRIGGER"]),
    (
        "function and procedure",
        &[
            "EXECUTE",
            "SHOW_ROUTINE",
            "SHOW CREATE ROUTINE",
            "CREATE ROUTINE",
            "ALTER ROUTINE",
            "SELECT ON ALL",
        ],
    ),
    ("event", &["EVENT"]),
];

/// Kinds of object that the server hides from a user with these grants, each with the privilege that shows them. Where a role is
/// granted, what it may do is not known, and nothing is taken for hidden.
pub(in crate::verify) fn hidden(grants: &[String], database: &str) -> Vec<(&'static str, &'static str)> {
    let granted: Option<Vec<Vec<String>>> = grants.iter().map(|grant| privileges(grant, database)).collect();
    let Some(granted) = granted else { return Vec::new() };
    let has = |wanted: &&str| granted.iter().flatten().any(|one| one == wanted || one.starts_with("ALL"));
    let hidden = SHOWN_TO.iter().filter(|(_, privileges)| !privileges.iter().any(&has));
    hidden.filter_map(|(kind, privileges)| Some((*kind, *privileges.first()?))).collect()
}

/// The privileges of a grant that count in that database, but for those on columns; none: it is a role's.
fn privileges(grant: &str, database: &str) -> Option<Vec<String>> {
    let rest = grant.strip_prefix("GRANT ")?;
    let (privileges, rest) = rest.split_once(" ON ")?;
    let (object, _) = rest.rsplit_once(" TO ")?;
    let all = object.starts_with("*.*");
    let whole = all
        || object
            .strip_suffix(".*")
            .is_some_and(|name| like(&name.trim_matches('`').replace("``", "`"), database));
    let mut found: Vec<String> = privileges.split(',').map(|one| one.trim().to_owned()).collect();
    if all && found.iter().any(|one| one == "SELECT") {
        found.push("SELECT ON ALL".to_owned());
    }
    Some(if whole { found } else { Vec::new() })
}

fn writes(grant: &str, database: &str) -> Option<bool> {
    let rest = grant.strip_prefix("GRANT ")?;
    let (privileges, rest) = rest.split_once(" ON ")?;
    let (object, _) = rest.rsplit_once(" TO ")?;
    let object = ["TABLE ", "FUNCTION ", "PROCEDURE "]
        .iter()
        .fold(object, |object, word| object.strip_prefix(word).unwrap_or(object));
    let named = match object.strip_prefix('`') {
        None => "*".to_owned(),
        Some(quoted) => quoted.split_once("`.").map(|(name, _)| name.replace("``", "`")).unwrap_or_default(),
    };
    if named != "*" && !like(&named, database) {
        return Some(false);
    }
    // Privileges on columns carry a list: `SELECT (a, b)`.
    let mut plain = String::new();
    let mut depth = 0u32;
    for c in privileges.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    // Administrative privileges of MySQL 8 are written with underscores; none of them writes rows.
    let harmless = |privilege: &str| HARMLESS.contains(&privilege) || privilege.contains('_');
    Some(plain.split(',').map(str::trim).any(|privilege| !harmless(privilege)))
}

/// As the server matches a database's name in a grant.
fn like(pattern: &str, name: &str) -> bool {
    fn matches(pattern: &[char], name: &[char]) -> bool {
        match pattern {
            [] => name.is_empty(),
            ['%', rest @ ..] => (0..=name.len()).any(|skipped| matches(rest, &name[skipped..])),
            ['\\', c, rest @ ..] => name.first() == Some(c) && matches(rest, &name[1..]),
            ['_', rest @ ..] => !name.is_empty() && matches(rest, &name[1..]),
            [c, rest @ ..] => name.first() == Some(c) && matches(rest, &name[1..]),
        }
    }
    let chars = |text: &str| text.chars().collect::<Vec<_>>();
    matches(&chars(pattern), &chars(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_told_by_the_grants() {
        let all = [("trigger", "TRIGGER"), ("function and procedure", "EXECUTE"), ("event", "EVENT")];
        for (grants, expected) in [
            (
                &["GRANT USAGE ON *.* TO `ro`@`%`", "GRANT SELECT, SHOW VIEW ON `shop`.* TO `ro`@`%`"][..],
                &all[..],
            ),
            (&["GRANT SELECT, TRIGGER ON `shop`.* TO `ro`@`%`"], &all[1..]),
            (&["GRANT TRIGGER, EXECUTE, EVENT ON `other`.* TO `ro`@`%`"], &all),
            (&["GRANT TRIGGER, EXECUTE, EVENT ON `sh%`.* TO `ro`@`%`"], &[]),
            (&["GRANT TRIGGER ON `shop`.`orders` TO `ro`@`%`"], &all),
            (&["GRANT SELECT ON *.* TO `ro`@`%`"], &[all[0], all[2]]),
            (&["GRANT ALL PRIVILEGES ON `shop`.* TO `rw`@`%`"], &[]),
            (&["GRANT USAGE ON *.* TO `ro`@`%`", "GRANT `reader`@`%` TO `ro`@`%`"], &[]),
        ] {
            let grants: Vec<String> = grants.iter().map(|grant| (*grant).to_owned()).collect();
            assert_eq!(hidden(&grants, "shop"), expected, "{grants:?}");
        }
    }

    #[test]
    fn those_who_could_write_are_told_from_those_who_only_read() {
        for (grant, expected) in [
            ("GRANT USAGE ON *.* TO `ro`@`%` IDENTIFIED BY PASSWORD '*x'", false),
            ("GRANT SELECT, SHOW VIEW, LOCK TABLES ON `shop`.* TO `ro`@`%`", false),
            ("GRANT SELECT, INSERT ON `shop`.* TO `rw`@`%`", true),
            ("GRANT SELECT, INSERT ON `other`.* TO `rw`@`%`", false),
            ("GRANT SELECT, INSERT ON `sh\\_op`.* TO `rw`@`%`", false),
            ("GRANT INSERT ON `s%`.* TO `rw`@`%`", true),
            ("GRANT UPDATE (`a`, `b`), SELECT ON `shop`.`t` TO `rw`@`%`", true),
            ("GRANT SELECT (`a`, `b`) ON `shop`.`t` TO `ro`@`%`", false),
            ("GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION", true),
            ("GRANT BACKUP_ADMIN,CLONE_ADMIN ON *.* TO `b`@`%`", false),
            ("GRANT `role`@`%` TO `ro`@`%`", false),
        ] {
            assert_eq!(may_write(&[grant.to_owned()], "shop"), expected, "{grant}");
        }
    }
}
