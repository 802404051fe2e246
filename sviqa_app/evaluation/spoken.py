"""Whether the spoken answers are understood, by an independent recogniser with a grammar of all answers.

It also hears the same words from the voice that the answers were learned from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr

from ..checkpoints.native import find_model
from ..engine.end_to_end import EndToEnd
from ..errors import SviqaError
from ..training.sayings import naturally
from ..training.words import COLOUR_NAMES, COUNTS, DIGITS, KINDS, PLACES, SHAPES, article, plural
from ..turn import AudioChunk, Samples, TextDelta
from .scenes import Plan, Share, cases
from .scoring import normalise, word_errors

RATE = 16000
PADDING = 0.25
"""Seconds of silence around what the recogniser hears; it misses words at the very edge."""


@dataclass(frozen=True)
class Understood:
    """How many answers were understood word for word, articles aside, and how many words were not."""

    answers: Share
    word_errors: Share

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"understood": self.answers.to_dict(), "word_error": self.word_errors.share}


@dataclass(frozen=True)
class Report:
    """The spoken answers, and the same words from the voice they were learned from."""

    model: str
    ours: Understood
    voice: Understood

    @property
    def ratio(self) -> float:
        """Our share of understood answers over the voice's own."""
        return self.ours.answers.share / max(self.voice.answers.share, 1e-9)


def grammar() -> str:
    """Every answer about a drawn scene, in JSGF (W3C, 2000)."""
    names = [*KINDS, *(f"{colour} {shape}" for colour in COLOUR_NAMES for shape in SHAPES)]
    rules = {
        "count": COUNTS,
        "digit": DIGITS,
        "colour": COLOUR_NAMES,
        "place": PLACES,
        "one": [article(name) for name in names],
        "named": [f"the {name}" for name in names],
        "many": [plural(name) for name in names],
        "thing": ["<one>", "<count> <many>"],
        "doubt": ["i cannot tell", "i heard nothing", "nothing", "the same"],
        "word": ["no", "yes", "bright", "dark", "<count>", "<digit>", "<colour>", "<place>", "<thing>"],
        "single": ["<word>", "<many>", "<named>", "<doubt>"],
        "yes": ["yes <place>", "yes <count>"],
        "list": [f"<{kind}> <{kind}>* and <{kind}>" for kind in ("thing", "place", "digit")],
    }
    lines = [f"<{name}> = {' | '.join(choices)};" for name, choices in rules.items()]
    return "\n".join(["#JSGF V1.0;", "grammar answers;", *lines, "public <answer> = <single> | <yes> | <list>;"])


class Listener:
    """CMU pocketsphinx with its own English model. Raises SviqaError where it is not installed.

    It expects sentences of a grammar where one is given, else any English.
    """

    def __init__(self, grammar: str = "") -> None:
        try:
            from pocketsphinx import Decoder
        except ImportError as error:
            raise SviqaError("The recogniser pocketsphinx is missing.", "pip install pocketsphinx.") from error
        if not grammar:
            self._decoder = Decoder(samprate=RATE, loglevel="FATAL")
            return
        self._decoder = Decoder(samprate=RATE, lm=None, loglevel="FATAL")
        self._decoder.add_jsgf_string("answers", grammar)
        self._decoder.activate_search("answers")

    def hear(self, samples: Samples, rate: int) -> str:
        """The words in [n] samples; nothing where none fit the grammar."""
        heard = np.pad(soxr.resample(samples, rate, RATE), int(PADDING * RATE))
        self._decoder.start_utt()
        self._decoder.process_raw((heard.clip(-1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return str(found.hypstr) if found else ""


def measure(model: str, questions: int, seed: int) -> Report:
    """Listen to the answers of a model, by name or folder. Raises ModelError, TrainingError, SviqaError."""
    from rich.console import Console
    from rich.progress import track

    engine, listener = EndToEnd.load(find_model(model)), Listener(grammar())
    ours: list[tuple[str, str]] = []
    voice: list[tuple[str, str]] = []
    asking = cases(Plan("text", questions, seed))
    for case in track(asking, "Listening", questions, transient=True, console=Console(stderr=True)):
        events = list(engine.load_picture(case.picture).answer(case.question))
        text = "".join(event.text for event in events if isinstance(event, TextDelta))
        chunks = [event.samples for event in events if isinstance(event, AudioChunk)]
        sound = np.concatenate(chunks) if chunks else np.zeros(0, np.float32)
        ours.append((text, listener.hear(sound, engine.sample_rate)))
        voice.append((text, listener.hear(naturally(text), RATE)))
    return Report(engine.name, understood(ours), understood(voice))


def understood(pairs: Iterable[tuple[str, str]]) -> Understood:
    """From what was said and what was heard, each time."""
    words = [(normalise(spoken), normalise(heard)) for spoken, heard in pairs]
    errors = [word_errors(" ".join(spoken), " ".join(heard)) for spoken, heard in words]
    return Understood(
        Share(sum(spoken == heard for spoken, heard in words), len(words)),
        Share(sum(wrong for wrong, _ in errors), sum(of for _, of in errors)),
    )


def show(report: Report, as_json: bool) -> None:
    """Print the report, as one line of JSON or as a table."""
    if as_json:
        sides = {"ours": report.ours.to_dict(), "voice": report.voice.to_dict()}
        print(json.dumps({"model": report.model, **sides, "ratio": report.ratio}))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("", "understood (95 %)", "word error", "of", title=f"{report.model}: spoken answers")
    for name, side in (("ours", report.ours), ("the training voice", report.voice)):
        error = f"{100 * side.word_errors.share:.1f} %"
        table.add_row(name, str(side.answers), error, str(side.answers.of))
    table.add_row("ours over the voice's own", f"{100 * report.ratio:.1f} %", "", "")
    Console().print(table)
