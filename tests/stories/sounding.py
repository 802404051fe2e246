"""A program with a microphone and a player that does what it is told, a line at a time, and answers with a line."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import soundfile

from sviqa_app.errors import SviqaError
from sviqa_app.media.audio import write_wav
from sviqa_app.media.listening import HANDS_FREE_LEAD, Listening
from sviqa_app.media.microphone import Microphone
from sviqa_app.media.player import Player
from sviqa_app.media.take_file import TakeFile
from sviqa_app.turn import AudioChunk, Samples


class Sounding:
    """Each method is a word it understands; what it returns is the answer."""

    def __init__(self) -> None:
        self.microphone = Microphone(on_block=self._on_block)
        self.listening: Listening | None = None
        self.noticed: SimpleQueue[str] = SimpleQueue()
        self.started = 0.0
        self.player = Player(on_started=self._on_started)

    def _on_block(self, block: Samples) -> None:
        if self.listening is not None:
            self.listening.hear(block)

    def _on_began(self) -> None:
        self.microphone.begin(lead=HANDS_FREE_LEAD)
        self.noticed.put("began")

    def _on_started(self) -> None:
        self.started = time.monotonic()

    def open(self) -> str:
        self.microphone.open()
        return "open"

    def begin(self) -> str:
        self.microphone.begin()
        return "begun"

    def begin_in(self, path: str) -> str:
        self.microphone.begin(on_take=TakeFile(Path(path)).write)
        return "begun"

    def level(self) -> str:
        return str(self.microphone.level())

    def failed(self) -> str:
        return str(self.microphone.failed)

    def end(self, path: str) -> str:
        """The seconds it took."""
        asked = time.monotonic()
        take = self.microphone.end()
        took = time.monotonic() - asked
        write_wav(Path(path), take.samples, take.rate)
        return str(took)

    def listen(self) -> str:
        """Begins a take whenever somebody begins to speak."""
        told = self.noticed.put
        self.listening = Listening(
            self._on_began, lambda: told("ended"), lambda: told("dropped"), lambda error: told(f"error {error}")
        )
        self.microphone.open()
        while not self.listening._loaded and self.noticed.empty():
            time.sleep(0.005)
        return "listening"

    def wait_for_notice(self) -> str:
        """What is noticed next."""
        return self.noticed.get()

    def count_notices(self) -> str:
        """How many have not been waited for."""
        return str(self.noticed.qsize())

    def pause(self) -> str:
        assert self.listening is not None
        self.listening.pause()
        return "paused"

    def resume(self) -> str:
        assert self.listening is not None
        self.listening.resume()
        return "resumed"

    def rate(self, rate: str) -> str:
        self.player.rate = float(rate)
        return rate

    def play(self, path: str) -> str:
        """Gives a WAV to the player in the chunks an engine makes; the seconds that took."""
        samples, rate = soundfile.read(path, dtype="float32")
        asked = time.monotonic()
        for part in np.array_split(samples, max(1, round(len(samples) / rate / 0.12))):
            self.player.play(AudioChunk(part, rate))
        self.player.end()
        return str(time.monotonic() - asked)

    def wait(self) -> str:
        """Until the answer has sounded: why it did not, or None."""
        while self.player.playing:
            time.sleep(0.005)
        return str(self.player.failed)

    def wait_for_start(self) -> str:
        while not self.started:
            time.sleep(0.005)
        return str(self.started)

    def stop(self) -> str:
        """The moment it was told to, and the seconds that took."""
        asked = time.monotonic()
        self.player.stop()
        took = time.monotonic() - asked
        self.started = 0.0
        return f"{asked} {took}"


def main() -> None:
    """Does what stands on each line of the input."""
    sounding = Sounding()
    for line in sys.stdin:
        word, *rest = line.split()
        try:
            answer = getattr(sounding, word)(*rest)
        except SviqaError as error:
            answer = f"error {error}"
        print(answer, flush=True)


if __name__ == "__main__":
    main()
