//! Random single mutations of rows of every type on MySQL and MariaDB: each is seen and its row named, and nothing else is.
//!
//! Whether a mutation is one is decided by the server, from the bytes of each value. `FIREDRILL_SEED=123` replays one
//! database, `FIREDRILL_SEEDS=100` makes so many on each server.

use super::super::{
    Drill, Place,
    report::{self, List, Rows},
    runtime,
};
use crate::{
    servers::{Kind, Server, shared},
    sim::rng::Rng,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// Databases of each server; their tables, rows and rounds; mutations of a table in a round at most.
const DATABASES: u64 = 2;
const TABLES: u64 = 40;
const ROWS: u64 = 60;
const ROUNDS: u64 = 8;
const MOST: u64 = 8;

/// A type: how it is declared, what its bytes are (`@`: the column), values, and expressions that change a value or none.
struct Type {
    declared: &'static str,
    bytes: &'static str,
    values: fn(&mut Rng) -> String,
    twists: &'static [&'static str],
}

/// A floating-point number: as text, and by how much the text is wrong.
const EXACT: &str =
    "concat(cast(@ + 0e0 as char), ' ', cast(@ + 0e0 - cast(cast(@ + 0e0 as char) as double) as char))";
const TEXT: &[&str] = &[
    "upper(@)",
    "lower(@)",
    "concat(@, ' ')",
    "rtrim(@)",
    "concat(@, char(0))",
    "left(@, 3)",
    "reverse(@)",
    "''",
    "replace(@, 'é', 'e')",
    "if(@ = '', null, '')",
];
const NUMBER: &[&str] = &["-@", "@ + 1", "0", "@ * 10", "if(@ = 0, null, 0)"];

