"""Speaks sentences with real synthesisers, and says when each word and sound was spoken.

flite (its command) gives four training voices and one held out; espeak-ng (its library) gives accents, variants,
rates and pitches, of which one accent and two variants are held out.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.random import Generator
from numpy.typing import NDArray

from ..errors import TrainingError

RATE = 16000
PHONE_CLASSES = 256
FLITE = ("kal", "kal16", "rms", "slt")
FLITE_HELD_OUT = "awb"
ACCENTS = ("en-us", "en-gb-x-rp", "en", "en-029", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-us-nyc")
ACCENT_HELD_OUT = "en-gb-scotland"
VARIANTS_HELD_OUT = ("f4", "m5")
VARIANTS = tuple(
    [
        "m1",
        "m2",
        "m3",
        "m4",
        "m6",
        "m7",
        "m8",
        "f1",
        "f2",
        "f3",
        "f5",
        "Alex",
        "Alicia",
        "Andrea",
        "Andy",
        "Annie",
        "Denis",
        "Diogo",
        "Gene",
        "Gene2",
        "Henrique",
        "Hugo",
        "Jacky",
        "Lee",
        "Marco",
        "Mario",
        "Michael",
        "Mike",
        "Nguyen",
        "Reed",
        "adam",
        "anika",
        "antonio",
        "aunty",
        "belinda",
        "benjamin",
        "boris",
        "caleb",
        "croak",
        "david",
        "ed",
        "edward",
        "grandma",
        "grandpa",
        "gustave",
        "ian",
        "iven",
        "iven2",
        "iven3",
        "john",
        "kaukovalta",
        "klatt",
        "klatt2",
        "klatt3",
        "klatt4",
        "linda",
        "max",
        "michel",
        "miguel",
        "mike2",
        "norbert",
        "pablo",
        "paul",
        "pedro",
        "quincy",
        "rob",
        "robert",
        "sandro",
        "shelby",
        "steph",
        "steph2",
        "travis",
        "victor",
        "whisper",
        "zac",
    ]
)


@dataclass(frozen=True)
class Voice:
    """Who speaks, and how. `engine` flite or espeak; `rate` words a minute (espeak) or stretch (flite).

    `pitch` is in Hz for flite and of a hundred for espeak, where 0 is the voice's own; `range` of a hundred.
    """

    engine: str
    name: str
    rate: float = 1.0
    pitch: int = 0
    range: int = 50


@dataclass(frozen=True)
class Mark:
    """What was spoken from `start` to `end` seconds."""

    what: str
    start: float
    end: float


@dataclass(frozen=True)
class Spoken:
    """A sentence as sound. `samples` [n] int16 at 16 kHz; `words` may be empty where they could not be placed."""

    samples: NDArray[np.int16]
    words: tuple[Mark, ...]
    phones: tuple[Mark, ...]


def sample_voice(rng: Generator, held_out: bool = False) -> Voice:
    """A training voice, or one of those kept for measuring."""
    if held_out:
        return _held_out_voice(rng)
    if rng.random() < 0.42:
        pitch = int(rng.integers(85, 230)) if rng.random() < 0.5 else 0
        return Voice("flite", str(rng.choice(FLITE)), float(rng.uniform(0.75, 1.4)), pitch)
    name = str(rng.choice(ACCENTS))
    if rng.random() < 0.9:
        name += "+" + str(rng.choice(VARIANTS))
    return Voice("espeak", name, float(rng.uniform(110, 260)), int(rng.integers(15, 86)), int(rng.integers(20, 86)))


def _held_out_voice(rng: Generator) -> Voice:
    which = rng.integers(4)
    if which == 0:
        return Voice("flite", FLITE_HELD_OUT, float(rng.uniform(0.85, 1.25)), 0)
    rate, pitch = float(rng.uniform(120, 220)), int(rng.integers(30, 71))
    if which == 1:
        return Voice("espeak", ACCENT_HELD_OUT, rate, pitch)
    return Voice("espeak", f"{rng.choice(ACCENTS)}+{VARIANTS_HELD_OUT[which - 2]}", rate, pitch)


def speak(text: str, voice: Voice) -> Spoken:
    """The text in that voice. Raises TrainingError where the synthesiser is missing or refuses."""
    return _flite(text, voice) if voice.engine == "flite" else _espeak().speak(text, voice)


def phone_class(engine: str, phone: str) -> int:
    """A class 1..255 for a synthesiser's sound (0 is silence); engines have sounds of their own."""
    plain = phone.strip("'_,:%=0123456789") if engine == "espeak" else phone
    if plain in ("", "pau"):
        return 0
    return 1 + zlib.crc32(f"{engine} {plain}".encode()) % (PHONE_CLASSES - 1)


