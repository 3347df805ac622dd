//! The chain of digests that ties a run's entries together.
//!
//! The digest of an entry is the SHA-256 of six fields, each written as its length in bytes (8 bytes,
//! big-endian) and then its bytes:
//!
//! | field | bytes |
//! | --- | --- |
//! | tag | `firedrill/entry/v1` |
//! | run | the id in lower case with hyphens, 36 bytes |
//! | seq | 8 bytes, big-endian |
//! | at | milliseconds since 1970, 8 bytes, big-endian, two's complement |
//! | event | the JSON text exactly as it is stored, UTF-8 |
//! | prev | the 32 bytes of the digest before; 32 zero bytes for the first |
//!
//! An auditor needs no firedrill to verify it; this prints the head of every run, or stops at a broken entry:
//!
//! ```python
//! import hashlib, sqlite3, struct, sys
//! db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
//! db.text_factory = bytes
//! def digest(*fields):
//!     return hashlib.sha256(b"".join(struct.pack(">Q", len(f)) + f for f in fields)).digest()
//! heads = {}
//! for run, seq, at, body, prev, stored in db.execute(
//!         "select run, seq, at_ms, body, prev, digest from events order by run, seq"):
//!     count, head = heads.get(run, (0, bytes(32)))
//!     if seq != count + 1 or prev != head or stored != digest(
//!             b"firedrill/entry/v1", run, struct.pack(">Q", seq), struct.pack(">q", at), body, prev):
//!         sys.exit(f"run {run.decode()} is broken at entry {seq}")
//!     heads[run] = (seq, stored)
//! for run, (count, head) in heads.items():
//!     print(run.decode(), count, head.hex())
//! ```
//!
//! What the chain proves: nothing before the head was altered, removed or put in since the head was written
//! down elsewhere (a signed bundle, a report). Someone who may write to the file can replace a whole chain,
//! head and all; against that, keep heads elsewhere.