const TYPES: &[Type] = &[
    Type { declared: "int", bytes: "cast(@ as char)", values: integer, twists: NUMBER },
    Type {
        declared: "bigint unsigned",
        bytes: "cast(@ as char)",
        values: big,
        twists: &["@ ^ 1", "@ ^ (1 << 63)", "@ >> 1", "0"],
    },
    Type { declared: "bigint", bytes: "cast(@ as char)", values: integer, twists: NUMBER },
    Type { declared: "smallint", bytes: "cast(@ as char)", values: small, twists: &["-@", "0", "@ + 1"] },
    Type { declared: "tinyint(1)", bytes: "cast(@ as char)", values: bit, twists: &["1 - @"] },
    Type {
        declared: "decimal(12,3)",
        bytes: "cast(@ as char)",
        values: decimal,
        twists: &["-@", "@ + 0.001", "@ / 10", "0"],
    },
    Type {
        // -0.0 is taken as 0.0.
        declared: "double",
        bytes: EXACT,
        values: double,
        twists: &["-@", "@ * (1 + 2.220446049250313e-16)", "0e0", "-0e0", "@ / 3"],
    },
    Type {
        declared: "float",
        bytes: EXACT,
        values: double,
        twists: &["-@", "@ * 1.0000002", "0e0", "@ / 3"],
    },
    Type { declared: "varchar(60) character set utf8mb4", bytes: "hex(@)", values: text, twists: TEXT },
    Type {
        declared: "varchar(60) character set utf8mb4 collate utf8mb4_bin",
        bytes: "hex(@)",
        values: text,
        twists: TEXT,
    },
    Type { declared: "varchar(60) character set latin1", bytes: "hex(@)", values: western, twists: TEXT },
    Type { declared: "char(30) character set utf8mb4", bytes: "hex(@)", values: text, twists: TEXT },
    Type { declared: "mediumtext character set utf8mb4", bytes: "hex(@)", values: text, twists: TEXT },
    Type {
        declared: "varbinary(60)",
        bytes: "hex(@)",
        values: bytes,
        twists: &["concat(@, char(0))", "concat(char(0), @)", "''", "left(@, 2)", "reverse(@)"],
    },
    Type {
        declared: "binary(8)",
        bytes: "hex(@)",
        values: bytes,
        twists: &["left(@, 2)", "reverse(@)", "''"],
    },
    Type { declared: "blob", bytes: "hex(@)", values: bytes, twists: &["concat(@, char(255))", "''"] },
    Type { declared: "bit(20)", bytes: "hex(@)", values: small, twists: &["@ ^ 1", "@ ^ 524288"] },
    Type {
        declared: "date",
        bytes: "cast(@ as char)",
        values: date,
        twists: &["@ + interval 1 day", "@ + interval 1 year", "'0000-00-00'"],
    },
    Type {
        declared: "datetime(6)",
        bytes: "cast(@ as char)",
        values: moment,
        twists: &["@ + interval 1 microsecond", "@ - interval 1 second", "@ + interval 1 hour"],
    },
    Type {
        declared: "datetime",
        bytes: "cast(@ as char)",
        values: moment,
        twists: &["@ + interval 1 second"],
    },
    Type {
        declared: "timestamp(3) null",
        bytes: "cast(@ as char)",
        values: moment,
        twists: &["@ + interval 1 second", "@ + interval 1000 microsecond"],
    },
    Type {
        declared: "time(2)",
        bytes: "cast(@ as char)",
        values: time,
        twists: &["addtime(@, '00:00:00.01')", "'00:00:00'"],
    },
    Type { declared: "year", bytes: "cast(@ as char)", values: year, twists: &["@ + 1", "0"] },
    Type {
        declared: "enum('a','b','Zoë')",
        bytes: "concat(@ + 0, '/', hex(@))",
        values: of_enum,
        twists: &["'a'", "'Zoë'", "''"],
    },
    Type {
        declared: "set('x','y','z')",
        bytes: "cast(@ + 0 as char)",
        values: of_set,
        twists: &["@ ^ 1", "0"],
    },
    Type {
        declared: "json",
        bytes: "hex(cast(@ as char))",
        values: json,
        twists: &["json_set(@, '$.n', 7)", "json_remove(@, '$.t')", "json_array(@)", "'{}'"],
    },
    Type {
        declared: "geometry",
        bytes: "hex(st_aswkb(@))",
        values: point,
        twists: &["st_geomfromtext('POINT(1 2)')", "st_geomfromtext('LINESTRING(1 2,3 4)')"],
    },
    Type { declared: "inet6 /*or*/", bytes: "cast(@ as char)", values: inet, twists: &["'::1'"] },
    Type {
        declared: "uuid /*or*/",
        bytes: "cast(@ as char)",
        values: uuid,
        twists: &["'00000000-0000-0000-0000-000000000001'"],
    },
];

