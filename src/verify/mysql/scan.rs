//! The statements that read a table, and what comes back of each row: its hash and its key.
//!
//! ```text
//!   row   = SHA-256 of its columns' pieces, joined                    see `columns`
//!   key   = integers: themselves        other: 16 digits of the SHA-256 of their pieces        none: the row's own hash
//!   chunk = select count(*), group_concat(row, key, ';' separator '') from … where key between a and b
//! ```
//! The server hashes; firedrill sums. What travels is some 40 bytes for each row, in one packet for each chunk. To sum in SQL
//! as well would double the server's work: MySQL evaluates an expression as often as it is named, and sums integers
//! as decimals.
//!
//! The bucket of a key and its `r` (see `cells`) are such that SQL can compute them too, to look rows up again:
//!
//! | key | bucket | r |
//! | --- | --- | --- |
//! | one integer k | `crc32(k)` | `k` |
//! | two or three integers | `crc32(concat_ws('/', k3, k2, k1))` | `crc32(concat_ws(',', k1, k2, k3))` |
//! | other, or none | digits 9 to 16 of the 16 digits (of a row: of its second half) | digits 1 to 8 |
//!
//! each modulo the number of buckets, or its low 31 bits.

use super::columns::{Column, joined};
use crate::verify::{
    cells::{Element, KEY_COLUMNS, P},
    fingerprint::RowBytes,
    sql::How,
};
use std::io::Write as _;

/// What is scanned, and how rows and keys are known.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    columns: Vec<Column>,
    key: Vec<Column>,
    keying: Keying,
    how: How,
}

/// How a row's key is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keying {
    /// By so many integers.
    Integers(usize),
    /// By its hash.
    Hashed,
    /// There is none: by the row's own hash.
    Row,
}

/// What came of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    /// The first 128 bits of its SHA-256.
    pub(super) halves: [u64; 2],
    /// The other 128 bits, under `strong`.
    pub(super) rest: [u64; 2],
    /// The integers of its key; zeros where there are none.
    pub(super) keys: [i128; KEY_COLUMNS],
    pub(super) bucket: u32,
    pub(super) r: u32,
}

impl Record {
    /// Of a row whose values are here: known by its own hash.
    pub(super) fn of_bytes(row: &RowBytes, buckets: u32) -> Self {
        let words = row.sha256();
        let [first, second, third, fourth] = words;
        Self {
            halves: [first, second],
            rest: [third, fourth],
            keys: [0; KEY_COLUMNS],
            bucket: second as u32 & buckets.saturating_sub(1),
            r: (second >> 32) as u32 & P as u32,
        }
    }
}

impl Plan {
    pub(super) fn new(columns: Vec<Column>, key: &[String], how: How) -> Self {
        let key: Vec<Column> = key
            .iter()
            .map(|name| columns.iter().find(|column| column.name == *name).cloned())
            .collect::<Option<_>>()
            .unwrap_or_default();
        let keying = match key.len() {
            0 => Keying::Row,
            many if many <= KEY_COLUMNS && key.iter().all(|column| column.integer) => Keying::Integers(many),
            _ => Keying::Hashed,
        };
        Self { columns, key, keying, how }
    }

    /// How many columns of the key are summed.
    pub(super) fn summed(&self) -> usize {
        match self.keying {
            Keying::Integers(many) => many,
            Keying::Hashed | Keying::Row => 0,
        }
    }

    /// The columns of the key.
    pub(super) fn key(&self) -> &[Column] {
        &self.key
    }

    fn row_hash(&self) -> String {
        format!("sha2({}, 256)", joined(&self.columns))
    }

    fn key_hash(&self) -> String {
        format!("left(sha2({}, 256), 16)", joined(&self.key))
    }

    /// What is asked of each row.
    fn record(&self) -> String {
        let mut parts = match self.how.strong {
            true => vec![self.row_hash()],
            false => vec![format!("left({}, 32)", self.row_hash())],
        };
        match self.keying {
            Keying::Integers(_) => {
                for (column, before) in self.key.iter().zip(["", "','", "','"]) {
                    if !before.is_empty() {
                        parts.push(before.to_owned());
                    }
                    parts.push(column.number());
                }
            }
            Keying::Hashed => parts.push(self.key_hash()),
            Keying::Row => {}
        }
        parts.join(", ")
    }

