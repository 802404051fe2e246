"""Published models that see and hear by themselves, and some of which speak: the question goes in as it was spoken."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from transformers import RepetitionPenaltyLogitsProcessor, TextStreamer

from ..checkpoints import lora
from ..checkpoints.pickles import converted
from ..checkpoints.stored import Stored
from ..model.decode import Stop
from ..turn import Samples
from .eyes import MOST_TEXT, Eye, Message, Streamer
from .writing import Put

_RATE = 24_000
# Qwen2.5-Omni speaks only where it is told so in these words (its model card).
_QWEN_2_5 = (
    "You are Qwen, a virtual human developed by the Qwen Team, Alibaba Group, capable of perceiving auditory and "
    "visual inputs, as well as generating text and speech."
)
# Qwen3-Omni's own penalty for saying a sound again, in a way of which transformers does not warn.
_QWEN_3 = {"talker_repetition_penalty": 1.0, "talker_logits_processor": [RepetitionPenaltyLogitsProcessor(1.05)]}


class Omni(Eye):
    """A model that also hears. Nothing is kept of a conversation: each question is read with all that came before."""

    hears: ClassVar[bool] = True

    def read(self, talk: object, messages: list[Message]) -> None:
        """Nothing to do: see above."""

    @classmethod
    def _auto(cls) -> Any:
        from transformers import AutoModelForMultimodalLM

        return AutoModelForMultimodalLM

    def _generate(self, talk: object, inputs: Any, streamer: TextStreamer | None, most: int) -> None:
        self.model.generate(**inputs, streamer=streamer, max_new_tokens=most)


class LoraOmni(Omni):
    """Phi-4-multimodal, which sees with a LoRA that lies beside its weights; it hears with that one as well."""

    plain: ClassVar[bool] = True

    @classmethod
    def _auto(cls) -> Any:
        return _WithLora


class SpeakingOmni(Omni):
    """A model that also speaks: Qwen2.5-Omni, Qwen3-Omni. Its sound comes once all is written.

    Qwen3-Omni's "Thinking" has no speaker; our voice reads what it writes.
    """

    @property
    def speech_rate(self) -> int | None:
        """Samples a second."""
        return _RATE if self.model.has_talker else None

    def write(self, talk: object, messages: list[Message], speak: bool, put: Put, stop: Stop) -> Samples | None:
        """See Eye.write."""
        speak = speak and self.model.has_talker
        qwen_3 = self.model.config.model_type == "qwen3_omni_moe"
        if not qwen_3:
            messages = [{"role": "system", "content": [{"type": "text", "text": _QWEN_2_5}]}, *messages]
        with self._brake.watching(stop), torch.inference_mode():
            inputs = dict(self._prepared(messages))
            if "pixel_values" in inputs:  # for the writer alone: the speaker refuses them
                inputs["thinker_pixel_values"] = inputs.pop("pixel_values")
            given = self.model.generate(
                **inputs,
                thinker_streamer=Streamer(self.processor.tokenizer, put),
                thinker_max_new_tokens=MOST_TEXT,
                thinker_do_sample=False,
                generation_mode="audio" if speak else "text",
                **(_QWEN_3 if qwen_3 else {}),
            )
        return np.asarray(given[1].float().cpu().reshape(-1), np.float32) if speak else None

    @classmethod
    def _auto(cls) -> Any:
        return _Speaking

    def _find_writer(self) -> Any:
        return self.model.thinker


OMNIS: dict[str, type[Omni]] = {
    "gemma3n": Omni,
    "gemma4": Omni,
    "gemma4_unified": Omni,
    "phi4_multimodal": LoraOmni,
    "qwen2_5_omni": SpeakingOmni,
    "qwen3_omni_moe": SpeakingOmni,
}
"""What runs a model that sees and hears, by transformers' name of its kind."""


class _WithLora:
    """An auto class that adds the LoRA to the weights."""

    @staticmethod
    def from_pretrained(folder: Path, **options: Any) -> Any:
        """The model, and what was found in its files. Raises ModelError where the LoRA does not fit."""
        from transformers import AutoModelForMultimodalLM

        model, found = AutoModelForMultimodalLM.from_pretrained(folder, **options)
        if (beside := folder / "vision-lora").is_dir():
            weights = {name: weight.data for name, weight in model.named_parameters()}
            stored = {name: Stored.of(weight) for name, weight in weights.items()}
            for name, changed in lora.merged(beside, stored, lambda name: name).items():
                if changed is not stored[name]:
                    weights[name].copy_(changed.read())
        return model, found


class _Speaking:
    """An auto class, which mends two things: Qwen2.5-Omni's own loader would not say what its weights lack, and
    Qwen3-Omni's speaker looks in its config for how the model hears (transformers 5.24), which no published one has.
    """

    @staticmethod
    def from_pretrained(folder: Path, **options: Any) -> Any:
        """The model, and what was found in its files. Raises ModelError where the file of speakers is not numbers."""
        from transformers import AutoModelForMultimodalLM, PreTrainedModel, Qwen2_5OmniForConditionalGeneration

        speakers = folder / "spk_dict.pt"
        if not speakers.is_file():
            model, found = AutoModelForMultimodalLM.from_pretrained(folder, **options)
            if model.has_talker:
                model.talker.config.audio_config = model.thinker.config.audio_config
            return model, found
        converted(speakers)  # which opens it in a process of its own, and refuses what could run
        whole: Any = PreTrainedModel.from_pretrained
        model, found = whole.__func__(Qwen2_5OmniForConditionalGeneration, folder, **options)
        model.load_speakers(speakers)
        return model, found
