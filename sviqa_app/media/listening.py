"""Hands-free asking: listens to the microphone for somebody who begins to speak, and ends."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

from ..errors import DeviceError
from ..turn import Samples
from .endpointer import SILENCE, Endpointer, Turning
from .vad import SpeechDetector

# Seconds that a take reaches back when it begins with `on_began`. Of 162 questions in 10 voices, clear and in
# noise, the latest was noticed 0.34 s after its first sound; the rest is for the window to get round to it.
HANDS_FREE_LEAD = 0.5

Call = Callable[[], None]


class Listening:
    """Says when somebody begins to speak and ends.

        listening = Listening(on_began, on_ended, on_dropped, on_failed)
        microphone = Microphone(on_block=listening.hear)

    Each `on_began` is followed by one `on_ended`, or by `on_dropped` where it was a cough and no question, unless
    `pause` or `close` comes between. `on_failed` is called once if the detector fails; nothing is heard after it.
    All are called from a thread of Listening's own, and may not call `close`. Sound of its first second, while the
    detector is loaded, is not heard.
    """

    def __init__(
        self,
        on_began: Call,
        on_ended: Call,
        on_dropped: Call,
        on_failed: Callable[[DeviceError], None],
        silence: float = SILENCE,
    ) -> None:
        """`silence`: seconds without speech after which a question has ended."""
        self._calls = {Turning.BEGAN: on_began, Turning.ENDED: on_ended, Turning.DROPPED: on_dropped}
        self._on_failed = on_failed
        self._endpointer = Endpointer(silence)
        self._loaded = self._paused = False
        # Counted up by each pause: what was heard before it is of no interest after it.
        self._part = 0
        # (part, block); None when nothing will come any more.
        self._blocks: SimpleQueue[tuple[int, Samples] | None] = SimpleQueue()
        self._worker = Thread(target=self._work, name="listening", daemon=True)
        self._worker.start()

    @property
    def paused(self) -> bool:
        """Whether what is said now is not listened to."""
        return self._paused

    def hear(self, block: Samples) -> None:
        """Takes [n] samples at 16 kHz. Returns at once, as the device's own thread must."""
        if self._loaded and not self._paused:
            self._blocks.put((self._part, block))

    def pause(self) -> None:
        """Stops listening, and forgets a question that had begun: it will not be told that it ended."""
        self._paused = True
        self._part += 1

    def resume(self) -> None:
        """Listens again, as if for the first time."""
        self._paused = False

    def close(self) -> None:
        """Stops listening for good."""
        self.pause()
        self._blocks.put(None)
        self._worker.join()

    def _work(self) -> None:
        """Listening's own thread."""
        try:
            detector = SpeechDetector()
            self._loaded = True
            self._listen(detector)
        except DeviceError as error:
            self._on_failed(error)
        finally:
            self._loaded = False

    def _listen(self, detector: SpeechDetector) -> None:
        """Until the end. Raises DeviceError where the detector fails."""
        heard = self._part
        while (order := self._blocks.get()) is not None:
            part, block = order
            if part != self._part:
                continue
            if part != heard:
                heard = part
                detector.reset()
                self._endpointer.reset()
            for probability in detector.hear(block):
                turning = self._endpointer.hear(float(probability))
                if turning is not None and part == self._part:
                    self._calls[turning]()
