//! firedrill on an AWS that is on this machine: see README.md beside this file for what it is.
//!
//! | | |
//! | --- | --- |
//! | [`drills`] | whole drills of real databases, from snapshot to verdict, right and damaged |
//! | [`guardrails`] | attempts to make it touch what is not scratch, before it begins and before it is resumed |
//! | [`behind`] | what happens behind its back: tags taken off, look-alikes, settings that are not as asked for |
//! | [`faults`] | each call of a drill, and what befalls it |
//! | [`crashes`] | killed before and after each call that changes something, and resumed |
//!
//! Each test has accounts of its own ([`world`]) in an emulator that all share ([`emulator`]). A removal is believed once
//! it has been looked at for a while, so drills are long and idle: tests let theirs go on side by side.

mod behind;
mod crashes;
mod drills;
mod emulator;
mod faults;
mod guardrails;
mod world;

use std::sync::Mutex;

/// Does that with all, so many at the same time, and tells what went wrong with which, all of it.
pub fn side_by_side<T: Send + std::fmt::Debug + Clone>(
    most: usize,
    all: impl IntoIterator<Item = T>,
    work: impl Fn(T) + Sync,
) {
    let queue: Mutex<std::collections::VecDeque<T>> = Mutex::new(all.into_iter().collect());
    let wrong = Mutex::new(Vec::new());
    let worker = || {
        loop {
            let Some(item) = queue.lock().expect("a queue").pop_front() else { return };
            let name = format!("{item:?}");
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(item)));
            if let Err(panicked) = done {
                let said = panicked.downcast_ref::<String>().cloned();
                let said = said.or_else(|| panicked.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                wrong.lock().expect("a list").push(format!("{name}: {}", said.unwrap_or_default()));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..most {
            scope.spawn(worker);
        }
    });
    let wrong = wrong.into_inner().expect("a list");
    assert!(wrong.is_empty(), "{} went wrong:\n{}", wrong.len(), wrong.join("\n"));
}
