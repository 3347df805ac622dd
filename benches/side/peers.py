"""The tools that firedrill is compared with, from Debian and PyPI."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .servers import Trouble

# What the tables of README.md were made with.
RELADIFF = ["reladiff==0.6.0", "sqeleton==0.1.7", "psycopg2-binary==2.9.13"]


def debian(program, package, say):
    """A program of the machine's own release."""
    if shutil.which(program):
        return program
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Trouble(f"it needs Debian's package {package}, which only root can install")
    say(f"installing {package}")
    _apt(package)
    if not shutil.which(program):
        raise Trouble(f"Debian's package {package} has no {program}")
    return program


def _apt(*packages):
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    get = ["apt-get", "-o", "DPkg::Lock::Timeout=600", "-y", "-q"]
    install = [*get, "install", "--no-install-recommends", *packages]
    done = subprocess.run(install, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        subprocess.run([*get, "update"], env=environment, capture_output=True, check=False)
        done = subprocess.run(install, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Trouble(f"apt-get install {' '.join(packages)}: {done.stderr.strip()[-300:]}")


def reladiff(cache, say):
    """reladiff in an environment of its own."""
    folder = Path(cache) / "bench-venv"
    program, pin = folder / "bin" / "reladiff", folder / "pin"
    if program.exists() and pin.exists() and pin.read_text() == " ".join(RELADIFF):
        return str(program)
    say(f"installing {RELADIFF[0]}")
    shutil.rmtree(folder, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True, text=True, check=False)
    if made.returncode != 0 and os.geteuid() == 0 and shutil.which("apt-get"):
        _apt("python3-venv")
        made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Trouble(f"python3 -m venv: {(made.stderr or made.stdout).strip()[-300:]}")
    got = subprocess.run([folder / "bin" / "pip", "install", "-q", *RELADIFF], capture_output=True, text=True, check=False)
    if got.returncode != 0:
        raise Trouble(f"pip install {RELADIFF[0]}: {got.stderr.strip()[-300:]}")
    pin.write_text(" ".join(RELADIFF))
    return str(program)
