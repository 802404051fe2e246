"""An exported conversation is whole, overwrites nothing, and means what was said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from sviqa_app.errors import OutputError
from sviqa_app.history import History
from sviqa_app.history.export import Form
from sviqa_app.media.audio import load_recording
from sviqa_app.media.image import load_picture
from sviqa_app.turn import Recording


@pytest.fixture
def conversation(history: History, picture: Image.Image, recording: Recording, recording_file: Path) -> int:
    """One answered question and one that is not."""
    number = history.begin_conversation(picture, "../my *photo*.jpg")
    turn = history.begin_turn(number, recording_file, None)
    history.finish_turn(turn, "what <b>is</b> it", "# A dog.\n1. [Brown](x)\n- big", recording.samples, 16_000, {})
    history.cancel_turn(history.begin_turn(number, None, "and this"))
    return number


def test_json_holds_everything(history: History, conversation: int, tmp_path: Path) -> None:
    page = history.export(conversation, tmp_path, "json")
    content = json.loads(page.read_text())
    assert content["source"] == "../my *photo*.jpg"
    first, second = content["turns"]
    assert (first["state"], first["heard"]) == ("done", "what <b>is</b> it")
    assert (second["state"], second["typed"], second["answer"], second["speech"]) == (
        "cancelled",
        "and this",
        None,
        None,
    )
    load_picture(page.parent / content["picture"])
    for name in (first["speech"], first["sound"]):
        assert load_recording(page.parent / name).seconds == 1.0
    assert {path.name for path in page.parent.iterdir()} == {
        page.name,
        content["picture"],
        first["speech"],
        first["sound"],
    }


def test_markdown_is_read_as_it_was_said(history: History, conversation: int, tmp_path: Path) -> None:
    page = history.export(conversation, tmp_path, "markdown")
    text = page.read_text()
    assert page.name == "conversation.md"
    assert "what \\<b\\>is\\</b\\> it" in text
    assert "**Answer:** \\# A dog.\n1\\. \\[Brown\\](x)\n\\- big\n" in text
    assert "**Answer:** Stopped." in text
    assert "![The picture](picture.png)" in text and "(turn-1-question.wav)" in text and "(turn-1-answer.wav)" in text


@pytest.mark.parametrize("form", ["markdown", "json"])
def test_nothing_is_overwritten(form: Form, history: History, conversation: int, tmp_path: Path) -> None:
    page = history.export(conversation, tmp_path, form)
    before = {path: path.read_bytes() for path in page.parent.iterdir()}
    with pytest.raises(OutputError, match="already"):
        history.export(conversation, tmp_path, form)
    assert {path: path.read_bytes() for path in page.parent.iterdir()} == before


def test_a_failure_leaves_nothing(
    history: History, conversation: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sviqa_app.history.export.shutil.copyfile", full)
    target = tmp_path / "out"
    target.mkdir()
    with pytest.raises(OutputError, match="disk is full"):
        history.export(conversation, target, "json")
    assert list(target.iterdir()) == []


def test_a_folder_or_conversation_that_is_not_there_is_one_plain_error(
    history: History, conversation: int, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        history.export(conversation, tmp_path / "none", "json")
    with pytest.raises(OutputError, match="not in the history"):
        history.export(99, tmp_path, "json")


def test_files_that_are_gone_are_left_out(history: History, conversation: int, folder: Path, tmp_path: Path) -> None:
    for place in ("pictures", "sounds"):
        for path in (folder / place).iterdir():
            path.unlink()
    page = history.export(conversation, tmp_path, "json")
    assert list(page.parent.iterdir()) == [page]
    assert json.loads(page.read_text())["picture"] is None
