//! What `firedrill init` writes: a playbook and a configuration to start from, with every line explained.

/// The starter playbook, and what to call it.
pub const PLAYBOOK: (&str, &str) = ("drill.yaml", include_str!("drill.yaml"));

/// The starter configuration, and what to call it.
pub const CONFIG: (&str, &str) = ("firedrill.toml", include_str!("firedrill.toml"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, playbook::Playbook};
    use std::path::Path;

    #[test]
    fn the_starter_playbook_is_right() {
        let checked =
            Playbook::parse(Path::new(PLAYBOOK.0), PLAYBOOK.1).unwrap_or_else(|faults| panic!("{faults}"));
        assert!(checked.warnings.is_empty(), "{}", checked.warnings);
    }

    #[test]
    fn the_starter_configuration_is_right() {
        let config = Config::parse(Path::new(CONFIG.0), CONFIG.1, Path::new("/data"));
        assert!(config.is_ok(), "{}", config.expect_err("faults"));
    }

    #[test]
    fn what_is_commented_out_is_right_too() {
        let uncommented = |text: &str| -> String {
            let code = |line: &&str| !line.trim_start().starts_with("# ") && line.trim() != "#";
            text.lines().filter(code).map(|line| line.replacen("#~", "", 1) + "\n").collect()
        };
        let playbook = uncommented(PLAYBOOK.1);
        let faults = Playbook::parse(Path::new(PLAYBOOK.0), &playbook).err();
        assert!(faults.is_none(), "{}", faults.expect("faults"));
        let config = uncommented(CONFIG.1);
        let faults = Config::parse(Path::new(CONFIG.0), &config, Path::new("/data")).err();
        assert!(faults.is_none(), "{}", faults.expect("faults"));
    }
}
