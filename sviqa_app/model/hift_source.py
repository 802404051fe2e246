"""The voice's pitch and the sum of sines it drives: the excitation of HiFT (CosyVoice 1 / Step-Audio)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .config import HiftConfig
from .frames import FrameConv

SINE_AMPLITUDE = 0.1
VOICED_NOISE = 0.003
UNVOICED_NOISE = SINE_AMPLITUDE / 3
VOICED_ABOVE = 10.0  # Hz


class PitchPredictor(nn.Module):
    """Mel → fundamental frequency: five convolutions of width 3 and a linear layer."""

    REACH = 5  # mel frames seen on each side

    def __init__(self, mels: int, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index in range(self.REACH):
            layers += [FrameConv(mels if index == 0 else channels, channels, 3, padding=1), nn.ELU()]
        self.condnet = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, 1)

    def forward(self, mel: Tensor) -> Tensor:
        """[B, mels, T] → [B, T] in Hz, never negative."""
        hidden = self.condnet(mel).transpose(1, 2)
        pitch: Tensor = self.classifier(hidden).squeeze(-1).abs()
        return pitch


@dataclass(frozen=True)
class Draws:
    """The source's randomness. `phase`: [B, harmonics + 1, 1] in radians; `noise`: [B, harmonics + 1, N]."""

    phase: Tensor
    noise: Tensor

    @classmethod
    def of(cls, uniform: Tensor, noise: Tensor) -> Draws:
        """From uniform numbers in [0, 1) ([B, harmonics + 1, 1]); the fundamental starts at phase 0."""
        phase = (2 * uniform - 1) * math.pi
        phase[:, 0] = 0
        return cls(phase, noise)

    @classmethod
    def random(cls, batch: int, samples: int, config: HiftConfig, generator: torch.Generator) -> Draws:
        """Fresh draws on the generator's device."""
        shape = (batch, config.harmonics + 1)
        uniform = torch.rand(*shape, 1, generator=generator, device=generator.device)
        noise = torch.randn(*shape, samples, generator=generator, device=generator.device)
        return cls.of(uniform, noise)


class Source(nn.Module):
    """Pitch → excitation: sines of the harmonics where there is voice, noise where there is none, one mix."""

    def __init__(self, config: HiftConfig) -> None:
        super().__init__()
        self.rate = config.sample_rate
        self.harmonics = config.harmonics + 1
        self.l_linear = nn.Linear(self.harmonics, 1)

    def forward(self, pitch: Tensor, draws: Draws, start: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Pitch of every sample [B, N] in Hz → the source [B, 1, N] and the phase reached [B, harmonics, 1].

        Phases are in cycles and are summed in double precision, on the processor where the device has none;
        `start` is the phase reached before, for sound made piece by piece.
        """
        multiples = torch.arange(1, self.harmonics + 1, device=pitch.device)
        steps = pitch.unsqueeze(1) * multiples[:, None] / self.rate
        cycles = (steps.cpu() if steps.device.type == "mps" else steps).cumsum(-1, dtype=torch.float64)
        if start is not None:
            cycles = cycles + start
        turns = (2 * math.pi * (cycles % 1)).float().to(pitch.device)
        voiced = (pitch > VOICED_ABOVE).unsqueeze(1)
        sines = SINE_AMPLITUDE * torch.sin(turns + draws.phase) * voiced
        waves = sines + torch.where(voiced, VOICED_NOISE, UNVOICED_NOISE) * draws.noise
        mixed = torch.tanh(self.l_linear(waves.transpose(1, 2))).transpose(1, 2)
        return mixed, cycles[..., -1:] % 1
