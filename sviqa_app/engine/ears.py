"""A published speech recogniser, through transformers: a question in, its words out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch

from ..checkpoints.fit import Machine
from ..media.audio import trim_silence
from ..model.decode import Stop
from ..turn import Recording
from .placing import Placement
from .pretrained import load_model, load_processor
from .writing import Brake, Put

MOST_TOKENS = 200  # 30 s of quick speech are half as many


@dataclass(frozen=True)
class Ear:
    """A Whisper or its kin, ready to listen. Build with `load`."""

    name: str
    model: Any
    processor: Any
    placement: Placement
    brake: Brake = field(repr=False)

    @classmethod
    def load(cls, folder: Path, machine: Machine) -> Self:
        """Read the model in a folder. Raises ModelError."""
        from transformers import AutoModelForSpeechSeq2Seq

        model, placement = load_model(folder, AutoModelForSpeechSeq2Seq, machine)
        return cls(folder.name, model, load_processor(folder), placement, Brake(model))

    @torch.inference_mode()
    def hear(self, speech: Recording, put: Put, stop: Stop) -> None:
        """Puts the words of a 16 kHz recording, once all are known. Raises Stopped."""
        with self.brake.watching(stop):
            samples = trim_silence(speech).samples
            inputs = self.processor(audio=samples, sampling_rate=speech.rate, return_tensors="pt")
            ids = self.model.generate(**inputs.to(self.model.device, self.model.dtype), max_new_tokens=MOST_TOKENS)
            put(self.processor.batch_decode(ids, skip_special_tokens=True)[0].strip())
