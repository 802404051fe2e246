"""The stage that teaches the flow to turn audio tokens and a voiceprint into that voice's mel.

Conditional flow matching as CosyVoice 1 / Step-Audio trains it, from noise of the config's temperature. A flow that
is solved in one step is taught that step alone: from a silent start straight to the mel, by its absolute distance
where a sound may come a little early or late. A narrow estimator cannot carry noise through beside the speech, so this
is what the small voice does. The pieces are whole windows of the sizes that streaming solves, so nothing is padded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..model.config import FlowConfig
from ..model.flow import Flow, mel_frames
from ..model.interleave import GROUP
from ..model.mel import SPEECH_HOP, speech_mel
from ..model.voiceprint import Voiceprint
from ..turn import Samples
from .casts import Cast, Casts
from .loop import Losses, Plan, train
from .sayings import at_speech_rate
from .timbres import SHIPPED

RATE = 2e-3
BATCH = 16
WINDOWS = (15, 20, 35, 35, 50, 75)  # tokens of a batch's pieces
AT_AN_END = 0.25  # how often a piece begins where the speech begins, and as often ends where it ends
WITHOUT_PROMPT = 0.5
PROMPT = 0.5  # the longest prompt, of a piece; the original's 0.3 is less than a streamed window has
DROPPED = 0.2
USUAL = 0.5  # how often a piece is surely of a voice that ships, in its plain style
SMALLEST = 1e-6  # the noise left at t = 1
EARLY_OR_LATE, AROUND = 3, 7  # frames by which a sound may be, and over which that is told
SHIFTED = 0.01  # what each of those frames costs; the distance is about 0.5
QUIET = math.log(1e-5)  # the mel's floor
AT_ONCE, KNOWN = 60, 15  # tokens that are solved at once, and of those before that stand as the prompt
OWN = (170, 400)  # frames of a voice's recording: 2 to 4.6 s


@dataclass(frozen=True)
class Spoken:
    """Speech as vocoder ids in whole groups, its mel [80, frames of the ids], and whose and in what style it is."""

    tokens: NDArray[np.int64]
    mel: NDArray[np.float16]
    voice: int
    style: int

    @classmethod
    def of(cls, cast: Cast, config: FlowConfig) -> Spoken:
        """Pair 16 kHz speech with its ids; the sound is cut or filled with silence to the time they last."""
        frames = mel_frames(len(cast.tokens), config.token_rate)
        sound = at_speech_rate(cast.samples)[: frames * SPEECH_HOP]
        sound = np.pad(sound, (0, frames * SPEECH_HOP - len(sound)))
        mel = speech_mel(torch.from_numpy(sound)).numpy().astype(np.float16)
        return cls(cast.tokens, mel, cast.voice, cast.style)

    def piece(self, group: int, size: int, rate: float) -> Spoken:
        """The window of `size` tokens from group number `group` on, filled with silence where the mel ends."""
        frames, first = mel_frames(size, rate), mel_frames(group * GROUP, rate)
        mel = self.mel[:, first : first + frames]
        mel = np.pad(mel, ((0, 0), (0, frames - mel.shape[1])), constant_values=QUIET)
        return replace(self, tokens=self.tokens[group * GROUP : group * GROUP + size], mel=mel)


@dataclass(frozen=True)
class Windows:
    """Batches of windows of speech with a recording of each voice; batch number `step` is always the same."""

    speech: list[Spoken]
    owns: list[list[NDArray[np.float16]]]
    config: FlowConfig
    seed: int = 0

    def __call__(self, step: int) -> dict[str, Tensor]:
        """`tokens` [B, n], `mel`, `noise` [B, mels, T], `own` [B, mels, R], `t` [B], `prompt` [B] in frames,
        `kept`, `style` [B]."""
        rng = np.random.default_rng((self.seed, step, 29))
        size = min(int(rng.choice(WINDOWS)), max(len(s.tokens) for s in self.speech) // GROUP * GROUP)
        frames = mel_frames(size, self.config.token_rate)
        long_enough = [s for s in self.speech if len(s.tokens) >= size]
        usual = [s for s in long_enough if s.voice < len(SHIPPED) and not s.style] or long_enough
        pools = (usual if rng.random() < USUAL else long_enough for _ in range(BATCH))
        rows = [self._piece(pool[rng.integers(len(pool))], size, rng) for pool in pools]
        prompt = rng.integers(0, max(1, int(frames * PROMPT)), BATCH)
        batch = {
            "tokens": np.stack([r.tokens for r in rows]),
            "mel": np.stack([r.mel for r in rows]).astype(np.float32),
            "own": self._owns(rows, rng),
            "noise": rng.standard_normal((BATCH, self.config.mels, frames), np.float32) * self.config.temperature,
            "t": rng.random(BATCH, np.float32) * (self.config.steps > 1),
            "prompt": np.where(rng.random(BATCH) < WITHOUT_PROMPT, 0, prompt),
            "kept": rng.random(BATCH) >= DROPPED * (self.config.guidance > 0),
            "style": np.array([r.style for r in rows]),
        }
        return {key: torch.from_numpy(value) for key, value in batch.items()}

    def _piece(self, whole: Spoken, size: int, rng: np.random.Generator) -> Spoken:
        """A window that begins between two groups."""
        last = (len(whole.tokens) - size) // GROUP
        where = rng.random()
        group = 0 if where < AT_AN_END else last if where > 1 - AT_AN_END else int(rng.integers(last + 1))
        return whole.piece(group, size, self.config.token_rate)

    def _owns(self, rows: list[Spoken], rng: np.random.Generator) -> NDArray[np.float32]:
        """A stretch of a recording of each row's voice, [B, mels, R]."""
        size = int(rng.integers(*OWN))
        owns = []
        for row in rows:
            own = self.owns[row.voice][rng.integers(len(self.owns[row.voice]))]
            first = int(rng.integers(max(1, own.shape[1] - size)))
            piece = own[:, first : first + size]
            owns.append(np.pad(piece, ((0, 0), (0, size - piece.shape[1])), mode="wrap"))
        return np.stack(owns).astype(np.float32)


