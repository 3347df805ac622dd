"""Contenders on PostgreSQL: on one database, and on two that are compared."""

import json
import re
from dataclasses import replace

from . import data, peers
from .drill import Drill
from .measure import Contender, interleave, run
from .servers import Postgres, Trouble
from .table import Goal, Section

SOURCE, RESTORED = "source", "restored"


def megabytes(rows):
    """Memory for the server: both databases of one table with their indexes, and some more."""
    return 512 + 2 * rows * 340 // 1_000_000


def sections(bench):
    """Measures table by table."""
    with Postgres(bench.cache, megabytes(bench.rows)) as server:
        bench.say(f"{server} on port {server.port}")
        for table, rows in (data.WIDE, bench.rows), (data.NARROW, 2 * bench.rows):
            fill(bench, server, table, rows)
            yield from Subject(bench, server, table, rows).sections()
            for database in (RESTORED, SOURCE):
                server.ask("postgres", f"drop database {database}")


def fill(bench, server, table, rows):
    """Makes the source, and a restored database that equals it; both are in the server's memory."""
    bench.say(f"making {rows:,} {table.title}")
    server.ask("postgres", f"create database {SOURCE}")
    server.ask(SOURCE, table.load(rows))
    server.ask(SOURCE, f"vacuum (freeze, analyze) {table.name}")
    server.ask(SOURCE, "create extension pg_prewarm")
    server.ask("postgres", f"create database {RESTORED} template {SOURCE} strategy file_copy")
    for database in (SOURCE, RESTORED):
        server.ask(database, f"select pg_prewarm('{table.name}'), pg_prewarm('{table.name}_pkey')")


def statement(server, key, title, sql, *settings, answer=None, **more):
    """A contender that is one statement, timed by psql."""

    def go():
        done = run(server, server.psql(SOURCE, *settings, "\\timing on", sql)).needs()
        took = re.search(r"^Time: ([0-9.]+) ms", done.out, re.M)
        return replace(done, wall=float(took[1]) / 1000)

    def wrong(done):
        said = done.out.splitlines()[0]
        return None if answer in (None, said) else f"said {said}, not {answer}"

    return Contender(title, go, wrong, key, **more)


