"""Makes the virtual environment, also where Debian's python3-venv package (and so pip) is not installed.

Usage: python3 packaging/make_venv.py FOLDER

Needs nothing but the standard library. It must run on any Python 3, to be able to say which one is needed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

OLDEST = (3, 11)
NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")
INDEX = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple")


def choose_python() -> str:
    """This Python where it is new enough, else a newer one beside it."""
    if sys.version_info >= OLDEST:
        return sys.executable
    for name in NEWER:
        found = shutil.which(name)
        if found:
            return found
    wanted, have = (".".join(map(str, version)) for version in (OLDEST, sys.version_info[:2]))
    sys.exit(f"Python {wanted} or later is needed, and this is {have}. Install it, or: make PYTHON=/path/to/python")


def newest_pip() -> tuple[str, str]:
    """Where the index keeps pip's newest wheel, and its SHA-256."""
    page = INDEX.rstrip("/") + "/pip/"
    with urllib.request.urlopen(page, timeout=60) as answer:
        links = re.findall(
            r'href="([^"]*/pip-([0-9.]+)-py3-none-any\.whl)#sha256=([0-9a-f]{64})"', answer.read().decode()
        )
    if not links:
        sys.exit(f"{page} offers no pip. Install python3-venv, then try again.")
    link, _, digest = max(links, key=lambda found: tuple(map(int, found[1].split("."))))
    return urllib.parse.urljoin(page, link), digest


def install_pip(python: Path) -> None:
    """Puts pip into an environment that was made without it, from the package index."""
    address, digest = newest_pip()
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(folder) / address.rsplit("/", 1)[1]
        with urllib.request.urlopen(address, timeout=60) as answer:
            wheel.write_bytes(answer.read())
        if hashlib.sha256(wheel.read_bytes()).hexdigest() != digest:
            sys.exit(f"{address} is not what the index says it is.")
        subprocess.run([python, wheel / "pip", "install", "--quiet", "--no-index", wheel], check=True)


def main(folder: Path) -> None:
    """Makes the environment in `folder`, from scratch."""
    python = choose_python()
    made = subprocess.run([python, "-m", "venv", "--clear", folder], capture_output=True)
    if made.returncode != 0:
        subprocess.run([python, "-m", "venv", "--clear", "--without-pip", folder], check=True)
        install_pip(folder / "bin" / "python")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
