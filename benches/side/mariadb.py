"""Contenders on MariaDB."""

from dataclasses import replace

from . import data, peers
from .drill import Drill
from .measure import Contender, interleave, run
from .servers import MariaDb
from .table import Goal, Section

DATABASE = "source"


def megabytes(rows):
    """Memory for the server: the table, and some more."""
    return 256 + rows * 400 // 1_000_000


def sections(bench):
    """Measures the one table."""
    with MariaDb(bench.cache, megabytes(bench.rows)) as server:
        bench.say(f"{server} on port {server.port}")
        bench.say(f"making {bench.rows:,} wide mixed rows")
        server.ask("mysql", f"create database {DATABASE} character set utf8mb4")
        server.ask(DATABASE, data.mariadb(bench.rows))
        server.ask(DATABASE, "analyze table wide")
        size = int(server.ask(DATABASE, "select data_length from information_schema.tables where table_schema = database() and table_name = 'wide'"))
        title = f"{server}: {bench.rows:,} wide mixed rows, {size / 1e9:.2f} GB"
        bench.say(title)
        contenders = everyone(bench, server)
        # What was just written is flushed; what is read is in memory.
        server.ask(DATABASE, "set global innodb_max_dirty_pages_pct = 0", "checksum table wide")
        interleave(contenders, bench.rounds, bench.say)
        yield Section(title, bench.rows, contenders)


def statement(server, key, title, sql, answer=None, **more):
    """A contender that is one statement, timed by the server."""

    def go():
        clock = "select sysdate(6) into @began"
        done = run(server, server.mariadb(DATABASE, clock, sql, "select timestampdiff(microsecond, @began, sysdate(6))")).needs()
        return replace(done, wall=int(done.out.split()[-1]) / 1e6)

    def wrong(done):
        said = done.out.split()[0]
        return None if answer in (None, said) else f"said {said}, not {answer}"

    return Contender(title, go, wrong, key, **more)


def everyone(bench, server):
    dump = " ".join([str(server.bin / "mariadb-dump"), "--no-defaults", *server.where(), "--single-transaction", "--skip-dump-date", DATABASE, "wide"])
    return [
        statement(server, "count", "count(*)", "select count(*) from wide", answer=str(bench.rows)),
        _firedrill(bench, server, "firedrill: 128 bits, rows located", "firedrill", strong=False),
        _firedrill(bench, server, "firedrill, `strong: true`", "strong", strong=True),
        statement(server, "checksum", "CHECKSUM TABLE", "checksum table wide", goal=Goal(most=1)),
        Contender("pt-table-checksum, as shipped", _pt_table_checksum(bench, server), key="pt", goal=Goal(faster=3)),
        Contender("mariadb-dump | sha256sum", lambda: run(server, ["bash", "-c", f"set -o pipefail; {dump} | sha256sum"]).needs(), key="dump"),
    ]


def _firedrill(bench, server, title, key, strong):
    drill = Drill(bench.firedrill, server, "mysql", bench.new_folder(), "wide", DATABASE, DATABASE, "baseline", strong)
    return Contender(title, lambda: run(server, drill.baseline()).needs(), drill.same(bench.rows), key)


def _pt_table_checksum(bench, server):
    def go():
        program = peers.debian("pt-table-checksum", "percona-toolkit", bench.say)
        options = bench.folder / "pt.cnf"
        options.touch(mode=0o600)
        options.write_text(f"[client]\nuser={server.user}\npassword={server.password}\n")
        done = run(server, [program, f"h=127.0.0.1,P={server.port},F={options}", "--databases", DATABASE, "--tables", "wide"])
        # 8: there are no replicas to compare with.
        return done.needs(0, 8)

    return go
