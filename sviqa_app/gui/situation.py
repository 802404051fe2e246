"""What is going on, told in words, in sound and to the screen reader."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..errors import SviqaError
from ..media.earcons import Earcon
from .exchange import State
from .view import View

_SOUNDS: dict[State, Earcon] = {State.RECORDING: "listening", State.THINKING: "thinking"}


class Chime(Protocol):
    """What plays the earcons."""

    def play(self, earcon: Earcon) -> None:
        """Play one, without waiting for it."""


class Situation:
    """The state the window is in."""

    def __init__(self, view: View, chime: Chime) -> None:
        self._view, self._chime = view, chime
        self.state = State.READY
        self.follow: Callable[[State], None] = lambda state: None
        """Is told of every change, before the person is."""

    def enter(self, state: State) -> None:
        """Go over to a state, where it is not this one already."""
        if state is not self.state:
            self.state = state
            self.follow(state)
            self._view.show_state(state)
            if state in _SOUNDS:
                self._chime.play(_SOUNDS[state])

    def complain(self, error: SviqaError) -> None:
        """Say what went wrong and what to do."""
        self._chime.play("trouble")
        self._view.complain(error.what, error.next)
