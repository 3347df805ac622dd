//! Every type of column, with values that are near each other, ways to change one subtly, and ways to write it anew as it was.

use crate::sim::rng::Rng;

/// A type of column. In expressions `@` stands for the column.
pub struct Type {
    /// As a column is declared.
    pub name: &'static str,
    /// Expressions; many of them lie close to others.
    pub pool: &'static [&'static str],
    /// Any other value.
    pub random: fn(&mut Rng) -> String,
    /// Expressions that mostly give another value, and never an error.
    pub twists: &'static [&'static str],
    /// Expressions that give the same value, in another form where there is one.
    pub same: &'static [&'static str],
    /// Whether '' is a value, and characters can be moved from one column to another.
    pub text: bool,
    /// Whether it is an array of one dimension or none, whose first element can be written.
    pub array: bool,
    /// The major version of PostgreSQL that has it and all values of the pool.
    pub since: u32,
}

impl Type {
    const fn new(name: &'static str, pool: &'static [&'static str], random: fn(&mut Rng) -> String) -> Self {
        Self { name, pool, random, twists: &[], same: &[], text: false, array: false, since: 13 }
    }

    const fn twists(self, twists: &'static [&'static str]) -> Self {
        Self { twists, ..self }
    }

    const fn same(self, same: &'static [&'static str]) -> Self {
        Self { same, ..self }
    }

    const fn text(self) -> Self {
        Self { text: true, twists: TEXT_TWISTS, ..self }
    }

    const fn array(self) -> Self {
        Self { array: true, ..self }
    }

    const fn since(self, since: u32) -> Self {
        Self { since, ..self }
    }

    /// Any value, as an expression; never NULL.
    pub fn value(&self, rng: &mut Rng) -> String {
        if rng.permille(500) { (*rng.pick(self.pool)).to_owned() } else { (self.random)(rng) }
    }
}

/// What must be there before the tables.
pub const PRELUDE: &str = "
create extension if not exists citext schema public;
create extension if not exists hstore schema public;
create type mood as enum ('sad', 'ok', 'happy', 'Sad', '');
create domain price as numeric check (value <> 666);
create domain word as text;
create domain code as char(6);
create type pair as (n int, t text);
create type deep as (p pair, f float8, a int[], b bytea, c char(3));
";

const TEXT_TWISTS: &[&str] = &[
    "left(@ || ' ', 40)",
    "left(' ' || @, 40)",
    "upper(@)",
    "lower(@)",
    "reverse(@)",
    "left(@, -1)",
    "left(@ || right(@, 1), 40)",
    "replace(@, 'a', 'á')",
    "normalize(@, nfd)",
    "translate(@, 'abc', 'bca')",
    "replace(@, ' ', E'\\t')",
];

const TEXTS: &[&str] = &[
    "''",
    "' '",
    "'a'",
    "'A'",
    "'a '",
    "' a'",
    "'ab'",
    "'b'",
    "'NULL'",
    "'null'",
    "'é'",
    "E'e\\u0301'",
    "'ss'",
    "'ß'",
    "E'\\t'",
    "E'\\n'",
    "E'\\r\\n'",
    "'0'",
    "'00'",
    "'-0'",
    "'\"'",
    "''''",
    "E'\\\\'",
    "'😀'",
    "E'\\u200b'",
    "'a,b'",
    "'(a)'",
];

fn letters(rng: &mut Rng) -> String {
    const OF: [char; 16] = ['a', 'b', 'c', 'x', 'y', 'z', 'A', 'Z', '0', '9', ' ', '-', 'é', 'ß', '日', '😀'];
    (0..rng.between(1, 12)).map(|_| *rng.pick(&OF)).collect()
}

fn text(rng: &mut Rng) -> String {
    match rng.between(0, 19) {
        // Long enough to be compressed, or stored out of line.
        0 => format!("repeat('{}', {})", letters(rng), rng.between(500, 1500)),
        1 => format!(
            "(select string_agg(md5((i + {})::text), '') from generate_series(1, 90) i)",
            rng.between(0, 9999)
        ),
        _ => format!("'{}'", letters(rng)),
    }
}

fn short(rng: &mut Rng) -> String {
    format!("'{}'", letters(rng))
}

fn tiny(rng: &mut Rng) -> String {
    format!("'{}'", letters(rng).chars().take(6).collect::<String>())
}

