"""The batch as a process beside the window."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from queue import SimpleQueue

from sviqa_app.batch.command import BatchOptions
from sviqa_app.batch.progress import Progress, Refused
from sviqa_app.batch.rows import Preview
from sviqa_app.engine.child import Child

from .standins import lay_out


def told_of(options: BatchOptions, *orders: str) -> list[object]:
    """All that the process says."""
    outbox: SimpleQueue[object] = SimpleQueue()
    for message in (options, *orders):
        outbox.put(message)
    return list(Child(outbox, "sviqa_app.batch.process").messages())


def test_what_cannot_start_is_told(tmp_path: Path) -> None:
    (told,) = told_of(BatchOptions(tmp_path / "out", folder=tmp_path / "none"))
    assert isinstance(told, Refused) and "There is no folder" in told.what


def test_the_plan_is_told_before_the_model_is_needed(tmp_path: Path) -> None:
    lay_out(tmp_path / "in", 1)
    options = BatchOptions(tmp_path / "out", folder=tmp_path / "in", model="no-such-model")
    preview, loading, refused = told_of(options, "pause", "go on")
    assert isinstance(preview, Preview) and preview.rows == 3
    assert loading == Progress("loading", 3)
    assert isinstance(refused, Refused) and "There is no model no-such-model" in refused.what


def test_a_preview_needs_nothing_heavy() -> None:
    code = "import sys, sviqa_app.batch.command; print([m for m in ('torch', 'numpy', 'PIL') if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
