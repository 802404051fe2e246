"""Step-Audio's semantic stream: sound as it comes → one id of 4096 each 40 ms, by CosyVoice 1's tokenizer.

The tokenizer hears up to 30 s at once, so the ids of a piece are there when it is over (Step-Audio `tokenizer.py`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import ModelError
from .mel import WHISPER_RATE, whisper_log_mel

PIECE, SHORTEST = 30 * WHISPER_RATE, 480  # samples heard at once; what is shorter has no ids
MELS, PER_SECOND, CODES = 128, 25, 4096

_SPARE = 2  # ids that may be there more or less than the length asks for

Network = Callable[[Tensor], list[int]]
"""Log-mel [1, 128, T] → the ids of those frames."""


class SemanticStream:
    """The semantic ids of one sound, in order. However it is cut, the ids are the same."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._sound = torch.zeros(0)

    def push(self, samples: Tensor) -> list[int]:
        """More 16 kHz sound [n] → the ids of every 30 s that are complete. Raises ModelError, see `finish`."""
        self._sound = torch.cat((self._sound, samples))
        ids: list[int] = []
        while len(self._sound) >= PIECE:
            ids += self._read(self._sound[:PIECE])
            self._sound = self._sound[PIECE:]
        return ids

    def finish(self) -> list[int]:
        """The ids of what is left, none where that is less than 30 ms.

        Raises ModelError where the network gives other ids, or another number of them, than this tokenizer's.
        """
        return self._read(self._sound)

    def _read(self, piece: Tensor) -> list[int]:
        if len(piece) < SHORTEST:
            return []
        ids = self._network(whisper_log_mel(piece, MELS)[None])
        due = PER_SECOND * len(piece) / WHISPER_RATE
        if abs(len(ids) - due) > _SPARE:
            raise _of_another(f"gave {len(ids)} tokens where {due:.0f} were due")
        if not 0 <= min(ids, default=0) <= max(ids, default=0) < CODES:
            raise _of_another(f"gave a token outside 0 to {CODES - 1}")
        return ids


def _of_another(what: str) -> ModelError:
    return ModelError(f"The semantic tokenizer {what}: it is of another model.", "Install Step-Audio-Tokenizer again.")
