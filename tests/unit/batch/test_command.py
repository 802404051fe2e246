"""The verb: what it refuses, what it prints, its exit status, and what is left when it is interrupted."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from sviqa_app import cli
from sviqa_app.batch import command
from sviqa_app.batch.command import BatchOptions, batch, dry_run
from sviqa_app.checkpoints import native
from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.errors import OutputError

from ..toy import CONFIG
from .standins import lay_out


@pytest.fixture(autouse=True)
def toy(engine: EndToEnd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The toy engine in the place of every model, and its folder beside its voice's."""
    folder, voice = tmp_path / "model", tmp_path / CONFIG.voice
    for place in (folder, voice):
        place.mkdir()
        for name in ("config.json", "tokenizer.json", "model.safetensors", "vocoder.safetensors"):
            (place / name).write_text(json.dumps(CONFIG.to_dict()) if name == "config.json" else name)
    monkeypatch.setattr(EndToEnd, "load", lambda _: engine)
    monkeypatch.setattr(native, "find_model", lambda _: folder)


def options(tmp_path: Path, **more: Any) -> BatchOptions:
    return BatchOptions(
        **{"out": tmp_path / "out", "folder": tmp_path / "in", "formats": ("csv", "jsonl", "html"), **more}
    )


def test_all_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay_out(tmp_path / "in", 2)
    assert batch(options(tmp_path, speak=True)) == 0
    printed = capsys.readouterr()
    assert "6 rows: 2 pictures; 4 spoken, 2 written." in printed.out and "6 of 6 rows" in printed.out
    assert "asking: " in printed.err and "\x1b" not in printed.err
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"batch.sqlite", "table.csv", "table.jsonl", "report.html", "sounds"}
    assert len(list((tmp_path / "out" / "sounds").glob("*.wav"))) == 6


def test_some_failed_and_what_does_not_pair_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = lay_out(tmp_path / "in", 1)
    (folder / "broken.jpg").write_text("x")
    (folder / "broken.txt").write_text("what")
    (folder / "lonely.wav").touch()
    assert batch(options(tmp_path)) == 3
    assert "Question without a picture: 1\n    lonely.wav" in capsys.readouterr().out
    assert "lonely.wav" in (tmp_path / "out" / "notes.csv").read_text()
    assert batch(options(tmp_path, resume=True)) == 3
    assert batch(options(tmp_path, retry_failed=True)) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"folder": None},
        {"manifest": Path("list.csv")},
        {"folder": Path("no such folder")},
        {"question": " "},
        {"question_speech": Path("none.wav")},
        {"folder": None, "manifest": Path("none.csv")},
        {"folder": None, "manifest": Path("none.csv"), "images": Path("no such folder")},
    ],
)
def test_nothing_ran(tmp_path: Path, wrong: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    lay_out(tmp_path / "in", 1)
    assert batch(options(tmp_path, **wrong)) == 2
    assert capsys.readouterr().err.count("sviqa: ") == 1


def test_an_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    assert batch(options(tmp_path)) == 2
    assert dry_run(options(tmp_path)) == 2
    assert "nothing to ask" in capsys.readouterr().err


def test_a_batch_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay_out(tmp_path / "in", 1)
    assert batch(options(tmp_path)) == 0
    before = (tmp_path / "out" / "table.csv").read_bytes()
    assert batch(options(tmp_path)) == 2
    assert "--resume" in capsys.readouterr().err
    assert batch(options(tmp_path, resume=True)) == 0
    assert (tmp_path / "out" / "table.csv").read_bytes() == before


def test_a_dry_run_lists_all_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = lay_out(tmp_path / "in", 1)
    for n in range(9):
        (folder / f"lonely{n}.wav").touch()
    assert dry_run(options(tmp_path)) == 0
    assert capsys.readouterr().out.count("lonely") == 9
    assert not (tmp_path / "out").exists()


def test_a_disk_that_fills_up_is_no_batch_that_never_ran(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path / "in", 1)

    def full(*_: object) -> None:
        raise OutputError("The disk is full.", "Free some space and resume.")

    monkeypatch.setattr("sviqa_app.batch.report.write_report", full)
    assert batch(options(tmp_path)) == 3
    assert capsys.readouterr().err.endswith("sviqa: The disk is full. Free some space and resume.\n")


def test_ctrl_c_finishes_the_rows_in_hand_and_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path / "in", 3)
    monkeypatch.setattr("sviqa_app.engine.many.ROOM", 1)
    monkeypatch.setattr(sys, "argv", ["sviqa", "batch", "my pictures", "--out", "out"])
    before = signal.getsignal(signal.SIGINT)
    say = command._say
    monkeypatch.setattr(command, "_say", lambda *found: (say(*found), signal.raise_signal(signal.SIGINT)))
    assert batch(options(tmp_path)) == 130
    printed = capsys.readouterr()
    assert "Go on with: sviqa batch 'my pictures' --out out --resume" in printed.out
    assert "Not asked yet." in (tmp_path / "out" / "table.csv").read_text(encoding="utf-8-sig")
    assert signal.getsignal(signal.SIGINT) is before
    monkeypatch.setattr(command, "_say", say)
    assert batch(options(tmp_path, resume=True)) == 0


def test_a_resume_that_is_stopped_still_tells_of_every_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = lay_out(tmp_path / "in", 2)
    assert batch(options(tmp_path)) == 0
    (folder / "p9.png").write_bytes((folder / "p0.png").read_bytes())
    (folder / "p9.txt").write_text("how many dogs are there")
    monkeypatch.setattr(command, "_say", lambda *found: signal.raise_signal(signal.SIGINT))
    assert batch(options(tmp_path, resume=True)) == 130
    table = (tmp_path / "out" / "table.jsonl").read_text().splitlines()
    assert [json.loads(row)["error"] for row in table] == [None] * 6 + ["Not asked yet."]


@pytest.mark.parametrize(
    ("arguments", "folder", "ray"),
    [
        (["in"], "in", None),
        (["in", "--ray"], "in", "local"),
        (["--ray", "in"], "in", "local"),
        (["--ray", "--out", "o", "in"], "in", "local"),
        (["in", "--ray", "head:6379"], "in", "head:6379"),
        (["--ray", "ray://head:10001", "in"], "in", "ray://head:10001"),
        (["--ray=auto", "in"], "in", "auto"),
    ],
)
def test_ray_may_stand_without_an_address(
    arguments: list[str], folder: str, ray: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[BatchOptions] = []
    monkeypatch.setattr(command, "batch", lambda options: (asked.append(options), 0)[1])
    monkeypatch.setattr(sys, "argv", ["sviqa", "batch", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert (asked[0].folder, asked[0].ray) == (Path(folder), ray)
