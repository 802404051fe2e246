"""The stages that make the shipped model, in order, each resumable: `sviqa train PRESET` runs them all.

tower ──┐
words ──┼─► voicing ─► align ─► joint ─► export
ear ────┘

The voice whose audio tokens the model learns to write is there before: see `voice_stages`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..checkpoints.native import save_weights, write_config
from ..engine.tokenizing import load_tokenizer
from ..model.config import SviqaConfig
from ..model.sviqa import Sviqa
from .answers import Codes
from .corpus import tokenizer
from .ear import EarStudent, ear_batch, ear_loss, ear_measure
from .joint import Course, joint_batch, joint_loss
from .language import LanguageStudent, Lesson, language_batch, language_loss, language_measure, start_language
from .loop import Plan, train
from .pictures import Pictures
from .recipe import Recipe, Report
from .scenes import HELD_OUT_SEED
from .tower import TowerStudent, tower_batch, tower_loss, tower_measure
from .utterances import Utterances
from .wordspace import mark

CHECKING = HELD_OUT_SEED // 2  # seeds watched while training; those from HELD_OUT_SEED up are never drawn here


@dataclass(frozen=True)
class Preset:
    """How much of everything: steps a stage, pool sizes, batch sizes."""

    pictures: int
    utterances: int
    asked: int
    tower: int
    words: int
    ear: int
    voicing: int
    align: int
    joint: int
    batch: int = 64
    spoken: int = 32
    rows: int = 8
    questions: int = 20
    workers: int = 1


PRESETS = {
    "smoke": Preset(32, 64, 40, 2, 2, 2, 2, 2, 2, batch=4, spoken=4, rows=2, questions=3, workers=0),
    "tiny": Preset(57600, 16384, 30000, 6400, 5300, 5300, 350, 60, 9900),
    "base": Preset(400000, 120000, 100000, 30000, 20000, 25000, 6000, 1000, 12000, workers=12),
}


class Stages(Recipe[Preset]):
    """All stages of one preset in one folder, for a model that speaks through the voice in another folder."""

    STAGES = ("tower", "words", "ear", "voicing", "align", "joint", "export")
    COMMAND = "sviqa train model"

    def __init__(self, preset: str, folder: Path, report: Report, voice: Path) -> None:
        """Raises TrainingError where there is no such preset."""
        super().__init__(PRESETS, preset, folder, report)
        self.voice = voice
        self.config = SviqaConfig.tiny()
        self.pool = folder / "pool"

    # --- picture, words, speech: independent of each other ---------------------------------------------------

    def _tower(self) -> None:
        student = TowerStudent(Sviqa(self.config))
        student.tower.to(memory_format=torch.channels_last)
        pictures = Pictures(self.pool, self.size.pictures)
        watched = Pictures(self.pool, 64 if self.size.tower < 100 else 512, first=CHECKING)
        plan = Plan(self.size.tower, rate=1.5e-3, workers=self.size.workers)
        measure = partial(tower_measure, pictures=watched, count=watched.count)
        make = partial(tower_batch, pictures, self.size.batch)
        train("tower", student, plan, make, tower_loss, self.folder, self.report, measure, 500)

    def _words(self) -> None:
        model = Sviqa(self.config)
        start_language(model)
        language = model.llava.model.language_model
        student = LanguageStudent(model)
        _train_only(language.layers, language.norm, model.llava.lm_head, student.named, student.about, of=student)
        lesson = Lesson(max(2, self.size.rows // 3 + 1), self.size.questions, modes=(0.8, 0.12, 0.08))
        self._language("words", student, lesson, self.size.words, rate=1.2e-3)

    def _ear(self) -> None:
        pool = Utterances(self.pool, self.size.utterances)
        count = 32 if self.size.ear < 100 else 96
        watched = {
            "held": Utterances(self.pool, 192, first=HELD_OUT_SEED // 2, held_out=True),
            "seen": Utterances(self.pool, 192, first=CHECKING),
        }
        plan = Plan(self.size.ear, rate=1.2e-3, warmup=0.06, workers=self.size.workers)
        make = partial(ear_batch, pool, self.size.spoken, 600)
        measure = partial(ear_measure, pools=watched, count=count)
        train("ear", EarStudent(self.config), plan, make, ear_loss, self.folder, self.report, measure, 400)

    # --- language model with voice, speech, pictures ----------------------------------------------------------

    def _language(self, name: str, student: LanguageStudent, lesson: Lesson, steps: int, rate: float) -> None:
        plan = Plan(steps, rate, workers=self.size.workers)
        make = partial(language_batch, self.config, lesson)
        measure = partial(language_measure, config=self.config, pictures=2 if steps < 100 else 24)
        train(name, student, plan, make, language_loss, self.folder, self.report, measure, 500)

    def codes(self) -> Codes:
        """The audio tokens of answers. Raises ModelError where the voice has no codebooks."""
        return Codes(load_tokenizer(self.voice, self.config.audio), self.pool)

    def _voicing(self) -> None:
        student = self.student("words")
        model = student.model.llava
        _train_only(model.model.language_model, model.lm_head, student.named, student.about, of=student)
        lesson = Lesson(max(2, self.size.rows - 2), max(2, self.size.questions // 3), seed=1, codes=self.codes())
        self._language("voicing", student, lesson, self.size.voicing, rate=1e-3)

    def _align(self) -> None:
        student = self.student("voicing", "tower", "ear")
        _train_only(student.model.ear.speech_projector, of=student)
        course = Course(Utterances(self.pool, self.size.utterances), 3 * self.size.rows, mixed=0.0, typed=0)
        plan = Plan(self.size.align, rate=3e-4, workers=self.size.workers)
        make = partial(joint_batch, self.config, course)
        train("align", student, plan, make, joint_loss, self.folder, self.report)

    def _joint(self) -> None:
        student = self.student("align")
        model = student.model.llava
        _train_only(
            model.model.language_model,
            model.lm_head,
            model.model.multi_modal_projector,
            student.model.ear.speech_projector,
            student.named,
            student.about,
            of=student,
        )
        pool = Utterances(self.pool, self.size.utterances)
        course = Course(pool, self.size.rows + 2, codes=self.codes(), mixed=0.4, typed=7)
        plan = Plan(self.size.joint, rate=6e-4, workers=self.size.workers)
        make = partial(joint_batch, self.config, course)
        train("joint", student, plan, make, joint_loss, self.folder, self.report)

    def _export(self) -> None:
        """Write the model folder that the app reads."""
        model, folder = self.student("joint").model, self.folder / self.config.name
        folder.mkdir(exist_ok=True)
        write_config(folder, self.config)
        save_weights(folder / "model.safetensors", model.state_dict(), torch.float16)
        tokenizer().save(str(folder / "tokenizer.json"))
        self.report(f"export The model is in {folder}.")

    def student(self, *stages: str) -> LanguageStudent:
        """The model as the named stages left it, later ones over earlier ones, and its helping heads."""
        model = Sviqa(self.config)
        student = LanguageStudent(model)
        for stage in stages:
            weights = self.weights(stage)
            if stage == "tower":
                _fill(model.llava.model.vision_tower, weights, "tower.")
                _fill(model.llava.model.multi_modal_projector, weights, "projector.")
                _add_mark(model.llava.model.multi_modal_projector.linear_2, "patch")
            elif stage == "ear":
                _fill(model.ear, weights, "ear.")
                _add_mark(model.ear.speech_projector.linear2, "word")
            else:
                student.load_state_dict(weights)
        return student


def _fill(module: nn.Module, weights: dict[str, Any], prefix: str) -> None:
    own = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
    module.load_state_dict(own)


def _add_mark(layer: nn.Linear, of: str) -> None:
    """From here on what this layer writes is marked as a word or a patch."""
    with torch.no_grad():
        layer.bias.add_(mark(of, layer.out_features))


def _train_only(*parts: nn.Module, of: nn.Module) -> None:
    for parameter in of.parameters():
        parameter.requires_grad_(False)
    for part in parts:
        for parameter in part.parameters():
            parameter.requires_grad_(True)
