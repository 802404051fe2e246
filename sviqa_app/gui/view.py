"""What the presenter asks of the window and of the loudspeaker."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from PIL.Image import Image

from ..errors import DeviceError
from ..turn import AudioChunk
from .exchange import Exchange, State
from .region import Region


class View(Protocol):
    """What the presenter asks of the window."""

    def show_state(self, state: State) -> None:
        """Say and show what is going on."""

    def show_picture(self, picture: Image, name: str) -> None:
        """A picture has come."""

    def show_region(self, region: Region) -> None:
        """The region that questions are about."""

    def show_exchange(self, exchange: Exchange) -> None:
        """A question or its answer is new or has grown."""

    def clear_exchanges(self) -> None:
        """A conversation begins."""

    def show_turn(self, row: int) -> None:
        """Go to the exchange with that number in the history."""

    def opened(self, path: Path) -> None:
        """A picture was read from a file."""

    def show_model(self, model: str, device: str, seconds: float) -> None:
        """The model, where it computes, and how long it took to load."""

    def show_latency(self, seconds: float) -> None:
        """How long after the last question its answer began to be spoken."""

    def show_progress(self, what: str, share: float) -> None:
        """How far loading the model is, 0 to 1."""

    def end_progress(self) -> None:
        """No model will be ready; nothing to do where none was being loaded."""

    def announce(self, text: str, urgent: bool = False) -> None:
        """Tell the screen reader."""

    def complain(self, what: str, next: str) -> None:
        """Say what happened and what to do."""

    def offer(self, what: str, exchange: Exchange) -> None:
        """Offer to ask a question again."""


class Player(Protocol):
    """What the presenter asks of the loudspeaker."""

    @property
    def failed(self) -> DeviceError | None:
        """Why the last answer could not be heard, if it could not."""

    def play(self, chunk: AudioChunk) -> None:
        """Put more sound behind what is playing."""

    def end(self) -> None:
        """The answer is complete: say when its last sound has been heard."""

    def stop(self) -> None:
        """Silence, at once."""