use crate::{
    drill::{Entry, Event},
    ids::{Digest, RunId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// What sets these digests apart from any other use of SHA-256.
pub const TAG: &str = "firedrill/entry/v1";

/// An entry as it is stored: the event as JSON text, and its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chained {
    /// 1, 2, 3, … within the run.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// The event, as JSON text. Not a byte of it may change.
    pub body: String,
    /// The digest of the entry before.
    pub prev: Digest,
    /// The digest of this one.
    pub digest: Digest,
}

/// The first entry of a chain that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {seq}: {what}")]
pub struct Damage {
    /// The entry.
    pub seq: u64,
    /// What is wrong.
    pub what: String,
}

impl Damage {
    pub(super) fn new(seq: u64, what: impl Into<String>) -> Self {
        Self { seq, what: what.into() }
    }
}

/// The digest of fields, each with its length before it, so that no two lists of fields give the same bytes.
pub(super) fn digest_of(fields: &[&[u8]]) -> Digest {
    let size = fields.iter().map(|field| 8 + field.len()).sum();
    let mut bytes = Vec::with_capacity(size);
    for field in fields {
        bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
        bytes.extend_from_slice(field);
    }
    Digest::of(&bytes)
}

/// The digest of an entry.
pub fn link(run: RunId, seq: u64, at: Timestamp, body: &str, prev: Digest) -> Digest {
    digest_of(&[
        TAG.as_bytes(),
        run.to_string().as_bytes(),
        &seq.to_be_bytes(),
        &at.as_millis().to_be_bytes(),
        body.as_bytes(),
        prev.as_bytes(),
    ])
}

/// Puts entries behind `prev`. The text that is hashed is the text that is stored.
pub(super) fn forge(run: RunId, mut prev: Digest, entries: &[Entry]) -> Result<Vec<Chained>, Damage> {
    let mut chained = Vec::with_capacity(entries.len());
    for entry in entries {
        let unfit = |error: serde_json::Error| {
            Damage::new(entry.seq, format!("the event can't be written as JSON and read back: {error}"))
        };
        let body = serde_json::to_string(&entry.event).map_err(unfit)?;
        // What can't be read back would make the whole run unreadable for ever.
        serde_json::from_str::<Event>(&body).map_err(unfit)?;
        let digest = link(run, entry.seq, entry.at, &body, prev);
        chained.push(Chained { seq: entry.seq, at: entry.at, body, prev, digest });
        prev = digest;
    }
    Ok(chained)
}

/// Verifies a run's whole chain, in the order it is given. `anchor` is how many entries there were and the head,
/// as it was kept beside them: without it, entries missing at the end can't be told.
pub fn verify(run: RunId, chained: &[Chained], anchor: Option<(u64, Digest)>) -> Result<Vec<Entry>, Damage> {
    let mut entries = Vec::with_capacity(chained.len());
    let mut head = Digest::ZERO;
    for (place, stored) in (1..).zip(chained) {
        entries.push(verify_one(run, place, head, stored, chained)?);
        head = stored.digest;
    }
    let count = entries.len() as u64;
    let Some((expected, expected_head)) = anchor else { return Ok(entries) };
    if count < expected {
        let missing = if count + 1 == expected {
            "it is missing at the end".to_owned()
        } else {
            format!("it and all after it up to entry {expected} are missing at the end")
        };
        return Err(Damage::new(count + 1, missing));
    }
    if count > expected {
        return Err(Damage::new(expected + 1, "it was added past the end that was written down"));
    }
    if head != expected_head {
        let what = format!("it is not the last entry that was written down: its digest was {expected_head}");
        return Err(Damage::new(count, what));
    }
    Ok(entries)
}

fn verify_one(
    run: RunId,
    place: u64,
    head: Digest,
    stored: &Chained,
    all: &[Chained],
) -> Result<Entry, Damage> {
    let Chained { seq, at, ref body, prev, digest } = *stored;
    if seq > place {
        return Err(Damage::new(place, format!("it is missing; the next that is there is entry {seq}")));
    }
    if seq < place {
        return Err(Damage::new(place, format!("entry {seq} stands in its place: reordered or repeated")));
    }
    if link(run, seq, at, body, prev) != digest {
        return Err(Damage::new(place, what_was_altered(run, stored, all)));
    }
    if prev != head {
        return Err(Damage::new(
            place,
            "it does not follow the entry before it: that one was replaced, or this one put in",
        ));
    }
    let event: Event = serde_json::from_str(body)
        .map_err(|error| Damage::new(place, format!("its event can't be read by this firedrill: {error}")))?;
    if let Event::Declared(declaration) = &event
        && declaration.run != run
    {
        return Err(Damage::new(place, format!("it declares another run, {}", declaration.run)));
    }
    Ok(Entry { seq, at, event })
}

/// Says as much as can be known about an entry whose digest is not that of its content.
fn what_was_altered(run: RunId, stored: &Chained, all: &[Chained]) -> String {
    let Chained { seq, at, ref body, prev, digest } = *stored;
    let moved = all.iter().any(|other| {
        other.seq != seq
            && (link(run, other.seq, at, body, prev) == digest
                || link(run, other.seq, at, body, other.prev) == other.digest
                || link(run, other.seq, other.at, body, other.prev) == other.digest)
    });
    if moved {
        return "it holds the content of another entry: reordered".to_owned();
    }
    let next = all.iter().find(|other| seq.checked_add(1) == Some(other.seq));
    let content = link(run, seq, at, body, prev);
    if next.is_some_and(|next| next.prev == content) {
        return "its digest was altered; its content is as it was written".to_owned();
    }
    if serde_json::from_str::<Event>(body).is_err() {
        return "its event was altered: it can't be read as JSON of an event".to_owned();
    }
    let before = all.iter().find(|other| other.seq.checked_add(1) == Some(seq));
    let out_of_line = before.is_some_and(|before| before.at > at) || next.is_some_and(|next| next.at < at);
    let part = if out_of_line { "its time" } else { "its time or its event" };
    format!("{part} was altered: the digest of what is stored is {content}, and {digest} was written down")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::testing::{RUN, at, declared, note, run};

    fn small_chain() -> Vec<Chained> {
        forge(run(RUN), Digest::ZERO, &[declared(RUN), note(2), note(3), note(4)]).expect("a chain")
    }

    fn anchor(chained: &[Chained]) -> Option<(u64, Digest)> {
        chained.last().map(|last| (last.seq, last.digest))
    }

    fn broken(chained: &[Chained]) -> Damage {
        verify(run(RUN), chained, anchor(&small_chain())).expect_err("damage")
    }

    #[test]
    fn an_untouched_chain_gives_its_entries_back() {
        let chained = small_chain();
        let entries = verify(run(RUN), &chained, anchor(&chained)).expect("intact");
        assert_eq!(entries, [declared(RUN), note(2), note(3), note(4)]);
    }

    #[test]
    fn the_digest_is_what_the_documentation_says() {
        use sha2::Digest as _;
        let mut prev = [0u8; 32];
        for entry in small_chain() {
            let mut hash = sha2::Sha256::new();
            let seq = entry.seq.to_be_bytes();
            let millis = entry.at.as_millis().to_be_bytes();
            let fields: [&[u8]; 6] =
                [b"firedrill/entry/v1", RUN.as_bytes(), &seq, &millis, entry.body.as_bytes(), &prev];
            for field in fields {
                hash.update((field.len() as u64).to_be_bytes());
                hash.update(field);
            }
            prev = hash.finalize().into();
            assert_eq!(entry.digest.as_bytes(), &prev);
        }
    }

    #[test]
    fn every_altered_byte_is_found_at_its_entry() {
        let whole = small_chain();
        let flipped = |digest: Digest, bit: usize| {
            let mut bytes = *digest.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            Digest::from_bytes(bytes)
        };
        for entry in 0..whole.len() {
            let mut altered = Vec::new();
            for bit in 0..256 {
                let mut copy = whole.clone();
                copy[entry].prev = flipped(copy[entry].prev, bit);
                altered.push(copy);
                let mut copy = whole.clone();
                copy[entry].digest = flipped(copy[entry].digest, bit);
                altered.push(copy);
            }
            for bit in 0..63 {
                let mut copy = whole.clone();
                copy[entry].at = Timestamp::from_millis(copy[entry].at.as_millis() ^ (1 << bit));
                altered.push(copy);
                let mut copy = whole.clone();
                copy[entry].seq ^= 1 << bit;
                altered.push(copy);
            }
            for byte in 0..whole[entry].body.len() {
                for new in [b' ', b'0', b'"', b'z'] {
                    let mut copy = whole.clone();
                    let mut bytes = copy[entry].body.clone().into_bytes();
                    if bytes[byte] != new && bytes[byte].is_ascii() {
                        bytes[byte] = new;
                        copy[entry].body = String::from_utf8(bytes).expect("still text");
                        altered.push(copy);
                    }
                }
            }
            for copy in altered {
                assert_eq!(broken(&copy).seq, entry as u64 + 1);
            }
        }
    }

    #[test]
    fn it_says_what_is_wrong() {
        let mut copy = small_chain();
        copy.remove(1);
        assert_eq!(broken(&copy).to_string(), "entry 2: it is missing; the next that is there is entry 3");

        let mut copy = small_chain();
        copy.truncate(2);
        assert_eq!(
            broken(&copy).to_string(),
            "entry 3: it and all after it up to entry 4 are missing at the end"
        );

        let mut copy = small_chain();
        let (second, third) = (copy[1].body.clone(), copy[2].body.clone());
        (copy[1].body, copy[2].body) = (third, second);
        assert!(broken(&copy).to_string().starts_with("entry 2: "), "{}", broken(&copy));

        let mut copy = small_chain();
        copy[1].at = at(0);
        assert!(broken(&copy).to_string().starts_with("entry 2: its time was altered"));

        let mut copy = small_chain();
        copy[2].digest = Digest::ZERO;
        assert!(broken(&copy).to_string().contains("its digest was altered; its content is"));

        let mut copy = small_chain();
        copy[2].body.insert(0, 'x');
        assert!(broken(&copy).to_string().contains("its event was altered"));
    }

    #[test]
    fn rows_that_change_places_are_called_reordered() {
        let mut copy = small_chain();
        copy.swap(1, 2);
        (copy[1].seq, copy[2].seq) = (2, 3);
        assert_eq!(broken(&copy).to_string(), "entry 2: it holds the content of another entry: reordered");
    }

    #[test]
    fn a_chain_forged_anew_is_told_by_its_head() {
        let other = forge(run(RUN), Digest::ZERO, &[declared(RUN), note(2), note(3), note(9)]);
        assert!(other.is_ok_and(|mut other| {
            other[3].seq = 4;
            other[3].digest = link(run(RUN), 4, other[3].at, &other[3].body, other[3].prev);
            broken(&other).to_string().contains("not the last entry that was written down")
        }));
    }

    #[test]
    fn a_chain_of_another_run_is_refused() {
        let other = "019aa000-0000-7000-8000-00000000ffff";
        let chained = forge(run(RUN), Digest::ZERO, &[declared(other)]).expect("a chain");
        assert!(verify(run(RUN), &chained, None).is_err_and(|e| e.what.contains("another run")));
        assert!(verify(run(other), &small_chain(), None).is_err());
    }

    #[test]
    fn without_an_anchor_a_cut_end_is_not_noticed() {
        let mut copy = small_chain();
        copy.truncate(3);
        assert!(verify(run(RUN), &copy, None).is_ok());
    }
}