    /// How many bytes a record takes at most, with what ends it.
    pub(super) fn record_bytes(&self) -> usize {
        let hash = if self.how.strong { 64 } else { 32 };
        1 + hash
            + match self.keying {
                Keying::Integers(many) => 21 * many,
                Keying::Hashed => 16,
                Keying::Row => 0,
            }
    }

    /// The statement that gives the records of `source` in one row: how many, and all of them, each with its end: one that was
    /// cut off has none.
    pub(super) fn chunk(&self, source: &str) -> String {
        format!(
            "select cast(count(*) as char), group_concat({}, ';' separator '') from {source}",
            self.record()
        )
    }

    /// The statement that gives them one by one.
    pub(super) fn stream(&self, source: &str) -> String {
        format!("select concat({}) from {source}", self.record())
    }

    /// Reads the records of a chunk, if they are all there.
    pub(super) fn records<'a>(
        &'a self,
        count: u64,
        text: &'a [u8],
    ) -> Option<impl Iterator<Item = Option<Record>> + 'a> {
        let ends = text.iter().filter(|byte| **byte == b';').count() as u64;
        let whole = ends == count && text.last().is_none_or(|last| *last == b';');
        let records = text.split(|byte| *byte == b';').take(usize::try_from(count).ok()?);
        whole.then(|| records.map(|record| self.read(record)))
    }

    /// Reads a record.
    pub(super) fn read(&self, text: &[u8]) -> Option<Record> {
        let (first, text) = split_hex(text)?;
        let (second, text) = split_hex(text)?;
        let mut record =
            Record { halves: [first, second], rest: [0; 2], keys: [0; KEY_COLUMNS], bucket: 0, r: 0 };
        let mut text = text;
        if self.how.strong {
            for half in &mut record.rest {
                let (value, after) = split_hex(text)?;
                *half = value;
                text = after;
            }
        }
        let (bucket, r) = match self.keying {
            Keying::Integers(many) => {
                let mut parts = text.split(|byte| *byte == b',');
                for key in record.keys.iter_mut().take(many) {
                    *key = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
                }
                if parts.next().is_some() {
                    return None;
                }
                integers(record.keys.get(..many)?, text)
            }
            Keying::Hashed => {
                let (hash, after) = split_hex(text)?;
                if !after.is_empty() {
                    return None;
                }
                (hash as u32, (hash >> 32) as u32)
            }
            Keying::Row if text.is_empty() => (second as u32, (second >> 32) as u32),
            Keying::Row => return None,
        };
        record.bucket = bucket & self.how.buckets.saturating_sub(1);
        record.r = r & P as u32;
        Some(record)
    }

    /// The same two in SQL, over `x`: the bucket and r.
    fn place(&self) -> (String, String) {
        let mask = self.how.buckets.saturating_sub(1);
        let numbers: Vec<String> = self.key.iter().map(Column::number).collect();
        let of_digits = |digits: &str, from: usize| {
            let number =
                |at: usize| format!("cast(conv(substr({digits}, {}, 8), 16, 10) as unsigned)", from + at);
            (format!("({} & {mask})", number(8)), format!("({} & {P})", number(0)))
        };
        match self.keying {
            Keying::Integers(1) => {
                let number = numbers.concat();
                (format!("(crc32({number}) & {mask})"), format!("({number} & {P})"))
            }
            Keying::Integers(_) => {
                let backwards: Vec<&str> = numbers.iter().rev().map(String::as_str).collect();
                (
                    format!("(crc32(concat_ws('/', {})) & {mask})", backwards.join(", ")),
                    format!("(crc32(concat_ws(',', {})) & {P})", numbers.join(", ")),
                )
            }
            Keying::Hashed => of_digits(&self.key_hash(), 1),
            Keying::Row => of_digits(&self.row_hash(), 17),
        }
    }

    /// A key in words: `id=5`, `code='a'`; long texts are cut.
    fn words(&self) -> String {
        match self.key.is_empty() {
            true => "'a row'".to_owned(),
            false => {
                let words: Vec<String> = self.key.iter().map(Column::words).collect();
                format!("concat({})", words.join(", ' ', "))
            }
        }
    }

    /// The statement that finds rows by their r: bucket, r, the key in words, the first half of the row's hash, the key's
    /// integers, a hash of each column. Other buckets with the same r come too.
    pub(super) fn locate(&self, source: &Source, wanted: &[u32], columns: bool, most: usize) -> String {
        let (bucket, r) = self.place();
        let mut list = vec![
            format!("cast({bucket} as char)"),
            format!("cast({r} as char)"),
            self.words(),
            format!("left({}, 16)", self.row_hash()),
        ];
        list.extend(self.key.iter().take(self.summed()).map(|key| format!("cast({} as char)", key.number())));
        if columns {
            let each = self.columns.iter().map(std::slice::from_ref);
            list.extend(each.map(|column| format!("left(sha2({}, 256), 16)", joined(column))));
        }
        let wanted: Vec<String> = wanted.iter().map(u32::to_string).collect();
        let among = format!("{r} in ({})", wanted.join(", "));
        format!("select {} from {} limit {most}", list.join(", "), source.and(&[among]))
    }

    /// The statement that gives each row of some buckets: bucket, r, words, hash.
    pub(super) fn marks(&self, source: &Source, buckets: &[u32], most: usize) -> String {
        let (bucket, r) = self.place();
        let list: Vec<String> = buckets.iter().map(u32::to_string).collect();
        let among = format!("{bucket} in ({})", list.join(", "));
        format!(
            "select cast({bucket} as char), cast({r} as char), {}, {} from {} limit {most}",
            self.words(),
            self.row_hash(),
            source.and(&[among])
        )
    }

    /// The statement that gives the hashes of keys.
    pub(super) fn key_hashes(&self, source: &str, most: usize) -> String {
        format!("select {} from {source} limit {most}", self.key_hash())
    }

    /// A condition that leaves out the rows whose keys have these hashes. What is no hash is left out of the list.
    pub(super) fn not_among(&self, hashes: &[String]) -> String {
        let is_hash = |hash: &&String| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        let list: Vec<String> = hashes.iter().filter(is_hash).map(|hash| format!("'{hash}'")).collect();
        match list.is_empty() {
            true => "true".to_owned(),
            false => format!("{} not in ({})", self.key_hash(), list.join(", ")),
        }
    }
}

