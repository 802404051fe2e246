"""Audio tokens to sound for any speaker: the flow and HiFT, with noise that is fixed by position."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from ..checkpoints.native import fill, save_weights
from ..errors import ModelError
from ..model.config import VoiceConfig
from ..model.flow import Flow
from ..model.hift import Hift
from ..model.hift_stream import HiftStream, SourceNoise

FILE = "vocoder.safetensors"
SEED = 20250404
NOISE_FRAMES = 1024  # 12 s, then it comes again


class Parts(nn.Module):
    """What the file holds: `flow.*` and `hift.*`."""

    def __init__(self, flow: Flow, hift: Hift) -> None:
        super().__init__()
        self.flow = flow
        self.hift = hift

    @classmethod
    def of(cls, config: VoiceConfig) -> Self:
        """Fresh ones of a voice's sizes."""
        return cls(Flow(config.flow), Hift(config.hift))


@dataclass(frozen=True)
class Speaker:
    """Who speaks: a vector [D] and, where the voice is prompted, a recording's tokens [P] and mel [1, mels, F].

    `tone` [mels, 1] is added to every frame that the flow makes, whose pitch is then `height` times as high.
    """

    vector: Tensor
    tokens: list[int] = field(default_factory=list)
    mel: Tensor | None = None
    height: float = 1.0
    tone: Tensor | float = 0.0


class Vocoder:
    """The same tokens of the same speaker always sound the same."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts.eval().requires_grad_(False)
        self.sample_rate: int = parts.hift.config.sample_rate
        self.mels = parts.flow.config.mels
        self.token_rate = parts.flow.config.token_rate
        generator = torch.Generator().manual_seed(SEED)
        self.device = parts.hift.window.device
        noise = torch.randn(1, self.mels, NOISE_FRAMES, generator=generator)
        self._noise = (noise * parts.flow.config.temperature).to(self.device)
        self._source_noise = SourceNoise(parts.hift, SEED)

    @classmethod
    def load(cls, folder: Path, config: VoiceConfig) -> Self:
        """The vocoder of a voice's folder. Raises ModelError where it is missing, broken or of another shape."""
        try:
            parts = Parts.of(config)
        except (ValueError, RuntimeError, ZeroDivisionError) as error:
            raise ModelError(f"The sizes of the voice in {folder} do not fit together: {error}.") from error
        fill(parts, folder / FILE)
        return cls(parts)

    def save(self, folder: Path) -> None:
        """Write the vocoder into a voice's folder. Raises OutputError."""
        save_weights(folder / FILE, self.parts.state_dict(), torch.float16)

    def solve(
        self, speaker: Speaker, known: list[int], tokens: list[int], mel: Tensor, frames: tuple[int, int]
    ) -> Tensor:
        """The mel [1, mels, n] of `tokens`, which follow the `known` ones, of which `mel` is what they sounded like.

        `frames` are the numbers of the first and the last mel frame of `tokens` since speech began; they choose the
        noise.
        """
        first, last = frames
        prompt = mel - speaker.tone if speaker.mel is None else torch.cat([speaker.mel, mel - speaker.tone], -1)
        places = torch.arange(first - prompt.shape[-1], last, device=self.device) % NOISE_FRAMES
        before = torch.tensor([*speaker.tokens, *known], dtype=torch.long, device=self.device)[None]
        ids = torch.tensor(tokens, device=self.device)[None]
        noise = self._noise[..., places]
        vector = speaker.vector[None]
        out: Tensor = self.parts.flow(ids, before, prompt, vector, noise, last - first)
        return out + speaker.tone

    def start_sound(self, height: float = 1.0) -> HiftStream:
        """A fresh state of the generator of waves, for speech at `height` times its usual pitch."""
        return HiftStream(self.parts.hift, self._source_noise, height)
