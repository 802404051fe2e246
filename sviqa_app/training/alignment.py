"""Alignment: the speech projector of a composed SViQA learns to tell the language model what the encoder heard.

It alone learns; encoder, tower and language model stay as they are, to the bit. That the encoder is frozen is SViQA's
(arXiv 2504.01049, whose other numbers are not published); that a connector learns alone first, with weight decay 0,
warm-up 0.03 and a cosine, is LLaVA 1.5's (haotian-liu/LLaVA, scripts/v1_5/pretrain.sh). The loss is the cross-entropy
of each token of the answer, given picture and speech in the very prompt that the engine writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils.rnn import pad_sequence

from ..checkpoints.fit import TOKENS, this_machine
from ..checkpoints.native import CONFIG, find_model, read_config
from ..checkpoints.stored import Stored, open_weights, write_part
from ..engine.composed import ComposedEye, Place, Prompt
from ..engine.eyes import Message
from ..engine.placing import is_out_of_memory
from ..errors import ModelError, OutputError, RecordingError, SviqaError, TrainingError
from ..media.audio import heard_nothing, load_recording
from ..media.image import load_picture
from ..model.config import SviqaConfig
from ..model.speech import SpeechProjector
from ..model.sviqa import Sviqa
from .loop import Losses, Plan, train
from .recipe import Report
from .spoken_rows import SpokenRow, read_spoken_rows

ROWS = 8
"""Rows in a step."""
PLAN = Plan(steps=0, rate=3e-4, warmup=0.03, decay=0.0, workers=0)
"""LLaVA's rate, 1e-3, is for 256 rows in a step."""
FILE = "model-speech-projector.safetensors"

_PREFIX = "ear.speech_projector."
_SHOWN = 5
_MAKE = "Make one: sviqa models compose --llava MODEL --whisper MODEL --out FOLDER."


def align(name: str, data: Path, steps: int, out: Path | None, report: Report) -> str:
    """Teaches a composed model, by name or folder, to hear; its folder then holds the projector that learned.

    `data`: see `read_spoken_rows`. A run that was stopped goes on from the folder `out`, runs/align unless given. Gives
    what was done, in a line. Raises SviqaError.
    """
    began = perf_counter()
    folder = _composed(name)
    rows, faults = read_spoken_rows(data)
    _tell(faults, report)
    try:
        before, after = _learn(folder, rows, steps, out or Path("runs") / "align", report)
    except KeyboardInterrupt:
        report("Stopped. The same command goes on; a minute is lost at most.")
        raise
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise TrainingError(
            "There is not enough memory to learn with this model.", "Close other programs, or compose a smaller one."
        ) from error
    return (
        f"The speech projector in {folder} has learned from {len(rows):,} rows in {steps:,} steps, "
        f"this time {_duration(perf_counter() - began)}: a token's loss went from {before:.2f} to {after:.2f}."
    )


def _learn(folder: Path, rows: list[SpokenRow], steps: int, out: Path, report: Report) -> tuple[float, float]:
    """Trains, and writes what learned. Gives the loss of the first rows before and after."""
    eye = ComposedEye.load(folder, this_machine())
    projector = Projector.of(folder, eye.model.config)
    eye.model.ear.speech_projector = projector
    language = eye.model.llava.model.language_model.train()  # it has no dropout
    # Or every layer's activations would be kept, which is more than the model takes. Older transformers call it so.
    getattr(language, "activation_checkpointing_enable", language.gradient_checkpointing_enable)()
    lessons = Lessons(eye, rows, report)
    first = lessons.batch(0)

    def loss(_: nn.Module, batch: list[Lesson]) -> Losses:
        return {"answer": answer_loss(eye.model, batch)}

    with torch.no_grad():
        before = answer_loss(eye.model, first).item()
    train(_run_name(folder, rows), projector, replace(PLAN, steps=steps), lessons.batch, loss, out, report)
    with torch.no_grad():
        after = answer_loss(eye.model, first).item()
    write_part(folder, {_PREFIX + k: Stored.of(t.detach().cpu()) for k, t in projector.state_dict().items()}, FILE)
    return before, after


class Projector(SpeechProjector):
    """The speech projector while it learns: in float32 and where it is, whatever the model around it is in."""

    @classmethod
    def of(cls, folder: Path, config: SviqaConfig) -> Projector:
        """The one of the composed model in a folder."""
        stored = open_weights(folder, "model") or {}
        weights = {k.removeprefix(_PREFIX): t.read().float() for k, t in stored.items() if k.startswith(_PREFIX)}
        made = cls(config.speech, config.text.hidden_size)
        made.load_state_dict(weights)
        return made

    def forward(self, joined: Tensor) -> Tensor:
        """See SpeechProjector; gives what it is given, in kind and place."""
        return super().forward(joined.to(self.linear1.weight)).to(joined)


@dataclass(frozen=True)
class Lesson:
    """One row as the language model takes it: a prompt and its places, of which the last `taught` are the answer."""

    prompt: Prompt
    places: list[Place]
    taught: int


