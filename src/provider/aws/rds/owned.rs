//! What firedrill created in an account and region, by its tags alone.

use super::describe;
use crate::{
    drill::Scope,
    playbook::SourceKind,
    ports::Owned,
    provider::aws::{client::Connection, errors::Problem, tags},
};

/// Instances and copied snapshots that bear the tags of this provider.
pub(super) async fn list(at: &Connection, scope: &Scope) -> Result<Vec<Owned>, Problem> {
    let mut found = Vec::new();
    for live in describe::instances(at).await? {
        let Some(name) = live.db_instance_identifier() else { continue };
        found.extend(tags::owned(&describe::tags(live.tag_list()), SourceKind::Rds, scope, name));
    }
    for live in describe::manual_snapshots(at).await? {
        let Some(name) = live.db_snapshot_identifier() else { continue };
        found.extend(tags::owned(&describe::tags(live.tag_list()), SourceKind::Rds, scope, name));
    }
    Ok(found)
}
