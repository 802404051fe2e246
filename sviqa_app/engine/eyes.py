"""A published model that answers in words about a picture, through transformers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch
from transformers import TextStreamer
from transformers.cache_utils import DynamicCache, DynamicLayer

from ..checkpoints.fit import TOKENS, Machine
from ..errors import EngineError, ModelError
from ..model.decode import Stop
from ..turn import Samples
from .placing import Placement
from .pretrained import load_model, load_processor
from .writing import Brake, Put

T = TypeVar("T")
MOST_TEXT = 256  # tokens of an answer
Message = dict[str, Any]
"""{"role": "user" or "assistant", "content": [{"type": "image", "image": …}, {"type": "text", "text": …}]}"""

_PLAIN = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None, "cache_implementation": None}


class TooLongError(EngineError):
    """A conversation that is longer than the model can hold."""


class Kept(Generic[T]):
    """What the language model keeps of a conversation: the keys and values of what stood first in it, `ids`."""

    def __init__(self, talk: object, cache: Any) -> None:
        self.talk = talk
        self.cache = cache
        self.ids: list[T] = []

    def common(self, ids: list[T]) -> int:
        """How many of the first ids it knows, of all but the last."""
        pairs = zip(ids[:-1], self.ids, strict=False)
        most = min(len(ids) - 1, len(self.ids))
        return next((place for place, (new, old) in enumerate(pairs) if new != old), most)

    def rewind(self, length: int) -> None:
        """Forget all but so many."""
        self.ids = self.ids[:length]
        for layer in self.cache.layers:  # one by one: work that was stopped leaves them of unlike length
            if (excess := layer.get_seq_length() - length) > 0:
                layer.crop(-excess)


class Eye:
    """A model and its processor, ready to answer. Build with `load`. It keeps what it read of the last conversation."""

    hears: ClassVar[bool] = False
    """Whether messages may hold recordings: {"type": "audio", "audio": [n] at 16 kHz}."""
    plain: ClassVar[bool] = False
    """Whether its weights must be neither packed nor split."""

    def __init__(self, name: str, model: Any, processor: Any, placement: Placement) -> None:
        self.name = name
        self.model = model
        self.processor = processor
        self.placement = placement
        self._brake = Brake(model)
        self._kept: Kept[int] | None = None
        added = processor.tokenizer.added_tokens_decoder.values()
        self._marks = [token.content for token in added if token.special]
        self._writer = self._find_writer()
        self._writer.generation_config.update(**_PLAIN)

    @classmethod
    def load(cls, folder: Path, machine: Machine) -> Self:
        """Read the model in a folder. Raises ModelError."""
        processor = load_processor(folder)
        if not getattr(processor, "chat_template", None):
            raise ModelError(
                f"The model in {folder} does not say how it is talked to: it has no chat template.",
                "Give one that was trained to answer questions.",
            )
        model, placement = load_model(folder, cls._auto(), machine, cls.plain)
        return cls(folder.name, model, processor, placement)

    @property
    def speech_rate(self) -> int | None:
        """Samples a second where the model speaks itself."""
        return None

    def write(self, talk: object, messages: list[Message], speak: bool, put: Put, stop: Stop) -> Samples | None:
        """Puts the answer to a conversation, word by word; gives its sound [n] where the model speaks itself.

        `talk` tells conversations apart. Raises TooLongError, Stopped.
        """
        with self._brake.watching(stop), torch.inference_mode():
            inputs = self._prepared(messages)
            self._generate(talk, inputs, Streamer(self.processor.tokenizer, put), MOST_TEXT)
        return None

    def read(self, talk: object, messages: list[Message]) -> None:
        """Reads a conversation, so that what follows on it is answered sooner. Raises TooLongError."""
        with self._brake.watching(lambda: False), torch.inference_mode():
            self._generate(talk, self._prepared(messages), None, 1)

    @classmethod
    def _auto(cls) -> Any:
        from transformers import AutoModelForImageTextToText

        return AutoModelForImageTextToText

    def _find_writer(self) -> Any:
        """The part of the model that writes words."""
        return self.model

    def _prepared(self, messages: list[Message]) -> Any:
        messages = [{**said, "content": [self._plain(part) for part in said["content"]]} for said in messages]
        inputs = self.processor.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        )
        config = self._writer.config.get_text_config(decoder=True)
        most = min(TOKENS, getattr(config, "max_position_embeddings", None) or TOKENS)
        if inputs["input_ids"].shape[1] > most - MOST_TEXT:
            raise TooLongError("This question is longer than the model can hold.", "Ask in fewer words.")
        return inputs.to(self._writer.device, self._writer.dtype)

    def _plain(self, part: dict[str, Any]) -> dict[str, Any]:
        return {**part, "text": without_marks(part["text"], self._marks)} if part["type"] == "text" else part

    def _generate(self, talk: object, inputs: Any, streamer: TextStreamer | None, most: int) -> None:
        """Goes on from what is kept of this conversation where the picture is in that, else from nothing."""
        given = inputs["input_ids"]
        ids = given[0].tolist()
        known = self._known(talk, ids)
        if known:
            inputs = {name: part for name, part in inputs.items() if part.shape == given.shape}
        else:
            self._kept = Kept(talk, DynamicCache(config=self.model.config.get_text_config(decoder=True)))
        kept = self._kept
        assert kept is not None
        kept.rewind(known)
        written = self.model.generate(**inputs, cache=kept.cache, streamer=streamer, max_new_tokens=most)
        kept.ids = written[0].tolist()[: kept.cache.get_seq_length()]

    def _known(self, talk: object, ids: list[int]) -> int:
        """How many of the ids need not be read again; 0 where that would leave a part of the picture to be read."""
        kept, image = self._kept, getattr(self.model.config, "image_token_id", None)
        if kept is None or kept.talk is not talk or image not in ids:
            return 0
        if any(type(layer) is not DynamicLayer for layer in kept.cache.layers):  # others cannot be rewound
            return 0
        known = kept.common(ids)
        return known if image not in ids[known:] else 0


def without_marks(text: str, marks: Iterable[str]) -> str:
    """Words of a person, in which nothing is taken for a mark of the vocabulary."""
    for mark in marks:
        text = text.replace(mark, " ")
    return text


class Streamer(TextStreamer):
    """Puts words as soon as they are whole."""

    def __init__(self, tokenizer: Any, put: Put) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self._put = put

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Called by the stream."""
        if text:
            self._put(text)
