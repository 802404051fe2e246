"""The canonical voice's readings in other voices, by WORLD: another spectrum, the same timing.

Audio tokens are always those of the canonical voice. Here every reading is recast: the spectrum of the same words in
another voice is laid along the canonical timing, and excited at that voice's height. So the flow learns that tokens
say what is said and the speaker's vector says who says it, which is what cloning needs.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from ..engine.cloning import levelled
from ..errors import TrainingError
from ..model.mel import whisper_log_mel
from ..turn import Samples
from .sayings import EVERYDAY
from .voices import RATE, Spoken, Voice, sample_voice, speak

FRAME_MS = 5.0
HEIGHT = {"high": 1.25, "low": 0.8}
GAIN = {"whisper": 0.4, "loud": 1.9}
SHIPPED = {
    "slt": Voice("flite", "slt"),
    "rms": Voice("flite", "rms"),
    "kal": Voice("flite", "kal16"),
    "max": Voice("espeak", "en-us+max", 165, 45, 50),
}
HELD_OUT = {
    "awb": Voice("flite", "awb"),
    "scotland": Voice("espeak", "en-gb-scotland", 165, 50, 50),
    "m5": Voice("espeak", "en-us+m5", 165, 40, 50),
    "f4": Voice("espeak", "en-us+f4", 165, 60, 50),
}
Curve = NDArray[np.float64]


@dataclass(frozen=True)
class Identity:
    """Who speaks: a synthesiser's voice, raised in pitch by `height` and in its formants by `warp`."""

    voice: Voice
    height: float = 1.0
    warp: float = 1.0


def sample_identity(rng: Generator) -> Identity:
    """A speaker to learn from: any training voice, most of them altered."""
    voice = replace(sample_voice(rng), rate=1.0)
    if voice.engine == "espeak":
        voice = replace(voice, rate=165.0)
    if rng.random() < 0.25:
        return Identity(voice)
    return Identity(voice, float(np.exp(rng.uniform(-0.3, 0.3))), float(np.exp(rng.uniform(-0.14, 0.14))))


def trained_identity(number: int) -> Identity:
    """Speaker `number` of training: the shipped ones first."""
    if number < len(SHIPPED):
        return Identity(list(SHIPPED.values())[number])
    return sample_identity(np.random.default_rng((number, 43)))


@dataclass(frozen=True)
class World:
    """WORLD's picture of speech, a row each 5 ms: pitch [n] in Hz, spectrum and aperiodicity [n, bins]."""

    pitch: Curve
    spectrum: Curve
    noise: Curve

    @classmethod
    def of(cls, samples: Samples) -> World:
        """16 kHz speech taken apart. Raises TrainingError without pyworld."""
        world = _pyworld()
        sound = samples.astype(np.float64)
        pitch, times = _pitch(sound)
        return cls(pitch, world.cheaptrick(sound, pitch, times, RATE), world.d4c(sound, pitch, times, RATE))

    def samples(self) -> Samples:
        """Back to 16 kHz sound."""
        parts = (np.ascontiguousarray(part) for part in (self.pitch, self.spectrum, self.noise))
        return np.asarray(_pyworld().synthesize(*parts, RATE, FRAME_MS), np.float32)


def _pitch(sound: Curve) -> tuple[Curve, Curve]:
    """The pitch in Hz of 16 kHz sound each 5 ms, 0 without voice, and the times in seconds."""
    world = _pyworld()
    pitch, times = world.dio(sound, RATE, f0_floor=60.0, f0_ceil=500.0, frame_period=FRAME_MS)
    return world.stonemask(sound, pitch, times, RATE), times


@cache
def note(voice: Voice) -> float:
    """The note of a voice: the geometric mean of its pitch in Hz; 120 where it has none."""
    pitch, _ = _pitch(np.concatenate([speak(text, voice).samples / 32768 for text in EVERYDAY[:3]]))
    voiced = pitch[pitch > 0]
    return float(np.exp(np.log(voiced).mean())) if len(voiced) else 120.0


def _pyworld() -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # it asks for its own version in a way that is going
            import pyworld
    except ImportError as error:
        raise TrainingError("pyworld was not found.", "Run: pip install 'sviqa[train-voice]'.") from error
    return pyworld


def in_own_words(text: str, identity: Identity) -> Samples:
    """How the speaker says it, with a timing and melody of their own: what a recording to clone is like."""
    spoken = speak(text, identity.voice)
    samples = np.asarray(spoken.samples / 32768, np.float32)
    if identity.height == identity.warp == 1.0:
        return levelled(samples)
    own = World.of(samples)
    return levelled(World(own.pitch * identity.height, _warped(own.spectrum, identity.warp), own.noise).samples())


