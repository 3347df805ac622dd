//! What every session sets, so that no setting of the server changes an answer.

use crate::{
    drill::Fault,
    server::{Ask, mysql::MysqlAsk},
};

/// Above this a statement is stopped by the server, should firedrill be gone without having stopped it: 7 hours.
const LIMIT_SECONDS: u32 = 7 * 3600;
/// Bytes that a chunk's answer may have at most.
pub(super) const ANSWER_BYTES: usize = 16 << 20;

/// Settings by name. A name that a server does not know is left out.
fn pins(mariadb: bool) -> Vec<(&'static str, String)> {
    let mode = if mariadb { "''" } else { "'ONLY_FULL_GROUP_BY'" };
    [
        ("sql_mode", mode),
        ("time_zone", "'+00:00'"),
        ("sql_auto_is_null", "0"),
        ("sql_select_limit", "18446744073709551615"),
        ("max_join_size", "18446744073709551615"),
        ("sql_big_selects", "1"),
        ("div_precision_increment", "4"),
        ("default_week_format", "0"),
        ("lc_time_names", "'en_US'"),
        ("lock_wait_timeout", "30"),
        ("innodb_lock_wait_timeout", "30"),
        ("net_write_timeout", "600"),
        ("wait_timeout", "28800"),
        ("system_versioning_asof", "default"),
        ("information_schema_stats_expiry", "0"),
        ("show_gipk_in_create_table_and_information_schema", "1"),
    ]
    .into_iter()
    .map(|(name, value)| (name, value.to_owned()))
    .chain([
        ("group_concat_max_len", ANSWER_BYTES.to_string()),
        ("max_execution_time", (u64::from(LIMIT_SECONDS) * 1000).to_string()),
        ("max_statement_time", LIMIT_SECONDS.to_string()),
    ])
    .collect()
}

/// Pins the session's settings.
pub(super) async fn pin(ask: &mut MysqlAsk, mariadb: bool) -> Result<(), Fault> {
    let pins = pins(mariadb);
    let names: Vec<String> = pins.iter().map(|(name, _)| format!("'{name}'")).collect();
    let known = ask
        .rows(&format!("show session variables where variable_name in ({})", names.join(", ")), &[])
        .await?;
    let known: Vec<String> = known.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
    let sets: Vec<String> = pins
        .iter()
        .filter(|(name, _)| known.iter().any(|known| known.eq_ignore_ascii_case(name)))
        .map(|(name, value)| format!("session {name} = {value}"))
        .collect();
    ask.run(&format!("set {}", sets.join(", "))).await?;
    ask.run("set session transaction isolation level repeatable read").await
}
