"""What the bench times, on a toy."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from sviqa_app import bench
from sviqa_app.bench import Spread, measure, samples, show
from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.errors import EngineError


def test_spread() -> None:
    spread = Spread.of(range(101))
    assert (spread.p50, spread.p95) == (50, 95)
    assert str(Spread(0.1, 0.2)) == "100 / 200 ms"


def test_without_samples_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "assets_folder", lambda: tmp_path)
    with pytest.raises(EngineError, match="no samples"):
        samples()


def test_a_whole_measurement(
    engine: EndToEnd,
    picture_file: Path,
    recording_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(bench, "find_model", lambda name: name)
    monkeypatch.setattr(bench.EndToEnd, "load", lambda _: engine)
    monkeypatch.setattr(bench, "samples", lambda: (picture_file, [recording_file]))
    monkeypatch.setattr(bench, "cold_start", lambda *_: (1.0, 10**8))
    report = measure("toy", 3)
    show(report, as_json=True)
    line = json.loads(capsys.readouterr().out)
    assert line["first_audio"]["p50"] > 0 and line["tokens_a_second"] > 0
    assert line["cascade_over_ours"] > 0
    show(report, as_json=False)
    assert "100 MB" in capsys.readouterr().out


def test_a_command_is_timed() -> None:
    seconds, memory = bench._run([sys.executable, "-c", "pass"])
    assert 0 < seconds < 60 and (memory is None or memory > 10**6)


def test_a_command_that_fails_is_noticed() -> None:
    with pytest.raises(EngineError, match="failed"):
        bench._run([sys.executable, "-c", "raise SystemExit(3)"])
