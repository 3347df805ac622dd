//! Any bytes as a playbook.
#![no_main]

use firedrill::playbook::Playbook;
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|data: &[u8]| {
    match Playbook::parse_bytes(Path::new("x.yaml"), data, None) {
        Ok(checked) => assert!(!checked.warnings.has_errors()),
        Err(faults) => {
            assert!(faults.has_errors());
            assert!(!faults.to_string().is_empty());
        }
    }
});
