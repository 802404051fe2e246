"""From a prompt to an answer: `prefill`, `decode_one_token`, and the loop around them.

The loop yields each token as it is chosen, so that voicing can start while the rest is being written.
The cache holds keys and values of everything read so far; `rewind` takes it back to an earlier place,
which is how the picture's prefix serves question after question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from .config import AudioTokenConfig, SviqaConfig
from .interleave import Interleave, Marks, Slot

Cache = Any  # transformers' DynamicCache
Stop = Callable[[], bool]


class LanguageModel(Protocol):
    """What decoding needs of the model (`Sviqa` has it)."""

    config: SviqaConfig

    def embed(self, ids: Tensor) -> Tensor:
        """Token ids [B, L] → embeddings [B, L, H]."""

    def language(
        self,
        inputs_embeds: Tensor,
        cache: Cache = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
    ) -> tuple[Tensor, Cache]:
        """Embeddings [B, L, H] after a cache → hidden states [B, L, H] and the longer cache."""

    def logits(self, hidden: Tensor) -> Tensor:
        """Hidden states [..., H] → logits [..., V]."""


@dataclass(frozen=True)
class TextToken:
    """A text id of the answer."""

    id: int


@dataclass(frozen=True)
class AudioToken:
    """A vocoder id of the answer: 0-1023 linguistic, from 1024 on semantic."""

    id: int


@dataclass(frozen=True)
class TextEnd:
    """The words of the answer are complete; only audio follows."""


Token = TextToken | AudioToken | TextEnd


@dataclass(frozen=True)
class Limits:
    """The longest answer: text tokens, and audio tokens (5 of them are 120 ms)."""

    text: int = 120
    audio: int = 1500


LIMITS = Limits()

Pick = Callable[[Tensor, Sequence[int]], int]
"""Chooses an audio token: logits [n] of the codebook in turn, vocoder ids so far → index into the logits."""


def never() -> bool:
    """The `stop` of an answer that nobody cancels."""
    return False


def likeliest(logits: Tensor, _written: Sequence[int]) -> int:
    """The audio token of the highest logit."""
    return int(logits.argmax())


@torch.inference_mode()
def prefill(
    model: LanguageModel,
    prompt: Tensor,
    cache: Cache = None,
    positions: Tensor | None = None,
    mask: Tensor | None = None,
) -> tuple[Tensor, Cache]:
    """Read a prompt [B, L, H] after what `cache` holds. Gives the logits [B, V] after it, and the cache.

    `positions` [B, L] are counted on from the cache's length unless given. `mask` [B, cached + L] is 0 over
    the left padding of a batch.
    """
    hidden, cache = model.language(prompt, cache=cache, attention_mask=mask, position_ids=positions)
    return model.logits(hidden[:, -1]), cache


@torch.inference_mode()
def decode_one_token(
    model: LanguageModel, token: Tensor, cache: Cache, position: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Cache]:
    """Read one token a row, [B], at `position` [B]. Gives the logits [B, V] that follow it, and the cache."""
    return prefill(model, model.embed(token[:, None]), cache, position[:, None], mask)


def rewind(cache: Cache, length: int) -> None:
    """Forget everything in the cache after its first `length` places."""
    excess = cache.get_seq_length() - length
    if excess > 0:
        cache.crop(-excess)


class Grammar:
    """What an answer may be made of, and how each of its tokens is picked."""

    def __init__(self, marks: Marks, text_ids: Tensor, audio: AudioTokenConfig, pick: Pick = likeliest) -> None:
        """`text_ids`: the ids [n] that may stand in an answer's text (special ids are not among them)."""
        self.marks = marks
        self.audio = audio
        self._text_ids = torch.cat([text_ids, text_ids.new_tensor([marks.text_end])])
        self._pick = pick

    def choose(self, logits: Tensor, slot: Slot, voiced: Sequence[int]) -> int:
        """The next vocabulary id, from logits [V]; `voiced` holds the vocoder ids so far."""
        if slot is Slot.TEXT:
            return int(self._text_ids[logits[self._text_ids].argmax()])
        first = self.audio.base + (self.audio.linguistic if slot is Slot.SEMANTIC else 0)
        size = self.audio.semantic if slot is Slot.SEMANTIC else self.audio.linguistic
        book = logits[first : first + size]
        if slot is Slot.LINGUISTIC_OR_END and bool(logits[self.marks.end] >= book.max()):
            return self.marks.end
        return first + self._pick(book, voiced)


