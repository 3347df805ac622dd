//! PostgreSQL's catalog, 13 to 18.

pub(super) mod integrity;
pub(super) mod references;
pub(super) mod schema;
pub(super) mod sequences;

use crate::{drill::Fault, server::Ask};

/// Settings that the answers depend on. `row_security` off: a policy that would hide rows is an error, not fewer rows.
const PINNED: &str = "select \
    set_config('search_path', '', false), set_config('quote_all_identifiers', 'off', false), \
    set_config('row_security', 'off', false), set_config('TimeZone', 'UTC', false), \
    set_config('DateStyle', 'ISO, MDY', false), set_config('IntervalStyle', 'postgres', false), \
    set_config('extra_float_digits', '1', false), set_config('bytea_output', 'hex', false), \
    set_config('lc_monetary', 'C', false), set_config('xmloption', 'content', false), \
    set_config('standard_conforming_strings', 'on', false)";

/// Pins what the answers depend on, for the rest of the session.
async fn pin(ask: &mut dyn Ask) -> Result<(), Fault> {
    ask.rows(PINNED, &[]).await.map(drop)
}

/// A text between dollar signs that are not in it.
fn dollars(text: &str) -> String {
    let tag = (0..).map(|n| format!("$fd{n}$")).find(|tag| !text.contains(tag.as_str()));
    let tag = tag.unwrap_or_default();
    format!("{tag}{text}{tag}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_can_not_leave_their_quotes() {
        assert_eq!(dollars("select 1"), "$fd0$select 1$fd0$");
        assert_eq!(dollars("a $fd0$ b"), "$fd1$a $fd0$ b$fd1$");
    }
}
