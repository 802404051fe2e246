"""A take: in memory and on the disk, and in memory alone where there is no disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import soundfile

from sviqa_app.errors import DeviceError
from sviqa_app.gui.talking import Talking
from sviqa_app.media.microphone import LEAD
from sviqa_app.turn import Recording, Samples


class Device:
    """The microphone: what the test says is heard. A real one is in tests/stories."""

    def __init__(self, sound: Samples) -> None:
        self.sound, self.lead, self.full = sound, 0.0, False
        self.failed: DeviceError | None = None
        self.missing = False

    def begin(self, on_take: Callable[[Samples], None] | None, lead: float) -> None:
        if self.missing:
            raise DeviceError("There is no microphone.")
        self.lead = lead
        if on_take is not None:
            on_take(self.sound)

    def end(self) -> Recording:
        return Recording(self.sound, 16_000)


@pytest.fixture
def device(recording: Recording) -> Device:
    return Device(recording.samples)


def test_what_is_said_is_also_on_the_disk(device: Device, tmp_path: Path) -> None:
    talking = Talking(cast(Any, device))
    talking.begin(tmp_path / "take.wav")
    assert talking.recording and device.lead == LEAD
    ending = talking.end()
    assert not talking.recording
    take = ending.result(10)
    samples, rate = soundfile.read(tmp_path / "take.wav", dtype="float32")
    assert take.path == tmp_path / "take.wav" and take.trouble is None and rate == 16_000
    np.testing.assert_allclose(samples, take.recording.samples, atol=1e-4)


def test_without_a_place_it_is_recorded_all_the_same(device: Device, tmp_path: Path) -> None:
    talking = Talking(cast(Any, device))
    talking.begin(tmp_path / "nowhere" / "take.wav")
    take = talking.end().result(10)
    assert take.path is None and take.trouble is not None
    assert take.recording.samples is device.sound


def test_a_missing_microphone_leaves_no_file(device: Device, tmp_path: Path) -> None:
    device.missing = True
    talking = Talking(cast(Any, device))
    with pytest.raises(DeviceError):
        talking.begin(tmp_path / "take.wav")
    assert not talking.recording and list(tmp_path.iterdir()) == []


def test_what_goes_wrong_is_said_only_of_the_take_it_happened_in(device: Device, tmp_path: Path) -> None:
    talking = Talking(cast(Any, device))
    assert not talking.full and not talking.failed
    talking.begin(tmp_path / "nowhere" / "take.wav")
    device.full, device.failed = True, DeviceError("The microphone stopped working.")
    assert talking.full and talking.failed
    talking.end()
    assert not talking.full and not talking.failed
    device.failed = None
    talking.begin(tmp_path / "take.wav")
    assert talking.end().result(10).trouble is None