/// So many bits, as a signed number.
fn signed(rng: &mut Rng, bits: u32) -> i64 {
    rng.next().cast_signed() >> (64 - bits)
}

fn int2(rng: &mut Rng) -> String {
    format!("({})", signed(rng, 16))
}

fn int4(rng: &mut Rng) -> String {
    format!("({})", signed(rng, 32))
}

fn int8(rng: &mut Rng) -> String {
    match rng.between(0, 1) {
        0 => format!("'{}'", signed(rng, 64)),
        _ => format!("({})", signed(rng, 34)),
    }
}

fn numeric(rng: &mut Rng) -> String {
    let digits = rng.next().to_string();
    let scale = usize::try_from(rng.between(0, 12)).expect("small");
    let at = digits.len().saturating_sub(scale).max(1);
    let sign = if rng.permille(500) { "-" } else { "" };
    format!("({sign}{}.{}::numeric)", &digits[..at], &digits[at..])
}

fn money(rng: &mut Rng) -> String {
    let n = signed(rng, 36);
    format!("({}{}.{:02}::numeric)", if n < 0 { "-" } else { "" }, n.abs() / 100, n.abs() % 100)
}

fn real(rng: &mut Rng) -> String {
    loop {
        let f = f32::from_bits(u32::try_from(rng.next() >> 32).expect("32 bits"));
        if f.is_normal() {
            return format!("'{f:e}'");
        }
    }
}

fn double(rng: &mut Rng) -> String {
    loop {
        let f = f64::from_bits(rng.next());
        if f.is_normal() {
            return format!("'{f:e}'");
        }
    }
}

fn boolean(rng: &mut Rng) -> String {
    rng.permille(500).to_string()
}

fn bytes(rng: &mut Rng) -> String {
    let hex: String = (0..rng.between(1, 20)).map(|_| format!("{:02x}", rng.next() & 255)).collect();
    if rng.permille(50) {
        return format!("decode(repeat('{hex}', 400), 'hex')");
    }
    format!("'\\x{hex}'")
}

fn uuid(rng: &mut Rng) -> String {
    format!("'{:016x}{:016x}'", rng.next(), rng.next())
}

fn date(rng: &mut Rng) -> String {
    format!("(date '2000-01-01' + {})", signed(rng, 21))
}

