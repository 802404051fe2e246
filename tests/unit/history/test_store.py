"""What was said is kept, found and, when that is wanted, gone without a trace."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as trials
from hypothesis import strategies as st
from PIL import Image

from sviqa_app.errors import OutputError
from sviqa_app.history import History, Turn, history_folder, store
from sviqa_app.media.audio import load_recording, write_wav
from sviqa_app.media.image import load_picture
from sviqa_app.turn import Recording

DAY = 86_400.0


@pytest.fixture(params=["open", "private"])
def either(request: pytest.FixtureRequest, folder: Path) -> Iterator[History]:
    """A history that is kept, then one that is not: they behave alike."""
    with History.open(folder) if request.param == "open" else History.private() as history:
        yield history


def ask(history: History, conversation: int, recording: Recording) -> int:
    """A spoken question, written down."""
    place = history.place_for_speech()
    write_wav(place, recording.samples, recording.rate)
    return history.begin_turn(conversation, place, None)


def files(folder: Path) -> set[str]:
    """The pictures and sounds that are there."""
    return {path.name for place in ("pictures", "sounds") for path in (folder / place).iterdir()}


def only(turns: list[Turn]) -> Turn:
    (turn,) = turns
    return turn


# Keeping.


def test_a_spoken_turn_from_question_to_answer(either: History, picture: Image.Image, recording: Recording) -> None:
    conversation = either.begin_conversation(picture, "clipboard")
    turn = ask(either, conversation, recording)
    asked = only(either.turns(conversation))
    assert (asked.state, asked.answer, asked.sound, asked.typed) == ("pending", None, None, None)
    assert asked.speech is not None
    assert np.allclose(load_recording(asked.speech).samples, recording.samples, atol=1e-4)

    either.finish_turn(turn, "what is it", "A dog.", recording.samples, 16_000, {"first_audio": None, "total": 1.5})
    done = only(either.turns(conversation))
    assert (done.state, done.heard, done.answer) == ("done", "what is it", "A dog.")
    assert done.seconds == {"first_audio": None, "total": 1.5} and done.asked == asked.asked
    assert done.sound is not None and load_recording(done.sound).rate == 16_000


def test_the_picture_is_kept_pixel_by_pixel_and_once(either: History, picture: Image.Image) -> None:
    for _ in range(2):
        either.begin_conversation(picture, "")
    first, second = either.conversations()
    assert first.picture is not None and first.picture == second.picture
    assert load_picture(first.picture).tobytes() == picture.tobytes()
    either.begin_conversation(picture.rotate(180), "")
    assert either.conversations(1)[0].picture != first.picture


def test_a_recording_from_elsewhere_is_copied(history: History, recording_file: Path) -> None:
    history.begin_turn(history.begin_conversation(None, ""), recording_file, "and words")
    turn = only(history.turns(1))
    assert turn.speech is not None and turn.speech.read_bytes() == recording_file.read_bytes()
    assert turn.speech != recording_file and turn.typed == "and words"


def test_a_turn_ends_once(either: History) -> None:
    conversation = either.begin_conversation(None, "")
    failed, cancelled, done = (either.begin_turn(conversation, None, "why") for _ in range(3))
    either.fail_turn(failed, "The engine stopped.")
    either.cancel_turn(failed)
    either.cancel_turn(cancelled)
    either.finish_turn(done, None, "Because.", None, 16_000, {})
    either.fail_turn(done, "Too late.")
    turns = either.turns(conversation)
    assert [turn.state for turn in turns] == ["failed", "cancelled", "done"]
    assert [turn.why for turn in turns] == ["The engine stopped.", None, None]


def test_nothing_is_kept_of_an_answer_to_a_deleted_turn(history: History, folder: Path, recording: Recording) -> None:
    turn = ask(history, history.begin_conversation(None, ""), recording)
    history.delete_turn(turn)
    history.finish_turn(turn, "heard", "said", recording.samples, 16_000, {})
    history.fail_turn(turn, "")
    assert history.turns(1) == [] and files(folder) == set()


def test_a_question_that_cannot_be_kept_is_one_plain_error(history: History, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="not in the history"):
        history.begin_turn(7, None, "hello")
    conversation = history.begin_conversation(None, "")
    with pytest.raises(OutputError, match="no recording"):
        history.begin_turn(conversation, tmp_path / "none.wav", None)
    assert history.turns(conversation) == []


def test_it_is_all_there_when_opened_again(folder: Path, picture: Image.Image, recording: Recording) -> None:
    with History.open(folder) as history:
        conversation = history.begin_conversation(picture, "photo.jpg")
        history.finish_turn(ask(history, conversation, recording), "hello", "Hi.", recording.samples, 16_000, {})
        before = history.conversations(), history.turns(conversation)
    with History.open(folder) as history:
        assert (history.conversations(), history.turns(conversation)) == before
        assert history.warning == ""


def test_nobody_else_can_read_it(folder: Path, picture: Image.Image, recording: Recording) -> None:
    before = os.umask(0)
    try:
        with History.open(folder) as history:
            turn = ask(history, history.begin_conversation(picture, ""), recording)
            history.finish_turn(turn, "", "", recording.samples, 16_000, {})
            modes = {path: path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}
    finally:
        os.umask(before)
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert {path.name for path in modes} >= {"history.db", "history.db-wal", "pictures", "sounds"}


def test_a_private_history_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, picture: Image.Image, recording: Recording
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with History.private() as history:
        ask(history, history.begin_conversation(picture, ""), recording)
        (scratch,) = tmp_path.iterdir()
        assert not list(scratch.glob("history.db*")) and scratch.stat().st_mode & 0o777 == 0o700
        with History.private() as another:
            assert another.conversations() == [] and history.turns(1)
    assert list(tmp_path.iterdir()) == []


def test_threads_may_share_it(history: History) -> None:
    conversation = history.begin_conversation(None, "")

    def talk() -> None:
        for _ in range(20):
            history.finish_turn(history.begin_turn(conversation, None, "hi"), None, "hello", None, 16_000, {})

    threads = [threading.Thread(target=talk) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [turn.state for turn in history.turns(conversation)] == ["done"] * 80


def test_closing_twice_does_no_harm_and_use_afterwards_is_a_plain_error(folder: Path) -> None:
    history = History.open(folder)
    history.close()
    history.close()
    with pytest.raises(OutputError):
        history.conversations()


# Looking back.


def test_conversations_come_newest_first_page_by_page(either: History) -> None:
    numbers = [either.begin_conversation(None, f"picture {n}") for n in range(5)]
    first = either.conversations(2)
    second = either.conversations(10, before=first[-1].id)
    assert [c.id for c in first + second] == numbers[::-1]
    assert second[-1].source == "picture 0"


def test_a_conversation_is_called_by_its_first_words(either: History) -> None:
    conversation = either.begin_conversation(None, "")
    assert (either.conversations()[0].title, either.conversations()[0].turns) == ("", 0)
    spoken, _ = (either.begin_turn(conversation, None, typed) for typed in (None, "second"))
    assert either.conversations()[0].title == "second"
    either.finish_turn(spoken, "first", "", None, 16_000, {})
    assert (either.conversations()[0].title, either.conversations()[0].turns) == ("first", 2)


def test_files_that_are_gone_are_none(
    history: History, folder: Path, picture: Image.Image, recording: Recording
) -> None:
    conversation = history.begin_conversation(picture, "")
    ask(history, conversation, recording)
    for name in files(folder):
        for place in ("pictures", "sounds"):
            (folder / place / name).unlink(missing_ok=True)
    assert history.conversations()[0].picture is None
    assert only(history.turns(conversation)).speech is None
    history.delete_conversation(conversation)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("zebra", True),
        ("ZEB", True),
        ("cafe zebra", True),
        ("café", True),
        ("zebra cafe striped", True),
        ("zeb cafe", False),
        ("zebra lion", False),
        ("striped-horse", True),
        ('"', False),
        ("zebra AND", False),
        ("answer:zebra", False),
        ("*", False),
        ("", False),
    ],
)
def test_search_finds_words_and_the_beginning_of_the_last(words: str, found: bool, either: History) -> None:
    conversation = either.begin_conversation(None, "")
    turn = either.begin_turn(conversation, None, "is that a zebra")
    either.finish_turn(turn, "in the Café", "A striped horse.", None, 16_000, {})
    either.begin_turn(conversation, None, "something else")
    assert [hit.turn.id for hit in either.search(words)] == [turn] * found


def test_what_was_found_is_marked(either: History) -> None:
    either.begin_turn(either.begin_conversation(None, ""), None, "is that a \x02zebra\x03 or a horse")
    (hit,) = either.search("zeb")
    assert [text for text, found in hit.snippet if found] == ["zebra"]
    assert "".join(text for text, _ in hit.snippet).split() == ["is", "that", "a", "zebra", "or", "a", "horse"]


@trials(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.text() | st.lists(st.sampled_from(["a", '"', "*", "NEAR(", "OR", "^", "typed:", "-", "\0"])).map(" ".join)
)
@example(words="\ud800 a")
@example(words="a\0b")
@example(words="word " * 500)
@example(words='" OR 1')
@example(words="\u0363 \u20e3 \U0001f9a1 ²")
def test_search_takes_anything_a_person_types(words: str, history: History) -> None:
    if not history.conversations():
        history.begin_turn(history.begin_conversation(None, ""), None, "a word")
    history.search(words)


@trials(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=[])))
def test_anything_said_is_kept_and_found(text: str, history: History) -> None:
    conversation = history.begin_conversation(None, text)
    turn = history.begin_turn(conversation, None, text)
    history.finish_turn(turn, text, "badger " + text, None, 16_000, {})
    assert only(history.turns(conversation)).answer is not None
    assert turn in [hit.turn.id for hit in history.search("badg", limit=1000)]


# Forgetting.


def test_deleting_takes_exactly_what_nothing_else_uses(
    history: History, folder: Path, picture: Image.Image, recording: Recording
) -> None:
    one, two = (history.begin_conversation(picture, "") for _ in range(2))
    first = ask(history, one, recording)
    history.finish_turn(first, "zebra", "Yes.", recording.samples, 16_000, {})
    second = ask(history, two, recording)
    kept = {path.name for path in (history.turns(two)[0].speech, history.conversations()[0].picture) if path}
    assert len(files(folder)) == 4
    history.delete_conversation(one)
    assert files(folder) == kept and history.search("zebra") == []
    assert [c.id for c in history.conversations()] == [two]
    history.delete_turn(second)
    assert len(files(folder)) == 1 and history.turns(two) == []
    history.delete_conversation(two)
    assert files(folder) == set()


def test_what_is_deleted_is_nowhere_on_the_disk(history: History, folder: Path) -> None:
    def traces() -> list[str]:
        return [path.name for path in folder.rglob("*") if path.is_file() and b"qzxsecret" in path.read_bytes()]

    conversation = history.begin_conversation(None, "")
    for n in range(50):
        history.begin_turn(conversation, None, f"harmless {n}")
    turn = history.begin_turn(conversation, None, "qzxsecret")
    history.finish_turn(turn, "qzxsecret", "qzxsecret " * 1000, None, 16_000, {})
    assert traces()
    history.delete_turn(turn)
    assert traces() == [] and len(history.search("harmless", 100)) == 50


def test_everything_can_be_deleted(history: History, folder: Path, picture: Image.Image, recording: Recording) -> None:
    ask(history, history.begin_conversation(picture, ""), recording)
    (folder / "history.db.broken").touch()
    (folder / "history.db.broken-wal").touch()
    write_wav(folder / "sounds" / "question-gone-1.wav", recording.samples, 16_000)
    under_way = history.place_for_speech()
    write_wav(under_way, recording.samples, 16_000)
    history.delete_all()
    assert history.conversations() == [] and files(folder) == {under_way.name}
    assert not list(folder.glob("*broken*"))
    assert history.begin_turn(history.begin_conversation(None, ""), under_way, None)


def test_old_conversations_are_forgotten(
    history: History, folder: Path, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = store.time()
    stray, fresh = (folder / "sounds" / f"question-gone-{n}.wav" for n in range(2))
    for path in (stray, fresh):
        write_wav(path, recording.samples, 16_000)
    os.utime(stray, (now - 40 * DAY, now - 40 * DAY))
    monkeypatch.setattr(store, "time", lambda: now - 31 * DAY)
    old, lively, silent = (history.begin_conversation(None, "") for _ in range(3))
    for conversation in (old, lively):
        ask(history, conversation, recording)
    monkeypatch.setattr(store, "time", lambda: now)
    history.begin_turn(lively, None, "still here")
    recent = history.begin_conversation(None, "")

    assert history.forget_older_than(0) == 0 and stray.exists()
    assert history.forget_older_than(30) == 2
    assert [c.id for c in history.conversations()] == [recent, lively]
    assert history.turns(old) == [] and history.turns(silent) == []
    assert len(history.turns(lively)) == 2 and len(files(folder)) == 2
    assert fresh.exists() and not stray.exists()


def test_the_folder_is_this_persons() -> None:
    assert history_folder().name == "sviqa" and history_folder().is_absolute()
