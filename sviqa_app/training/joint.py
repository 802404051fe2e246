"""Alignment and joint training: real pictures through the tower, real speech through the ear, answers in both streams.

`align` trains the speech projector alone with encoder and language model frozen, as the SViQA paper does; `joint`
then trains the language model and both projectors on spoken, typed and mixed questions together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..model.config import SviqaConfig
from ..model.prompt import PAD
from ..model.sviqa import Sviqa, normalise_pixels
from .ear import collate as collate_speech
from .ear import heard
from .language import (
    PATCHES,
    LanguageStudent,
    Packed,
    Word,
    add_turn,
    collate,
    contents,
    run_packed,
    say_answer,
    say_question,
    student_losses,
)
from .mentions import UNKNOWN, mentions, subject
from .questions import ask
from .scenes import Scene, draw
from .utterances import Utterances


@dataclass(frozen=True)
class Course:
    """What a joint batch holds: `rows` utterances a step out of `pool`, each about a picture of its own.

    `noise` 0..1 is how often and how badly the speech is disturbed; with `codes` one answer a row is voiced.
    `mixed` is how often a row has its question also spoken and typed, `typed` how many others it has.
    """

    pool: Utterances
    rows: int
    noise: float = 1.0
    codes: Callable[[str], list[int]] | None = None
    mixed: float = 0.5
    typed: int = 2


def joint_batch(config: SviqaConfig, course: Course, step: int) -> dict[str, Tensor]:
    """Batch number `step`: utterances of like length, their pictures, and packed turns about them."""
    rng = np.random.default_rng((31, step))
    chunk = 8 * course.rows
    epoch, at = divmod(step // 8, course.pool.count // chunk)
    order = np.random.default_rng((37, epoch)).permutation(course.pool.count)[at * chunk : (at + 1) * chunk]
    by_length = sorted(order.tolist(), key=course.pool.expected_seconds)
    chosen = by_length[step % 8 * course.rows : (step % 8 + 1) * course.rows]
    items = [heard(course.pool.utterance(i), rng, course.noise) for i in chosen]
    speech = collate_speech(items, rng)
    slots = (speech["mel"].shape[-1] + 1) // 2 // 5 + 1
    rows, pixels, scenes = [], [], []
    for number, (i, item) in enumerate(zip(chosen, items, strict=True)):
        row, picture, scene = _row(i, item, 1 + number * slots, config, course, rng)
        scenes.append(scene)
        rows.append(row)
        pixels.append(picture)
    batch = collate(rows) | contents(scenes)
    batch |= {"mel": speech["mel"], "lengths": speech["lengths"], "pixels": torch.tensor(np.stack(pixels))}
    batch["slots"] = torch.tensor(slots)
    return batch


def spoken_words(item: dict[str, Any], first: int, scene: Scene, text: str) -> list[Word]:
    """What stands for an utterance: a slot for each five frames; a name's last slots know the places it fits."""
    groups = ((item["mel"].shape[-1] + 1) // 2 + 4) // 5
    points, named = [UNKNOWN] * groups, mentions(scene, text)
    if len(named) == len(item["spans"]):
        for place, (start, end) in zip(named, item["spans"], strict=True):
            if place != UNKNOWN:  # the ear writes a word some 100 to 200 ms before it ends
                last = min(groups, (end + 4) // 5)
                for k in range(max(0, start // 5, last - 3), last):
                    points[k] = place
    return [(PAD, first + k, place) for k, place in enumerate(points)]


def _row(
    i: int, item: dict[str, Any], first: int, config: SviqaConfig, course: Course, rng: np.random.Generator
) -> tuple[Packed, Any, Scene]:
    scene, asked, own = course.pool.asked(i)
    spoken = spoken_words(item, first, scene, asked.text)
    side = config.vision.image_size
    picture = np.asarray(draw(scene, own, side))
    row = Packed()
    voiced = int(rng.integers(0, 2 + course.typed)) if course.codes else -1
    turns = [(spoken, asked)]
    if rng.random() < course.mixed:
        turns.append((spoken + say_question(scene, asked, "text", rng), asked))
    for _ in range(course.typed):
        other = ask(scene, rng)
        turns.append((say_question(scene, other, "text", rng), other))
    for block, (question, about) in enumerate(turns, 1):
        audio = course.codes(about.answer) if course.codes and block - 1 == voiced else None
        answer = say_answer(scene, about.answer)
        add_turn(row, block, 1 + PATCHES, question, answer, config, audio, subject(scene, about))
    return row, picture, scene


def joint_hidden(model: Sviqa, batch: dict[str, Tensor]) -> list[Tensor]:
    """Hidden states before, between and after the layers, of a joint batch."""
    with torch.set_grad_enabled(any(p.requires_grad for p in model.llava.model.vision_tower.parameters())):
        pixels = normalise_pixels(batch["pixels"], model.config.vision)
        tower = model.llava.model.vision_tower
        seen = tower(pixels, output_hidden_states=True).hidden_states[model.config.vision.feature_layer]
    written = model.llava.model.multi_modal_projector(seen)
    with torch.set_grad_enabled(any(p.requires_grad for p in model.ear.speech_encoder.parameters())):
        hidden = model.ear.speech_encoder(batch["mel"], batch["lengths"])
        joined, _ = model.ear.speech_projector.join(hidden, (batch["lengths"] + 1) // 2)
    speech = model.ear.speech_projector(joined)
    flat = nn.functional.pad(speech, (0, 0, 0, int(batch["slots"]) - speech.shape[1])).flatten(0, 1)
    embedded = model.embed(batch["ids"])
    spoken = batch["spoken"] > 0
    embedded = embedded.masked_scatter(spoken[..., None], flat[batch["spoken"][spoken] - 1].to(embedded.dtype))
    return run_packed(model, batch, written, embedded)


def joint_loss(student: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Cross-entropy of the answers' text and audio tokens, and of the places they are about."""
    assert isinstance(student, LanguageStudent)
    return student_losses(student, joint_hidden(student.model, batch), batch)