@cache
def flite_command() -> str:
    """The flite command. Raises TrainingError where there is none."""
    found = shutil.which("flite")
    if not found:
        raise TrainingError("The synthesiser flite was not found.", "Install it (Debian, Ubuntu: apt install flite).")
    return found


def _flite(text: str, voice: Voice) -> Spoken:
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        command = [
            flite_command(),
            "-voice",
            voice.name,
            "--setf",
            f"duration_stretch={voice.rate}",
            "-psdur",
        ]
        if voice.pitch:
            command += ["--setf", f"int_f0_target_mean={voice.pitch}"]
        ran = subprocess.run([*command, "-t", text, wav.name], capture_output=True, text=True, check=False)
        if ran.returncode:
            raise TrainingError(f"flite could not say {text!r} in the voice {voice.name}.", ran.stderr[:200])
        samples, rate = soundfile.read(wav.name, dtype="int16")
    if rate != RATE:
        samples = soxr.resample(samples, rate, RATE).astype(np.int16)
    ends = [(p.rsplit(":", 1)[0], float(p.rsplit(":", 1)[1])) for p in ran.stdout.split()]
    starts = [0.0, *(end for _, end in ends)]
    phones = tuple(Mark(p, start, end) for (p, end), start in zip(ends, starts, strict=False))
    return Spoken(samples, _place_words(text, phones), phones)


def _place_words(text: str, phones: tuple[Mark, ...]) -> tuple[Mark, ...]:
    """Words on flite's sounds, by how many sounds each has when said alone; empty where the numbers disagree."""
    spoken = [p for p in phones if p.what != "pau"]
    words = text.split()
    counts = [_sounds(w) for w in words]
    if sum(counts) != len(spoken):
        return ()
    marks, at = [], 0
    for word, count in zip(words, counts, strict=True):
        if count:
            marks.append(Mark(word, spoken[at].start, spoken[at + count - 1].end))
        at += count
    return tuple(marks)


@cache
def _sounds(word: str) -> int:
    command = [flite_command(), "-voice", "kal", "-ps", "-t", f" {word} ", "none"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return sum(p != "pau" for p in ran.stdout.split())


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    """espeak_EVENT of espeak-ng's speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_WORD, _PHONE = 1, 7
_RATE_PARAMETER, _PITCH_PARAMETER, _RANGE_PARAMETER = 1, 3, 4


class _Espeak:
    """espeak-ng through its library: about a thousand times faster than real time."""

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError as error:
            raise TrainingError("espeak-ng was not found.", "Run: pip install 'sviqa[train]'.") from error
        self.library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = Path(espeakng_loader.get_data_path()).parent
        self.rate: int = self.library.espeak_Initialize(2, 0, str(data).encode(), 1)
        self.samples: list[bytes] = []
        self.events: list[tuple[int, int, int, int, str]] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))
        self.callback = kind(self._receive)
        self.library.espeak_SetSynthCallback(self.callback)

    def _receive(self, wave: int | None, count: int, events: Any) -> int:
        if wave and count > 0:
            self.samples.append(ctypes.string_at(wave, 2 * count))
        i = 0
        while events[i].type != 0:
            e = events[i]
            name = e.id.string.decode("utf-8", "replace") if e.type == _PHONE else ""
            self.events.append((e.type, e.text_position, e.length, e.sample, name))
            i += 1
        return 0

    def speak(self, text: str, voice: Voice) -> Spoken:
        if self.library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise TrainingError(f"espeak-ng has no voice called {voice.name}.")
        for parameter, value in (
            (_RATE_PARAMETER, int(voice.rate)),
            (_PITCH_PARAMETER, voice.pitch or 50),
            (_RANGE_PARAMETER, voice.range),
        ):
            self.library.espeak_SetParameter(parameter, value, 0)
        self.samples, self.events = [], []
        spoken = text.encode()
        self.library.espeak_Synth(spoken, len(spoken) + 1, 0, 1, 0, 1, None, None)
        self.library.espeak_Synchronize()
        samples = np.frombuffer(b"".join(self.samples), np.int16)
        total = len(samples) / self.rate
        words = self._marks(_WORD, total, text)
        phones = self._marks(_PHONE, total, text)
        return Spoken(soxr.resample(samples, self.rate, RATE).astype(np.int16), words, phones)

    def _marks(self, kind: int, total: float, text: str) -> tuple[Mark, ...]:
        chosen = [e for e in self.events if e[0] == kind]
        starts = [e[3] / self.rate for e in chosen]
        last = [e[3] / self.rate for e in self.events if e[0] == _PHONE and e[4].startswith("_")]
        ends = [*starts[1:], last[0] if last else total]
        names = [text[e[1] - 1 : e[1] - 1 + e[2]] if kind == _WORD else e[4] for e in chosen]
        return tuple(Mark(n, s, max(s, e)) for n, s, e in zip(names, starts, ends, strict=True))


@cache
def _espeak() -> _Espeak:
    return _Espeak()
