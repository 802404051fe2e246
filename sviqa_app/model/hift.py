"""HiFT, the vocoder of CosyVoice 1 / Step-Audio: mel → waveform, with the keys of `hift.pt`.

Weight norm is folded into plain weights on loading (`folded`), so both of its spellings are read.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import HiftConfig
from .frames import FrameConv, FrameConvTranspose
from .hift_source import Draws, PitchPredictor, Source

SLOPE = 0.1
LAST_SLOPE = 0.01
LOUDEST_BIN = 1e2
LIMIT = 0.99
_SPELLINGS = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)


def folded(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict with plain weights: either spelling of weight norm becomes its product, and a `generator.` prefix
    goes. Raises ValueError where a weight has not exactly one gain for each of its rows.
    """
    state = {key.removeprefix("generator."): value for key, value in state.items()}
    plain: dict[str, Tensor] = {}
    for key, value in state.items():
        for gain, direction in _SPELLINGS:
            if key.endswith("." + gain):
                stem = key.removesuffix(gain)
                rows = state.get(stem + direction)
                if rows is None or rows.ndim != 3 or value.shape != (len(rows), 1, 1):
                    raise ValueError(key)
                plain[stem + "weight"] = torch._weight_norm(rows, value, 0)
                break
            if key.endswith("." + direction):
                break
        else:
            plain[key] = value
    return plain


class Snake(nn.Module):
    """x + sin²(a·x)/a for each channel (a as it is, not its logarithm)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T] → [B, C, T]."""
        alpha = self.alpha[:, None]
        return torch.addcmul(x, (x * alpha).sin_().square_(), 1 / (alpha + 1e-9))


class ResBlock(nn.Module):
    """Pairs of convolutions, the first of each dilated, added to what came in."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()

        def convolution(dilation: int) -> FrameConv:
            padding = dilation * (kernel - 1) // 2
            return FrameConv(channels, channels, kernel, dilation=dilation, padding=padding)

        self.convs1 = nn.ModuleList(convolution(d) for d in dilations)
        self.convs2 = nn.ModuleList(convolution(1) for _ in dilations)
        self.activations1 = nn.ModuleList(Snake(channels) for _ in dilations)
        self.activations2 = nn.ModuleList(Snake(channels) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T] → [B, C, T]."""
        parts = zip(self.activations1, self.convs1, self.activations2, self.convs2, strict=True)
        for bend, first, bend_again, second in parts:
            x = second(bend_again(first(bend(x)))).add_(x)
        return x


class Hift(nn.Module):
    """Mel [B, mels, T] at 86.13 frames a second → samples [B, 256 T] in [-0.99, 0.99] at 22.05 kHz."""

    window: Tensor

    def __init__(self, config: HiftConfig) -> None:
        super().__init__()
        self.config = config
        bins = config.istft_size + 2
        widths = [config.channels // 2 ** (stage + 1) for stage in range(len(config.upsample_rates))]
        self.conv_pre = FrameConv(config.mels, config.channels, 7, padding=3)
        self.ups = nn.ModuleList()
        self.source_downs = nn.ModuleList()
        self.source_resblocks = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        self.kernels = len(config.resblock_kernels)
        stages = zip(config.upsample_rates, config.upsample_kernels, widths, strict=True)
        for stage, (rate, kernel, width) in enumerate(stages):
            self.ups.append(FrameConvTranspose(2 * width, width, kernel, rate, padding=(kernel - rate) // 2))
            self.source_downs.append(_down(bins, width, math.prod(config.upsample_rates[stage + 1 :])))
            self.source_resblocks.append(ResBlock(width, config.source_kernels[stage], config.source_dilations[stage]))
            for size, dilations in zip(config.resblock_kernels, config.resblock_dilations, strict=True):
                self.resblocks.append(ResBlock(width, size, dilations))
        self.conv_post = FrameConv(widths[-1], bins, 7, padding=3)
        self.m_source = Source(config)
        self.f0_predictor = PitchPredictor(config.mels, config.f0_channels)
        self.register_buffer("window", torch.hann_window(config.istft_size), persistent=False)

    @property
    def hop(self) -> int:
        """Samples of one mel frame."""
        return math.prod(self.config.upsample_rates) * self.config.istft_hop

    def forward(self, mel: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Mel [B, mels, T] and draws of 256 T samples → samples [B, 256 T] and the source [B, 1, 256 T]."""
        source, _ = self.m_source(self.pitch(mel), draws)
        return self.decode(mel, source), source

    def pitch(self, mel: Tensor) -> Tensor:
        """The pitch of every sample in Hz: [B, mels, T] → [B, 256 T]."""
        hertz: Tensor = self.f0_predictor(mel)
        return hertz.repeat_interleave(self.hop, dim=-1)

    def decode(self, mel: Tensor, source: Tensor) -> Tensor:
        """Samples [B, 256 T] from the mel [B, mels, T] and a given source [B, 1, 256 T]."""
        magnitude, phase = self.spectrum(mel, self.source_spectrum(source))
        size, hop = self.config.istft_size, self.config.istft_hop
        wave = torch.istft(torch.polar(magnitude, phase), size, hop, size, self.window)
        return wave.clamp(-LIMIT, LIMIT)

    def source_spectrum(self, source: Tensor) -> Tensor:
        """[B, 1, N] → real parts, then imaginary parts: [B, size + 2, N / hop + 1]."""
        size, hop = self.config.istft_size, self.config.istft_hop
        complex_bins = torch.stft(source.squeeze(1), size, hop, size, self.window, return_complex=True)
        return torch.cat([complex_bins.real, complex_bins.imag], 1)

    def spectrum(self, mel: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """Magnitude and phase, each [B, size // 2 + 1, 64 T + 1], from mel and the source's spectrum."""
        x = self.conv_pre(mel)
        last = len(self.ups) - 1
        for stage, (up, down, shape) in enumerate(zip(self.ups, self.source_downs, self.source_resblocks, strict=True)):
            x = up(functional.leaky_relu(x, SLOPE))
            if stage == last:
                x = functional.pad(x, (1, 0), mode="reflect")
            x = x + shape(down(source))
            blocks = self.resblocks[stage * self.kernels : (stage + 1) * self.kernels]
            x = sum(block(x) for block in blocks) / self.kernels
        x = self.conv_post(functional.leaky_relu(x, LAST_SLOPE))
        half = self.config.istft_size // 2 + 1
        return x[:, :half].exp().clamp_max(LOUDEST_BIN), torch.sin(x[:, half:])


def _down(bins: int, width: int, rate: int) -> FrameConv:
    """The source's spectrum at one stage's rate."""
    if rate == 1:
        return FrameConv(bins, width, 1)
    return FrameConv(bins, width, 2 * rate, rate, padding=rate // 2)