fn integer(rng: &mut Rng) -> String {
    let edges = ["0", "1", "-1", "2147483647", "-2147483648", "65536"];
    if rng.permille(300) {
        (*rng.pick(&edges)).to_owned()
    } else {
        format!("{}", rng.between(0, 4_000_000) as i64 - 2_000_000)
    }
}
fn big(rng: &mut Rng) -> String {
    let edges = ["0", "1", "18446744073709551615", "9223372036854775808", "4294967296"];
    if rng.permille(300) { (*rng.pick(&edges)).to_owned() } else { rng.next().to_string() }
}
fn small(rng: &mut Rng) -> String {
    rng.between(0, 30_000).to_string()
}
fn bit(rng: &mut Rng) -> String {
    rng.between(0, 1).to_string()
}
fn decimal(rng: &mut Rng) -> String {
    format!("{}{}.{:03}", rng.pick(&["", "-"]), rng.between(0, 99_999), rng.between(0, 999))
}
fn double(rng: &mut Rng) -> String {
    let edges = ["0e0", "-0e0", "1e30", "-1e-30", "0.1e0", "3.5e0"];
    if rng.permille(400) {
        (*rng.pick(&edges)).to_owned()
    } else {
        format!("{}e-3", rng.between(0, 1_000_000_000))
    }
}
fn text(rng: &mut Rng) -> String {
    let parts = ["a", "B", "é", "e", " ", "ß", "日", "😀", "x", "0", "-", "\\\\", "\\n", "''"];
    let many = rng.between(0, 8);
    format!("'{}'", (0..many).map(|_| *rng.pick(&parts)).collect::<String>())
}
fn western(rng: &mut Rng) -> String {
    let parts = ["a", "B", "é", "ÿ", " ", "ß", "0"];
    let many = rng.between(0, 8);
    format!("'{}'", (0..many).map(|_| *rng.pick(&parts)).collect::<String>())
}
fn bytes(rng: &mut Rng) -> String {
    let many = rng.between(0, 8);
    format!(
        "x'{}'",
        (0..many).map(|_| format!("{:02x}", rng.pick(&[0u8, 1, 32, 65, 255]))).collect::<String>()
    )
}
fn date(rng: &mut Rng) -> String {
    format!("'{}-{:02}-{:02}'", rng.between(1000, 2999), rng.between(1, 12), rng.between(1, 28))
}
fn moment(rng: &mut Rng) -> String {
    let day = format!("{}-{:02}-{:02}", rng.between(1990, 2030), rng.between(1, 12), rng.between(1, 28));
    format!(
        "'{day} {:02}:{:02}:{:02}.{:06}'",
        rng.between(4, 23),
        rng.between(0, 59),
        rng.between(0, 58),
        rng.between(0, 900_000)
    )
}
fn time(rng: &mut Rng) -> String {
    format!(
        "'{}{}:{:02}:{:02}.{:02}'",
        rng.pick(&["", "-"]),
        rng.between(0, 800),
        rng.between(0, 59),
        rng.between(0, 58),
        rng.between(0, 98)
    )
}
fn year(rng: &mut Rng) -> String {
    rng.between(1950, 2100).to_string()
}
fn of_enum(rng: &mut Rng) -> String {
    (*rng.pick(&["'a'", "'b'", "'Zoë'", "''", "'no such'"])).to_owned()
}
fn of_set(rng: &mut Rng) -> String {
    rng.between(0, 7).to_string()
}
fn json(rng: &mut Rng) -> String {
    format!(
        "'{{\"n\": {}, \"t\": [\"{}\", {}]}}'",
        rng.between(0, 9),
        rng.pick(&["x", "é", ""]),
        rng.pick(&["null", "1.50", "true", "-3"])
    )
}
fn point(rng: &mut Rng) -> String {
    format!("st_geomfromtext('POINT({} {})')", rng.between(0, 9), rng.between(0, 9))
}
fn inet(rng: &mut Rng) -> String {
    format!("'2001:db8::{:x}'", rng.between(1, 60_000))
}
fn uuid(rng: &mut Rng) -> String {
    format!("'{:08x}-0000-4000-8000-{:012x}'", rng.next() as u32, rng.next() & 0xffff_ffff_ffff)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Int,
    Big,
    Two,
    Text,
    None,
}

impl Key {
    fn columns(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Key::Int => &[("id", "int not null")],
            Key::Big => &[("id", "bigint unsigned not null")],
            Key::Two => &[("a", "int not null"), ("b", "bigint not null")],
            Key::Text => &[("code", "varchar(20) character set utf8mb4 not null")],
            Key::None => &[],
        }
    }

    fn values(self, number: u64) -> Vec<String> {
        match self {
            Key::Int => vec![(i128::from(number) * 37 - 500).to_string()],
            Key::Big => vec![(u128::from(number) * 270_215_977_642_229_761).to_string()],
            Key::Two => vec![(number / 5).to_string(), (-i128::from(number) * 5_000_000_000).to_string()],
            Key::Text => vec![format!("'key {number}'")],
            Key::None => Vec::new(),
        }
    }

    /// The key in words, as SQL over `@`.
    fn words(self) -> &'static str {
        match self {
            Key::Int | Key::Big => "concat('id=', @id)",
            Key::Two => "concat('a=', @a, ' b=', @b)",
            Key::Text => "concat('code=''', @code, '''')",
            Key::None => "''",
        }
    }
}

struct Table {
    name: String,
    key: Key,
    columns: Vec<&'static Type>,
}

impl Table {
    fn row(&self, number: u64, rng: &mut Rng) -> String {
        let mut values = self.key.values(number);
        for column in &self.columns {
            values.push(if rng.permille(120) { "null".to_owned() } else { (column.values)(rng) });
        }
        format!("({})", values.join(", "))
    }

