"""How fast this machine answers, beside a cascade of the same parts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import torch

from .checkpoints.native import find_model
from .engine.base import Engine
from .engine.end_to_end import EndToEnd
from .engine.stepwise import Stepwise
from .errors import EngineError
from .manner import Manner
from .media.audio import load_recording
from .media.image import load_picture
from .model.decode import decode_one_token, prefill
from .resources import assets_folder
from .turn import Done, Question

TOKENS = 200
COLD_STARTS = 3


@dataclass(frozen=True)
class Spread:
    """The middle, and what all but one in twenty stay below, in seconds."""

    p50: float
    p95: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Spread:
        """Of at least one time."""
        p50, p95 = np.quantile(list(seconds), (0.5, 0.95))
        return cls(float(p50), float(p95))

    def __str__(self) -> str:
        return f"{1000 * self.p50:.0f} / {1000 * self.p95:.0f} ms"


@dataclass(frozen=True)
class Report:
    """What was timed. Times count from the end of the question; `memory` is in bytes, None where unknown."""

    model: str
    questions: int
    first_audio: Spread
    total: Spread
    cascade_first_audio: Spread
    cascade_total: Spread
    tokens_a_second: float
    voice_times_real_time: float
    load: float
    cold: float
    memory: int | None


def measure(model: str, questions: int) -> Report:
    """Time a model, by name or folder, on the samples that ship. Raises ModelError, EngineError."""
    picture, recordings = samples()
    folder = find_model(model)
    began = perf_counter()
    engine = EndToEnd.load(folder)
    load = perf_counter() - began
    asked = [Question(load_recording(recordings[i % len(recordings)])) for i in range(questions)]
    engines: tuple[Engine, Engine] = (engine, Stepwise(engine))
    first, total = zip(*(times(e, picture, asked) for e in engines), strict=True)
    cold, memory = cold_start(folder, picture, recordings[0])
    return Report(
        engine.name, questions, first[0], total[0], first[1], total[1],
        tokens_a_second(engine), voice_speed(engine), load, cold, memory,
    )  # fmt: skip


def samples() -> tuple[Path, list[Path]]:
    """A sample picture and the sample recordings. Raises EngineError where they are missing."""
    folder = assets_folder() / "samples"
    pictures, recordings = sorted(folder.glob("*.png")), sorted(folder.glob("*.wav"))
    if not pictures or not recordings:
        raise EngineError(f"There are no samples in {folder}.", "Install the app again.")
    return pictures[0], recordings


def times(engine: Engine, picture: Path, questions: list[Question]) -> tuple[Spread, Spread]:
    """How long until the first voiced sample and until the end, warm: the first answer is not counted."""
    conversation = engine.load_picture(load_picture(picture))
    first, total = [], []
    for question in [questions[0], *questions]:
        conversation.restart()
        *_, done = conversation.answer(question)
        assert isinstance(done, Done)
        total.append(done.seconds["total"] or 0.0)
        first.append(done.seconds["first_audio"] or total[-1])
    return Spread.of(first[1:]), Spread.of(total[1:])


def tokens_a_second(engine: EndToEnd) -> float:
    """How fast the language model writes, with a prompt of usual length before it."""
    model = engine.model
    logits, cache = prefill(model, model.embed(torch.zeros(1, 100, dtype=torch.long)))
    began = perf_counter()
    for step in range(TOKENS):
        token = logits.argmax(-1)
        logits, cache = decode_one_token(model, token, cache, torch.tensor([100 + step]))
    return TOKENS / (perf_counter() - began)


def voice_speed(engine: EndToEnd) -> float:
    """How many seconds of speech the voice makes in one."""
    voice = engine.speech.speaking(Manner())
    tokens = [0, 0, engine.model.config.audio.linguistic, *[engine.model.config.audio.linguistic] * 2] * 25
    voice.speak(tokens)
    began = perf_counter()
    sound = voice.speak(tokens)
    return len(sound) / engine.sample_rate / (perf_counter() - began)


def cold_start(model: Path, picture: Path, recording: Path) -> tuple[float, int | None]:
    """What `sviqa ask` takes, start to end, words printed and sound written: seconds, best of a few, and memory.

    Raises EngineError where it fails.
    """
    with TemporaryDirectory() as folder:
        arguments = ["ask", picture, "--speech", recording, "--model", model, "--out", Path(folder, "a.wav")]
        runs = [_run([sys.executable, "-m", "sviqa_app", *map(str, arguments)]) for _ in range(COLD_STARTS)]
    return min(seconds for seconds, _ in runs), runs[0][1]


def _run(command: list[str]) -> tuple[float, int | None]:
    """Seconds and peak memory in bytes (None where the system does not say) of a command."""
    began = perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    memory = None
    if hasattr(os, "wait4"):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    if process.wait():
        raise EngineError("sviqa ask failed while it was timed.", "Run it by hand to see why.")
    return perf_counter() - began, memory


def show(report: Report, as_json: bool) -> None:
    """Print the report, as one line of JSON or as a table."""
    if as_json:
        ratio = report.cascade_first_audio.p50 / report.first_audio.p50
        print(json.dumps({**asdict(report), "cascade_over_ours": ratio}))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("", "ours", "cascade", "cascade over ours", title=f"{report.model}, {report.questions} questions")
    for name, ours, cascade in (
        ("end of question to first sound, p50 / p95", report.first_audio, report.cascade_first_audio),
        ("end of question to all of the answer computed, p50 / p95", report.total, report.cascade_total),
    ):
        table.add_row(name, str(ours), str(cascade), f"{cascade.p50 / ours.p50:.2f}")
    table.add_row("tokens a second", f"{report.tokens_a_second:.0f}")
    table.add_row("voice, times real time", f"{report.voice_times_real_time:.1f}")
    table.add_row("loading the model", f"{report.load:.2f} s")
    table.add_row("sviqa ask, cold, start to end", f"{report.cold:.2f} s")
    if report.memory is not None:
        table.add_row("sviqa ask, peak memory", f"{report.memory / 1e6:.0f} MB")
    Console().print(table)
