"""The stages that make the voice that ships, in order, each resumable: `sviqa train voice PRESET` runs them all.

codebooks ─► lexicon ─► narrator ──┐
     └─► casts ─► flow ─► vocoder ─┴─► export
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from ..checkpoints.native import save_weights, write_config
from ..engine.pronunciations import save_pronunciations
from ..engine.tokenizing import CODEBOOKS, load_tokenizer, save_tokenizer
from ..engine.vocoder import Parts, Vocoder
from ..engine.voices import WRITER, Speakers, save_speakers
from ..errors import TrainingError
from ..model.config import VoiceConfig
from ..model.flow import Flow
from ..model.narration import Narrator
from ..model.step1 import Step1
from ..model.voiceprint import Voiceprint
from ..turn import Recording
from .casts import Casts
from .codebooks import fit_codebooks
from .flow_stage import FlowStudent, train_flow
from .lexicon import Lexicon, load_lexicon
from .loop import Plan, train
from .misspelled import misspelled
from .narrator import Lessons, narrator_loss, narrator_measure, new_narrator
from .readings import Readings
from .recipe import Recipe, Report
from .scripts import WORD, chain_words, dictionary_words, script
from .timbres import SHIPPED
from .vocoder import train_vocoder
from .voices import RATE

CHECKING = 1_000_000  # readings watched while training
KEPT_BACK = 2000  # words of the dictionary that are never spelled in training


@dataclass(frozen=True)
class VoicePreset:
    """How much of everything: pool sizes, steps a stage, batch sizes. `words` of the lexicon, 0 for all."""

    fitted: int
    tokenizer: int
    words: int
    readings: int
    casts: int
    voices: int
    narrator: int
    flow: int
    vocoder: int
    rows: int = 24
    spelled: int = 128
    workers: int = 1


VOICE_PRESETS = {
    "smoke": VoicePreset(8, 2, 400, 24, 6, 5, 2, 2, 2, rows=2, spelled=6, workers=0),
    "tiny": VoicePreset(700, 1500, 0, 20000, 12000, 220, 3600, 16000, 9000),
    "base": VoicePreset(6000, 20000, 0, 200000, 40000, 2000, 40000, 40000, 40000, workers=12),
}


class VoiceStages(Recipe[VoicePreset]):
    """All stages of one preset in one folder."""

    STAGES = ("codebooks", "lexicon", "narrator", "casts", "flow", "vocoder", "export")
    COMMAND = "sviqa train voice"

    def __init__(self, preset: str, folder: Path, report: Report) -> None:
        """Raises TrainingError where there is no such preset."""
        super().__init__(VOICE_PRESETS, preset, folder, report)
        self.config = VoiceConfig.tiny()

    def _codebooks(self) -> None:
        if (self.folder / CODEBOOKS).exists():
            return
        size = self.size
        fitted = fit_codebooks(self.folder, self.config.audio, size.fitted, size.tokenizer, self.report)
        save_tokenizer(self.folder, fitted)

    def _lexicon(self) -> None:
        words = sorted({*chain_words(), *dictionary_words()})
        if self.size.words:  # some, and those that will be read
            read = " ".join(script(first + i) for first in (0, CHECKING) for i in range(self.size.readings))
            words = sorted({*words[:: len(words) // self.size.words], *WORD.findall(read)})
        load_lexicon(self.folder / "lexicon.json", words, self.report)

    def lexicon(self) -> Lexicon:
        """How words are said. Raises TrainingError before the lexicon stage."""
        path = self.folder / "lexicon.json"
        if not path.exists():
            raise TrainingError("There is no lexicon yet.", "Run the stage lexicon first.")
        return load_lexicon(path, (), self.report)

    def readings(self, count: int, first: int = 0) -> Readings:
        """A pool of readings. Raises TrainingError where an earlier stage is missing."""
        if not (self.folder / CODEBOOKS).exists():
            raise TrainingError("There are no codebooks yet.", "Run the stage codebooks first.")
        tokenizer = load_tokenizer(self.folder, self.config.audio)
        return Readings(self.folder / "pool", count, tokenizer, self.lexicon(), first)

    def _narrator(self) -> None:
        lexicon = self.lexicon()
        words = sorted(lexicon)
        common = {*chain_words()}
        drawn = np.random.default_rng(5).permutation(len(words))[: min(KEPT_BACK, len(words) // 4)]
        kept_back = [words[i] for i in drawn if words[i] not in common]
        rare = sorted({*words} - {*kept_back})
        known = [word for word in rare if word in common] or rare
        lessons = Lessons(self.readings(self.size.readings), lexicon, known, rare, self.size.rows, self.size.spelled)
        watched = self.readings(64 if self.size.rows > 2 else 4, CHECKING)
        measure = partial(narrator_measure, held=watched, lexicon=lexicon, words=kept_back[:400])
        plan = Plan(self.size.narrator, rate=2e-3, workers=self.size.workers)
        model = new_narrator(self.config.writer)
        train("narrator", model, plan, lessons, narrator_loss, self.folder, self.report, measure, 250)

    def casts(self) -> Casts:
        """The pool of recast readings. Raises TrainingError where an earlier stage is missing."""
        readings = self.readings(self.size.readings)
        return Casts(self.folder / "pool", readings, self.size.casts, self.size.voices)

    def _casts(self) -> None:
        casts = self.casts()
        for number in range(casts.count):
            casts(number)
            if number % 100 == 0:
                self.report(f"casts {number}/{casts.count}")

    def _flow(self) -> None:
        train_flow(self.folder, self.config.flow, self.casts(), self.report, self.size.flow)

    def _vocoder(self) -> None:
        flow = FlowStudent(Flow(self.config.flow), Voiceprint(self.config.flow.speaker_dim))
        flow.load_state_dict(self.weights("flow"))
        train_vocoder(self.folder, self.config.hift, self.casts(), flow.eval(), self.report, self.size.vocoder)

    def _export(self) -> None:
        """Write the voice folder that the app reads."""
        folder = self.folder / self.config.name
        folder.mkdir(exist_ok=True)
        flow, hift = self.weights("flow"), self.weights("vocoder")
        parts, speakers = Parts.of(self.config), Speakers(self.config)
        parts.load_state_dict({k: v for k, v in {**flow, **hift}.items() if k.startswith(("flow.", "hift."))})
        speakers.load_state_dict({**speakers.state_dict(), **{k: v for k, v in flow.items() if "voiceprint" in k}})
        casts = self.casts()
        for number, name in enumerate(self.config.speakers):
            owns = casts.own(list(SHIPPED).index(name))
            speakers.table[number] = speakers.vector([Recording(own, RATE) for own in owns])
        write_config(folder, self.config)
        Vocoder(parts).save(folder)
        save_speakers(folder, speakers)
        save_weights(folder / WRITER, self.weights("narrator"), torch.float16)
        save_pronunciations(folder, self._misspelled())
        save_tokenizer(folder, load_tokenizer(self.folder, self.config.audio))
        self.report(f"export The voice is in {folder}.")

    def _misspelled(self) -> dict[str, tuple[int, ...]]:
        """How the common words are said that the narrator gets wrong."""
        model = Step1(self.config.writer).eval().requires_grad_(False)
        model.load_state_dict(self.weights("narrator"))
        lexicon = self.lexicon()
        common = [word for word in chain_words() if word in lexicon]
        return misspelled(Narrator(model, self.config.audio), common, lexicon, self.readings(self.size.readings))
