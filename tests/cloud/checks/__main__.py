"""Runs all checks, and says how many passed."""

import sys
import unittest

from . import aws

NAMES = [
    "process",
    "lifecycle",
    "refusals",
    "copies",
    "restores",
    "databases",
    "clusters",
    "tokens",
    "faults",
    "policies",
    "record",
    "demo",
]


def main():
    wanted = [f"checks.{name}" for name in sys.argv[1:] or NAMES]
    suite = unittest.defaultTestLoader.loadTestsFromNames(wanted)
    try:
        result = unittest.TextTestRunner(verbosity=1).run(suite)
    finally:
        aws.end()
    failed = len(result.failures) + len(result.errors)
    print(f"\n{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
    sys.exit(0 if failed == 0 and result.testsRun else 1)


main()