/// What is read of a table, as `x`: under conditions whose parameters come in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) table: String,
    pub(super) conditions: Vec<String>,
}

impl Source {
    /// With more conditions, which have no parameters.
    pub(super) fn and(&self, more: &[String]) -> String {
        let all: Vec<&str> = self.conditions.iter().chain(more).map(String::as_str).collect();
        match all.is_empty() {
            true => format!("{} x", self.table),
            false => format!("{} x where {}", self.table, all.join(" and ")),
        }
    }
}

/// The 64 bits of 16 hexadecimal digits, and what comes after them.
fn split_hex(text: &[u8]) -> Option<(u64, &[u8])> {
    let (digits, after) = text.split_at_checked(16)?;
    let mut value = 0u64;
    for digit in digits {
        value = value << 4
            | u64::from(match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                b'A'..=b'F' => digit - b'A' + 10,
                _ => return None,
            });
    }
    Some((value, after))
}

/// Where a key of integers lies among so many buckets.
pub(super) fn element(keys: &[i128], buckets: u32) -> Element {
    let text = keys.iter().map(i128::to_string).collect::<Vec<_>>().join(",");
    let (bucket, r) = integers(keys, text.as_bytes());
    Element { bucket: bucket & buckets.saturating_sub(1), r: r & P as u32 }
}

/// Bucket and r, before they are cut, of a key of integers; `text`: the integers with commas between.
fn integers(keys: &[i128], text: &[u8]) -> (u32, u32) {
    match keys {
        [key] => (crc32(text), *key as u32),
        keys => {
            let mut backwards = [0u8; 64 * KEY_COLUMNS];
            let mut rest = &mut backwards[..];
            for (key, before) in keys.iter().rev().zip(["", "/", "/"]) {
                // As long as the buffer is: three times an i128 and a slash.
                let _ = write!(rest, "{before}{key}");
            }
            let left = rest.len();
            let written = backwards.len() - left;
            (crc32(&backwards[..written]), crc32(text))
        }
    }
}

const CRC: [u32; 256] = crc_table();

const fn crc_table() -> [u32; 256] {
    let mut table = [0u32; 256];
    let mut at = 0;
    while at < 256 {
        let mut value = at as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[at] = value;
        at += 1;
    }
    table
}

