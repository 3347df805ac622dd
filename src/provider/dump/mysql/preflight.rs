//! What would stop a restore on MySQL or MariaDB: looked for before anything is made.

use super::restore::{About, Client};
use crate::{
    drill::{Candidate, Fault},
    playbook::DumpSource,
    ports::Preflight,
    process::Runner,
    provider::dump::servers::{Servers, Target},
    server::Ask,
};

/// Looks at the program, the login's rights, and whether the newest dump is for such a server.
pub(in super::super) async fn look(
    servers: &Servers,
    runner: &Runner,
    source: &DumpSource,
    target: &Target,
    server: &mut dyn Ask,
    newest: Option<&Candidate>,
    found: &mut Preflight,
) -> Result<(), Fault> {
    let about = About::of(server).await?;
    found.facts.push(format!("{} {} at {} answers", about.product(), about.version, target.login.place()));
    rights(target, server, found).await?;
    let folder = servers.tools(source.engine);
    match Client::find(runner, folder.as_deref(), &about).await {
        Ok(client) => found.facts.push(client.tool.says),
        Err(fault) => found.refusals.push(fault.message),
    }
    if about.events_run {
        found.facts.push(
            "the server's event_scheduler is on: events of a dump would run, so they are left out".to_owned(),
        );
    }
    let Some(details) = newest.map(|newest| &newest.point.details) else { return Ok(()) };
    let theirs = details.get("server_version").map(String::as_str).unwrap_or_default();
    let theirs_is_mariadb = theirs.contains("MariaDB");
    if theirs_is_mariadb != about.is_mariadb() {
        found.facts.push(format!(
            "the newest dump is of {}, and the scratch server is {}: what one of them alone knows will fail",
            if theirs_is_mariadb { "MariaDB" } else { "MySQL" },
            about.product()
        ));
        return Ok(());
    }
    if let (Some(theirs), Some(ours)) = (series(theirs), series(&about.version))
        && theirs > ours
    {
        let text = |(major, minor): (u32, u32)| format!("{major}.{minor}");
        found.refusals.push(format!(
            "the newest dump is of {0} {1} and the scratch server is {2}: dumps are not made for older servers, so use a scratch server of version {1} or newer",
            about.product(),
            text(theirs),
            text(ours)
        ));
    }
    Ok(())
}

/// `(11, 8)` of `11.8.3-MariaDB`.
fn series(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split(['.', '-']);
    Some((parts.next()?.trim().parse().ok()?, parts.next()?.parse().ok()?))
}

async fn rights(target: &Target, server: &mut dyn Ask, found: &mut Preflight) -> Result<(), Fault> {
    let (user, place) = (&target.login.user, target.login.place());
    let read_only = server.value("select cast(@@global.read_only as char)", &[]).await?;
    if read_only.is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("off")) {
        found
            .refusals
            .push(format!("the server at {place} is read-only: use one of its own, which takes changes"));
    }
    let grants = server.rows("show grants", &[]).await?;
    let grants: Vec<String> = grants.into_iter().filter_map(|mut row| row.pop().flatten()).collect();
    match may_create(&grants) {
        Some(true) => found.facts.push(format!("{user} may create databases")),
        Some(false) => found.refusals.push(format!(
            "{user} may not create databases at {place}: GRANT ALL ON `fd\\_%`.* TO {user} allows scratch databases and no others"
        )),
        None => found.facts.push(format!("whether {user} may create databases is not known: its rights come from roles")),
    }
    if grants.iter().any(|grant| grant.contains(" ON *.* ") && !grant.starts_with("GRANT USAGE ")) {
        found
            .facts
            .push(format!("{user} has rights beyond scratch databases: what a dump holds could use them"));
    }
    found.facts.push("how much room the server has is not known".to_owned());
    Ok(())
}

/// Whether these grants let a user create scratch databases; none: they can't tell.
fn may_create(grants: &[String]) -> Option<bool> {
    let creates = |grant: &String| {
        let what = grant.strip_prefix("GRANT ").unwrap_or_default();
        let Some((rights, on)) = what.split_once(" ON ") else { return false };
        let rights: Vec<&str> = rights.split(", ").collect();
        let everywhere = on.starts_with("*.* ")
            || on.starts_with("`fd\\_%`.* ")
            || on.starts_with("`fd_%`.* ")
            || on.starts_with("`%`.* ");
        everywhere && rights.iter().any(|right| matches!(*right, "ALL PRIVILEGES" | "CREATE"))
    };
    if grants.iter().any(creates) {
        return Some(true);
    }
    // A grant without ON gives a role.
    let role = |grant: &String| grant.starts_with("GRANT ") && !grant.contains(" ON ");
    (!grants.iter().any(role)).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read() {
        for (grants, may) in [
            (&["GRANT ALL PRIVILEGES ON *.* TO `x`@`%` WITH GRANT OPTION"][..], Some(true)),
            (&["GRANT USAGE ON *.* TO `x`@`%`", "GRANT ALL PRIVILEGES ON `fd\\_%`.* TO `x`@`%`"], Some(true)),
            (&["GRANT SELECT, INSERT, CREATE, DROP ON *.* TO `x`@`%`"], Some(true)),
            (&["GRANT USAGE ON *.* TO `x`@`%`", "GRANT SELECT ON `shop`.* TO `x`@`%`"], Some(false)),
            (&["GRANT USAGE ON *.* TO `x`@`%`", "GRANT `maker`@`%` TO `x`@`%`"], None),
        ] {
            let grants: Vec<String> = grants.iter().map(|grant| (*grant).to_owned()).collect();
            assert_eq!(may_create(&grants), may, "{grants:?}");
        }
    }

    #[test]
    fn series_are_read() {
        assert_eq!(series("11.8.9-MariaDB-0+deb13u1"), Some((11, 8)));
        assert_eq!(series("8.0.31"), Some((8, 0)));
        assert_eq!(series("nothing"), None);
    }
}