class Lessons:
    """The rows in batches, opened by several threads. A row that cannot be opened is told once, and passed over."""

    def __init__(self, eye: ComposedEye, rows: list[SpokenRow], report: Report) -> None:
        self._eye, self._rows, self._report = eye, rows, report
        self._told: set[SpokenRow] = set()
        self._order = lru_cache(maxsize=2)(self._shuffled)
        self._threads = ThreadPoolExecutor(ROWS, "rows")

    def batch(self, step: int) -> list[Lesson]:
        """Batch number `step`, the same whenever it is asked for. Raises TrainingError where no row can be opened."""
        lessons: list[Lesson] = []
        coming = iter(range(step * ROWS, step * ROWS + len(self._rows)))
        while some := [self._row(at) for at in islice(coming, ROWS - len(lessons))]:
            for row, lesson in zip(some, self._threads.map(self._open, some), strict=True):
                if isinstance(lesson, Lesson):
                    lessons.append(lesson)
                elif row not in self._told:
                    self._told.add(row)
                    self._report(f"{row.where}: {lesson}")
        if not lessons:
            raise TrainingError("None of the rows can be learned from.", "Look at what is said of them above.")
        return lessons

    def _row(self, at: int) -> SpokenRow:
        again, place = divmod(at, len(self._rows))
        return self._rows[self._order(again)[place]]

    def _shuffled(self, again: int) -> list[int]:
        order: list[int] = np.random.default_rng((41, again)).permutation(len(self._rows)).tolist()
        return order

    def _open(self, row: SpokenRow) -> Lesson | SviqaError:
        try:
            recording = load_recording(Path(row.speech))
            if heard_nothing(recording):
                return RecordingError(f"Nobody speaks in {row.speech}.")
            picture = [{"type": "image", "image": load_picture(Path(row.picture))}] if row.picture else []
        except SviqaError as error:
            return error
        asked = {"role": "user", "content": [*picture, {"type": "audio", "audio": recording.samples}]}
        ids, taught = self._ids(asked, row.answer)
        prompt = Prompt(self._eye.model, [asked])
        places = prompt.places(ids)
        if len(places) > min(TOKENS, self._eye.model.config.text.max_positions):
            return TrainingError("Its answer is longer than the model can hold.")
        return Lesson(prompt, places, taught)

    def _ids(self, asked: Message, answer: str) -> tuple[list[int], int]:
        """The ids of a turn to the mark that ends it, and how many of the last ones the model is to write."""
        told = {"role": "assistant", "content": [{"type": "text", "text": answer}]}
        given, whole = self._eye.ids([asked]), self._eye.ids([asked, told])
        known = next((n for n, (a, b) in enumerate(zip(given, whole, strict=False)) if a != b), len(given))
        end = next((n for n in range(known, len(whole)) if whole[n] in self._eye.ends), len(whole) - 1)
        return whole[: end + 1], end + 1 - known


def answer_loss(model: Sviqa, lessons: list[Lesson]) -> Tensor:
    """The cross-entropy of the answers' tokens, each given all that stands before it."""
    rows = [lesson.prompt.embedded(lesson.places)[0] for lesson in lessons]
    lengths = torch.tensor([len(row) for row in rows], device=rows[0].device)
    inside = torch.arange(int(lengths.max()), device=lengths.device)[None] < lengths[:, None]
    hidden, _ = model.language(pad_sequence(rows, batch_first=True), attention_mask=inside.long(), use_cache=False)
    before = [
        states[len(row) - one.taught - 1 : len(row) - 1] for states, row, one in zip(hidden, rows, lessons, strict=True)
    ]
    logits = model.logits(torch.cat(before))[:, : model.config.tokens.rows]  # of which the engine chooses
    due = [place.id for lesson in lessons for place in lesson.places[-lesson.taught :]]
    return F.cross_entropy(logits.float(), torch.tensor(due, device=logits.device))


def _composed(name: str) -> Path:
    """The folder of a composed model that can be written to. Raises ModelError, OutputError."""
    folder = find_model(name)
    composed = False
    with suppress(ModelError):  # a published model's configuration is none of ours
        composed = read_config(folder).tokens.rows > 0
    if not composed:
        raise ModelError(f"{folder} holds no composed model.", _MAKE)
    if not os.access(folder, os.W_OK):
        raise OutputError(f"The folder {folder} is not writable.", "Copy it to a folder of your own.")
    return folder


def _run_name(folder: Path, rows: Iterable[SpokenRow]) -> str:
    """What a run is kept under: another one for another model or other rows, so that neither goes on from the other."""
    whole = sha256(f"{folder.resolve()}{(folder / CONFIG).read_text('utf-8')}".encode())
    for row in rows:
        whole.update(repr(tuple(row)).encode())
    return f"align-{whole.hexdigest()[:8]}"


def _tell(faults: list[str], report: Report) -> None:
    for fault in faults[:_SHOWN]:
        report(fault)
    if len(faults) > _SHOWN:
        report(f"and {len(faults) - _SHOWN:,} more rows that cannot be learned from.")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
