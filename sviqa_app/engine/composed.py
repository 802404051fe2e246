"""A SViQA that was composed of a LLaVA and a Whisper: it sees and hears by itself, and writes words.

How it is talked to follows from the marks in its vocabulary: ChatML, Llama 3, or Vicuna as LLaVA 1.5 knows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream
from torch import Tensor
from transformers.cache_utils import DynamicCache
from transformers.initialization import no_init_weights

from ..checkpoints.expecting import check, expected
from ..checkpoints.fit import TOKENS, Machine
from ..checkpoints.native import read_config
from ..checkpoints.stored import Tensors, open_weights
from ..checkpoints.vocabulary import IMAGE, SPEECH, read_vocabulary
from ..errors import ModelError
from ..media.audio import RATE, trim_silence
from ..model.config import SviqaConfig
from ..model.decode import Stop, decode_one_token, never, prefill
from ..model.mel import whisper_log_mel
from ..model.sviqa import Sviqa
from ..turn import Recording, Samples
from .eye import pixels
from .eyes import MOST_TEXT, Kept, Message, TooLongError, without_marks
from .placing import Placement, placed
from .writing import Brake, Put

_ENDS = ("</s>", "<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<|endoftext|>")


@dataclass(frozen=True)
class Format:
    """How a conversation is written down: what stands before and after each turn of the two."""

    user: tuple[str, str]
    assistant: tuple[str, str]

    @classmethod
    def of(cls, words: Tokenizer) -> Format:
        """The one that a vocabulary has the marks of."""
        return next(form for mark, form in _FORMATS.items() if not mark or words.token_to_id(mark) is not None)


_FORMATS = {
    "<|im_start|>": Format(
        ("<|im_start|>user\n", "<|im_end|>\n"),
        ("<|im_start|>assistant\n", "<|im_end|>\n"),
    ),
    "<|start_header_id|>": Format(
        ("<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"),
        ("<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"),
    ),
    "": Format(("USER: ", " "), ("ASSISTANT: ", "</s>")),
}


@dataclass(frozen=True)
class Place:
    """What stands at one place of a prompt: an id of the vocabulary, or the n-th embedding of a picture or recording.

    `part` tells the recordings of a conversation apart.
    """

    id: int
    part: int = 0
    number: int = 0


class Prompt:
    """A conversation as the language model takes it: words, recordings, and a picture where there is one."""

    def __init__(self, model: Sviqa, messages: list[Message]) -> None:
        self._model = model
        self._like = next(model.parameters())
        parts = [part for message in messages for part in message["content"]]
        self._picture: Any = next((part["image"] for part in parts if part["type"] == "image"), None)
        sounds = {id(part["audio"]): part["audio"] for part in parts if part["type"] == "audio"}
        self._mels = {name: self._mel(sound) for name, sound in sounds.items()}
        self._recordings = [id(part["audio"]) for part in parts if part["type"] == "audio"]

    def places(self, ids: list[int]) -> list[Place]:
        """The ids with a place for each embedding of the picture and of the recordings, which have one id each."""
        config, recordings = self._model.config, iter(self._recordings)
        found: list[Place] = []
        for id in ids:
            if id == config.tokens.image:
                vision = config.vision
                whole = vision.feature_select == "full" and vision.model_type == "clip_vision_model"
                count = vision.patches + whole
                found += [Place(id, number=number) for number in range(count)]
            elif id == config.tokens.speech:
                part = next(recordings)
                count = config.speech.embeddings(self._mels[part].shape[-1])
                found += [Place(id, part, number) for number in range(count)]
            else:
                found.append(Place(id))
        return found

    def embedded(self, places: list[Place]) -> Tensor:
        """The embeddings of some of the places, in a row: [1, L, H]."""
        tokens = self._model.config.tokens
        marks = (tokens.image, tokens.speech)
        pieces = []
        for (mark, part), group in groupby(places, lambda place: (place.id in marks and place.id, place.part)):
            alike = list(group)
            if mark is False:
                pieces.append(self._model.embed(torch.tensor([[p.id for p in alike]], device=self._like.device)))
            else:
                whole = self._heard(part) if part else self._seen()
                pieces.append(whole[:, [place.number for place in alike]])
        return torch.cat(pieces, dim=1)

    def _seen(self) -> Tensor:
        return self._model.picture_embeddings(pixels(self._picture, self._model.config.vision).to(self._like))

    def _heard(self, part: int) -> Tensor:
        mel = self._mels[part]
        return self._model.speech_embeddings(
            mel.to(self._like), torch.tensor([mel.shape[-1]], device=self._like.device)
        ).embeddings

    def _mel(self, sound: Samples) -> Tensor:
        samples = torch.from_numpy(trim_silence(Recording(sound, RATE)).samples)
        return whisper_log_mel(samples, self._model.config.speech.mels)[None]


class ComposedEye:
    """The model, asked as an `Eye` is. Build with `load`."""

    hears: ClassVar[bool] = True
    speech_rate: ClassVar[int | None] = None

    def __init__(self, name: str, model: Sviqa, words: Tokenizer, placement: Placement) -> None:
        self.name = name
        self.model = model
        self.placement = placement
        self._words = words
        self._format = Format.of(words)
        self._marks = [token.content for token in words.get_added_tokens_decoder().values() if token.special]
        self.ends = {model.config.tokens.end, *(id for end in _ENDS if (id := words.token_to_id(end)) is not None)}
        self._brake = Brake(model)
        self._kept: Kept[Place] | None = None

    @classmethod
    def load(cls, folder: Path, machine: Machine) -> Self:
        """Read the model in a folder. Raises ModelError where it is broken, or the machine too small for it."""
        config = read_config(folder)
        tensors = open_weights(folder, "model")
        if tensors is None:
            raise ModelError(f"{folder} holds no weights.", "Compose the model again.")
        check(tensors, expected(partial(Sviqa, config), 0, tensors))
        model, placement = placed(folder, machine, partial(_load, config, tensors), plain=True)
        return cls(config.name, model, read_vocabulary(folder), placement)

    @torch.inference_mode()
    def write(self, talk: object, messages: list[Message], speak: bool, put: Put, stop: Stop) -> Samples | None:
        """See Eye.write."""
        with self._brake.watching(stop):
            logits, cache = self._read(talk, messages)
            text = DecodeStream(skip_special_tokens=True)
            for _ in range(MOST_TEXT):
                id = int(logits[0, : self.model.config.tokens.rows].argmax())
                if id in self.ends:
                    break
                put(text.step(self._words, id) or "")
                position = torch.tensor([cache.get_seq_length()], device=logits.device)
                logits, cache = decode_one_token(self.model, torch.tensor([id], device=logits.device), cache, position)
        return None

    @torch.inference_mode()
    def read(self, talk: object, messages: list[Message]) -> None:
        """See Eye.read."""
        with self._brake.watching(never):
            self._read(talk, messages)

    def _read(self, talk: object, messages: list[Message]) -> tuple[Tensor, Any]:
        """The logits [1, V] after a conversation, and the cache. What is kept of it is not read again."""
        prompt = Prompt(self.model, messages)
        places = prompt.places(self.ids(messages))
        if len(places) > min(TOKENS, self.model.config.text.max_positions) - MOST_TEXT:
            raise TooLongError("This question is longer than the model can hold.", "Ask in fewer words.")
        if self._kept is None or self._kept.talk is not talk:
            self._kept = Kept(talk, DynamicCache())
        kept = self._kept
        known = kept.common(places)
        kept.rewind(known)
        logits, _ = prefill(self.model, prompt.embedded(places[known:]), kept.cache)
        kept.ids = places
        return logits, kept.cache

    def ids(self, messages: list[Message]) -> list[int]:
        """A conversation as ids, with one mark for each picture and recording; after a question its answer comes."""
        text = ""
        for message in messages:
            before, after = self._format.user if message["role"] == "user" else self._format.assistant
            text += before + "".join(self._part(part) for part in message["content"]) + after
        if messages[-1]["role"] == "user":
            text += self._format.assistant[0].rstrip(" ")
        ids = self._words.encode(text, add_special_tokens=False).ids
        begin = self.model.config.tokens.begin
        return ids if begin < 0 else [begin, *ids]

    def _part(self, part: dict[str, Any]) -> str:
        if part["type"] == "image":
            return f"{IMAGE}\n"
        return SPEECH if part["type"] == "audio" else without_marks(part["text"], self._marks)


def _load(config: SviqaConfig, tensors: Tensors, placement: Placement) -> Sviqa:
    kind = placement.options["dtype"]
    with no_init_weights():
        model = Sviqa(config).eval()
    model.load_state_dict({name: tensor.read().to(kind) for name, tensor in tensors.items()}, assign=True)
    model.llava.tie_weights()
    return model.requires_grad_(False).to("cuda" if placement.device == "gpu" else "cpu")
