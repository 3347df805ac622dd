"""The data: the same on every machine and in every run, made inside the servers from the row's number."""

from dataclasses import dataclass

WORDS = "(array['amber','birch','cedar','delta','ember','fjord','grove','heath','inlet','jetty','knoll'])"


@dataclass
class Table:
    """A table of PostgreSQL, and how ten of its rows are made to differ."""

    name: str
    title: str
    columns: str
    row: str
    # Each changes the row :id in one column.
    changes: list

    def insert(self, first, last):
        """The rows from one number to another."""
        return f"insert into {self.name} select {self.row} from generate_series({first}::bigint, {last}::bigint) i"

    def load(self, rows):
        """One statement list, so one transaction: the server writes the rows once, without a log."""
        return f"create table {self.name} ({self.columns}); {self.insert(1, rows)}; alter table {self.name} add primary key (id)"

    def differ(self, rows):
        """Changes eight rows, deletes one and adds one; gives the statements, and the keys by what happened to them."""
        # Spread over the table, away from its ends and from each other.
        spread = [rows * (2 * place + 1) // 18 for place in range(9)]
        statements, keys = [], {"changed": set(), "lost": set(), "extra": set()}
        for place, key in enumerate(spread[:8]):
            change, fits = self.changes[place % len(self.changes)]
            while not fits(key):
                key += 1
            statements.append(f"update {self.name} set {change} where id = {key}")
            keys["changed"].add(key)
        statements.append(f"delete from {self.name} where id = {spread[8]}")
        keys["lost"].add(spread[8])
        statements.append(self.insert(rows + 1, rows + 1))
        keys["extra"].add(rows + 1)
        return statements, keys


def any_row(_):
    return True


# Mixed columns with NULLs, about 280 bytes a row: 1.4 GB for 5 million rows.
WIDE = Table(
    "wide",
    "wide mixed rows",
    "id bigint not null, token uuid, title text not null, note text, amount numeric(12,2), placed_at timestamptz not null, "
    "score float8, details jsonb, payload bytea",
    f"""i,
    case when i % 11 <> 0 then md5('token' || i)::uuid end,
    {WORDS}[1 + i % 11] || ' ' || {WORDS}[1 + i * 7 % 11] || ' ' || i,
    case when i % 7 <> 0 then left(md5('note' || i) || md5(i::text) || md5('more' || i), (40 + i % 41)::int) end,
    case when i % 17 <> 0 then (i * 7919 % 100000000)::numeric / 100 end,
    timestamptz '2020-01-01 00:00:00Z' + i * interval '31 seconds' + i % 1000000 * interval '1 microsecond',
    case when i % 13 <> 0 then sqrt(i) end,
    case when i % 19 <> 0 then jsonb_build_object('state', {WORDS}[1 + i * 3 % 11], 'items', i % 23, 'ref', 'R-' || i * 31) end,
    case when i % 5 <> 0 then decode(md5('payload' || i) || md5('load' || i) || md5('ad' || i), 'hex') end""",
    [
        ("title = overlay(title placing '~' from 3)", any_row),
        ("note = ''", lambda key: key % 7 == 0),
        ("amount = amount + 0.01", lambda key: key % 17),
        ("placed_at = placed_at + interval '1 second'", any_row),
        ("score = score + 1", lambda key: key % 13),
        ("details = jsonb_set(details, '{items}', '99')", lambda key: key % 19),
        ("payload = set_byte(payload, 5, get_byte(payload, 5) # 1)", lambda key: key % 5),
        ("token = null", lambda key: key % 11),
    ],
)

# The shape of pgbench_accounts: 130 bytes a row, most of them blanks.
NARROW = Table(
    "narrow",
    "narrow rows (pgbench_accounts)",
    "id int not null, branch int, balance int, filler char(84)",
    "i, 1 + i / 100000, i * 7919 % 1000000 - 500000, ''",
    [("balance = balance + 1", any_row), ("branch = null", any_row), ("filler = 'x'", any_row)],
)

# For the growth: short rows, so that many fit into memory.
LEDGER = Table(
    "ledger",
    "short rows",
    "id bigint not null, account int not null, cents bigint not null, booked_at timestamptz not null",
    "i, (i * 31 % 99991)::int, i * 7919 % 1000000 - 500000, timestamptz '2020-01-01 00:00:00Z' + i * interval '7 seconds'",
    [],
)


def mariadb(rows):
    """MariaDB's statements for mixed columns with NULLs, about 260 bytes a row."""
    return f"""
    create table wide (
      id bigint not null primary key, token char(36) not null, title varchar(80) not null, amount decimal(12,2) not null,
      placed_at datetime(6) not null, details json, payload blob, note varchar(80), score double, place int) engine=innodb;
    insert into wide select seq,
      concat(md5(concat('token', seq)), '-', lpad(seq % 1000, 3, '0')),
      concat(elt(1 + seq % 5, 'amber', 'birch', 'cedar', 'delta', 'ember'), ' ', elt(1 + seq * 7 % 5, 'fjord', 'grove', 'heath', 'inlet', 'jetty'), ' ', seq),
      seq * 7919 % 100000000 / 100,
      timestamp'2020-01-01 00:00:00' + interval seq * 7 second + interval seq % 1000000 microsecond,
      json_object('state', elt(1 + seq * 3 % 4, 'new', 'paid', 'sent', 'back'), 'items', seq % 23, 'ref', concat('R-', seq * 31)),
      unhex(md5(concat('payload', seq))),
      if(seq % 7 = 0, null, left(concat(md5(concat('note', seq)), md5(seq)), 20 + seq % 41)),
      if(seq % 13 = 0, null, sqrt(seq)),
      if(seq % 17 = 0, null, seq % 100000)
    from seq_1_to_{rows}"""