    fn declared(&self) -> String {
        let key = self.key.columns().iter().map(|(name, kind)| format!("{name} {kind}"));
        let columns = self.columns.iter().zip(0..).map(|(column, n)| format!("c{n} {}", column.declared));
        let names: Vec<&str> = self.key.columns().iter().map(|(name, _)| *name).collect();
        let primary = (!names.is_empty()).then(|| format!("primary key ({})", names.join(", ")));
        key.chain(columns).chain(primary).collect::<Vec<_>>().join(", ")
    }

    /// All of a row's values, as SQL over the alias.
    fn bytes(&self, alias: &str) -> String {
        let each = self.columns.iter().zip(0..).map(|(column, n)| {
            format!("coalesce({}, '~')", column.bytes.replace('@', &format!("{alias}.c{n}")))
        });
        format!("sha2(concat_ws('|', {}), 256)", each.collect::<Vec<_>>().join(", "))
    }

    fn is(&self, number: u64) -> String {
        let names = self.key.columns().iter().map(|(name, _)| *name);
        let pairs = names.zip(self.key.values(number)).map(|(name, value)| format!("{name} = {value}"));
        pairs.collect::<Vec<_>>().join(" and ")
    }

    /// Mutations of different rows.
    fn mutate(&self, most: u64, rng: &mut Rng) -> String {
        let name = &self.name;
        let mut sql = String::new();
        if self.key == Key::None {
            for _ in 0..most.div_ceil(2) {
                let column = usize::try_from(rng.between(0, self.columns.len() as u64 - 1)).expect("small");
                let value = (self.columns[column].values)(rng);
                let _ = match rng.between(0, 3) {
                    0 => writeln!(sql, "delete from {name} limit 1;"),
                    1 => writeln!(sql, "insert into {name} values {};", self.row(0, rng)),
                    2 => writeln!(sql, "insert into {name} select * from {name} limit 1;"),
                    _ => writeln!(sql, "update {name} set c{column} = {value} order by c0, c1, c2 limit 1;"),
                };
            }
            return sql;
        }
        let mut numbers: Vec<u64> = (0..ROWS).collect();
        for at in (1..numbers.len()).rev() {
            numbers.swap(at, usize::try_from(rng.between(0, at as u64)).expect("small"));
        }
        let mut next = numbers.into_iter();
        for fresh in 0..most {
            let (Some(row), many) = (next.next(), self.columns.len() as u64) else { break };
            let column = usize::try_from(rng.between(0, many - 1)).expect("small");
            let (kind, is, c) = (self.columns[column], self.is(row), format!("c{column}"));
            let new = self.row(ROWS + fresh, rng);
            let _ = match rng.between(0, 99) {
                0..=29 => writeln!(sql, "update {name} set {c} = {} where {is};", (kind.values)(rng)),
                30..=64 => writeln!(
                    sql,
                    "update {name} set {c} = {} where {is};",
                    rng.pick(kind.twists).replace('@', &c)
                ),
                65..=72 => writeln!(sql, "update {name} set {c} = null where {is};"),
                73..=78 => writeln!(sql, "update {name} set {c} = {c} where {is};"),
                79..=84 => writeln!(sql, "delete from {name} where {is};"),
                85..=90 => writeln!(sql, "insert into {name} values {new};"),
                91..=94 => writeln!(sql, "delete from {name} where {is}; insert into {name} values {new};"),
                // Two columns of one type change their places.
                _ => match self
                    .columns
                    .iter()
                    .enumerate()
                    .find(|(at, other)| *at != column && std::ptr::eq(**other, kind))
                {
                    Some((other, _)) => writeln!(
                        sql,
                        "set @v = (select {c} from {name} where {is}); update {name} set {c} = c{other}, c{other} = @v where {is};"
                    ),
                    None => writeln!(sql, "update {name} set {c} = {} where {is};", (kind.values)(rng)),
                },
            };
        }
        sql
    }

