"""How good the voice is: understood by a recogniser, how fast, whether tags and clones do what they say.

A recogniser of its own, CMU pocketsphinx with its own language model, listens to sentences nothing was trained on, in
our voice and in the synthesiser's that it was learned from. Pitch is measured by YIN on the sound itself, spectra by
plain Fourier transforms: neither has any part in the voice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from ..checkpoints.native import find_model
from ..engine.manners import with_tags
from ..engine.speakable import speakable
from ..engine.talker import talk
from ..engine.telling import AUDIBLE
from ..engine.voice import Voice
from ..engine.voices import Voices
from ..manner import USUAL, Manner
from ..media.audio import resampled
from ..model.mel import SPEECH_RATE
from ..model.voice_tags import SMALL
from ..training.pitch import pitch_of
from ..training.timbres import HELD_OUT, SHIPPED, Identity, in_own_words, trained_identity
from ..training.voices import RATE, speak
from ..turn import Recording, Samples
from .scenes import Share
from .scoring import word_errors
from .sentences import TEST_SENTENCES
from .spoken import Listener

OTHERS = 40  # training voices, beside the shipped ones, that a clone must not be nearer to
BANDS = 24
LATENCIES = 30


@dataclass(frozen=True)
class Report:
    """Everything measured. Seconds, shares and multiples of real time."""

    voice: str
    word_error: dict[str, tuple[float, float]]
    real_time: float
    first_sound: tuple[float, float]
    worst_join: float
    tags: dict[str, Share]
    clones: Share
    clones_among_shipped: Share


def measure(voice: str, sentences: int, per_tag: int, clones: int) -> Report:
    """Measure a voice, by name or folder. Raises ModelError, TrainingError, SviqaError."""
    voices = Voices.load(find_model(voice))
    asked = TEST_SENTENCES[:sentences]
    errors, speed = intelligibility(voices, asked)
    return Report(
        voices.config.name,
        errors,
        speed,
        first_sounds(voices, asked[:LATENCIES]),
        max(worst_join(voices, text) for text in asked[:LATENCIES]),
        obeyed(voices, asked[:per_tag]),
        *cloned(voices, clones),
    )


def said(voices: Voices, text: str, manner: Manner, voice: Voice | None = None) -> list[Samples]:
    """The pieces of sound of a text."""
    speaker = voice or voices.voice(voices.speaker(manner.speaker), manner.style)
    return list(talk(speakable(text).clauses, voices.narrator, speaker, manner.rate))


def intelligibility(voices: Voices, texts: Iterable[str]) -> tuple[dict[str, tuple[float, float]], float]:
    """Word error of each speaker, ours and the source's, the speakers taking turns; and the speed."""
    listener = Listener()
    wrong = {name: [0, 0, 0] for name in SHIPPED}
    sound = spent = 0.0
    for number, text in enumerate(texts):
        name = list(SHIPPED)[number % len(SHIPPED)]
        words = " ".join(" ".join(clause.words) for clause in speakable(text).clauses)
        began = perf_counter()
        ours = np.concatenate(said(voices, text, Manner(name)))
        spent += perf_counter() - began
        sound += len(ours) / voices.sample_rate
        source = np.asarray(speak(words, SHIPPED[name]).samples / 32768, np.float32)
        for place, heard in enumerate((listener.hear(ours, voices.sample_rate), listener.hear(source, RATE))):
            wrong[name][place] += word_errors(words, heard)[0]
        wrong[name][2] += len(words.split())
    return {name: (ours / of, theirs / of) for name, (ours, theirs, of) in wrong.items() if of}, sound / spent


def first_sounds(voices: Voices, texts: Iterable[str]) -> tuple[float, float]:
    """Seconds from a text to the first audible sample being there, p50 and p95."""
    found = []
    for text in texts:
        began = perf_counter()
        pieces = talk(speakable(text).clauses, voices.narrator, voices.speaking(USUAL))
        next(piece for piece in pieces if np.abs(piece).max(initial=0) > AUDIBLE)
        found.append(perf_counter() - began)
    return float(np.quantile(found, 0.5)), float(np.quantile(found, 0.95))


def worst_join(voices: Voices, text: str) -> float:
    """The largest step between two samples at a join of streamed pieces, of the largest inside them."""
    pieces = said(voices, text, USUAL)
    steps = np.abs(np.diff(np.concatenate(pieces)))
    joins = np.cumsum([len(piece) for piece in pieces])[:-1] - 1
    return float(steps[joins].max(initial=0) / np.delete(steps, joins).max())


def obeyed(voices: Voices, texts: Sequence[str]) -> dict[str, Share]:
    """How often each tag makes a sentence differ from the same without it as the tag says."""
    plain = [_Sound.of(np.concatenate(said(voices, text, USUAL))) for text in texts]
    right = {}
    for tag in SMALL:
        manner = with_tags(USUAL, (tag,))
        tagged = (_Sound.of(np.concatenate(said(voices, text, manner))) for text in texts)
        right[tag] = Share(sum(_TESTS[tag](*pair) for pair in zip(plain, tagged, strict=True)), len(texts))
    return right


