"""A batch killed at random moments and resumed: no row lost, none done twice, the table as if never killed.

python -m tests.bench.batch_kills [--kills 50] [--pictures 100]
"""

from __future__ import annotations

import argparse
import csv
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from time import monotonic

from .batch import draw

START = """
import sys
from pathlib import Path
from sviqa_app.batch.command import BatchOptions, batch
sys.exit(batch(BatchOptions(Path(sys.argv[2]), Path(sys.argv[1]), formats=("csv",), resume=True)))
"""


def start(folder: Path, out: Path) -> subprocess.Popen[bytes]:
    """The batch, in a process of its own."""
    return subprocess.Popen([sys.executable, "-c", START, folder, out], stdout=subprocess.DEVNULL)


def timed(folder: Path, out: Path) -> float:
    """Seconds that the batch takes from its start to its end."""
    began = monotonic()
    start(folder, out).wait()
    return monotonic() - began


def kill_after(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Kill the process, unless it ends before."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def count(out: Path) -> tuple[int, int, int]:
    """Rows planned, results, and results beyond one for each key."""
    if not (out / "batch.sqlite").exists():
        return 0, 0, 0
    database = sqlite3.connect(out / "batch.sqlite")
    try:
        if not database.execute("SELECT * FROM sqlite_schema WHERE name = 'result'").fetchone():
            return 0, 0, 0
        (rows,) = database.execute("SELECT count(*) FROM row").fetchone()
        (found, keys) = database.execute("SELECT count(*), count(DISTINCT key) FROM result").fetchone()
        return rows, found, found - keys
    finally:
        database.close()


def main() -> None:
    """Kill, resume, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    random = Random(asked.seed)
    with tempfile.TemporaryDirectory() as place:
        folder, out, whole = (Path(place) / name for name in ("in", "out", "whole"))
        draw(folder, asked.pictures)
        all_of_it, nothing = timed(folder, whole), timed(folder, whole)
        most = nothing + 4 * max(0.0, all_of_it - nothing) / asked.kills  # so that rows are left for the last kills
        for kill in range(1, asked.kills + 1):
            kill_after(start(folder, out), random.uniform(0.2 * nothing, most))
            print(f"kill {kill}: {count(out)[1]} results", flush=True)
        status = start(folder, out).wait()
        rows, found, doubled = count(out)
        same = table(out) == table(whole)
        print(f"{rows} rows, {rows - found} lost, {doubled} doubled; exit status {status}")
        print("The table is that of a run never killed." if same else "THE TABLES DIFFER.")


def table(out: Path) -> list[dict[str, str]]:
    """The lines but for the seconds, and the confidence, whose last digit hangs on which rows are asked together."""
    with (out / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        return [line | {"seconds": "", "confidence": ""} for line in csv.DictReader(file)]


if __name__ == "__main__":
    main()
