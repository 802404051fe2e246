"""Asking without a key: a question begins when somebody begins to speak, and ends when they stop."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import DeviceError
from ..media.listening import HANDS_FREE_LEAD, Listening
from ..settings import Settings
from ..turn import Samples
from .exchange import State
from .operations import Call
from .presenter import Presenter


class HandsFree:
    """Holds the key for somebody who has no hand free. All but `hear` is called from the window's own thread."""

    def __init__(
        self, presenter: Presenter, post: Callable[[Call], None], complain: Callable[[DeviceError], None]
    ) -> None:
        """`post` has a call made in the window's thread."""
        self._presenter, self._post, self._complain = presenter, post, complain
        self._listening: Listening | None = None
        self._wanted: tuple[bool, float] | None = None
        self._headphones = False
        self._state = State.READY
        self._asking = False  # whether the question that is recorded began by itself

    def apply(self, settings: Settings) -> None:
        """Start, stop, or go on, as the settings want it."""
        self._headphones = settings.headphones
        if self._wanted != (settings.hands_free, settings.pause):
            self._wanted = settings.hands_free, settings.pause
            self.close()
            self._listening = self._listen(settings.pause) if settings.hands_free else None
        self.follow(self._state)

    def _listen(self, pause: float) -> Listening:
        post = self._post
        return Listening(
            lambda: post(self._begin),
            lambda: post(self._end),
            lambda: post(self._drop),
            lambda error: post(lambda: self._complain(error)),
            pause,
        )

    def close(self) -> None:
        """Listen no more. What is being said is asked."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
            self._end()

    def hear(self, block: Samples) -> None:
        """What the microphone hears, from its own thread."""
        listening = self._listening
        if listening is not None:
            listening.hear(block)

    def follow(self, state: State) -> None:
        """Do not listen to the app's own voice, nor to a question that is asked with the key."""
        self._state = state
        self._asking = self._asking and state is State.RECORDING
        by_key = state is State.RECORDING and not self._asking
        own_voice = state is State.SPEAKING and not self._headphones
        if self._listening is None or (by_key or own_voice) == self._listening.paused:
            return
        if self._listening.paused:
            self._listening.resume()
        else:
            self._listening.pause()

    def _begin(self) -> None:
        gone = self._listening is None or self._listening.paused
        if gone or self._presenter.talking or not self._presenter.has_subject:
            return
        self._presenter.stop()
        self._asking = True
        self._presenter.begin_talking(HANDS_FREE_LEAD)
        self._asking = self._presenter.talking

    def _end(self) -> None:
        if self._asking:
            self._presenter.end_talking()

    def _drop(self) -> None:
        """It was a cough."""
        if self._asking:
            self._presenter.forget_talking()
