//! A web shop that trades: customers, products, orders and their lines, a ledger of two entries for each sale, events.

use super::random::Random;
use crate::time::{Period, Timestamp};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor,
    sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous},
};
use std::{
    fmt::{Display, Write},
    path::Path,
};

const SEED: u64 = 20_261_123;
/// For how long the shop has been trading.
const HISTORY: Period = Period::from_secs(60 * 24 * 3600);
/// The last order came so long ago: the newest data is a little older than the newest backup.
const QUIET: Period = Period::from_secs(90);
const CUSTOMERS: u64 = 8000;
/// Of these, so many were there before the first order.
const EARLY_CUSTOMERS: u64 = 7400;
const PRODUCTS: u64 = 300;
const ORDERS: u64 = 40_000;
/// 2.75 on average.
const LINES: [u64; 8] = [1, 1, 2, 2, 3, 3, 4, 6];

const SCHEMA: &str = "
create table customers (
    id integer primary key, email text not null unique, name text not null, phone text, country text not null,
    referral integer, created_at text not null);
create table products (id integer primary key, sku text not null unique, name text not null, price_cents integer not null, weight_kg real not null);
create table orders (
    id integer primary key, customer_id integer not null references customers(id), status text not null,
    total_cents integer not null, note text, tracking integer, created_at text not null);
create table order_lines (
    id integer primary key, order_id integer not null references orders(id), product_id integer not null references products(id),
    quantity integer not null, unit_cents integer not null);
create table ledger (
    id integer primary key, order_id integer not null references orders(id), account text not null,
    debit_cents integer not null, credit_cents integer not null, booked_at text not null);
create table events (id integer primary key, order_id integer not null references orders(id), kind text not null, request blob not null, happened_at text not null);";

const INDEXES: &str = "
create index orders_by_customer on orders(customer_id);
create index orders_by_time on orders(created_at);
create index lines_by_order on order_lines(order_id);";

const FIRST_NAMES: [&str; 24] = [
    "Ada",
    "Zoë",
    "José",
    "Søren",
    "Łukasz",
    "Mei",
    "Yuki",
    "Amir",
    "Fatima",
    "Chidi",
    "Ingrid",
    "Björn",
    "Chloé",
    "Nuno",
    "Ana",
    "Jürgen",
    "Siobhán",
    "Dmitri",
    "Олена",
    "Νίκος",
    "美咲",
    "Grace",
    "Tomás",
    "Priya",
];
const LAST_NAMES: [&str; 24] = [
    "Lovelace",
    "O'Brien",
    "García",
    "Kierkegaard",
    "Wójcik",
    "Chen",
    "Tanaka",
    "Haddad",
    "Al-Sayed",
    "Okafor",
    "Lindqvist",
    "Svensson",
    "Dubois",
    "Pereira",
    "Kovač",
    "Müller",
    "Ní Bhriain",
    "Volkov",
    "Шевченко",
    "Παπαδόπουλος",
    "佐藤",
    "Hopper",
    "Novák",
    "Raman",
];
const COUNTRIES: [&str; 10] = ["DE", "FR", "SE", "PL", "PT", "IE", "ES", "NL", "AT", "GB"];
const THINGS: [&str; 10] =
    ["lamp", "chair", "teapot", "rug", "shelf", "mirror", "clock", "basket", "vase", "blanket"];
const STUFFS: [&str; 8] = ["oak", "linen", "brass", "glass", "wool", "cork", "steel", "clay"];
const NOTES: [&str; 4] = ["leave with the neighbour", "it's a gift 🎁", "ring twice", ""];
const EVENTS: [&str; 4] = ["paid", "packed", "shipped", "returned"];

/// The live database while it is being made.
pub(super) struct Shop {
    connection: SqliteConnection,
    random: Random,
    opened: Timestamp,
    closes: Timestamp,
    customers: u64,
    orders: u64,
    lines: u64,
    entries: u64,
    events: u64,
}

