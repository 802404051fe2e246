"""The stage that teaches HiFT to turn any voice's mel into its sound.

The pitch predictor learns from YIN; the rest from distances of mels and spectra, its source driven by the true pitch.
A third is taught from a reading's own mel; a third from what the flow makes of its tokens, which is smoother, moved to
where its sounds are: where they were early or late, a blur would be taught; and a third from what the voices say of
their own, which has a melody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..model.config import HiftConfig
from ..model.hift import Hift
from ..model.hift_source import Draws
from ..model.mel import SPEECH_HOP, speech_mel
from ..turn import Samples
from .casts import Casts
from .flow_stage import FlowStudent, solved
from .loop import Losses, Plan, train
from .pitch import pitch_of
from .sayings import at_speech_rate
from .timbres import warping

RATE = 1.5e-3
QUIET = -4.0  # where the logarithm of the magnitudes starts
SEGMENT = 32  # mel frames of a training piece
BATCH = 8
RESOLUTIONS = ((2048, 512), (1024, 256), (512, 128), (256, 64))  # window and hop of the spectral losses
MEL_WEIGHT = 3.0
FLOOR = 1e-4  # below which magnitudes are alike
SOME = 4  # every so many readings are taught from what the flow makes of them as well
HERTZ = 100.0  # the pitch loss is in hundreds of hertz


@dataclass(frozen=True)
class Utterance:
    """Speech. `samples`: [256 T], 22.05 kHz; `mel`: [80, T], its own or a flow's; `pitch`: [T] in Hz, 0 unvoiced."""

    samples: Samples
    mel: NDArray[np.float32]
    pitch: NDArray[np.float32]

    @classmethod
    def of(cls, samples: Samples) -> Utterance:
        """Measure speech at 22.05 kHz; what does not fill a frame is cut."""
        whole = samples[: len(samples) // SPEECH_HOP * SPEECH_HOP]
        return cls(whole, speech_mel(torch.from_numpy(whole)).numpy(), pitch_of(whole))

    def with_mel(self, mel: NDArray[np.float32]) -> Utterance:
        """The same speech with another mel [80, T'] of it, each frame of which is moved to where it belongs."""
        places = warping(self.mel.T.astype(np.float64), mel.T.astype(np.float64))
        return replace(self, mel=mel[:, np.rint(places).astype(int)])


@dataclass(frozen=True)
class Vocoding:
    """Batches of random pieces of speech, as many from each pool; batch number `step` is always the same."""

    pools: list[list[Utterance]]
    config: HiftConfig
    seed: int = 0

    def __call__(self, step: int) -> dict[str, Tensor]:
        """`samples` [B, 256 T], `mel` [B, 80, T], `pitch` [B, T], and two draws each of the source's `uniform` and
        `noise`."""
        rng = np.random.default_rng((self.seed, step))
        rows = [self._piece(rng) for _ in range(BATCH)]
        harmonics = self.config.harmonics + 1
        batch = {
            "samples": np.stack([r.samples for r in rows]),
            "mel": np.stack([r.mel for r in rows]),
            "pitch": np.stack([r.pitch for r in rows]),
            "uniform": rng.random((2 * BATCH, harmonics, 1), np.float32),
            "noise": rng.standard_normal((2 * BATCH, harmonics, SEGMENT * SPEECH_HOP), np.float32),
        }
        return {key: torch.from_numpy(value) for key, value in batch.items()}

    def _piece(self, rng: np.random.Generator) -> Utterance:
        pool = self.pools[rng.integers(len(self.pools))]
        whole = pool[rng.integers(len(pool))]
        first = int(rng.integers(max(1, len(whole.pitch) - SEGMENT + 1)))
        last = first + SEGMENT
        short = max(0, last - len(whole.pitch))
        return Utterance(
            np.pad(whole.samples[first * SPEECH_HOP : last * SPEECH_HOP], (0, short * SPEECH_HOP)),
            np.pad(whole.mel[:, first:last], ((0, 0), (0, short)), constant_values=whole.mel.min()),
            np.pad(whole.pitch[first:last], (0, short)),
        )


def vocoder_loss(model: Hift, batch: dict[str, Tensor]) -> Losses:
    """Distances of a batch's mels, spectra and pitch from the true ones. The true pitch drives the source.

    Much of speech is noise, of which no two takes are alike: a single guess that is near to all of them is a hum. So
    two are made, whose spectra are to be as far from each other as from the truth (Gritsenko et al., 2020).
    """
    with torch.autocast(batch["mel"].device.type, enabled=False):
        pitch = batch["pitch"].repeat_interleave(SPEECH_HOP, -1)
        source, _ = model.m_source(pitch.repeat(2, 1), Draws.of(batch["uniform"], batch["noise"]))
        made, true = model.decode(batch["mel"].repeat(2, 1, 1), source), batch["samples"]
        one, two = zip(*(view.chunk(2) for view in spectra(made)), strict=True)
        there = spectra(true)
        return {
            "mel": MEL_WEIGHT * (speech_mel(made) - speech_mel(true).repeat(2, 1, 1)).abs().mean(),
            "near": apart(one, there) + apart(two, there),
            "unlike": -apart(one, two),
            "pitch": (model.f0_predictor(batch["mel"]) - batch["pitch"]).abs().mean() / HERTZ,
        }


def spectra(sound: Tensor) -> list[Tensor]:
    """The logarithms of the magnitudes of sound [B, N] at each resolution, [B, bins, T]."""
    magnitudes = (
        torch.stft(sound, size, hop, window=torch.hann_window(size, device=sound.device), return_complex=True).abs()
        for size, hop in RESOLUTIONS
    )
    return [one.clamp_min(FLOOR).log() for one in magnitudes]


def apart(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
    """The mean absolute distance of spectra, mean of the resolutions."""
    return torch.stack([(a - b).abs().mean() for a, b in zip(ours, theirs, strict=True)]).mean()


class VocoderStudent(nn.Module):
    """HiFT as the loop trains it."""

    def __init__(self, hift: Hift) -> None:
        super().__init__()
        self.hift = hift

    def forward(self, batch: dict[str, Tensor]) -> Losses:
        """The losses of a batch."""
        return vocoder_loss(self.hift, batch)


def new_hift(config: HiftConfig, seed: int) -> Hift:
    """A fresh vocoder whose pitch starts about 100 Hz, as a hertz is small beside its weights."""
    torch.manual_seed(seed)
    model = Hift(config)
    with torch.no_grad():
        model.f0_predictor.classifier.weight.mul_(HERTZ)
        model.f0_predictor.classifier.bias.fill_(HERTZ)
        model.conv_post.weight.mul_(0.1)
        model.get_parameter("conv_post.bias")[: config.istft_size // 2 + 1].fill_(QUIET)
    return model


def train_vocoder(
    folder: Path,
    config: HiftConfig,
    casts: Casts,
    flow: FlowStudent,
    report: Callable[[str], None],
    steps: int,
    seed: int = 0,
) -> Hift:
    """Teach a fresh vocoder all voices, or go on from `folder`/vocoder.state. Raises TrainingError."""
    own = [Utterance.of(at_speech_rate(cast.samples)) for cast in map(casts, range(casts.count))]
    some = ((utterance, casts(SOME * n)) for n, utterance in enumerate(own[::SOME]))
    made = [utterance.with_mel(solved(flow, cast, casts.own(cast.voice))) for utterance, cast in some]
    free = [Utterance.of(at_speech_rate(sound)) for voice in range(casts.voices) for sound in casts.own(voice)]
    student = VocoderStudent(new_hift(config, seed))
    plan = Plan(steps, RATE, warmup=0.02, decay=0.0, clip=10.0, workers=0, seed=seed)
    train("vocoder", student, plan, Vocoding([own, made, free], config, seed), _losses, folder, report)
    return student.hift


def _losses(student: nn.Module, batch: dict[str, Tensor]) -> Losses:
    losses: Losses = student(batch)
    return losses