    /// What differs, as the server tells: (what, the key in words or nothing, how often).
    fn truth(&self) -> String {
        let (name, a, b) = (&self.name, self.bytes("a"), self.bytes("b"));
        if self.key == Key::None {
            let side = |table: &str, alias: &str| {
                format!("(select {} v, count(*) c from {table} {alias} group by 1)", self.bytes(alias))
            };
            let (new, old) = (side(name, "a"), side(&format!("o_{name}"), "b"));
            return format!(
                "select '{name}', if(n.c > coalesce(o.c, 0), 'extra', 'lost'), '', abs(cast(n.c as signed) - coalesce(o.c, 0)) \
                 from {new} n left join {old} o on n.v = o.v where n.c <> coalesce(o.c, 0) union all \
                 select '{name}', 'lost', '', o.c from {old} o left join {new} n on n.v = o.v where n.v is null;"
            );
        }
        let words = |alias: &str| self.key.words().replace('@', &format!("{alias}."));
        let on: Vec<String> =
            self.key.columns().iter().map(|(name, _)| format!("a.{name} = b.{name}")).collect();
        let (on, first) = (on.join(" and "), self.key.columns()[0].0);
        format!(
            "select '{name}', if(b.{first} is null, 'extra', 'changed'), {}, 1 from {name} a left join o_{name} b on {on} \
             where b.{first} is null or {a} <> {b} union all \
             select '{name}', 'lost', {}, 1 from o_{name} b left join {name} a on {on} where a.{first} is null;",
            words("a"),
            words("b")
        )
    }
}

#[derive(Debug, Default)]
struct Truth {
    named: BTreeMap<&'static str, BTreeSet<String>>,
    counts: BTreeMap<&'static str, u64>,
}

fn compare(table: &Table, truth: Option<&Truth>, found: Option<&Rows>) -> Result<bool, String> {
    let (truth, found) = match (truth, found) {
        (None, None) => return Ok(false),
        (Some(truth), None) => return Err(format!("not seen: {truth:?}")),
        (None, Some(found)) => return Err(format!("a false alarm: {found:?}")),
        (Some(truth), Some(found)) => (truth, found),
    };
    for (what, list) in [("changed", &found.changed), ("lost", &found.lost), ("extra", &found.extra)] {
        let list: &List = list;
        let count = truth.counts.get(what).copied().unwrap_or(0);
        if list.total() > count || (list.total() < count && found.unclear == 0) {
            return Err(format!("{} {what} are told of {count}: {found:?} {truth:?}", list.total()));
        }
        // A lost row whose key is no integer is named by its digest.
        if table.key == Key::None || (table.key == Key::Text && what == "lost") {
            continue;
        }
        let named = truth.named.get(what).cloned().unwrap_or_default();
        if let Some(strange) = list.keys.keys().find(|key| !named.contains(*key)) {
            return Err(format!("{what} {strange} is not true: {truth:?}"));
        }
    }
    Ok(found.unclear > 0)
}

struct Tally {
    mutations: u64,
    differing: u64,
    unclear: u64,
}

