"""Saying a text from the command line, in a voice of ours, the published one or a clone; and which voices there are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .agreeing import agreed
from .asking import check_out, free_names
from .checkpoints.native import find_model, read_voice_config
from .engine.loading import collector_resting
from .engine.manners import lacking, with_tags
from .engine.speakable import Clause, speakable
from .errors import EngineError
from .manner import Manner
from .media.audio import load_recording, write_wav
from .media.loudspeaker import Loudspeaker, loudspeaker_works
from .model.voice_tags import PUBLISHED, SMALL, parse
from .turn import Recording, Samples

SYNTHETIC = "Synthetic speech made by SViQA"
CLONED = "Synthetic speech made by SViQA in a cloned voice; its maker stated that the speaker agreed"
AGREEMENT = "Has the person in this recording agreed that their voice is imitated? [y/N] "
_PUBLISHED_PART = "CosyVoice-300M-25Hz"


@dataclass(frozen=True)
class Clone:
    """Whose voice is imitated: a recording, and what is said in it, which the published voice must know."""

    recording: Recording
    transcript: str


@dataclass(frozen=True)
class Text:
    """What is to be said, how, and what the person should know about it."""

    clauses: tuple[Clause, ...]
    manner: Manner
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Speech:
    """Sound as it comes, at so many samples a second, and what the person should know about it."""

    rate: int
    sound: Iterator[Samples]
    remarks: tuple[str, ...]


def say_text(text: str, usual: Manner, out: Path | None, voice: str, clone: Clone | None = None) -> None:
    """Everything `sviqa say` does. Raises SviqaError."""
    if out is not None:
        check_out(out)
    elif loudspeaker_works() is None:
        out = next(free_names(Path(), "speech"))
    folder = find_model(voice)
    speech = (published if (folder / _PUBLISHED_PART).is_dir() else ours)(text, usual, folder, clone)
    for remark in speech.remarks:
        print(remark, file=sys.stderr)
    pieces = []
    with Loudspeaker() if out is None else nullcontext() as speaker:
        for piece in speech.sound:
            pieces.append(piece)
            if speaker is not None:
                speaker.play(piece, speech.rate)
    if not pieces:
        raise EngineError("The voice said nothing.", "Install it again, or choose another.")
    if out is not None:
        write_wav(out, np.concatenate(pieces), speech.rate, CLONED if clone else SYNTHETIC)
        print(f"  spoken: {out}")


def to_clone(recording: Path, transcript: str, sure: bool) -> Clone:
    """A recording to imitate, once it was said, here or now, that the speaker agreed. Raises SviqaError."""
    sound = load_recording(recording)
    if not agreed(f"{recording}: {AGREEMENT}", sure):
        raise EngineError("The voice was not cloned.", "Clone only the voices of people who agreed to it.")
    return Clone(sound, transcript)


def prepare(text: str, usual: Manner) -> Text:
    """A text with its tags read and its words made plain. Raises EngineError where nothing can be said."""
    tagged = parse(text)
    said = speakable(tagged.text)
    if not said.clauses:
        raise EngineError("There is nothing to say.", said.remark or "Give some words.")
    remarks = filter(None, (lacking(tagged.tags), said.remark))
    return Text(said.clauses, with_tags(usual, tagged.tags), tuple(remarks))


def ours(text: str, usual: Manner, folder: Path, clone: Clone | None) -> Speech:
    """In a voice of our own. Raises SviqaError."""
    prepared = prepare(text, usual)
    with collector_resting():
        from .engine.talker import talk
        from .engine.voices import Voices

        voices = Voices.load(folder)
    manner = prepared.manner
    who = voices.speaker(manner.speaker) if clone is None else voices.clone(clone.recording)
    sound = talk(prepared.clauses, voices.narrator, voices.voice(who, manner.style), manner.rate)
    return Speech(voices.sample_rate, sound, prepared.remarks)


def published(text: str, usual: Manner, folder: Path, clone: Clone | None) -> Speech:
    """In the published voice, which reads any text and its own tags. Raises SviqaError."""
    with collector_resting():
        from .engine import published

        voice = published.PublishedVoice.load(folder)
    asked = parse(text)
    if not asked.text.strip():
        raise EngineError("There is nothing to say.", "Give some words.")
    imitated = None if clone is None else published.clone(clone.recording, clone.transcript)
    sample = imitated or voice.sample(asked, usual.speaker)
    return Speech(voice.sample_rate, voice.talk(asked, sample), tuple(filter(None, (lacking(asked.tags, PUBLISHED),))))


def list_voices(voice: str) -> list[str]:
    """A line for each speaker of a voice, and what all of them can do. Raises ModelError."""
    folder = find_model(voice)
    if (folder / _PUBLISHED_PART).is_dir():
        return [
            f"{folder.name}: Chinese, English, Japanese and more, clones a voice from a recording and its words",
            f"  tags: {', '.join(f'({tag})' for tag in PUBLISHED)}",
        ]
    config = read_voice_config(folder)
    names = [name + ("  (the usual one)" if number == 0 else "") for number, name in enumerate(config.speakers)]
    return [
        f"{config.name}: English, clones a voice from 3 to 10 seconds of speech",
        *(f"  {name}" for name in names),
        f"  tags: {', '.join(f'({tag})' for tag in SMALL)}",
    ]
