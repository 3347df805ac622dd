//! Any text as a configuration.
#![no_main]

use firedrill::config::Config;
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|text: &str| {
    if let Err(faults) = Config::parse(Path::new("x.toml"), text, Path::new("/data")) {
        assert!(!faults.to_string().is_empty());
    }
});