class Writer:
    """One answer being written: takes the logits of each step, gives the token to go on with."""

    def __init__(self, grammar: Grammar, speak: bool, words: Sequence[int], limits: Limits) -> None:
        self.done = False
        self.text: list[int] = []
        self.voiced: list[int] = []
        self._grammar = grammar
        self._order = Interleave(grammar.marks, grammar.audio, speak)
        self._script = [*words, grammar.marks.text_end] if words else []
        self._limits = limits

    @property
    def place(self) -> int:
        """The next token's distance from the answer's first."""
        return self._order.place

    def take(self, logits: Tensor) -> tuple[int, Token | None]:
        """From logits [V]: the vocabulary id that comes next, and what it means (None for the end)."""
        id = self._choose(logits)
        self._order.push(id)
        self.done = self._order.slot is Slot.NOTHING
        if id == self._grammar.marks.end:
            return id, None
        if id == self._grammar.marks.text_end:
            return id, TextEnd()
        if id < self._grammar.audio.base:
            self.text.append(id)
            return id, TextToken(id)
        self.voiced.append(id - self._grammar.audio.base)
        return id, AudioToken(self.voiced[-1])

    def _choose(self, logits: Tensor) -> int:
        slot, marks = self._order.slot, self._grammar.marks
        if slot is Slot.TEXT and self._script:
            return self._script.pop(0)
        if slot is Slot.TEXT and len(self.text) >= self._limits.text:
            return marks.text_end
        if slot is Slot.LINGUISTIC_OR_END and len(self.voiced) >= self._limits.audio:
            return marks.end
        return self._grammar.choose(logits, slot, self.voiced)


@torch.inference_mode()
def answer(
    model: LanguageModel,
    logits: Tensor,
    cache: Cache,
    grammar: Grammar,
    start: int,
    *,
    speak: bool = True,
    words: Sequence[int] = (),
    limits: Limits = LIMITS,
    stop: Stop = never,
) -> Iterator[Token]:
    """Write an answer after a prompt whose last logits [1, V] and cache are given, from position `start` on.

    `speak=False` writes words alone and ends with them. `words` are text ids to say instead of its own.
    `stop` is asked before every token; when it says so, nothing more is computed or yielded.
    """
    writer = Writer(grammar, speak, words, limits)
    while not stop():
        position = torch.tensor([start + writer.place], device=logits.device)
        id, token = writer.take(logits[0])
        if token is not None:
            yield token
        if writer.done:
            return
        logits, cache = decode_one_token(model, torch.tensor([id], device=logits.device), cache, position)


@torch.inference_mode()
def answer_batch(
    model: LanguageModel,
    prompts: Sequence[Tensor],
    grammar: Grammar,
    *,
    speak: bool = False,
    limits: Limits = LIMITS,
) -> list[tuple[list[int], list[int]]]:
    """Answer several prompts, each [L, H], at once. Gives each one's text ids and vocoder ids.

    Shorter prompts are padded on the left; each row comes out as it would alone.
    """
    writers = [Writer(grammar, speak, (), limits) for _ in prompts]
    embeddings, mask = pad_left(prompts)
    start = mask.sum(1)
    logits, cache = prefill(model, embeddings, positions=(mask.cumsum(1) - 1).clamp_min(0), mask=mask)
    while True:
        position = start + torch.tensor([w.place for w in writers], device=mask.device)
        ids = [grammar.marks.end if w.done else w.take(row)[0] for w, row in zip(writers, logits, strict=True)]
        if all(w.done for w in writers):
            return [(w.text, w.voiced) for w in writers]
        mask = torch.cat([mask, mask.new_ones(len(ids), 1)], dim=1)
        logits, cache = decode_one_token(model, torch.tensor(ids, device=mask.device), cache, position, mask)


def pad_left(prompts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Prompts, each [L, H] → one batch [B, longest, H] with zeros on the left, and its mask [B, longest]."""
    longest = max(len(p) for p in prompts)
    batch = prompts[0].new_zeros(len(prompts), longest, prompts[0].shape[-1])
    mask = torch.zeros(len(prompts), longest, dtype=torch.long, device=batch.device)
    for row, prompt in enumerate(prompts):
        batch[row, longest - len(prompt) :] = prompt
        mask[row, longest - len(prompt) :] = 1
    return batch, mask
