"""How often the answers are right on drawn scenes, in phrasings and voices that training never saw."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from time import perf_counter
from typing import Any, Literal

import numpy as np
from numpy.random import Generator
from PIL.Image import Image

from ..checkpoints.native import find_model
from ..engine.end_to_end import EndToEnd
from ..engine.many import Answered, answer_many
from ..errors import SviqaError
from ..training.questions import Asked
from ..training.questions import ask as draw_question
from ..training.rooms import add_noise
from ..training.scenes import HELD_OUT_SEED, draw, sample_scene
from ..training.voices import RATE, sample_voice, speak
from ..turn import Mode, Question, Recording, Samples
from .scoring import is_right, says_cannot_tell, wilson, word_errors

Voices = Literal["held-out", "train"]
SEEDS_APART = 10**6
SILENCE = 0.25
"""Seconds of silence before and after a spoken question."""


@dataclass(frozen=True)
class Plan:
    """What is measured. `snr` is the range of the noise's distance in dB, None for clean speech."""

    mode: Mode = "speech"
    questions: int = 2000
    seed: int = 0
    snr: tuple[float, float] | None = None
    voices: Voices = "held-out"

    @staticmethod
    def decibels(written: str | None) -> tuple[float, float] | None:
        """ "5" → (5, 5), "0-5" → (0, 5). Raises SviqaError on anything else."""
        if written is None:
            return None
        try:
            low, _, high = written.lstrip("-").partition("-")
            sign = -1 if written.startswith("-") else 1
            return sign * float(low), float(high) if high else sign * float(low)
        except ValueError as error:
            raise SviqaError(f"--snr {written} is no number of dB.", "Give for instance 5 or 0-5.") from error


@dataclass(frozen=True)
class Case:
    """A question with a known answer."""

    picture: Image
    question: Question
    asked: Asked


@dataclass(frozen=True)
class Share:
    """How many of how many, and the 95 % interval of the share."""

    right: int
    of: int

    @property
    def share(self) -> float:
        """Between 0 and 1; 0 of nothing."""
        return self.right / self.of if self.of else 0.0

    def to_dict(self) -> dict[str, float]:
        """As plain JSON."""
        low, high = wilson(self.right, self.of)
        return {"share": self.share, "low": low, "high": high, "right": self.right, "of": self.of}

    def __str__(self) -> str:
        low, high = wilson(self.right, self.of)
        return f"{100 * self.share:.1f} %  ({100 * low:.1f}-{100 * high:.1f})"


@dataclass(frozen=True)
class Report:
    """What was measured."""

    model: str
    plan: Plan
    overall: Share
    skills: dict[str, Share]
    cannot_tell_when_due: Share
    cannot_tell_when_not: Share
    caption_errors: Share | None
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON."""
        shares = {name: getattr(self, name).to_dict() for name in _SHARES}
        skills = {skill: share.to_dict() for skill, share in self.skills.items()}
        errors = self.caption_errors
        return {
            "model": self.model,
            **asdict(self.plan),
            **shares,
            "skills": skills,
            "caption_word_error": None if errors is None else errors.share,
            "seconds": round(self.seconds, 1),
        }


_SHARES = ("overall", "cannot_tell_when_due", "cannot_tell_when_not")


def cases(plan: Plan) -> Iterator[Case]:
    """The plan's questions, each about a picture of its own.

    The same seed asks the same about the same pictures in the same voices, whatever the mode and the noise.
    """
    for number in range(plan.questions):
        rng = np.random.default_rng(HELD_OUT_SEED + plan.seed * SEEDS_APART + number)
        scene = sample_scene(rng)
        picture = draw(scene, rng)
        asked = draw_question(scene, rng, "held-out")
        speech = None if plan.mode == "text" else _say(asked.text, plan, rng)
        yield Case(picture, Question(speech, None if plan.mode == "speech" else asked.text), asked)


def _say(text: str, plan: Plan, rng: Generator) -> Recording:
    spoken = speak(text, sample_voice(rng, plan.voices == "held-out"))
    quiet = np.zeros(int(SILENCE * RATE), np.float32)
    wave: Samples = np.concatenate([quiet, spoken.samples.astype(np.float32) / 32768, quiet])
    if plan.snr is not None:
        wave = add_noise(wave, float(rng.uniform(*plan.snr)), rng)
        wave = wave / np.float32(max(1.0, float(np.abs(wave).max())))
    return Recording(wave, RATE)


def measure(model: str, plan: Plan, at_once: int = 50) -> Report:
    """Ask a model, by name or folder, all of the plan's questions. Raises ModelError, TrainingError."""
    from rich.console import Console
    from rich.progress import Progress

    engine = EndToEnd.load(find_model(model))
    began = perf_counter()
    results: list[tuple[Asked, Answered]] = []
    asking = cases(plan)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"{plan.questions} questions", total=plan.questions)
        while group := list(islice(asking, at_once)):
            answered = answer_many(engine, [c.picture for c in group], [c.question for c in group])
            results += zip((c.asked for c in group), answered, strict=True)
            progress.advance(task, len(group))
    return tally(engine.name, plan, results, perf_counter() - began)


def tally(model: str, plan: Plan, results: list[tuple[Asked, Answered]], seconds: float) -> Report:
    """The report of what was asked and answered."""
    right = [(asked, is_right(asked.skill, asked.answer, answered.text)) for asked, answered in results]
    skills = {
        skill: _share([ok for asked, ok in right if asked.skill == skill])
        for skill in sorted({asked.skill for asked, _ in right})
    }
    doubts = [(asked.cannot_tell, says_cannot_tell(answered.text)) for asked, answered in results]
    spoken = results if plan.mode != "text" else []
    errors = [word_errors(asked.text, answered.heard or "") for asked, answered in spoken]
    return Report(
        model=model,
        plan=plan,
        overall=_share([ok for _, ok in right]),
        skills=skills,
        cannot_tell_when_due=_share([said for due, said in doubts if due]),
        cannot_tell_when_not=_share([said for due, said in doubts if not due]),
        caption_errors=Share(sum(e for e, _ in errors), sum(n for _, n in errors)) if errors else None,
        seconds=seconds,
    )


def _share(hits: list[bool]) -> Share:
    return Share(sum(hits), len(hits))


def show(report: Report, as_json: bool) -> None:
    """Print the report, as one line of JSON or as a table."""
    if as_json:
        print(json.dumps(report.to_dict()))
        return
    from rich.console import Console
    from rich.table import Table

    plan = report.plan
    noise = "" if plan.snr is None else f", noise at {plan.snr[0]:g}-{plan.snr[1]:g} dB"
    voices = "" if plan.mode == "text" else f", {plan.voices} voices{noise}"
    table = Table("", "right (95 %)", "of", title=f"{report.model}: {plan.mode}{voices}, seed {plan.seed}")
    rows = {"all": report.overall, **report.skills}
    rows |= {
        "cannot tell, when due": report.cannot_tell_when_due,
        "cannot tell, when not": report.cannot_tell_when_not,
    }
    for name, share in rows.items():
        table.add_row(name, str(share), str(share.of))
    if report.caption_errors is not None:
        table.add_row("caption word error", f"{100 * report.caption_errors.share:.1f} %", str(report.caption_errors.of))
    Console().print(table)
