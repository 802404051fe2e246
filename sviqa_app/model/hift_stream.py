"""HiFT piece by piece: the source goes on from piece to piece, and what overlaps is cross-faded."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .hift import Hift
from .hift_source import Draws, PitchPredictor

FADE = 256  # samples over which a piece takes over from the one before


class SourceNoise:
    """The source's randomness by position: however speech is cut, each sample gets the same noise."""

    FRAMES = 128  # 1.5 s, then it comes again

    def __init__(self, hift: Hift, seed: int) -> None:
        self._hop = hift.hop
        draws = Draws.random(1, self.FRAMES * hift.hop, hift.config, torch.Generator().manual_seed(seed))
        self._phase, self._noise = (draw.to(hift.window.device) for draw in (draws.phase, draws.noise))

    def at(self, start: int, frames: int) -> Draws:
        """The draws of `frames` mel frames from frame `start`."""
        first = start % self.FRAMES
        times = -(-(first + frames) // self.FRAMES)
        noise = self._noise.repeat(1, 1, times)[..., first * self._hop : (first + frames) * self._hop]
        return Draws(self._phase, noise)


def reach(hift: Hift) -> int:
    """How many mel frames on either side an output sample depends on, given the source or not."""
    config = hift.config
    spread, rate = 3.0, 1.0  # conv_pre
    deepest = float(PitchPredictor.REACH)
    for stage, factor in enumerate(config.upsample_rates):
        rate *= factor
        spread += config.upsample_kernels[stage] / (2 * rate)
        source = _block_reach(config.source_kernels[stage], config.source_dilations[stage]) / rate
        blocks = zip(config.resblock_kernels, config.resblock_dilations, strict=True)
        widest = max(_block_reach(kernel, dilations) for kernel, dilations in blocks) / rate
        deepest = max(deepest, PitchPredictor.REACH + source) + widest
        spread += widest
    return math.ceil(max(spread, deepest) + 8 / rate)


def _block_reach(kernel: int, dilations: tuple[int, ...]) -> int:
    return (kernel - 1) // 2 * (sum(dilations) + len(dilations))


class HiftStream:
    """The sound of a mel that grows at its end and whose last frames may still change, its pitch `height` times that
    of the mel; a height of 0 is a whisper."""

    def __init__(self, hift: Hift, noise: SourceNoise, height: float = 1.0) -> None:
        self._hift = hift
        self._height = height
        self._noise = noise
        self._reach = reach(hift)
        self._done = 0
        self._cycles: Tensor | None = None
        self._source = torch.zeros(1, 1, 0, device=hift.window.device)
        self._overlap = torch.zeros(0, device=hift.window.device)

    def grow(self, mel: Tensor, until: int) -> Tensor:
        """The samples [n] of frames up to `until`, of all the mel so far: [1, mels, T], T ≥ `until`.

        Frames behind `until` are looked at but may differ next time.
        """
        hop = self._hift.hop
        begin = max(0, self._done - self._reach)
        window = mel[..., begin : until + self._reach]
        first, last = (self._done - begin) * hop, (until - begin) * hop
        source = self._sources(window, first, last)
        wave = self._hift.decode(window, source)[0]
        piece = wave[first:last].clone()
        faded = min(len(self._overlap), len(piece))
        falling = torch.linspace(1, 0, FADE, device=piece.device)
        piece[:faded].lerp_(self._overlap[:faded], falling[:faded])
        self._overlap = wave[last : last + FADE]
        self._source = source[..., max(0, last - self._reach * hop) : last]
        self._done = until
        return piece

    def _sources(self, window: Tensor, first: int, last: int) -> Tensor:
        """The source of the window's samples: as before up to `first`, its phase going on from there.

        What lies behind `last` is a guess and leaves no trace in the phase.
        """
        pitch = self._hift.pitch(window) * self._height
        frames = (last - first) // self._hift.hop
        draws = self._noise.at(self._done, frames)
        sure, self._cycles = self._hift.m_source(pitch[:, first:last], draws, self._cycles)
        ahead = self._noise.at(self._done + frames, window.shape[-1] - last // self._hift.hop)
        guess, _ = self._hift.m_source(pitch[:, last:], ahead, self._cycles)
        kept = self._source[..., self._source.shape[-1] - first :]
        return torch.cat([kept, sure, guess], -1)
