"""On what the numbers were measured."""

import os
import platform
import subprocess
from pathlib import Path


def about(bench):
    """A line for the table's head."""
    memory = next(int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal:"))
    processor = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            processor = line.partition(":")[2].strip()
            break
    system = {}
    for line in Path("/etc/os-release").read_text().splitlines():
        key, _, value = line.partition("=")
        system[key] = value.strip('"')
    version = subprocess.run([bench.firedrill, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    busy = os.getloadavg()[0]
    rounds = "one round" if bench.rounds == 1 else f"medians of {bench.rounds} rounds"
    return (
        f"{version}; {os.cpu_count()} cores of {processor}, {memory / 2**20:.0f} GiB, {system.get('PRETTY_NAME', 'Linux')}, "
        f"Linux {platform.release()}; {rounds}, interleaved; load before it began: {busy:.1f}"
    )