fn one(seed: u64, server: &Server, kind: Kind, tally: &mut Tally) {
    let mut rng = Rng::new(seed);
    let database = server.fresh_database();
    // Types of MariaDB alone have a mark.
    let types: Vec<&Type> =
        TYPES.iter().filter(|one| kind == Kind::MariaDb || !one.declared.contains("/*or*/")).collect();
    let session = "set sql_mode = '', time_zone = '+00:00', names utf8mb4; set foreign_key_checks = 0;"
        .replace(", names utf8mb4", "");
    let mut script = format!("{session} start transaction;\n");
    let mut tables = Vec::new();
    for number in 0..TABLES {
        let key = *rng.pick(&[Key::Int, Key::Big, Key::Two, Key::Text, Key::None]);
        let mut columns: Vec<&'static Type> = Vec::new();
        for _ in 0..rng.between(3, 6) {
            // Now and then the type of the column before, so that values can change places.
            let twin = columns.last().filter(|_| rng.permille(250)).copied();
            columns.push(twin.unwrap_or_else(|| *rng.pick(&types)));
        }
        let table = Table { name: format!("t{number}"), key, columns };
        let rows: Vec<String> = (0..ROWS).map(|number| table.row(number, &mut rng)).collect();
        let (name, declared) = (&table.name, table.declared());
        let _ = writeln!(
            script,
            "create table {name} ({declared}) default character set utf8mb4; insert into {name} values {}; \
             create table o_{name} like {name}; insert into o_{name} select * from {name};",
            rows.join(", ")
        );
        tables.push(table);
    }
    server.sql(&database, &format!("{script} commit;"));
    let list: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let check = format!("fingerprint: {{ tables: [{}], buckets: 4096 }}, expect: baseline", list.join(", "));
    let drill = Drill::new(&Place::of(server, kind, &database), &check);
    let runtime = runtime();
    let baseline = runtime.block_on(drill.baseline()).expect("a baseline");
    for round in 0..=ROUNDS {
        let mut script = format!("{session} start transaction;\n");
        // First nothing happens, and some tables are left alone in every round.
        for table in &tables {
            if round == 0 || rng.permille(50) {
                continue;
            }
            let most = rng.between(1, MOST);
            script.push_str(&table.mutate(most, &mut rng));
        }
        server.sql(&database, &format!("{script} commit;"));
        let asked: String = tables.iter().map(Table::truth).collect();
        let mut truths: BTreeMap<String, Truth> = BTreeMap::new();
        for line in server.query(&database, &format!("{session} {asked}")).lines() {
            let [table, what, words, times] =
                <[&str; 4]>::try_from(line.split('\t').collect::<Vec<_>>()).expect("four columns");
            let what =
                *["changed", "lost", "extra"].iter().find(|known| **known == what).expect("a known word");
            let truth = truths.entry(table.to_owned()).or_default();
            truth.named.entry(what).or_default().insert(words.to_owned());
            let times: u64 = times.parse().expect("a number");
            *truth.counts.entry(what).or_default() += times;
            tally.mutations += times;
        }
        let outcome = runtime.block_on(drill.check(Some(&baseline))).expect("a check");
        // That floats are compared bit by bit is a remark, not a row that differs.
        let lines: Vec<String> =
            outcome.details.into_iter().filter(|line| !line.contains(" is of type float ")).collect();
        let found = report::read(&lines).unwrap_or_else(|line| panic!("seed {seed}: {line}"));
        for table in &tables {
            let (truth, found) = (truths.get(&table.name), found.get(&table.name));
            tally.differing += u64::from(truth.is_some());
            match compare(table, truth, found) {
                Ok(unclear) => tally.unclear += u64::from(unclear),
                Err(what) => panic!(
                    "{kind:?}, FIREDRILL_SEED={seed}, round {round}: {} ({:?}; {}): {what}\n{script}",
                    table.name,
                    table.key,
                    table.declared()
                ),
            }
        }
        let back: String = list
            .iter()
            .map(|name| format!("delete from {name}; insert into {name} select * from o_{name};\n"))
            .collect();
        server.sql(&database, &format!("{session} start transaction; {back} commit;"));
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[expect(clippy::print_stdout, reason = "how many there were is worth a line")]
fn every_mutation(kind: Kind, version: &str) {
    if !Server::wanted(kind, version) {
        return;
    }
    let mut tally = Tally { mutations: 0, differing: 0, unclear: 0 };
    let seeds = match number("FIREDRILL_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("FIREDRILL_SEEDS").unwrap_or(DATABASES),
    };
    for seed in seeds {
        one(seed, shared(kind, version), kind, &mut tally);
    }
    println!(
        "{kind:?} {version}: {} rows differed, in {} tables, {} of them with some not told apart",
        tally.mutations, tally.differing, tally.unclear
    );
    assert!(tally.mutations > 1000, "{} mutations are too few", tally.mutations);
    assert!(
        tally.unclear * 200 < tally.differing,
        "{} of {} tables are not told apart",
        tally.unclear,
        tally.differing
    );
}

#[test]
fn every_mutation_on_mariadb_is_seen_and_named() {
    every_mutation(Kind::MariaDb, "11.8");
}

#[test]
fn every_mutation_on_mysql_is_seen_and_named() {
    every_mutation(Kind::MySql, "9.7");
}
