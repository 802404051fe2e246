"""A question on the disk while it is spoken, so that a crash loses a quarter of a second and not the question."""

from __future__ import annotations

import os
import wave
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

import numpy as np

from ..errors import OutputError
from ..files import unwritable
from ..turn import Samples
from .audio import RATE, mono, pcm16

# Seconds of sound that are written at a time: as much as a crash may lose.
_FLUSH = 0.25


class TakeFile:
    """Writes a take to a 16-bit mono WAV of 16 kHz that only its owner may read, as it is recorded.

        file = TakeFile(path)
        microphone.begin(on_take=file.write)
        question = microphone.end()
        file.close()

    The file can be read at any moment, also when the program was killed: its header is put right at each writing
    (which soundfile does only at the end). Creating it and `close` raise OutputError when it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._failed: OutputError | None = None
        self._blocks: SimpleQueue[Samples | None] = SimpleQueue()
        try:
            path.unlink(missing_ok=True)
            self._file = open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))  # noqa: SIM115
        except OSError as error:
            raise unwritable(path, error) from error
        self._writer = Thread(target=self._write_all, name="take", daemon=True)
        self._writer.start()

    def write(self, samples: Samples) -> None:
        """Adds [n] samples in [-1, 1]. Returns at once, as the device's own thread must."""
        self._blocks.put(samples)

    def close(self) -> None:
        """Waits until all is written."""
        self._blocks.put(None)
        self._writer.join()
        if self._failed is not None:
            raise self._failed

    def _write_all(self) -> None:
        """The file's own thread."""
        try:
            with self._file, mono(self._file, RATE) as sound:
                self._write_part(sound, [])
                self._write_parts(sound)
        except OSError as error:
            self._failed = unwritable(self.path, error)

    def _write_parts(self, sound: wave.Wave_write) -> None:
        """Writes a quarter of a second at a time, until the end of the take."""
        part: list[Samples] = []
        while (block := self._blocks.get()) is not None:
            part.append(block)
            if sum(map(len, part)) >= _FLUSH * RATE:
                self._write_part(sound, part)
                part.clear()
        self._write_part(sound, part)

    def _write_part(self, sound: wave.Wave_write, part: list[Samples]) -> None:
        """The samples first, then the lengths in the header; each goes through to the system."""
        sound.writeframes(pcm16(np.concatenate([np.zeros(0, np.float32), *part])))
        self._file.flush()