/// As the server's `crc32()`.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| CRC[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, kind: &str) -> Column {
        Column::new(name.into(), kind, kind, (kind == "varchar").then_some("utf8mb4"), true)
    }

    fn plan(key: &[&str], strong: bool) -> Plan {
        let columns = vec![column("id", "bigint"), column("n", "int"), column("code", "varchar")];
        let key: Vec<String> = key.iter().map(|name| (*name).to_owned()).collect();
        Plan::new(columns, &key, How { strong, buckets: 1024 })
    }

    fn source() -> Source {
        Source { table: "`t`".into(), conditions: Vec::new() }
    }

    #[test]
    fn crc32_is_the_servers() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn a_chunk_is_one_row() {
        assert_eq!(
            plan(&["id"], false).chunk(&source().and(&["x.`id` > 5".into()])),
            "select cast(count(*) as char), group_concat(left(sha2(concat_ws(cast(x'ff' as binary), x.`id`, x.`n`, x.`code`), 256), 32), \
             x.`id`, ';' separator '') from `t` x where x.`id` > 5"
        );
        assert!(plan(&["id", "n"], true).chunk("t").contains("256), x.`id`, ',', x.`n`, ';'"));
        assert!(
            plan(&["code"], false)
                .chunk("t")
                .contains("32), left(sha2(concat_ws(cast(x'ff' as binary), x.`code`), 256), 16), ';'")
        );
        assert!(plan(&[], false).stream("t").ends_with("256), 32)) from t"));
    }

    #[test]
    fn records_are_read() {
        let hash = "00000000000000010000000080000403";
        let record = plan(&["id"], false).read(format!("{hash}-7").as_bytes()).expect("a record");
        assert_eq!((record.halves, record.keys), ([1, 0x8000_0403], [-7, 0, 0]));
        assert_eq!((record.bucket, record.r), (crc32(b"-7") & 1023, 0x7fff_fff9));
        let record = plan(&["id", "n"], false).read(format!("{hash}12,34").as_bytes()).expect("a record");
        assert_eq!((record.bucket, record.r), (crc32(b"34/12") & 1023, crc32(b"12,34") & 0x7fff_ffff));
        let found = Element { bucket: record.bucket, r: record.r };
        assert_eq!(element(&[12, 34], 1024), found, "the same of the key alone");
        let record = plan(&[], false).read(hash.as_bytes()).expect("a record");
        assert_eq!((record.bucket, record.r), (3, 0));
        let record = plan(&["code"], true).read(format!("{hash}{hash}ffffffff00000405").as_bytes());
        let record = record.expect("a record");
        assert_eq!((record.rest, record.bucket, record.r), ([1, 0x8000_0403], 5, 0x7fff_ffff));
    }

    #[test]
    fn a_chunk_that_was_cut_off_is_told() {
        let hash = "00000000000000010000000080000403";
        let text = format!("{hash}1;{hash}22;");
        let plan = plan(&["id"], false);
        let keys = |count, text: &str| {
            let records = plan.records(count, text.as_bytes())?;
            records.map(|record| record.map(|record| record.keys[0])).collect::<Option<Vec<_>>>()
        };
        assert_eq!(keys(2, &text), Some(vec![1, 22]));
        assert_eq!(keys(0, ""), Some(vec![]));
        for (count, text) in
            [(2, &text[..text.len() - 1]), (2, &text[..34]), (3, &text[..]), (1, &text[..]), (1, "")]
        {
            assert_eq!(keys(count, text), None, "{count} {text}");
        }
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let hash = "00000000000000010000000080000403";
        for (key, text) in [
            (&["id"][..], hash.to_owned()),
            (&["id"], format!("{hash}1,2")),
            (&["id", "n"], format!("{hash}1")),
            (&["code"], format!("{hash}00")),
            (&[], format!("{hash}0")),
            (&[], hash[1..].to_owned()),
            (&[], hash.replace('8', "g")),
        ] {
            assert_eq!(plan(key, false).read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn hashes_of_a_baseline_are_looked_at_before_they_enter_a_statement() {
        let hashes = ["0123456789abcdef".to_owned(), "') or 1 -- xxxxx".to_owned()];
        let condition = plan(&["id"], false).not_among(&hashes);
        assert!(condition.ends_with("not in ('0123456789abcdef')"), "{condition}");
    }
}
