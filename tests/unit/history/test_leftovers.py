"""What was said is never lost: a crash leaves it to be offered again, and two windows do not mistake each other."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sviqa_app.history import History
from sviqa_app.media.audio import load_recording, write_wav
from sviqa_app.turn import Recording

# Another window: says "ready" at the end of its part, then waits to be killed or told to go on.
WINDOW = """
import sys
from pathlib import Path
import numpy as np
from sviqa_app.history import History
from sviqa_app.media.audio import write_wav
sound = np.sin(np.arange(16000) / 20).astype(np.float32)
history = History.{opened}
place = history.place_for_speech()
write_wav(place, sound, 16000)
{then}
print("ready", flush=True)
sys.stdin.read()
history.close()
"""
ASKS = "history.begin_turn(history.begin_conversation(None, ''), place, None)"


def window(folder: Path | None, then: str = "") -> subprocess.Popen[str]:
    """Starts one and waits until it is ready."""
    opened = "private()" if folder is None else f"open(Path({str(folder)!r}))"
    code = WINDOW.format(opened=opened, then=then)
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    """As the system does when memory runs out: no handler runs."""
    with process:
        process.send_signal(signal.SIGKILL)


pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")


def test_a_window_killed_while_it_answers_leaves_the_question(folder: Path) -> None:
    process = window(folder, ASKS)
    with History.open(folder) as history:
        assert history.pending() == [], "its window still runs"
        assert len(history.turns(1)) == 1
        kill(process)
        (turn,) = history.pending()
    with History.open(folder) as history:
        assert history.pending() == [turn] and history.warning == ""
        assert turn.state == "pending" and turn.speech is not None
        assert load_recording(turn.speech).seconds == 1.0
        assert history.orphans() == []
        history.finish_turn(turn.id, "hello", "Hi.", None, 16_000, {})
        assert history.pending() == []


def test_a_window_killed_while_it_records_leaves_the_recording(folder: Path) -> None:
    process = window(folder)
    with History.open(folder) as history:
        assert history.orphans() == [], "it is still being spoken"
        kill(process)
        (path,) = history.orphans()
        assert load_recording(path).seconds == 1.0
        turn = history.adopt(path)
        assert history.orphans() == []
        assert [(t.id, t.speech, t.conversation) for t in history.pending()] == [(turn, path, 1)]


def test_a_found_recording_joins_the_last_conversation(history: History, folder: Path, recording: Recording) -> None:
    path = folder / "sounds" / "question-gone-1.wav"
    write_wav(path, recording.samples, recording.rate)
    history.begin_conversation(None, "first")
    last = history.begin_conversation(None, "last")
    history.adopt(path)
    assert [turn.speech for turn in history.turns(last)] == [path]


def test_a_recording_in_which_nothing_was_said_is_not_offered(history: History, folder: Path) -> None:
    write_wav(folder / "sounds" / "question-gone-1.wav", np.zeros(0, np.float32), 16_000)
    assert history.orphans() == []


def test_a_window_does_not_offer_its_own_work(history: History, folder: Path, recording: Recording) -> None:
    place = history.place_for_speech()
    write_wav(place, recording.samples, recording.rate)
    history.begin_turn(history.begin_conversation(None, ""), None, "typed")
    assert history.orphans() == [] and history.pending() == []
    with History.open(folder) as another:
        assert another.orphans() == [] and another.pending() == []
        history.close()
        assert another.orphans() == [place]
        assert [turn.typed for turn in another.pending()] == ["typed"]


def test_a_private_window_that_was_killed_is_cleared_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    process = window(None, ASKS)
    with History.private():
        assert len(list(tmp_path.iterdir())) == 2
    kill(process)
    with History.private() as history:
        assert len(list(tmp_path.iterdir())) == 1 and history.pending() == []


def test_windows_that_open_and_write_at_once_lose_nothing(folder: Path) -> None:
    code = f"""
from pathlib import Path
from sviqa_app.history import History
with History.open(Path({str(folder)!r})) as history:
    conversation = history.begin_conversation(None, "")
    for n in range(25):
        history.finish_turn(history.begin_turn(conversation, None, f"q{{n}}"), None, f"a{{n}}", None, 16000, {{}})
"""
    windows = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=120)[1] for process in windows] == [""] * 3
    with History.open(folder) as history:
        assert len(history.conversations()) == 3
        for conversation in history.conversations():
            assert [turn.answer for turn in history.turns(conversation.id)] == [f"a{n}" for n in range(25)]
        assert len(history.search("q7")) == 3
