"""On Ray: the same rows as on one machine, also where a worker dies."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from sviqa_app.batch import command
from sviqa_app.batch.command import BatchOptions, batch, run_batch
from sviqa_app.batch.journal import FILE, Journal
from sviqa_app.batch.progress import Control, Progress
from sviqa_app.errors import SviqaError

from .standins import lay_out

NO_RAY = "Ray is not installed: pip install 'sviqa[ray]'"


@pytest.fixture(autouse=True)
def beside_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is named from where the command runs."""
    monkeypatch.chdir(tmp_path)


def options(tmp_path: Path, out: str, ray: str | None = "local") -> BatchOptions:
    return BatchOptions(tmp_path / out, Path("in"), formats=("csv",), resume=True, workers=2, ray=ray)


def told(tmp_path: Path, out: str) -> list[object]:
    """What came of each row, but for the seconds, and the confidence, whose last digit hangs on what is together."""
    journal = Journal(tmp_path / out / FILE)
    try:
        rows = [(line.row, line.result and (line.result.answer, line.result.error)) for line in journal.lines()]
        return [*rows, journal.results()]
    finally:
        journal.close()


def run(tmp_path: Path, out: str, ray: str | None, tell: Callable[[Progress], None]) -> Progress:
    return run_batch(options(tmp_path, out, ray), Control(), tell, lambda preview: None)


def kill_a_worker() -> None:
    children = psutil.Process().children(recursive=True)
    next(child for child in children if "ray::MapWorker" in " ".join(child.cmdline())).kill()


@pytest.mark.filterwarnings("ignore")
def test_as_on_one_machine_also_where_a_worker_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason=NO_RAY)
    from sviqa_app.batch import ray_runner

    monkeypatch.setattr(ray_runner, "BLOCK", 3)
    lay_out(tmp_path / "in", 10)
    (tmp_path / "in" / "p3.png").write_bytes(b"no picture")
    here = run(tmp_path, "here", None, lambda progress: None)
    killed: list[int] = []

    def kill_midway(progress: Progress) -> None:
        if progress.step == "asking" and progress.done and not killed:
            killed.append(progress.done)
            kill_a_worker()

    there = run(tmp_path, "there", "local", kill_midway)
    assert killed and killed[0] < there.done
    assert (there.done, there.kept, there.failed) == (here.done, 0, here.failed) == (30, 0, 3)
    assert told(tmp_path, "there") == told(tmp_path, "here")
    again = run(tmp_path, "there", "local", lambda progress: None)
    assert (again.done, again.kept, again.failed) == (30, 30, 3)


@pytest.mark.filterwarnings("ignore")
def test_another_model_in_the_cluster_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason=NO_RAY)
    lay_out(tmp_path / "in", 1)
    monkeypatch.setattr("sviqa_app.batch.reading.hash_model", lambda *_: b"another")
    with pytest.raises(SviqaError, match="Another sviqa-tiny is installed"):
        run(tmp_path, "out", "local", lambda progress: None)


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason=NO_RAY)
    lay_out(tmp_path / "in", 1)
    with pytest.raises(SviqaError, match=r"no Ray cluster at 127\.0\.0\.1:1"):
        run(tmp_path, "out", "127.0.0.1:1", lambda progress: None)


def test_without_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lay_out(tmp_path / "in", 1)
    monkeypatch.setitem(sys.modules, "ray", None)
    assert batch(options(tmp_path, "out")) == command.NOTHING_RAN
    assert capsys.readouterr().err.endswith("sviqa: Ray is not installed. Install it: pip install 'sviqa[ray]'.\n")