def recast(content: Spoken, text: str, identity: Identity, style: str) -> Samples:
    """The canonical reading `content` of `text` as `identity` in a style: [n] float32, as long as the content.

    All on one note, always the same of a voice: the tokens say nothing of the melody, and a flow that has to guess it
    blurs every harmonic.
    """
    ours = np.asarray(content.samples / 32768, np.float32)
    pitch, _ = _pitch(ours.astype(np.float64))
    other = _between_silences(speak(text, identity.voice))
    theirs = np.asarray(other.samples / 32768, np.float32)
    along = _along(content, other, len(pitch))
    there = World.of(theirs)
    rows = np.clip(along, 0, len(there.pitch) - 1)
    spectrum = np.exp(_at(np.log(there.spectrum + 1e-12), rows))
    noise = _at(there.noise, rows)
    hertz = note(identity.voice) * identity.height * HEIGHT.get(style, 1.0)
    made = _styled(World(np.where(pitch > 0, hertz, 0.0), _warped(spectrum, identity.warp), noise), style)
    sound = levelled(made.samples()) * GAIN.get(style, 1.0)
    return np.pad(sound, (0, max(0, len(ours) - len(sound))))[: len(ours)]


def _between_silences(spoken: Spoken) -> Spoken:
    """With a quarter of a second of silence around it, which espeak-ng leaves out: the canonical pauses match that."""
    if spoken.phones and spoken.phones[0].what == "pau":
        return spoken
    return replace(spoken, samples=np.pad(spoken.samples, RATE // 4))


def _styled(world: World, style: str) -> World:
    hertz = np.linspace(0, RATE / 2, world.spectrum.shape[1])
    if style == "whisper":  # no voice, and less of what the glottis adds below
        shelf = 1 / (1 + (500 / np.maximum(hertz, 50)) ** 2)
        return World(0 * world.pitch, world.spectrum * shelf, np.ones_like(world.noise))
    if style == "loud":  # a pressed voice falls off less steeply
        tilt = np.clip(np.maximum(hertz, 1) / 700, 1, 6) ** 1.0
        return World(world.pitch, world.spectrum * tilt, world.noise)
    return world


def _warped(spectrum: Curve, warp: float) -> Curve:
    """Formants moved up by `warp`."""
    if warp == 1.0:
        return spectrum
    places = np.arange(spectrum.shape[1]) / warp
    return np.exp(_at(np.log(spectrum + 1e-12).T, np.clip(places, 0, spectrum.shape[1] - 1)).T)


def _at(rows: Curve, places: Curve) -> Curve:
    """Rows [n, k] at fractional places."""
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, len(rows) - 1)
    part = (places - low)[:, None]
    mixed: Curve = rows[low] * (1 - part) + rows[high] * part
    return mixed


def _along(ours: Spoken, theirs: Spoken, frames: int) -> Curve:
    """For each 5 ms of ours the frame of theirs where the same sound is."""
    times = np.arange(frames) * FRAME_MS / 1000
    mine, other = ([m.what for m in spoken.phones] for spoken in (ours, theirs))
    if mine == other:
        knots = [0.0, *(m.end for m in ours.phones)], [0.0, *(m.end for m in theirs.phones)]
        return np.interp(times, *knots) * 1000 / FRAME_MS
    path = warping(_features(ours), _features(theirs))
    return np.interp(times * 100, np.arange(len(path)), path) * 10 / FRAME_MS


def _features(spoken: Spoken) -> Curve:
    """Cepstra of 10 ms frames [n, 12], each coefficient of mean 0 and deviation 1."""
    mel = whisper_log_mel(torch.from_numpy(spoken.samples.astype(np.float32) / 32768)).numpy().astype(np.float64)
    k = np.arange(len(mel))
    basis = np.cos(np.pi / len(mel) * np.outer(np.arange(13), k + 0.5))
    cepstra = (basis @ mel).T
    scaled: Curve = (cepstra - cepstra.mean(0)) / (cepstra.std(0) + 1e-6)
    return scaled


def warping(ours: Curve, theirs: Curve) -> Curve:
    """Dynamic time warping: for each row of ours [n, k] the mean place of its rows of theirs [m, k]."""
    cost = ((ours[:, None] - theirs[None]) ** 2).sum(-1)
    total = np.full_like(cost, np.inf)
    total[0] = cost[0].cumsum()
    for i in range(1, len(cost)):
        step = np.minimum(total[i - 1], np.concatenate([[np.inf], total[i - 1, :-1]]))
        run = cost[i].cumsum()
        total[i] = run + np.minimum.accumulate(step - run + cost[i])
    i, j = len(cost) - 1, cost.shape[1] - 1
    sums, counts = np.zeros(len(cost)), np.zeros(len(cost))
    while True:
        sums[i] += j
        counts[i] += 1
        if i == j == 0:
            return sums / counts
        moves = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]
        i, j = min((m for m in moves if min(m) >= 0), key=lambda m: total[m])
