"""The language stage: many questions a picture, packed behind it, each blind to the others.

The tower writes words (see wordspace.py), so the language model first learns on words written straight from the
scene, with the doubts and slips that tower and ear will have, and needs neither of them; then on what they really
write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ..model.audio_tokens import to_language
from ..model.config import SviqaConfig
from ..model.interleave import Marks, interleave
from ..model.prompt import ASSISTANT, BEGIN, END, END_OF_TEXT, PAD, USER, encode
from ..model.sviqa import Sviqa
from .corpus import HINTS, tokenizer
from .ear import word_vectors
from .questions import SKILLS, Asked, ask
from .scenes import Scene, sample_scene
from .wordspace import GRID, SLOTS, mark, picture_words

IGNORED = -100
PATCHES = GRID * GRID
ALIKE, LOOK = 0.06, 0.85  # how strongly heads start out matching, and keeping to patches or words


@cache
def _ids(text: str) -> tuple[int, ...]:
    return tuple(encode(tokenizer(), text))


@dataclass
class Packed:
    """Turns packed into one row: ids, their positions, the conversation they belong to, and what comes next."""

    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    spoken: list[int] = field(default_factory=list)

    def add(self, identity: int, position: int, block: int, spoken: int = 0) -> None:
        """One more token; `spoken` counts from 1 where a token stands for speech."""
        self.ids.append(identity)
        self.positions.append(position)
        self.blocks.append(block)
        self.labels.append(IGNORED)
        self.spoken.append(spoken)


def drawl(ids: tuple[int, ...], rng: Generator) -> list[int]:
    """Word ids as an ear would write them: about ten a second, with silences, echoes and slips."""
    written = [PAD] * int(rng.integers(1, 5))
    for identity in ids:
        if rng.random() < 0.02:
            identity = int(rng.integers(9, 340))
        if rng.random() < 0.01:
            continue
        written += [identity] * (2 if rng.random() < 0.08 else 1)
        written += [PAD] * int(rng.choice(5, p=[0.12, 0.3, 0.3, 0.18, 0.1]))
    return written + [PAD] * int(rng.integers(0, 5))


def add_turn(
    row: Packed,
    block: int,
    at: int,
    question: list[tuple[int, int]],
    answer: list[int],
    config: SviqaConfig,
    audio: list[int] | None = None,
) -> int:
    """Append one turn from position `at`: question of (id, spoken) pairs, then the answer. Returns the next position.

    With `audio` (vocoder ids) the answer is written in both, interleaved. Without, text after the first ten tokens
    is placed where it will stand once audio tokens are between (10 : 15).
    """
    row.add(USER, at, block)
    for offset, (identity, spoken) in enumerate(question):
        row.add(identity, at + 1 + offset, block, spoken)
    at += 1 + len(question)
    row.add(ASSISTANT, at, block)
    if audio is not None:
        marks = Marks(text_end=END_OF_TEXT, end=END)
        written = interleave(answer, to_language(audio, config.audio), marks, config.audio)
        for identity in written:
            at += 1
            row.labels[-1] = identity
            row.add(identity, at, block)
        return at + 1
    for number, identity in enumerate([*answer, END_OF_TEXT]):
        row.labels[-1] = identity
        if number and number % config.audio.text_per_turn == 0:
            at += config.audio.audio_per_turn
        at += 1
        row.add(identity, at, block)
    return at + 1


def say_question(asked: Asked, mode: str, rng: Generator) -> list[tuple[int, int]]:
    """A question as (id, spoken) pairs in the mode "text", "speech" or "mixed"."""
    ids = _ids(asked.text)
    spoken = [(i, 1) for i in drawl(ids, rng)] if mode != "text" else []
    words = [(i, 0) for i in ids] if mode != "speech" else []
    if mode != "speech" and rng.random() < 0.1:
        words += [(i, 0) for i in _ids(str(rng.choice(HINTS)))]
    if mode == "mixed" and rng.random() < 0.15:  # speech with a hint alone
        words = [(i, 0) for i in _ids(str(rng.choice(HINTS)))]
    return spoken + words


@dataclass(frozen=True)
class Lesson:
    """What a batch of the language stage holds: `pictures` rows of about `questions` turns.

    With `codes` (answer text → vocoder ids) each answer is also voiced. `seed` sets the scenes; `modes` how often a
    question is typed, spoken or both.
    """

    pictures: int
    questions: int
    seed: int = 0
    modes: tuple[float, float, float] = (0.45, 0.35, 0.2)
    codes: Callable[[str], list[int]] | None = None


def language_batch(config: SviqaConfig, lesson: Lesson, step: int) -> dict[str, Tensor]:
    """Batch number `step`: scenes as the words the tower should write, and packed conversations about each."""
    rng = np.random.default_rng((19, lesson.seed, step))
    rows, written = [], []
    for _ in range(lesson.pictures):
        scene = sample_scene(rng)
        written.append(doubtful(picture_words(scene, config.text.hidden_size), rng))
        rows.append(_conversations(scene, rng, config, lesson))
    batch = collate(rows)
    batch["written"] = torch.stack(written)
    batch["seed"] = torch.tensor(step)
    return batch


def _conversations(scene: Scene, rng: Generator, config: SviqaConfig, lesson: Lesson) -> Packed:
    """About `lesson.questions` turns; most conversations have one, and a voiced answer ends its conversation."""
    row, block, left = Packed(), 0, lesson.questions
    while left > 0:
        block += 1
        at = 1 + PATCHES
        turns = int(rng.integers(2, 4)) if rng.random() < 0.15 else 1
        for turn in range(turns):
            mode = str(rng.choice(["text", "speech", "mixed"], p=lesson.modes))
            asked = ask(scene, rng)
            audio = lesson.codes(asked.answer) if lesson.codes and turn == turns - 1 else None
            question = say_question(asked, mode, rng)
            at = add_turn(row, block, at, question, list(_ids(asked.answer)), config, audio)
            left -= 1
    return row


def doubtful(written: Tensor, rng: Generator) -> Tensor:
    """The tower's words with the faults a tower has: doubts between two places' contents, and noise."""
    width = written.shape[1]
    if rng.random() < 0.3:
        a, b = rng.choice(len(SLOTS), 2, replace=False)
        mix = rng.uniform(0, 0.35)
        written[SLOTS[a]] = (1 - mix) * written[SLOTS[a]] + mix * written[SLOTS[b]]
    noise = torch.from_numpy(rng.standard_normal(written.shape, np.float32))
    level = float(rng.uniform(0.05, 0.5)) / width**0.5
    return written.add(noise, alpha=level) + mark("patch", width)


def collate(rows: list[Packed]) -> dict[str, Tensor]:
    """Packed rows padded to one length: each [P, L]; padding is its own block of -1."""
    longest = max(len(r.ids) for r in rows)

    def padded(values: list[list[int]], empty: int) -> Tensor:
        return torch.tensor([v + [empty] * (longest - len(v)) for v in values])

    return {
        "ids": padded([r.ids for r in rows], PAD),
        "positions": padded([r.positions for r in rows], 0),
        "blocks": padded([r.blocks for r in rows], -1),
        "labels": padded([r.labels for r in rows], IGNORED),
        "spoken": padded([r.spoken for r in rows], 0),
    }


def packed_mask(blocks: Tensor, prefix: int, dtype: torch.dtype) -> Tensor:
    """blocks [P, L] → additive mask [P, 1, prefix + L, prefix + L]: causal, and blind to other conversations."""
    whole = F.pad(blocks, (prefix, 0), value=0)
    same = (whole[:, :, None] == whole[:, None, :]) | (whole[:, None, :] == 0)
    length = whole.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=blocks.device).tril()
    allowed = (same & causal)[:, None]
    return torch.zeros(allowed.shape, dtype=dtype, device=blocks.device).masked_fill(~allowed, torch.finfo(dtype).min)


def start_language(model: Sviqa) -> None:
    """Start where looking things up is easy.

    The fixed word directions go into embeddings and head, so that reading and naming start out aligned. Heads
    take turns: one looks from words at patches that say the same, the next from words at words; the marks of
    wordspace.py tell the two apart. What a head reads it writes back (output = values transposed).
    """
    words = word_vectors(model.config)
    used = words.norm(dim=1) > 0
    language = model.llava.model.language_model
    with torch.no_grad():
        embeddings = language.embed_tokens.weight
        embeddings[: len(words)][used] = words[used]
        embeddings[len(words) :].normal_(0, 1 / model.config.text.hidden_size**0.5)
        embeddings += mark("word", model.config.text.hidden_size)
        model.llava.lm_head.weight[: len(words)][used] = 0.3 * words[used]
        for layer in language.layers:
            _start_attention(layer.self_attn, model.config)


def _start_attention(attention: nn.Module, config: SviqaConfig) -> None:
    """Even heads look at patches alike, odd heads at words. The last dimension of a head turns least with place."""
    width = config.text.hidden_size // config.text.heads
    queries, keys = attention.q_proj.weight, attention.k_proj.weight
    values, output = attention.v_proj.weight, attention.o_proj.weight
    assert all(isinstance(w, Tensor) for w in (queries, keys, values, output))
    queries.normal_(0, ALIKE)
    keys.copy_(queries)
    for head in range(config.text.heads):
        last = (head + 1) * width - 1
        if head % 2:
            queries[head * width : last].normal_(0, 0.02)
            keys[head * width : last].normal_(0, 0.02)
        queries[last] = LOOK * 2 * mark("word", config.text.hidden_size)
        keys[last] = LOOK * 2 * mark("word" if head % 2 else "patch", config.text.hidden_size)
    values.normal_(0, ALIKE)
    output.copy_(values.T)


def run_packed(model: Sviqa, batch: dict[str, Tensor], written: Tensor, embedded: Tensor) -> Tensor:
    """Hidden states [N, H] where there are labels, for pictures `written` [P, 64, H] and turns `embedded` [P, L, H]."""
    begin = model.embed(torch.full((len(written), 1), BEGIN))
    inputs = torch.cat([begin, written, embedded], 1)
    prefix = 1 + PATCHES
    front = torch.arange(prefix).expand(len(written), -1)
    hidden, _ = model.language(
        inputs,
        attention_mask=packed_mask(batch["blocks"], prefix, inputs.dtype),
        position_ids=torch.cat([front, batch["positions"]], 1),
        use_cache=False,
    )
    return hidden[:, prefix:][batch["labels"] != IGNORED]


def language_loss(model: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Cross-entropy of the answers' tokens; speech positions carry the noise an ear leaves."""
    assert isinstance(model, Sviqa)
    embedded = model.embed(batch["ids"])
    generator = torch.Generator().manual_seed(int(batch["seed"]))
    noise = torch.randn(embedded.shape, generator=generator) / embedded.shape[-1] ** 0.5
    level = torch.rand(embedded.shape[:2], generator=generator) * 0.7
    embedded = embedded + (batch["spoken"] > 0)[..., None] * level[..., None] * noise
    return token_losses(model, run_packed(model, batch, batch["written"], embedded), batch)


