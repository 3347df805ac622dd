"""How time and memory grow with rows, and what connections do."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import data
from .drill import Drill
from .measure import Contender, interleave, run
from .postgres import SOURCE, statement
from .servers import Postgres
from .table import Section

MILLION = 1_000_000
FULL = [(MILLION, 5), (3 * MILLION, 3), (10 * MILLION, 3), (30 * MILLION, 2), (100 * MILLION, 1)]
QUICK = [(20_000, 1), (60_000, 1), (200_000, 1)]
# With its index, and a part for the sorting of that.
BYTES_EACH = 85
CONNECTIONS = [1, 2, 4]


def sections(bench):
    """Measures a table that grows."""
    steps = QUICK if bench.quick else FULL
    with Postgres(bench.cache, 128 if bench.quick else 1024) as server:
        bench.say(f"{server} on port {server.port}")
        server.ask("postgres", f"create database {SOURCE}")
        # Unlogged, so that the server writes it once.
        server.ask(SOURCE, f"create unlogged table {data.LEDGER.name} ({data.LEDGER.columns})")
        for connections in CONNECTIONS:
            # firedrill goes on with the connections that it is given.
            server.ask(SOURCE, f"create role reader{connections} login password '{server.password}' connection limit {connections}",
                       f"grant pg_read_all_data to reader{connections}")
        before = 0
        for rows, rounds in steps:
            short = _short_of(bench, rows)
            if short:
                bench.say(f"growth ends before {rows:,} rows: {short}")
                break
            _grow(server, before, rows, bench.say)
            before = rows
            yield _sized(bench, server, rows, rounds)
            if rows == steps[2][0]:
                yield _connected(bench, server, rows, rounds)


def _short_of(bench, rows):
    """What there is too little of for that many rows to lie in memory."""
    needed = rows * BYTES_EACH
    lines = Path("/proc/meminfo").read_text().splitlines()
    memory = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    if memory < needed + 2**30:
        return f"it needs {needed / 2**30 + 1:.0f} GiB of memory, and {memory / 2**30:.0f} are available"
    disk = shutil.disk_usage(bench.folder).free
    if disk < 2 * needed:
        return f"it needs {2 * needed / 2**30:.0f} GiB of disk, and {disk / 2**30:.0f} are free"
    return ""


def _grow(server, before, rows, say):
    say(f"growing to {rows:,} {data.LEDGER.title}")
    name = data.LEDGER.name
    server.ask(SOURCE, f"alter table {name} drop constraint if exists {name}_pkey")
    middle = (before + rows) // 2
    halves = [(before + 1, middle), (middle + 1, rows)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda half: server.ask(SOURCE, data.LEDGER.insert(*half)), halves))
    server.ask(SOURCE, f"alter table {name} add primary key (id)")
    server.ask(SOURCE, f"vacuum (freeze, analyze) {name}")


def _drill(bench, server, expect, user=None):
    return Drill(bench.firedrill, server, "postgres", bench.new_folder(), data.LEDGER.name, SOURCE, SOURCE, expect, user=user)


def _sized(bench, server, rows, rounds):
    name = data.LEDGER.name
    drill = _drill(bench, server, "baseline")
    contenders = [
        statement(server, "count", "count(*)", f"select count(*) from {name}", answer=str(rows)),
        Contender("firedrill: 128 bits, rows located", lambda: run(server, drill.baseline()).needs(), drill.same(rows), "firedrill"),
    ]
    run(server, drill.baseline()).needs()
    interleave(contenders, bench.rounds_or(rounds), bench.say)
    return Section(f"growth: {rows:,} {data.LEDGER.title}", rows, contenders)


def _connected(bench, server, rows, rounds):
    """The same by a drill that checks the table against a known digest, through so many connections."""
    taken = _drill(bench, server, "baseline")
    run(server, taken.baseline()).needs()
    found = taken.taken()
    digest = {"digest": f"{found['algorithm']}:{found['digest']}"}
    contenders = []
    for connections in CONNECTIONS:
        drill = _drill(bench, server, digest, user=f"reader{connections}")
        title = f"firedrill, a drill over {connections} connection{'s' if connections > 1 else ''}"
        contenders.append(Contender(title, lambda drill=drill: run(server, drill.run()).needs(), key=f"over{connections}"))
    interleave(contenders, bench.rounds_or(rounds), bench.say)
    return Section(f"connections: {rows:,} {data.LEDGER.title}", rows, contenders)
