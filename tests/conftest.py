"""What all tests share: one thread of torch, and tiny pictures and recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sviqa_app.media.audio import write_wav
from sviqa_app.turn import Recording, Samples

RATE = 16_000

torch.set_num_threads(1)


@pytest.fixture
def picture() -> Image.Image:
    """A 48x32 picture: red on the left, blue on the right, a green corner at the top left."""
    image = Image.new("RGB", (48, 32), "red")
    image.paste("blue", (24, 0, 48, 32))
    image.paste("lime", (0, 0, 8, 8))
    return image


@pytest.fixture
def picture_file(picture: Image.Image, tmp_path: Path) -> Path:
    """That picture as a PNG."""
    path = tmp_path / "picture.png"
    picture.save(path)
    return path


def syllables(seconds: float = 1.0, rate: int = RATE) -> Samples:
    """[n] sound that rises and falls four times a second like speech, on a buzzing tone."""
    time = np.arange(int(seconds * rate)) / rate
    buzz = sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 12))
    return (0.15 * buzz * np.sin(2 * np.pi * 2 * time) ** 2).astype(np.float32)


@pytest.fixture
def recording() -> Recording:
    """One second of something like speech, at 16 kHz."""
    return Recording(syllables(), RATE)


@pytest.fixture
def recording_file(recording: Recording, tmp_path: Path) -> Path:
    """That recording as a 16-bit WAV."""
    path = tmp_path / "question.wav"
    write_wav(path, recording.samples, recording.rate)
    return path
