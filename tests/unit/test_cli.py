"""The command: its exit status, and what it prints where."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sviqa_app import __version__, asking, cli


def run(*arguments: str | Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the command here; its exit status."""
    monkeypatch.setattr(sys, "argv", ["sviqa", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version", monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == f"sviqa {__version__}\n"


def test_the_command_starts_without_anything_heavy() -> None:
    code = "import sys, sviqa_app.cli; print([m for m in ('torch', 'numpy', 'PIL') if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


@pytest.mark.parametrize("verb", ["ask", "doctor", "bench", "batch", "evaluate scenes", "evaluate spoken", "train"])
def test_every_verb_explains_itself(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*verb.split(), "--help", monkeypatch=monkeypatch) == 0
    assert "--help" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("verb", "takes"),
    [
        ("ask", "NAME|FOLDER|server:NAME|best"),
        ("window", "NAME|FOLDER|server:NAME|best"),
        ("say", "NAME|FOLDER"),
        ("batch", "NAME|FOLDER"),
        ("train align", "NAME|FOLDER"),
    ],
)
def test_what_model_a_verb_takes(
    verb: str, takes: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run(*verb.split(), "--help", monkeypatch=monkeypatch) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("--model"))
    assert line.split()[1] == takes


@pytest.mark.parametrize(
    "arguments",
    [
        ["none.png", "--text", "what is this"],
        ["picture.png"],
        ["picture.png", "--text", " "],
        ["picture.png", "--speech", "none.wav"],
        ["picture.png", "--text", "a", "--out", "no/folder/a.wav"],
        ["picture.png", "--text", "a", "--model", "no-such-model", "--mute"],
    ],
)
def test_a_failure_is_one_plain_line(
    arguments: list[str],
    picture_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(picture_file.parent)
    before = set(picture_file.parent.iterdir())
    assert run("ask", *arguments, monkeypatch=monkeypatch) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("sviqa: ") and said.err.count("\n") == 1
    assert set(picture_file.parent.iterdir()) == before


def test_wrong_usage_exits_with_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ask", "--no-such-option", monkeypatch=monkeypatch) == 2
    assert "--no-such-option" in capsys.readouterr().err


def test_ctrl_c_exits_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(asking, "ask_picture", interrupted)
    assert run("ask", "picture.png", monkeypatch=monkeypatch) == 130


def test_what_nobody_foresaw_is_kept_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the inside of it")

    monkeypatch.setattr(asking, "ask_picture", broken)
    monkeypatch.setattr("platformdirs.user_log_path", lambda _: tmp_path)
    assert run("ask", "picture.png", monkeypatch=monkeypatch) == 1
    said = capsys.readouterr().err
    (details,) = tmp_path.glob("error-*.txt")
    assert said == f"sviqa: Something went wrong inside sviqa. Details: {details}\n"
    assert "the inside of it" in details.read_text()
