//! What a check said of each table, read back from its details.

use std::collections::BTreeMap;

/// The rows that a check named, by table.
pub type Named = BTreeMap<String, Rows>;

/// Keys, each with how often, and how many more there are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List {
    pub keys: BTreeMap<String, u64>,
    pub more: u64,
}

impl List {
    /// How many rows it stands for.
    pub fn total(&self) -> u64 {
        self.keys.values().sum::<u64>() + self.more
    }
}

/// Rows as a check names them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows {
    pub changed: List,
    pub lost: List,
    pub extra: List,
    /// Buckets in which rows can't be told apart.
    pub unclear: u64,
    /// Rows in the baseline, and here.
    pub counts: (u64, u64),
}

impl Rows {
    /// How many rows are named.
    pub fn named(&self) -> u64 {
        [&self.changed, &self.lost, &self.extra].into_iter().map(List::total).sum()
    }
}

/// Reads the details of a check. A line that tells no rows is given back.
pub fn read(details: &[String]) -> Result<Named, String> {
    let mut named = Named::new();
    for line in details {
        let (table, rest) = line.split_once(": ").ok_or(line)?;
        let rows = named.entry(table.to_owned()).or_default();
        if let Some(rest) =
            rest.strip_prefix("rows differ (").or_else(|| rest.strip_prefix("more rows differ ("))
        {
            let (counts, rest) = rest.split_once("), about ").ok_or(line)?;
            rows.counts = read_counts(counts).ok_or(line)?;
            let buckets =
                rest.split_once("those in ").and_then(|(_, rest)| rest.split_once(' ')).ok_or(line)?;
            rows.unclear = number(buckets.0).ok_or(line)?;
            continue;
        }
        let (head, lists) = rest.split_once("): ").ok_or(line)?;
        let (number_of, counts) =
            head.split_once(" rows differ (").or_else(|| head.split_once(" row differs (")).ok_or(line)?;
        rows.counts = read_counts(counts).ok_or(line)?;
        for part in lists.split("; ") {
            let (list, keys) = match part {
                _ if part.starts_with("changed ") => (&mut rows.changed, &part[8..]),
                _ if part.starts_with("lost ") => (&mut rows.lost, &part[5..]),
                _ if part.starts_with("extra ") => (&mut rows.extra, &part[6..]),
                _ => return Err(line.clone()),
            };
            for key in keys.split(", ") {
                if let Some(more) = key.strip_prefix("and ").and_then(|key| key.strip_suffix(" more")) {
                    list.more = number(more).ok_or(line)?;
                    continue;
                }
                let times = key
                    .strip_suffix(" times)")
                    .and_then(|key| key.rsplit_once(" ("))
                    .and_then(|(key, times)| Some((key, number(times)?)));
                let (key, times) = times.unwrap_or((key, 1));
                *list.keys.entry(key.to_owned()).or_default() += times;
            }
        }
        if number(number_of) != Some(rows.named()) {
            return Err(format!("{line} (names {})", rows.named()));
        }
    }
    Ok(named)
}

fn number(text: &str) -> Option<u64> {
    text.replace(',', "").parse().ok()
}

/// `50 rows in both`, or `50 rows in the baseline, 51 here`.
fn read_counts(text: &str) -> Option<(u64, u64)> {
    let (first, rest) = text.split_once(" row")?;
    let first = number(first)?;
    if rest.ends_with(" in both") {
        return Some((first, first));
    }
    let here = rest.rsplit_once(", ")?.1.strip_suffix(" here")?;
    Some((first, number(here)?))
}

#[test]
fn what_a_check_says_is_read_back() {
    let said = [
        "t1: 4 rows differ (1,050 rows in the baseline, 1,051 here): changed id=5, id=-1; lost code#00ab0012; extra row at (0,5) (2 times)",
        "shop.t2: 1 row differs (50 rows in both): changed a=1 b='x (2)'",
    ];
    let said: Vec<String> = said.iter().map(|line| (*line).to_owned()).collect();
    let named = read(&said[1..]).expect("it can be read");
    assert_eq!(named["shop.t2"].changed.keys, BTreeMap::from([("a=1 b='x (2)'".to_owned(), 1)]));
    let wrong = read(&said).expect_err("five rows are named, and four counted");
    assert!(wrong.contains("names 5"), "{wrong}");
    let many = "t: 22 rows differ (50 rows in both): changed id=1, id=2, and 20 more";
    assert_eq!(read(&[many.to_owned()]).expect("it can be read")["t"].changed.total(), 22);
    assert!(read(&["t: column `a` is missing".to_owned()]).is_err());
    let unclear = "t: rows differ (50 rows in both), about 5 in all; those in 1 of 1,024 buckets are too many to be told apart";
    let named = read(&[unclear.to_owned()]).expect("it can be read");
    assert_eq!((named["t"].unclear, named["t"].counts), (1, (50, 50)));
}
