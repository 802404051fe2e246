"""Plays the answers of a conversation for the window: nothing it is told makes the window wait."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread

from ..errors import DeviceError
from ..turn import AudioChunk
from .loudspeaker import Loudspeaker
from .tempo import MAX_SPEED, MIN_SPEED


class Player:
    """Plays one answer after the other.

        player = Player(on_finished=...)
        for chunk in chunks:
            player.play(chunk)
        player.end()

    `on_started` is called when the first sample of an answer is handed to the device, by the device's own thread:
    it must return at once. `on_finished` is called once for each answer that was begun, whichever way it ended:
    heard to its end, stopped, or given up because the device failed (`failed` says so). It comes from a thread of
    the player's, after `on_started` and before the next answer begins.

    `device` is one of `devices("output")`, or None for the one in the sound settings.
    """

    def __init__(
        self,
        device: str | None = None,
        on_started: Callable[[], None] | None = None,
        on_finished: Callable[[], None] | None = None,
    ) -> None:
        self._loudspeaker = Loudspeaker(device, on_started)
        self._on_finished = on_finished
        self._failed: DeviceError | None = None
        # Answers are counted from 1: the one being given, and the last that was begun, stopped, and done with.
        self._lock = Lock()
        self._answer, self._begun, self._stopped, self._done = 1, 0, 0, 0
        # (answer, chunk), with no chunk at its end; None when nothing will come any more.
        self._orders: SimpleQueue[tuple[int, AudioChunk | None] | None] = SimpleQueue()
        self._worker = Thread(target=self._work, name="player", daemon=True)
        self._worker.start()

    @property
    def playing(self) -> bool:
        """Whether an answer was begun that is neither heard to its end nor stopped."""
        return self._begun > max(self._stopped, self._done)

    @property
    def failed(self) -> DeviceError | None:
        """Why the device failed in the last answer, if it did."""
        return self._failed

    @property
    def volume(self) -> float:
        """From 0, silent, to 1, as it is. May be set while an answer plays."""
        return self._loudspeaker.volume

    @volume.setter
    def volume(self, volume: float) -> None:
        self._loudspeaker.volume = min(max(volume, 0.0), 1.0)

    @property
    def rate(self) -> float:
        """How fast the answers are spoken, 0.5 to 3; the pitch stays. May be set while an answer plays."""
        return self._loudspeaker.speed

    @rate.setter
    def rate(self, rate: float) -> None:
        self._loudspeaker.speed = min(max(rate, MIN_SPEED), MAX_SPEED)

    @property
    def device(self) -> str | None:
        """The loudspeaker by its name. A new one is used from the next answer on."""
        return self._loudspeaker.device

    @device.setter
    def device(self, device: str | None) -> None:
        self._loudspeaker.device = device

    def play(self, chunk: AudioChunk) -> None:
        """Puts more of the answer behind what plays. The first chunk after `end` or `stop` begins a new answer."""
        with self._lock:
            if self._begun < self._answer:
                self._begun, self._failed = self._answer, None
            self._orders.put((self._answer, chunk))

    def end(self) -> None:
        """Says that the answer is complete."""
        with self._lock:
            self._answer = self._begun + 1
            self._orders.put((self._begun, None))

    def stop(self) -> None:
        """Falls silent at once: what was given and has not sounded is dropped."""
        with self._lock:
            if not self.playing:
                return
            self._stopped, self._answer = self._begun, self._begun + 1
            # Before the order, whose handling opens the loudspeaker's ears again.
            self._loudspeaker.hush()
            self._orders.put((self._begun, None))

    def close(self) -> None:
        """Falls silent, and lets go of the device. Nothing can be played after it."""
        self.stop()
        self._orders.put(None)
        self._worker.join()

    def _work(self) -> None:
        """The player's thread: does what was ordered, in order."""
        while (order := self._orders.get()) is not None:
            answer, chunk = order
            if answer <= self._stopped:
                self._loudspeaker.stop()
            if answer <= self._done:
                continue
            if answer <= self._stopped or self._sound(chunk):
                self._done = answer
                if self._on_finished is not None:
                    self._on_finished()

    def _sound(self, chunk: AudioChunk | None) -> bool:
        """Plays the chunk, or waits for the end of the answer. Says whether the answer is over."""
        try:
            if chunk is None:
                self._loudspeaker.finish()
            else:
                self._loudspeaker.play(chunk.samples, chunk.rate)
        except DeviceError as error:
            self._failed = error
            self._loudspeaker.stop()
            return True
        return chunk is None