fn time(rng: &mut Rng) -> String {
    let micros = rng.between(0, 86_399_999_999);
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    format!("'{:02}:{:02}:{:02}.{micros:06}'", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn timetz(rng: &mut Rng) -> String {
    let time = time(rng);
    format!("{}{:+03}:{:02}'", &time[..time.len() - 1], signed(rng, 4), rng.between(0, 59))
}

fn timestamp(rng: &mut Rng) -> String {
    format!("(timestamp '2000-01-01' + {} * interval '1 microsecond')", signed(rng, 56))
}

fn timestamptz(rng: &mut Rng) -> String {
    format!("(timestamptz '2000-01-01 00:00+00' + {} * interval '1 microsecond')", signed(rng, 56))
}

fn interval(rng: &mut Rng) -> String {
    format!("'{} mons {} days {} microseconds'", signed(rng, 12), signed(rng, 12), signed(rng, 40))
}

/// A JSON document, a few levels deep.
fn json_of(rng: &mut Rng, depth: u32) -> String {
    match rng.between(0, if depth == 0 { 4 } else { 7 }) {
        0 => "null".to_owned(),
        1 => rng.permille(500).to_string(),
        2 => signed(rng, 20).to_string(),
        3 => format!("{}.{:02}", signed(rng, 10), rng.between(0, 99)),
        4 => format!("\"{}\"", letters(rng)),
        5 => {
            let items: Vec<_> = (0..rng.between(0, 4)).map(|_| json_of(rng, depth - 1)).collect();
            format!("[{}]", items.join(", "))
        }
        6 => {
            let items: Vec<_> = (0..40).map(|_| rng.between(0, 9).to_string()).collect();
            format!("[{}]", items.join(", "))
        }
        _ => {
            let items: Vec<_> = (0..rng.between(0, 4))
                .map(|n| format!("\"k{}\": {}", n * 7 % 10, json_of(rng, depth - 1)))
                .collect();
            format!("{{{}}}", items.join(", "))
        }
    }
}

fn json(rng: &mut Rng) -> String {
    format!("'{}'", json_of(rng, 2))
}

fn xml(rng: &mut Rng) -> String {
    format!("'<a b=\"{}\">{}</a>'", rng.between(0, 99), letters(rng))
}

fn ints(rng: &mut Rng) -> String {
    let items: Vec<_> = (0..rng.between(0, 6))
        .map(|_| if rng.permille(150) { "NULL".to_owned() } else { signed(rng, 8).to_string() })
        .collect();
    format!("'{{{}}}'", items.join(","))
}

fn texts(rng: &mut Rng) -> String {
    let items: Vec<_> = (0..rng.between(0, 4)).map(|_| format!("\"{}\"", letters(rng))).collect();
    format!("'{{{}}}'", items.join(","))
}

fn doubles(rng: &mut Rng) -> String {
    let of = ["0", "-0", "NaN", "Infinity", "1", "-1", "NULL", "1e-300"];
    let items: Vec<_> = (0..rng.between(1, 4)).map(|_| *rng.pick(&of)).collect();
    format!("'{{{}}}'", items.join(","))
}

fn range(rng: &mut Rng) -> String {
    let from = signed(rng, 16);
    let to = from + i64::try_from(rng.between(1, 999)).expect("small");
    format!("'{}{from},{to}{}'", rng.pick(&["[", "("]), rng.pick(&["]", ")"]))
}

fn ranges(rng: &mut Rng) -> String {
    let from = signed(rng, 16);
    format!("'{{[{from},{}),[{},{}]}}'", from + 3, from + 9, from + 12)
}

fn day_range(rng: &mut Rng) -> String {
    let from = rng.between(1, 14);
    format!("'[2026-01-{from:02},2026-01-{:02}{}'", from + rng.between(1, 14), rng.pick(&["]", ")"]))
}

fn day_ranges(rng: &mut Rng) -> String {
    format!("'{{[2026-01-01,2026-01-{:02}),[2026-02-01,]}}'", rng.between(2, 28))
}

fn inet(rng: &mut Rng) -> String {
    match rng.between(0, 1) {
        0 => {
            let b = (rng.next() >> 32).to_le_bytes();
            format!("'{}.{}.{}.{}/{}'", b[0], b[1], b[2], b[3], rng.between(0, 32))
        }
        _ => {
            format!("'2001:db8::{:x}:{:x}/{}'", rng.next() & 0xffff, rng.next() & 0xffff, rng.between(0, 128))
        }
    }
}

fn cidr(rng: &mut Rng) -> String {
    format!("'10.{}.{}.0/{}'", rng.between(0, 255), rng.between(0, 255), rng.between(24, 32))
}

fn macaddr(rng: &mut Rng) -> String {
    format!("'{:012x}'", rng.next() >> 16)
}

fn macaddr8(rng: &mut Rng) -> String {
    format!("'{:016x}'", rng.next())
}

fn bits8(rng: &mut Rng) -> String {
    format!("B'{:08b}'", rng.next() & 255)
}

fn bits(rng: &mut Rng) -> String {
    let length = usize::try_from(rng.between(1, 40)).expect("small");
    format!("B'{}'", &format!("{:064b}", rng.next())[..length])
}

fn lsn(rng: &mut Rng) -> String {
    format!("'{:X}/{:X}'", rng.next() >> 40, rng.next() >> 32)
}

fn point_of(rng: &mut Rng) -> String {
    format!("({},{})", signed(rng, 8), signed(rng, 8))
}

fn point(rng: &mut Rng) -> String {
    format!("'{}'", point_of(rng))
}

fn points2(rng: &mut Rng) -> String {
    format!("'{},{}'", point_of(rng), point_of(rng))
}

fn segment(rng: &mut Rng) -> String {
    format!("'[{},{}]'", point_of(rng), point_of(rng))
}

fn line(rng: &mut Rng) -> String {
    format!("'{{{},{},{}}}'", rng.between(1, 9), signed(rng, 8), signed(rng, 8))
}

fn path(rng: &mut Rng) -> String {
    let (open, close) = *rng.pick(&[("(", ")"), ("[", "]")]);
    format!("'{open}{},{},{}{close}'", point_of(rng), point_of(rng), point_of(rng))
}

fn polygon(rng: &mut Rng) -> String {
    format!("'({},{},{})'", point_of(rng), point_of(rng), point_of(rng))
}

fn circle(rng: &mut Rng) -> String {
    format!("'<{},{}>'", point_of(rng), rng.between(0, 99))
}

fn hstore(rng: &mut Rng) -> String {
    let items: Vec<_> = (0..rng.between(0, 4))
        .map(|n| format!("k{n}=>{}", rng.pick(&["1", "NULL", "\"NULL\"", "\"\"", "\"a b\""])))
        .collect();
    format!("'{}'", items.join(","))
}

fn tsvector(rng: &mut Rng) -> String {
    let items: Vec<_> = (0..rng.between(0, 4))
        .map(|_| {
            format!(
                "{}:{}{}",
                rng.pick(&["cat", "dog", "Cat"]),
                rng.between(1, 50),
                rng.pick(&["", "A", "B"])
            )
        })
        .collect();
    format!("'{}'", items.join(" "))
}

fn tsquery(rng: &mut Rng) -> String {
    let op = rng.pick(&["&", "|", "<->", "<2>", "&!"]);
    format!("'{} {op} {}'", rng.pick(&["cat", "dog"]), rng.pick(&["rat", "rat:*", "rat:AB"]))
}

fn mood(rng: &mut Rng) -> String {
    format!("'{}'", rng.pick(&["sad", "ok", "happy", "Sad", ""]))
}

fn pair(rng: &mut Rng) -> String {
    format!("row({}, {})", signed(rng, 8), short(rng))
}

fn deep(rng: &mut Rng) -> String {
    format!("row({}, {}, {}, {}, {})", pair(rng), double(rng), ints(rng), bytes(rng), "'x'")
}

fn oid(rng: &mut Rng) -> String {
    (rng.next() >> 32).to_string()
}

fn tid(rng: &mut Rng) -> String {
    format!("'({},{})'", rng.between(0, 99), rng.between(0, 99))
}

fn xid(rng: &mut Rng) -> String {
    format!("'{}'", rng.next() >> 32)
}

fn jsonpath(rng: &mut Rng) -> String {
    format!("'$.{} ? (@ > {})'", rng.pick(&["a", "b", "c"]), rng.between(0, 99))
}

fn snapshot(rng: &mut Rng) -> String {
    let from = rng.between(1, 999);
    format!("'{from}:{}:{}'", from + 9, from + 2)
}

fn char1(rng: &mut Rng) -> String {
    format!("(({})::int::\"char\")", signed(rng, 8))
}

/// All of them.
pub const TYPES: &[Type] = &[
    Type::new("smallint", &["0", "1", "-1", "32767", "-32768", "255", "256"], int2).twists(&[
        "@ # 1::int2",
        "~@",
        "case when @ > -32768 then -@ else 0 end",
        "@ # 256::int2",
    ]),
    Type::new("integer", &["0", "1", "-1", "2147483647", "-2147483648", "65536", "65537"], int4).twists(&[
        "@ # 1",
        "~@",
        "case when @ > -2147483648 then -@ else 0 end",
        "@ # 65537",
    ]),
    Type::new(
        "bigint",
        &[
            "0",
            "1",
            "-1",
            "4294967296",
            "4294967297",
            "-4294967297",
            "9223372036854775807",
            "'-9223372036854775808'",
        ],
        int8,
    )
    .twists(&[
        "@ # 1",
        "~@",
        "@ # 4294967296",
        "@ # 4294967297",
        "case when @ > '-9223372036854775808' then -@ else 0 end",
        "(@ << 32) | ((@ >> 32) & 4294967295)",
    ]),
    Type::new(
        "numeric",
        &[
            "0", "0.0", "0.00", "1", "1.0", "1.00", "-1", "-1.0", "10000", "1e4", "10", "1.5", "-1.5", "'NaN'", "1e100",
            "1e-100", "0.0001", "0.00010",
        ],
        numeric,
    )
    .twists(&["-@", "@ * 1.0", "@ * 10000", "@ + 1e-20", "trim_scale(@)"])
    .same(&["@::text::numeric", "@ + 0"]),
    Type::new("numeric", &["'Infinity'", "'-Infinity'", "'NaN'", "0", "1"], numeric).twists(&["-@"]).since(14),
    Type::new("numeric(12,3)", &["0", "1", "-1", "1.5", "1.005", "-1.005", "'NaN'", "99999999.999"], |rng| {
        format!("({}/7.0)", signed(rng, 24))
    })
    .twists(&["-@", "case when abs(@) < 1e8 then @ + 0.001 else 0 end"])
    .same(&["@ * 1.0000", "@::text::numeric"]),
    Type::new(
        "real",
        &["'0'", "'-0'", "'NaN'", "'Infinity'", "'-Infinity'", "'1'", "'1.0000001'", "'1e-45'", "'3.4028235e38'", "'0.1'"],
        real,
    )
    .twists(&["-@"])
    .same(&["case when @ = 'NaN' then 'inf'::real - 'inf'::real else @ end", "@::text::real", "@::float8"]),
    Type::new(
        "double precision",
        &[
            "'0'",
            "'-0'",
            "'NaN'",
            "'Infinity'",
            "'-Infinity'",
            "'1'",
            "'1.0000000000000002'",
            "'5e-324'",
            "'1.7976931348623157e308'",
            "'0.1'",
            "'0.30000000000000004'",
            "'0.3'",
        ],
        double,
    )
    .twists(&["-@"])
    .same(&["case when @ = 'NaN' then 'inf'::float8 - 'inf'::float8 else @ end", "@::text::float8"]),
    Type::new("boolean", &["true", "false"], boolean).twists(&["not @"]),
    Type::new("text", TEXTS, text).text().same(&["convert_from(convert_to(@, 'UTF8'), 'UTF8')", "@ || ''"]),
    Type::new("text collate \"C\"", TEXTS, text).text(),
    Type::new("varchar(40)", TEXTS, short).text(),
    Type::new("varchar", TEXTS, text).text(),
    Type::new("char(8)", TEXTS, tiny)
        .twists(&["left(' ' || @, 8)", "upper(@)", "reverse(rtrim(@))"])
        .same(&["rtrim(@)", "@::text", "@ || '      '"]),
    Type::new("bpchar", TEXTS, short).twists(&["(concat(@, ' '))::bpchar", "upper(@)"]),
    Type::new("\"char\"", &["'a'", "'b'", "' '", "''", "'0'"], char1),
    Type::new("name", TEXTS, short).twists(&["left(@::text || ' ', 40)", "upper(@::text)"]),
    Type::new("citext", TEXTS, short).text().same(&["@::text"]),
    Type::new("bytea", &["''", "'\\x00'", "'\\x0000'", "'\\x01'", "'\\x0001'", "'\\x0100'", "'\\xff'"], bytes)
        .twists(&[
            "@ || '\\x00'",
            "'\\x00' || @",
            "substr(@, 2)",
            "case when length(@) > 0 then set_byte(@, 0, get_byte(@, 0) # 128) else '\\x00' end",
        ])
        .same(&["@ || ''::bytea", "decode(encode(@, 'hex'), 'hex')"]),
    Type::new(
        "uuid",
        &[
            "'00000000-0000-0000-0000-000000000000'",
            "'00000000-0000-0000-0000-000000000001'",
            "'10000000-0000-0000-0000-000000000000'",
            "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
        ],
        uuid,
    )
    .twists(&["translate(@::text, '0123456789abcdef', '1032547698badcfe')::uuid", "reverse(replace(@::text, '-', ''))::uuid"]),
    Type::new("date", &["'2000-01-01'", "'1999-12-31'", "'infinity'", "'-infinity'", "'0044-03-15 BC'"], date)
        .twists(&["case when isfinite(@) then @ + 1 else @ end"]),
    Type::new("time", &["'00:00'", "'24:00'", "'00:00:00.000001'", "'12:00'"], time)
        .twists(&["@ + interval '1 microsecond'"]),
    Type::new(
        "timetz",
        &["'00:00+00'", "'00:00-01'", "'01:00+01'", "'00:00:00.0036-01'", "'00:00:00.0036+00'", "'24:00+00'"],
        timetz,
    )
    .twists(&["@ + interval '1 microsecond'", "@ at time zone interval '3 hours'"]),
    Type::new(
        "timestamp",
        &["'2000-01-01'", "'1999-12-31 23:59:59.999999'", "'infinity'", "'-infinity'", "'0044-03-15 BC'"],
        timestamp,
    )
    .twists(&["@ + interval '1 microsecond'", "@ + interval '1 day'"]),
    Type::new(
        "timestamptz",
        &[
            "'2000-01-01 00:00+00'",
            "'2000-01-01 05:45+05:45'",
            "'2000-01-01 00:00+01'",
            "'infinity'",
            "'-infinity'",
            "'0044-03-15 BC'",
        ],
        timestamptz,
    )
    .twists(&["@ + interval '1 microsecond'", "@ + interval '1 hour'"])
    .same(&["(@ at time zone interval '5 hours') at time zone interval '5 hours'"]),
    Type::new("timestamptz(0)", &["'2000-01-01 00:00+00'", "'2000-01-01 00:00:00.4+00'", "'infinity'"], timestamptz)
        .twists(&["@ + interval '1 second'"])
        .same(&["@ + interval '1 microsecond'"]),
    Type::new(
        "interval",
        &["'1 mon'", "'30 days'", "'720 hours'", "'1 day'", "'24 hours'", "'0'", "'-1 mon'", "'1 year'", "'12 mons'", "'1 mon -30 days'"],
        interval,
    )
    .twists(&["justify_days(@)", "justify_hours(@)", "-@", "@ + interval '1 day' - interval '24 hours'"]),
    Type::new(
        "json",
        &["'{\"a\": 1, \"b\": 2}'", "'{\"b\": 2, \"a\": 1}'", "'{\"a\":1,\"b\":2}'", "'1'", "'1.0'", "'null'", "'\"\"'", "'{}'"],
        json,
    )
    .twists(&["(@::text || ' ')::json", "@::jsonb::json"])
    .same(&["@::text::json"]),
    Type::new(
        "jsonb",
        &[
            "'{\"a\": 1, \"b\": 2}'", "'{\"b\": 2, \"a\": 1}'", "'{}'", "'[]'", "'[[]]'", "'null'", "'\"null\"'", "'1'",
            "'1.0'", "'1.50'", "'-1'", "'[1]'", "'[[1]]'", "'[[1], 2]'", "'[[1, 2]]'", "'true'", "'{\"a\": {}}'", "'{\"a\": []}'",
        ],
        json,
    )
    .twists(&[
        "case when jsonb_typeof(@) = 'array' and jsonb_array_length(@) > 32 then jsonb_set(jsonb_set(@, '{0}', @->32), '{32}', @->0) else jsonb_build_array(@) end",
        "jsonb_build_array(@)",
        "to_jsonb(@::text)",
        "case when jsonb_typeof(@) = 'number' then to_jsonb(-(@#>>'{}')::numeric) else @ || '[null]' end",
        "case when jsonb_typeof(@) = 'object' then @ || '{\"k0\": null}' else '[]' end",
    ])
    .same(&["@::text::jsonb", "case when jsonb_typeof(@) = 'object' then '{}'::jsonb || @ else @ end"]),
    Type::new("xml", &["''", "'<a/>'", "'<a></a>'", "'<a> </a>'", "'a'", "'<a/><b/>'"], xml)
        .twists(&["(@::text || '<!-- -->')::xml"])
        .same(&[
            "('<?xml version=\"1.0\" encoding=\"UTF-8\"?>' || @::text)::xml",
            "('<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>' || @::text)::xml",
        ]),
    Type::new(
        "integer[]",
        &[
            "'{}'", "'{NULL}'", "'{NULL,NULL}'", "'{0}'", "'{1,2,3,4}'", "'{{1,2},{3,4}}'", "'{{1,2,3,4}}'", "'{{1},{2},{3},{4}}'",
            "'[0:3]={1,2,3,4}'", "'[-1:2]={1,2,3,4}'", "'{1,2,NULL}'", "'{{{1}}}'", "'{NULL,2,3,4}'",
        ],
        ints,
    )
    .twists(&[
        "case when coalesce(array_ndims(@), 1) = 1 then array_append(@, null) else '{}' end",
        "case when array_ndims(@) = 1 then ('[' || array_lower(@, 1) + 1 || ':' || array_upper(@, 1) + 1 || ']=' || regexp_replace(@::text, '^.*=', ''))::int[] else @ end",
        "array_replace(@, 1, null)",
        "array_replace(@, null, 0)",
    ])
    .array(),
    Type::new(
        "text[]",
        &["'{}'", "'{NULL}'", "'{\"NULL\"}'", "'{\"\"}'", "'{a,b}'", "'{\"a,b\"}'", "'{ab,\"\"}'", "'{{a,b}}'", "'{\"{a}\"}'", "'[2:3]={a,b}'"],
        texts,
    )
    .twists(&["case when coalesce(array_ndims(@), 1) = 1 then array_append(@, '') else '{}' end", "array_replace(@, null, 'NULL')"])
    .array(),
    Type::new("integer[][]", &["'{{1,2},{3,4}}'", "'{{1,3},{2,4}}'", "'{{1,2,3,4}}'", "'[2:3][1:2]={{1,2},{3,4}}'"], ints),
    Type::new("double precision[]", &["'{0}'", "'{-0}'", "'{NaN}'", "'{Infinity}'"], doubles)
        .same(&["array_replace(@, 'NaN', 'inf'::float8 - 'inf'::float8)"]),
    Type::new("numeric(9,2)[]", &["'{1}'", "'{1.00}'", "'{1.01}'", "'{NaN,NULL}'"], ints),
    Type::new("numeric[]", &["'{1}'", "'{1.0}'", "'{1.00}'", "'{NaN}'"], ints),
    Type::new("jsonb[]", &["'{}'", "'{NULL}'", "'{\"null\"}'", "'{\"{\\\"a\\\": 1}\"}'"], ints),
    Type::new("timestamptz[]", &["'{2000-01-01 00:00+00}'", "'{2000-01-01 00:00+01}'", "'{infinity}'"], |rng| {
        format!("array[{}]", timestamptz(rng))
    }),
    Type::new("bytea[]", &["'{}'", "'{\"\"}'", "'{NULL}'"], |rng| format!("array[{}::bytea]", bytes(rng))),
    Type::new("char(4)[]", &["'{a}'", "'{\"a \"}'", "'{NULL}'", "'{\"\"}'"], |_| "'{ab}'".to_owned()),
    Type::new("mood", &["'sad'", "'Sad'", "''"], mood),
    Type::new("mood[]", &["'{sad}'", "'{sad,ok}'", "'{ok,sad}'", "'{NULL}'"], |rng| format!("array[{}::mood]", mood(rng))),
    Type::new("price", &["0", "0.0", "1", "-1", "'NaN'"], numeric).twists(&["-@", "@ * 1.0"]),
    Type::new("word", TEXTS, text).text(),
    Type::new("code", TEXTS, tiny).same(&["rtrim(@)"]),
    Type::new("word[]", &["'{}'", "'{NULL}'", "'{\"NULL\"}'", "'{a}'"], texts),
    Type::new(
        "pair",
        &["row(1, 'a')", "row(1, null)", "row(null, null)", "row(null, '')", "row(1, '')", "row(null, 'NULL')", "row(1, '(1,a)')"],
        pair,
    )
    .twists(&["row((@).n, (@).t || ' ')::pair", "row(-(@).n, (@).t)::pair"])
    .same(&["@::text::pair", "case when @ is distinct from null then row((@).n, (@).t)::pair end"]),
    Type::new("pair[]", &["'{}'", "'{\"(1,a)\"}'", "'{\"(1,)\",\"(,a)\"}'"], |rng| format!("array[{}::pair]", pair(rng))),
    Type::new("deep", &["row(null, null, null, null, null)", "row(row(null, null), 0, '{}', '', '')"], deep),
    Type::new("int4range", &["'empty'", "'[1,2]'", "'[1,3)'", "'(,)'", "'[,1)'", "'[1,)'", "'(0,2]'"], range),
    Type::new("int8range", &["'empty'", "'[1,4294967297)'", "'(,)'"], range),
    Type::new("numrange", &["'empty'", "'[1,2]'", "'[1,2)'", "'(1,2]'", "'(1,2)'", "'[1.0,2.0]'", "'[-2,-1]'", "'(,)'"], range),
    Type::new("daterange", &["'empty'", "'[2026-01-01,2026-01-02]'", "'[2026-01-01,infinity)'", "'[2026-01-01,)'"], day_range),
    Type::new(
        "tstzrange",
        &["'empty'", "'[2026-01-01 00:00+00,2026-01-02 00:00+00)'", "'[2026-01-01 00:00+01,2026-01-02 00:00+00)'", "'(,)'"],
        day_range,
    ),
    Type::new("int4multirange", &["'{}'", "'{[1,3),[5,6)}'", "'{[1,6)}'", "'{(,)}'"], ranges).since(14),
    Type::new("nummultirange", &["'{}'", "'{[1,3),[5,6)}'", "'{[1,3],[5,6)}'", "'{[1.0,3],[5,6)}'"], ranges).since(14),
    Type::new("datemultirange", &["'{}'", "'{(,)}'"], day_ranges).since(14),
    Type::new("inet", &["'10.0.0.1'", "'10.0.0.1/24'", "'10.0.0.0/24'", "'::1'", "'::ffff:10.0.0.1'", "'0.0.0.0/0'"], inet)
        .twists(&["set_masklen(@, (masklen(@) + 1) % 33)"]),
    Type::new("cidr", &["'10.0.0.0/24'", "'10.0.0.0/25'", "'10.0.0.0/8'", "'::/0'", "'0.0.0.0/0'"], cidr),
    Type::new("macaddr", &["'000000000000'", "'000000000001'", "'ffffffffffff'"], macaddr).twists(&["~@"]),
    Type::new("macaddr8", &["'0000000000000000'", "'0000000000000001'", "'fffeffffffffffff'"], macaddr8).twists(&["~@"]),
    Type::new("bit(8)", &["B'00000000'", "B'00000001'", "B'10000000'"], bits8).twists(&["~@", "@ << 1"]),
    Type::new("varbit(64)", &["B''", "B'0'", "B'00'", "B'1'", "B'01'", "B'00000000'", "B'000000000'"], bits)
        .twists(&["(@ || B'0')::varbit(64)", "(B'0' || @)::varbit(64)", "~@"]),
    Type::new("money", &["0", "1", "-1", "0.01", "-0.01"], money).twists(&["@ * -1", "@ + '0.01'::money"]),
    Type::new("pg_lsn", &["'0/0'", "'0/1'", "'1/0'", "'1/1'", "'FFFFFFFF/FFFFFFFF'"], lsn),
    Type::new("point", &["'(0,0)'", "'(-0,0)'", "'(0,-0)'", "'(NaN,0)'", "'(1,2)'", "'(2,1)'", "'(Infinity,0)'"], point)
        .twists(&["point(@[1], @[0])"])
        .same(&["point(case when @[0] = 'NaN' then 'inf'::float8 - 'inf'::float8 else @[0] end, @[1])"]),
    Type::new("line", &["'{1,0,0}'", "'{1,-0,0}'"], line),
    Type::new("lseg", &["'[(0,0),(1,1)]'", "'[(1,1),(0,0)]'"], segment),
    Type::new("box", &["'(0,0),(1,1)'", "'(1,1),(0,0)'", "'(0,1),(1,0)'", "'(0,0),(0,0)'"], points2)
        .same(&["box(@[1], @[0])"]),
    Type::new("path", &["'[(0,0),(1,1)]'", "'((0,0),(1,1))'", "'[(1,1),(0,0)]'"], path).twists(&["popen(@)", "pclose(@)"]),
    Type::new("polygon", &["'((0,0),(1,1),(1,0))'", "'((1,1),(1,0),(0,0))'"], polygon),
    Type::new("circle", &["'<(0,0),1>'", "'<(0,-0),1>'", "'<(0,0),0>'"], circle),
    Type::new("hstore", &["''", "'a=>NULL'", "'a=>\"NULL\"'", "'a=>\"\"'", "'a=>1,b=>2'", "'b=>2,a=>1'"], hstore)
        .twists(&["@ || hstore('z', null)", "@ || hstore('z', '')"])
        .same(&["@::text::hstore"]),
    Type::new("tsvector", &["''", "'a'", "'a:1'", "'a:2'", "'a:1A'", "'a b'", "'b a'", "'''a b'''"], tsvector)
        .twists(&["setweight(@, 'A')", "strip(@)"]),
    Type::new("tsquery", &["''", "'a'", "'!a'", "'a & b'", "'a | b'", "'b | a'", "'a <-> b'", "'a:*'", "'a:A'"], tsquery),
    Type::new("jsonpath", &["'$'", "'$.a'", "'strict $.a'"], jsonpath),
    Type::new("oid", &["0", "1", "4294967295", "'2147483648'"], oid),
    Type::new("xid", &["'0'", "'1'"], xid),
    Type::new("tid", &["'(0,1)'", "'(1,0)'"], tid),
    Type::new("pg_snapshot", &["'1:1:'", "'1:2:'"], snapshot),
];

/// Those that a major version of PostgreSQL has.
pub fn types_of(version: u32) -> Vec<&'static Type> {
    TYPES.iter().filter(|kind| kind.since <= version).collect()
}