impl Shop {
    /// An empty shop that will have traded until a little before `now`.
    pub(super) async fn create(path: &Path, now: Timestamp) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Memory)
            .synchronous(SqliteSynchronous::Off)
            .disable_statement_logging();
        let mut connection = options.connect().await?;
        connection.execute(SCHEMA).await?;
        let closes = now - QUIET;
        let mut shop = Self {
            connection,
            random: Random::new(SEED),
            opened: now - HISTORY,
            closes,
            customers: 0,
            orders: 0,
            lines: 0,
            entries: 0,
            events: 0,
        };
        shop.stock().await?;
        Ok(shop)
    }

    async fn stock(&mut self) -> Result<(), sqlx::Error> {
        let mut products = Rows::new("products select * from");
        for id in 1..=PRODUCTS {
            let name = format!("{} {}", self.random.pick(&STUFFS), self.random.pick(&THINGS));
            let cents = price(id);
            let grams = 50 + self.random.below(12_000);
            products.row(format_args!(
                "{id},'SKU-{id:05}','{name}',{cents},{}.{:03}",
                grams / 1000,
                grams % 1000
            ));
        }
        self.write([products]).await
    }

    /// The moment of the n-th of so many things that come evenly.
    fn moment(&self, nth: u64, of: u64) -> i64 {
        let span = self.closes.since(self.opened).as_millis() / 1000;
        self.opened.as_millis().div_euclid(1000) + (span * nth / of) as i64
    }

    /// Trades on until that moment.
    pub(super) async fn trade(&mut self, until: Timestamp) -> Result<(), sqlx::Error> {
        let until = until.as_millis().div_euclid(1000);
        let first = self.orders == 0;
        let mut customers = Rows::new(
            "customers select column1,column2,column3,column4,column5,column6,datetime(column7,'unixepoch') from",
        );
        while self.customers < CUSTOMERS {
            let nth = self.customers + 1;
            let created = match nth.checked_sub(EARLY_CUSTOMERS) {
                None => self.opened.as_millis().div_euclid(1000) - 3600 * (EARLY_CUSTOMERS - nth) as i64,
                Some(late) => self.moment(late, CUSTOMERS - EARLY_CUSTOMERS),
            };
            if created > until {
                break;
            }
            self.customers = nth;
            self.customer(&mut customers, created);
        }
        let mut orders = Rows::new(
            "orders select column1,column2,column3,column4,column5,column6,datetime(column7,'unixepoch') from",
        );
        let mut lines = Rows::new("order_lines select * from");
        let mut ledger = Rows::new(
            "ledger select column1,column2,column3,column4,column5,datetime(column6,'unixepoch') from",
        );
        let mut events =
            Rows::new("events select column1,column2,column3,column4,datetime(column5,'unixepoch') from");
        while self.orders < ORDERS && self.moment(self.orders + 1, ORDERS) <= until {
            self.orders += 1;
            let (id, at) = (100_000 + self.orders, self.moment(self.orders, ORDERS));
            let total = self.lines(&mut lines, id);
            self.order(&mut orders, id, total, at);
            for (account, debit, credit) in [("receivables", total, 0), ("revenue", 0, total)] {
                self.entries += 1;
                ledger.row(format_args!("{},{id},'{account}',{debit},{credit},{at}", self.entries));
            }
            if self.orders.is_multiple_of(2) {
                self.events += 1;
                let (kind, request) = (self.random.pick(&EVENTS), self.random.next());
                events.row(format_args!("{},{id},'{kind}',x'{request:016x}{id:08x}',{at}", self.events));
            }
        }
        self.write([customers, orders, lines, ledger, events]).await?;
        if first {
            self.connection.execute(INDEXES).await?;
        }
        Ok(())
    }

    fn customer(&mut self, customers: &mut Rows, created: i64) {
        let id = self.customers;
        let (first, last) =
            (self.random.pick(&FIRST_NAMES), self.random.pick(&LAST_NAMES).replace('\'', "''"));
        let phone = match self.random.one_in(3) {
            true => "null".to_owned(),
            false => format!("'+49 30 {:07}'", self.random.below(10_000_000)),
        };
        // Beyond 2^53: a reader that takes integers for reals loses the last digits.
        let referral = 9_007_199_254_740_993 + 2 * id;
        customers.row(format_args!(
            "{id},'customer{id}@shop.example','{first} {last}',{phone},'{}',{referral},{created}",
            self.random.pick(&COUNTRIES)
        ));
    }

    /// The lines of an order; gives their total.
    fn lines(&mut self, lines: &mut Rows, order: u64) -> u64 {
        let mut total = 0;
        for _ in 0..*self.random.pick(&LINES) {
            self.lines += 1;
            let product = 1 + self.random.below(PRODUCTS);
            let (quantity, cents) = (1 + self.random.below(3), price(product));
            total += quantity * cents;
            lines.row(format_args!("{},{order},{product},{quantity},{cents}", self.lines));
        }
        total
    }

    fn order(&mut self, orders: &mut Rows, id: u64, total: u64, at: i64) {
        // Who orders has registered before.
        let known = EARLY_CUSTOMERS + (CUSTOMERS - EARLY_CUSTOMERS) * self.orders / ORDERS;
        let customer = 1 + self.random.below(known);
        let note = match self.random.one_in(6) {
            true => format!("'{}'", self.random.pick(&NOTES).replace('\'', "''")),
            false => "null".to_owned(),
        };
        let tracking = match self.random.one_in(10) {
            true => "null".to_owned(),
            false => (self.random.next() >> 1).to_string(),
        };
        let status = self.random.pick(&["shipped", "shipped", "shipped", "paid", "returned"]);
        orders.row(format_args!("{id},{customer},'{status}',{total},{note},{tracking},{at}"));
    }

    async fn write<const N: usize>(&mut self, tables: [Rows; N]) -> Result<(), sqlx::Error> {
        self.connection.execute("begin").await?;
        for table in tables {
            for statement in table.finish() {
                self.connection.execute(AssertSqlSafe(statement)).await?;
            }
        }
        self.connection.execute("commit").await?;
        Ok(())
    }

    /// A backup as SQLite itself makes one.
    pub(super) async fn back_up(&mut self, to: &Path) -> Result<(), sqlx::Error> {
        let to = to.to_string_lossy().into_owned();
        sqlx::query("vacuum into ?1").bind(to).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Ends it.
    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        self.connection.close().await
    }
}

