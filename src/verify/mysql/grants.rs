//! Whether a user could write, as its grants tell.

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