class Subject:
    """A table, in a source and a restored database."""

    def __init__(self, bench, server, table, rows):
        self.bench, self.server, self.table, self.rows = bench, server, table, rows
        self.expected = {"changed": set(), "lost": set(), "extra": set()}
        self._stored = self._drill("baseline")

    def sections(self):
        size = int(self.server.ask(SOURCE, f"select pg_table_size('{self.table.name}')"))
        what = f"{self.rows:,} {self.table.title}, {size / 1e9:.2f} GB"
        alone = self._measured(f"PostgreSQL: {what}", self._alone())
        yield alone
        if self.table is data.WIDE and not self.bench.quick:
            yield self._cost(what, alone.wall("count"))
        # While both are equal; for the comparisons that follow.
        run(self.server, self._stored.baseline()).needs()
        run(self.server, self._stored.take_in()).needs()
        count = alone.wall("count")
        yield self._measured(f"two live databases, equal: {what}", self._compared(), count)
        statements, self.expected = self.table.differ(self.rows)
        self.server.ask(RESTORED, *statements)
        yield self._measured(f"two live databases, 10 rows differ: {what}", self._compared(), count)

    def _measured(self, title, contenders, count=None):
        self.bench.say(title)
        interleave(contenders, self.bench.rounds, self.bench.say)
        return Section(title, self.rows, contenders, count)

    # One database.

    def _alone(self):
        name, server = self.table.name, self.server
        drill = self._drill("baseline")
        strong = self._drill("baseline", strong=True)
        # So that the first round finds what the others find: the catalog in memory, programs in the page cache.
        run(server, drill.baseline()).needs()
        dump = " ".join(self._dump())
        return [
            statement(server, "count", "count(*)", f"select count(*) from {name}", answer=str(self.rows), goal=Goal(most=10)),
            statement(server, "scan", "count(*) that reads the rows, not an index", f"select count(*) from {name}",
                      "set enable_indexonlyscan = off", answer=str(self.rows)),
            Contender("firedrill: 128 bits, rows located", lambda: run(server, drill.baseline()).needs(), drill.same(self.rows), "firedrill"),
            Contender("firedrill, `strong: true`", lambda: run(server, strong.baseline()).needs(), strong.same(self.rows), "strong"),
            statement(server, "copy", "COPY BINARY to /dev/null", f"copy {name} to '/dev/null' (format binary)", goal=Goal(most=0.6)),
            statement(server, "text", "sum(hashtextextended(t::text, 0))", f"select sum(hashtextextended(t::text, 0)) from {name} t"),
            Contender("pg_dump | sha256sum", lambda: run(server, ["bash", "-c", f"set -o pipefail; {dump} | sha256sum"]).needs(),
                      key="dump", goal=Goal(faster=2.5)),
            statement(server, "md5", "md5(string_agg(md5(t::text), '' order by id))",
                      f"select md5(string_agg(md5(t::text), '' order by id)) from {name} t", goal=Goal(faster=6)),
        ]

    def _dump(self):
        server = self.server
        # Newer versions put a random word into each dump, unless they are given one.
        return [str(server.bin / "pg_dump"), "-h", "127.0.0.1", "-p", str(server.port), "-U", server.user, "-t", self.table.name,
                "--restrict-key=bench", SOURCE]

    def _drill(self, expect, **more):
        folder = self.bench.new_folder()
        return Drill(self.bench.firedrill, self.server, "postgres", folder, self.table.name, SOURCE, RESTORED, expect, **more)

    def _names(self):
        """The columns that are not the key."""
        return [column.split()[0] for column in self.table.columns.split(", ") if not column.startswith("id ")]

    # What its time is spent on.

    def _cost(self, what, count):
        """The fingerprint without one column after the other: what is saved is what that column costs."""
        whole = self._drill("baseline")
        contenders = [Contender("firedrill", lambda: run(self.server, whole.baseline()).needs(), whole.same(self.rows), "firedrill")]
        for column in self._names():
            drill = self._drill("baseline", exclude=[column])
            go = lambda drill=drill: run(self.server, drill.baseline()).needs()
            contenders.append(Contender(f"firedrill without `{column}`", go, drill.same(self.rows)))
        bare = self._drill("baseline", exclude=self._names())
        contenders.append(Contender("firedrill of the key alone", lambda: run(self.server, bare.baseline()).needs(), bare.same(self.rows)))
        section = self._measured(f"what it is made of: {what}", contenders, count)
        for contender in contenders[1:]:
            if contender.runs:
                saved = (contenders[0].median("server") - contender.median("server")) / self.rows * 1e6
                contender.title += f": {saved:.2f} µs of server CPU less"
        return section

    # Two databases.

    def _compared(self):
        drill, alone = self._drill("source"), self._stored
        return [
            Contender("firedrill, `expect: source`", lambda: run(self.server, drill.run()).needs(0, 1), self._right(drill.named), "firedrill"),
            Contender("firedrill, `expect: baseline`: the source is not read", lambda: run(self.server, alone.run()).needs(0, 1),
                      self._right(alone.named), "stored"),
            Contender("pg_comparator", self._pg_comparator(), self._right(pg_comparator_named), "pg_comparator", Goal(faster=2.5)),
            Contender("pg_comparator --use-key", self._pg_comparator("--use-key"), self._right(pg_comparator_named), "use-key", Goal(faster=2.5)),
            Contender("reladiff -j 2", self._reladiff(), self._right(reladiff_named), "reladiff", Goal(faster=4)),
        ]

    def _right(self, named):
        """Exactly the rows that differ are named, and rightly as changed, lost or extra."""

        def wrong(done):
            found = named(done)
            parts = []
            for what, keys in self.expected.items():
                parts += [f"{what} {key} is not named" for key in sorted(keys - found[what])]
                parts += [f"{what} {key} is named" for key in sorted(found[what] - keys)[:10]]
            return "; ".join(parts)

        return wrong

    def _urls(self, scheme):
        server = self.server
        place = f"{scheme}://{server.user}:{server.password}@127.0.0.1:{server.port}"
        return [f"{place}/{database}" for database in (SOURCE, RESTORED)]

    def _pg_comparator(self, *options):
        columns = ",".join(self._names())

        def go():
            program = peers.debian("pg_comparator", "postgresql-comparator", self.bench.say)
            for database in (SOURCE, RESTORED):
                self.server.ask(database, "create extension if not exists pgcmp")
            tables = [f"{url}/{self.table.name}?id:{columns}" for url in self._urls("pgsql")]
            return run(self.server, [program, *options, *tables]).needs()

        return go

    def _reladiff(self):
        def go():
            program = peers.reladiff(self.bench.cache, self.bench.say)
            source, restored = self._urls("postgresql")
            name = self.table.name
            # It can't sort rows in which there are NULLs, and ends with an error where it is asked to.
            options = ["-k", "id", "-c", "%", "-j", "2", "--json", "--skip-sort-results"]
            return run(self.server, [program, source, name, restored, name, *options], COLUMNS="1000000").needs()

        return go


def pg_comparator_named(done):
    """What its lines say is to be done to the second table, so that it equals the first."""
    words = {"UPDATE": "changed", "INSERT": "lost", "DELETE": "extra"}
    found = {"changed": set(), "lost": set(), "extra": set()}
    for line in done.out.splitlines():
        what, _, key = line.partition(" ")
        if what in words:
            found[words[what]].add(int(key))
    return found


def reladiff_named(done):
    """Rows of the first table alone, and of the second alone; the key is their first column."""
    if "ERROR" in done.err:
        raise Trouble(done.err[done.err.index("ERROR"):][:300].strip())
    rows = {"-": set(), "+": set()}
    for line in done.out.splitlines():
        sign, row = json.loads(line)
        rows[sign].add(int(row[0]))
    return {"changed": rows["-"] & rows["+"], "lost": rows["-"] - rows["+"], "extra": rows["+"] - rows["-"]}