@dataclass(frozen=True)
class _Sound:
    seconds: float
    pitch: float
    voiced: float
    energy: float

    @classmethod
    def of(cls, samples: Samples) -> _Sound:
        pitch = pitch_of(samples)
        voiced = pitch[pitch > 0]
        height = float(np.median(voiced)) if len(voiced) else 0.0
        energy = float(np.sqrt((samples**2).mean()))
        return cls(len(samples) / SPEECH_RATE, height, len(voiced) / max(1, len(pitch)), energy)


_TESTS: dict[str, Callable[[_Sound, _Sound], bool]] = {
    "slow": lambda plain, ours: ours.seconds > 1.08 * plain.seconds,
    "slower": lambda plain, ours: ours.seconds > 1.25 * plain.seconds,
    "fast": lambda plain, ours: ours.seconds < 0.93 * plain.seconds,
    "faster": lambda plain, ours: ours.seconds < 0.82 * plain.seconds,
    "high": lambda plain, ours: ours.pitch > 1.1 * plain.pitch,
    "low": lambda plain, ours: 0 < ours.pitch < 0.9 * plain.pitch,
    "whisper": lambda plain, ours: ours.voiced < 0.25 * plain.voiced,
    "loud": lambda plain, ours: ours.energy > 1.4 * plain.energy,
}


def cloned(voices: Voices, clones: int) -> tuple[Share, Share]:
    """How many clones of held-out voices are nearer to other recordings of that voice than to any training voice;
    and than to any of the speakers that ship."""
    shipped = [portrait(Identity(voice), range(3)) for voice in SHIPPED.values()]
    others = range(len(SHIPPED), len(SHIPPED) + OTHERS)
    trained = shipped + [portrait(trained_identity(number), range(2)) for number in others]
    among, nearest, total = 0, 0, 0
    for voice in HELD_OUT.values():
        own = portrait(Identity(voice), range(3))
        for number in range(clones):
            text = f"{_words(100 + 2 * number)} {_words(101 + 2 * number)}"
            recording = Recording(in_own_words(text, Identity(voice)), RATE)
            speaker = voices.voice(voices.clone(recording))
            spoken = [np.concatenate(said(voices, _words(n), USUAL, speaker)) for n in (50 + number, 70 + number)]
            ours = _portrait(spoken)
            distance = apart(ours, own)
            among += all(distance < apart(ours, other) for other in shipped)
            nearest += all(distance < apart(ours, other) for other in trained)
            total += 1
    return Share(nearest, total), Share(among, total)


def portrait(identity: Identity, numbers: Iterable[int]) -> NDArray[np.float64]:
    """Pitch and long-term spectrum of a voice, from recordings of its own."""
    made = (Recording(in_own_words(_words(number), identity), RATE) for number in numbers)
    return _portrait([resampled(recording, SPEECH_RATE).samples for recording in made])


def _portrait(sounds: list[Samples]) -> NDArray[np.float64]:
    """[1 + BANDS]: the median pitch in semitones, then the mean level of each band in dB, their mean taken off."""
    pitch = np.concatenate([pitch_of(sound) for sound in sounds])
    voiced = pitch[pitch > 0]
    height = 12 * np.log2(np.median(voiced) / 100) if len(voiced) else 0.0
    power = sum(_long_term(sound) for sound in sounds)
    level = 10 * np.log10(np.asarray(power) + 1e-12)
    return np.concatenate([[height], level - level.mean()])


def _long_term(samples: Samples) -> NDArray[np.float64]:
    """The power in bands of equal width on a Bark-like scale, 80 Hz to 7 kHz."""
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), 1024)[::512] * np.hanning(1024)
    power = (np.abs(np.fft.rfft(frames)) ** 2).mean(0)
    hertz = np.fft.rfftfreq(1024, 1 / SPEECH_RATE)
    edges = 600 * np.sinh(np.linspace(np.arcsinh(80 / 600), np.arcsinh(7000 / 600), BANDS + 1))
    which = np.digitize(hertz, edges)
    return np.array([power[which == band].sum() for band in range(1, BANDS + 1)])


def apart(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    """How far two portraits are from each other: semitones and decibels, a semitone counted as two decibels."""
    spectrum = float(np.sqrt(((one[1:] - two[1:]) ** 2).mean()))
    return float(np.hypot(2 * (one[0] - two[0]), spectrum))


def _words(number: int) -> str:
    return " ".join(" ".join(c.words) + c.mark for c in speakable(TEST_SENTENCES[number]).clauses)


def show(report: Report, as_json: bool) -> None:
    """Print the report, as one line of JSON or as a table."""
    if as_json:
        print(json.dumps(asdict(report)))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("", "measured", title=report.voice)
    for name, (ours, source) in report.word_error.items():
        table.add_row(f"word error, {name} (its source)", f"{100 * ours:.1f} % ({100 * source:.1f} %)")
    table.add_row("times real time, text to sound", f"{report.real_time:.1f}")
    table.add_row("text to first sound, p50 / p95", " / ".join(f"{1000 * s:.0f} ms" for s in report.first_sound))
    table.add_row("worst step at a join, of the largest inside", f"{report.worst_join:.2f}")
    for tag, share in report.tags.items():
        table.add_row(f"({tag}) does what it says", str(share))
    table.add_row("clones nearest to their own voice, of all voices", str(report.clones))
    table.add_row("clones nearest to their own voice, of those that ship", str(report.clones_among_shipped))
    Console().print(table)
