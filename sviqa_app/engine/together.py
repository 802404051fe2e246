"""Answers that are written together: questions about one picture stand behind it, and none sees the others.

So the language model reads a picture once for all its questions, and keeps it once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..model.lean import LeanReader
from ..model.prompt import BEGIN, END
from ..model.sviqa import Sviqa

_KEPT = 0.75  # once fewer families than this share of a batch are unfinished, the others are dropped from it


class Answer(Protocol):
    """An answer that is being written."""

    @property
    def done(self) -> bool:
        """Whether it is finished."""

    @property
    def place(self) -> int:
        """The next token's distance from the first."""

    def take(self, logits: Tensor, total: float) -> int:
        """From logits [V] and the logarithm of the sum of their exponentials: the id that comes next."""


@dataclass(frozen=True)
class Family:
    """Questions about one `picture` [patches, H], each with its prompt [L, H] and its answer."""

    picture: Tensor
    prompts: Sequence[Tensor]
    answers: Sequence[Answer]

    @property
    def open(self) -> bool:
        """Whether an answer is not finished."""
        return not all(answer.done for answer in self.answers)


def batches(families: Iterable[Family], most: int) -> Iterator[list[Family]]:
    """Families that are alike, with at most so many questions in all, unless one has more."""
    some: list[Family] = []
    for family in sorted(families, key=lambda one: (len(one.prompts), sum(map(len, one.prompts)))):
        if some and sum(len(one.prompts) for one in (*some, family)) > most:
            yield some
            some = []
        some.append(family)
    yield some


@torch.inference_mode()
def write(model: Sviqa, families: Sequence[Family]) -> None:
    """Write every answer of some families, whose pictures have the same number of patches."""
    begin = model.embed(torch.tensor([BEGIN]))
    owners, positions, ends, starts = _laid_out(families)
    askers = torch.arange(1, ends.shape[1] + 1).expand(len(families), -1)
    embeddings = _padded([torch.cat([begin, family.picture, *family.prompts]) for family in families])
    ahead = torch.full((owners.shape[1],) * 2, -torch.inf).triu(1)
    asked = torch.arange(len(families))[:, None].expand_as(ends), ends
    reader = LeanReader(model)
    hidden = reader.read(embeddings, positions, _sight(owners, owners) + ahead, asked)
    while True:
        position = starts + _padded([torch.tensor([answer.place for answer in one.answers]) for one in families])
        ids = _taken(families, model.logits(hidden))
        going = [number for number, one in enumerate(families) if one.open]
        if not going:
            return
        if len(going) < _KEPT * len(families):
            families = [families[number] for number in going]
            reader.keep(torch.tensor(going))
            ids, position, starts, owners, askers = (part[going] for part in (ids, position, starts, owners, askers))
        owners = torch.cat([owners, askers], 1)
        hidden = reader.read(model.embed(ids), position, _sight(askers, owners))


def _laid_out(families: Sequence[Family]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of each place of each family, [F, L]: whose it is (0 the picture's, n the n-th question's, -1 nobody's), and its
    position; of each question, [F, Q]: its last place, and the position where its answer begins.
    """
    seen = 1 + len(families[0].picture)
    lengths = [torch.tensor([seen, *map(len, one.prompts)]) for one in families]
    owners = [torch.arange(len(some)).repeat_interleave(some) for some in lengths]
    positions = [torch.cat([torch.arange(seen), *(torch.arange(seen, seen + n) for n in some[1:])]) for some in lengths]
    ends = [some.cumsum(0)[1:] - 1 for some in lengths]
    starts = [seen + some[1:] for some in lengths]
    return _padded(owners, -1), _padded(positions), _padded(ends), _padded(starts)


def _sight(asking: Tensor, owners: Tensor) -> Tensor:
    """What is added where places [F, q] attend to places [F, k]: all but their own and the picture are out of sight."""
    foreign = (owners[:, None] != 0) & (owners[:, None] != asking[:, :, None])
    return torch.zeros(foreign.shape).masked_fill(foreign, -torch.inf)[:, None]


def _taken(families: Sequence[Family], logits: Tensor) -> Tensor:
    """The ids [F, Q] that come next, from logits [F, Q, V]; END where nothing is to be written."""
    totals = logits.logsumexp(-1).tolist()
    return _padded(
        [
            torch.tensor([END if a.done else a.take(*given) for a, *given in zip(one.answers, *row, strict=False)])
            for one, *row in zip(families, logits, totals, strict=True)
        ],
        END,
    )


def _padded(parts: list[Tensor], value: int = 0) -> Tensor:
    return pad_sequence(parts, batch_first=True, padding_value=value)