def token_losses(model: Sviqa, hidden: Tensor, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Mean cross-entropy over the text tokens, and (weighted less, for there are many) over the audio tokens."""
    labels = batch["labels"][batch["labels"] != IGNORED]
    each = F.cross_entropy(model.logits(hidden).float(), labels, reduction="none")
    voiced = (labels >= model.config.audio.base) | (labels == END)
    losses = {"answer": each[~voiced].mean()}
    if bool(voiced.any()):
        losses["voice"] = 0.4 * each[voiced].mean()
    return losses


def skill_batch(
    config: SviqaConfig, first: int, count: int, mode: str, which: str
) -> tuple[dict[str, Tensor], list[Asked]]:
    """`count` single questions a scene row for measuring, one conversation each, on scenes of other seeds."""
    rows, written, asked_all = [], [], []
    for i in range(count):
        rng = np.random.default_rng((first, i, 23))
        scene = sample_scene(rng)
        written.append(picture_words(scene, config.text.hidden_size) + mark("patch", config.text.hidden_size))
        row = Packed()
        for block in range(1, 13):
            asked = ask(scene, rng, which)
            add_turn(row, block, 1 + PATCHES, say_question(asked, mode, rng), list(_ids(asked.answer)), config)
            asked_all.append(asked)
        rows.append(row)
    batch = collate(rows)
    batch["written"] = torch.stack(written)
    batch["seed"] = torch.tensor(0)
    return batch, asked_all


def answers_right(model: Sviqa, batch: dict[str, Tensor], embedded: Tensor | None = None) -> list[bool]:
    """Whether every token of each packed answer comes first (as greedy decoding would answer)."""
    hidden = run_packed(model, batch, batch["written"], model.embed(batch["ids"]) if embedded is None else embedded)
    labelled = batch["labels"] != IGNORED
    hit = model.logits(hidden).argmax(-1) == batch["labels"][labelled]
    rows, blocks = labelled.nonzero()[:, 0], batch["blocks"][labelled]
    right: dict[tuple[int, int], bool] = {}
    for row, block, ok in zip(rows.tolist(), blocks.tolist(), hit.tolist(), strict=True):
        right[row, block] = right.get((row, block), True) and ok
    return [right[key] for key in sorted(right)]


def language_measure(model: nn.Module, config: SviqaConfig, pictures: int = 24) -> dict[str, float]:
    """Share of answers fully right on unseen scenes and held-out phrasings: all, and by skill."""
    assert isinstance(model, Sviqa)
    result: dict[str, float] = {}
    for mode in ("text", "speech"):
        batch, asked = skill_batch(config, 5 * 10**8, pictures, mode, "held-out")
        right = answers_right(model, batch)
        result[mode] = float(np.mean(right))
        if mode == "text":
            for skill in SKILLS:
                hits = [r for r, a in zip(right, asked, strict=True) if a.skill == skill]
                result[skill] = float(np.mean(hits)) if hits else float("nan")
    return result
