"""The question on the disk: readable at any moment, private, and never more than a quarter of a second behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sviqa_app.errors import OutputError
from sviqa_app.media.audio import load_recording
from sviqa_app.media.take_file import TakeFile

from ...conftest import syllables

RATE = 16_000


def frames(path: Path) -> int:
    """How many samples the header says there are; all of them are there."""
    with wave.open(str(path)) as file:
        count = file.getnframes()
        assert len(file.readframes(count)) == 2 * count
        return count


def wait_for(count: int, path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.stat().st_size or frames(path) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(0, 5000), max_size=30))
def test_whole_at_the_end(sizes: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("take") / "take.wav"
    sound = syllables(sum(sizes) / RATE + 0.001)[: sum(sizes)]
    file = TakeFile(path)
    for block in np.split(sound, np.cumsum(sizes))[: len(sizes)]:
        file.write(block)
    file.close()
    assert frames(path) == sum(sizes)
    if sum(sizes) > RATE:
        np.testing.assert_allclose(load_recording(path).samples, sound, atol=1e-4)


def test_readable_while_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "take.wav"
    file = TakeFile(path)
    wait_for(0, path)
    for second in range(1, 4):
        for block in np.split(syllables(1), 50):
            file.write(block)
        wait_for(second * RATE - round(0.26 * RATE), path)
        assert second - 0.26 <= load_recording(path).seconds <= second
    file.close()


@pytest.mark.skipif(os.name != "posix", reason="Windows keeps files private by other means")
def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "take.wav", tmp_path / "elsewhere"
    elsewhere.write_text("kept")
    path.symlink_to(elsewhere)
    TakeFile(path).close()
    assert path.stat().st_mode & 0o777 == 0o600 and not path.is_symlink()
    assert elsewhere.read_text() == "kept"


_RECORDER = """
import sys, time
import numpy as np
from pathlib import Path
from sviqa_app.media.take_file import TakeFile
file = TakeFile(Path(sys.argv[1]))
for block in range(10_000):
    file.write(np.full(320, 0.5, np.float32))
    time.sleep(0.0001 * (block > 150))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
@pytest.mark.parametrize("moment", range(3))
def test_killed_while_it_writes(tmp_path: Path, moment: int) -> None:
    path = tmp_path / "take.wav"
    process = subprocess.Popen([sys.executable, "-c", _RECORDER, str(path)])
    try:
        deadline = time.monotonic() + 60
        while not path.exists() or not path.stat().st_size:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.002)
        wait_for(RATE * (moment + 1), path)
    finally:
        process.kill()
        process.wait()
    written = (path.stat().st_size - 44) // 2
    assert 0 <= written - frames(path) <= 0.3 * RATE
    recording = load_recording(path)
    assert recording.seconds >= moment + 1
    np.testing.assert_allclose(recording.samples, 0.5, atol=1e-3)


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        TakeFile(tmp_path / "no" / "take.wav")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk here")
def test_a_full_disk_is_told_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open
    monkeypatch.setattr(os, "open", lambda _name, _flags, _mode: real("/dev/full", os.O_WRONLY))
    file = TakeFile(tmp_path / "take.wav")
    file.write(np.zeros(RATE, np.float32))
    with pytest.raises(OutputError, match="disk is full"):
        file.close()
