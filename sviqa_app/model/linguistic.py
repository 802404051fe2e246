"""Step-Audio's linguistic stream: sound as it comes → one id of 1024 each 60 ms.

Kaldi's features, seven frames to a row and a row each six, go through a streaming Paraformer encoder four rows
(240 ms) at a time; each row's id is the nearest centre. The encoder sees five rows before the four, its own keys
and values of the last sixteen, and nothing that is still to come (Step-Audio `tokenizer.py`, chunk size [0, 4, 5],
look-back 4). The original dithers the sound by one 16-bit step; here the same sound always has the same ids.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from .audio_tokens import nearest_centres
from .fbank import BANDS, HOP, kaldi_fbank

STEP = 3840  # samples, four rows
SPAN, STRIDE = 7, 6  # frames in a row, and from row to row
WIDTH = SPAN * BANDS

_ROWS, _ROWS_BEFORE, _LOOK_BACK = 4, 5, 4
_SCALE = 1 << 15  # the features are of 16-bit samples


class ChunkEncoder(Protocol):
    """funasr's SANMEncoderChunkOpt, as far as it is used here."""

    def forward_chunk(self, rows: Tensor, lengths: Tensor, cache: dict[str, Any]) -> tuple[Tensor, Tensor, None]:
        """Rows [1, n, 560], which it may change → [1, before + n, width]; `cache` goes from chunk to chunk."""
        ...


class FeatureRows:
    """Rows of seven feature frames of a sound that grows: the first frame is there three times more, as is the last."""

    def __init__(self) -> None:
        self._sound = torch.zeros(0)
        self._frames = torch.zeros(0, BANDS)

    def grow(self, samples: Tensor, last: bool) -> Tensor:
        """More sound [n] → the rows [k, 560] that are now complete; when it is the `last`, all that remain."""
        sound = torch.cat((self._sound, samples))
        frames = kaldi_fbank(sound * _SCALE, "hamming")
        self._sound = sound[len(frames) * HOP :]
        before = self._frames if len(self._frames) else frames[:1].repeat(SPAN // 2, 1)
        frames = torch.cat((before, frames))
        if last:
            frames = torch.cat((frames, frames[-1:].repeat(SPAN // 2, 1)))
        count = max(0, (len(frames) - SPAN) // STRIDE + 1)
        self._frames = frames[count * STRIDE :]
        if not count:
            return torch.zeros(0, WIDTH)
        return frames.unfold(0, SPAN, STRIDE).transpose(1, 2).reshape(count, WIDTH)


class LinguisticStream:
    """The linguistic ids of one sound, in order. However it is cut, the ids are the same."""

    def __init__(self, encoder: ChunkEncoder, shift: Tensor, scale: Tensor, centres: Tensor) -> None:
        """`shift`, `scale` [560] normalise the rows; `centres` [K, width] name the encoder's outputs."""
        self._encoder = encoder
        self._shift, self._scale, self._centres = shift, scale, centres
        self._sound = torch.zeros(0)
        self._rows = FeatureRows()
        self._cache: dict[str, Any] = {
            "start_idx": 0,
            "chunk_size": [0, _ROWS, _ROWS_BEFORE],
            "encoder_chunk_look_back": _LOOK_BACK,
            "opt": None,
            "feats": torch.zeros(1, _ROWS_BEFORE, WIDTH, device=shift.device),
            "tail_chunk": False,
        }

    def push(self, samples: Tensor) -> list[int]:
        """More 16 kHz sound [n] → the ids that are certain now, four for each 240 ms."""
        self._sound = torch.cat((self._sound, samples))
        ids: list[int] = []
        while len(self._sound) >= STEP:
            ids += self._read(self._sound[:STEP], last=False)
            self._sound = self._sound[STEP:]
        return ids

    def finish(self) -> list[int]:
        """The ids of what is left, none where that is less than a row."""
        return self._read(self._sound, last=True)

    @torch.inference_mode()
    def _read(self, samples: Tensor, last: bool) -> list[int]:
        rows = self._rows.grow(samples, last).to(self._shift.device)
        if not len(rows):
            return []
        rows = (rows + self._shift) * self._scale
        lengths = torch.tensor([len(rows)], device=rows.device)
        encoded = self._encoder.forward_chunk(rows[None], lengths, self._cache)[0]
        ids: list[int] = nearest_centres(encoded[0, -len(rows) :], self._centres).tolist()
        return ids
