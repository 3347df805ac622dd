#!/usr/bin/env python3
"""Fingerprints by firedrill and by others, side by side on this machine.

    python3 benches/fingerprints.py            the whole of it: 5 million rows, the median of 3 rounds, about half an hour
    python3 benches/fingerprints.py --quick    200,000 rows, one round, about a minute

It gets the servers and the other tools (on Debian 12, as root), builds firedrill, makes the data, measures everything in turn, and
prints one table in Markdown. Everything runs on 127.0.0.1 and is stopped and removed at the end. The exit code is 1 if firedrill
gave a wrong answer, and never because of a goal that is missed. README.md tells how to read the table.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True

from side import drill, growth, machine, mariadb, postgres, servers, table  # noqa: E402

PARTS = {"postgres": postgres, "mariadb": mariadb, "growth": growth}


class Bench:
    """What all parts share."""

    def __init__(self, asked):
        self.quick, self.rows = asked.quick, asked.rows or (200_000 if asked.quick else 5_000_000)
        self.rounds = asked.rounds or (1 if asked.quick else 3)
        self._asked_rounds = asked.rounds
        self._began = time.monotonic()
        self.folder = Path(tempfile.mkdtemp(prefix="firedrill-bench-"))
        self._folders = 0
        self.cache = self.firedrill = None

    def say(self, words):
        """Tells the person who waits; the table alone goes to standard output."""
        print(f"[{time.monotonic() - self._began:5.0f} s] {words}", file=sys.stderr, flush=True)

    def new_folder(self):
        """A name for a folder that is not there yet."""
        self._folders += 1
        return self.folder / str(self._folders)

    def rounds_or(self, ordinary):
        """As many rounds as were asked for, else as is ordinary."""
        return self._asked_rounds or ordinary

    def prepare(self, program):
        self.say("database servers: tests/servers/install")
        self.cache = servers.install()
        self.say("firedrill: cargo build --release" if not program else f"firedrill: {program}")
        self.firedrill = drill.build(program)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="200,000 rows, one round")
    parser.add_argument("--rows", type=int, help="rows of the wide tables; the narrow one has twice as many")
    parser.add_argument("--rounds", type=int, help="rounds of which the median is taken")
    parser.add_argument("--only", choices=sorted(PARTS) + ["mysql"], help="one part of it")
    parser.add_argument("--firedrill", metavar="PROGRAM", help="a built firedrill; else it is built")
    asked = parser.parse_args()
    # An ordinary end, so that everything is stopped and removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    bench = Bench(asked)
    sections = []
    try:
        bench.prepare(asked.firedrill)
        about = machine.about(bench)
        only = {"mysql": "mariadb"}.get(asked.only, asked.only)
        for name, part in PARTS.items():
            if only in (None, name):
                sections.extend(part.sections(bench))
    except servers.Trouble as trouble:
        bench.say(str(trouble))
        return 2
    except KeyboardInterrupt:
        bench.say("stopped")
        return 130
    finally:
        shutil.rmtree(bench.folder, ignore_errors=True)
    print(about, table.render(sections), sep="\n\n")
    wrong = [fault for section in sections for each in section.contenders if each.own for fault in each.faults]
    bench.say(f"firedrill was WRONG: {wrong[0]}" if wrong else "done")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