class FlowStudent(nn.Module):
    """The flow as the loop trains it, with the voiceprint that conditions it."""

    def __init__(self, flow: Flow, voiceprint: Voiceprint) -> None:
        super().__init__()
        self.flow = flow
        self.voiceprint = voiceprint

    def forward(self, batch: dict[str, Tensor]) -> Losses:
        """The loss of a batch: the velocity's squared error, or where one step is all, its distance from the mel."""
        mel, frames = batch["mel"], batch["mel"].shape[-1]
        hidden = self.flow.encode(batch["tokens"])
        mu = self.flow.length_regulator(hidden[:, :0], hidden, (0, frames))
        known = torch.arange(frames, device=mel.device) < batch["prompt"][:, None]
        cond = mel * known.unsqueeze(1)
        speaker = self.flow.speaker(self.voiceprint.styled(self.voiceprint(batch["own"]), batch["style"]))
        kept = batch["kept"].to(mel.dtype)[:, None]
        t = 1 - torch.cos(batch["t"] * (math.pi / 2))
        part = t[:, None, None]
        x = (1 - (1 - SMALLEST) * part) * batch["noise"] + part * mel
        velocity = self.flow.decoder.estimator(
            x, torch.ones_like(mel[:, :1]), mu * kept[..., None], t, speaker * kept, cond * kept[..., None]
        )
        true = mel - (1 - SMALLEST) * batch["noise"]
        if self.flow.config.steps > 1:
            return {"velocity": functional.mse_loss(velocity.float(), true)}
        return {"mel": loosely_apart(velocity.float(), true)}


def loosely_apart(made: Tensor, true: Tensor) -> Tensor:
    """The mean absolute distance of mels [B, mels, T], each moment of the true one moved to where it is nearest.

    Tokens say when a sound begins to within a few frames. By the plain distance its mean over all those moments is the
    best answer, which is a blur; here any one of them is as good.
    """
    padded = functional.pad(true, (EARLY_OR_LATE, EARLY_OR_LATE), mode="replicate")
    moved = padded.unfold(-1, true.shape[-1], 1).permute(2, 0, 1, 3)  # [shifts, B, mels, T]
    distance = (made - moved).abs().mean(2)
    local = functional.avg_pool1d(distance, AROUND, 1, AROUND // 2, count_include_pad=False)
    shift = torch.arange(len(moved), device=made.device) - EARLY_OR_LATE
    return (local + SHIFTED * shift.abs()[:, None, None]).amin(0).mean()


def new_flow(config: FlowConfig, speech: list[Spoken], seed: int) -> Flow:
    """A fresh flow that starts out at the speech's mean mel."""
    torch.manual_seed(seed)
    flow = Flow(config)
    mean = torch.from_numpy(np.concatenate([s.mel for s in speech], 1).astype(np.float32).mean(1))
    with torch.no_grad():
        flow.get_parameter("decoder.estimator.final_proj.bias").copy_(mean)
    return flow


def train_flow(
    folder: Path,
    config: FlowConfig,
    casts: Casts,
    report: Callable[[str], None],
    steps: int = 6000,
    seed: int = 0,
) -> FlowStudent:
    """Teach a fresh flow the voices, or go on from `folder`/flow.state. Raises TrainingError."""
    speech = [Spoken.of(casts(i), config) for i in range(casts.count)]
    owns = [[_own_mel(own) for own in casts.own(voice)] for voice in range(casts.voices)]
    student = FlowStudent(new_flow(config, speech, seed), Voiceprint(config.speaker_dim))
    plan = Plan(steps, RATE, workers=0, seed=seed)
    train("flow", student, plan, Windows(speech, owns, config, seed), _losses, folder, report)
    return student


@torch.inference_mode()
def solved(student: FlowStudent, cast: Cast, owns: list[Samples]) -> NDArray[np.float32]:
    """What the flow makes of a cast's tokens, [80, frames of the tokens]; `owns` are the voice's own recordings."""
    flow, rate = student.flow, student.flow.config.token_rate
    prints = [student.voiceprint(torch.from_numpy(_own_mel(own)).float()[None]) for own in owns]
    vector = student.voiceprint.styled(torch.cat(prints).mean(0, keepdim=True), torch.tensor([cast.style]))
    tokens = torch.from_numpy(cast.tokens)[None]
    mel = torch.zeros(1, flow.config.mels, 0)
    for first in range(0, tokens.shape[1], AT_ONCE):
        known, last = max(0, first - KNOWN), min(first + AT_ONCE, tokens.shape[1])
        prompt = mel[..., mel_frames(known, rate) :]
        frames = mel_frames(last, rate) - mel.shape[-1]
        noise = torch.randn(1, flow.config.mels, prompt.shape[-1] + frames) * flow.config.temperature
        more = flow(tokens[:, first:last], tokens[:, known:first], prompt, vector, noise, frames)
        mel = torch.cat([mel, more], -1)
    return np.asarray(mel[0].numpy(), np.float32)


def _own_mel(samples: Samples) -> NDArray[np.float16]:
    return speech_mel(torch.from_numpy(at_speech_rate(samples))).numpy().astype(np.float16)


def _losses(student: nn.Module, batch: dict[str, Tensor]) -> Losses:
    losses: Losses = student(batch)
    return losses