/// What a product costs, in cents.
fn price(product: u64) -> u64 {
    199 + product * 7919 % 19_800
}

/// Alters a backup as failing storage or a faulty tool might: the file is sound, and so are all its references and
/// sums, but one amount has another digit, one line is lost, and one customer is there twice.
pub(super) async fn corrupt(path: &Path) -> Result<(), sqlx::Error> {
    let mut connection =
        SqliteConnectOptions::new().filename(path).disable_statement_logging().connect().await?;
    let statements = "
        update orders set total_cents = total_cents + 1000 where id = 112358;
        delete from order_lines where id = (select min(id) from order_lines where order_id = 104711);
        insert into customers select 900001, 'again.' || email, name, phone, country, referral, created_at from customers where id = 4711;";
    connection.execute(statements).await?;
    connection.close().await
}

/// Rows as `insert` statements, many rows each: one at a time would take ten times as long.
struct Rows {
    into: &'static str,
    in_last: u32,
    statements: Vec<String>,
}

impl Rows {
    const EACH: u32 = 500;

    /// `into`: the table, and how to select from the values.
    fn new(into: &'static str) -> Self {
        Self { into, in_last: Self::EACH, statements: Vec::new() }
    }

    fn row(&mut self, values: impl Display) {
        if self.in_last == Self::EACH {
            if let Some(last) = self.statements.last_mut() {
                last.push(')');
            }
            self.statements.push(format!("insert into {} (values ", self.into));
            self.in_last = 0;
        }
        let comma = if self.in_last == 0 { "" } else { "," };
        self.in_last += 1;
        if let Some(last) = self.statements.last_mut() {
            // Writing to a string never fails.
            let _ = write!(last, "{comma}({values})");
        }
    }

    /// The finished statements.
    fn finish(mut self) -> Vec<String> {
        if let Some(last) = self.statements.last_mut() {
            last.push(')');
        }
        self.statements
    }
}
