"""The language stage: many questions a picture, packed behind it, each blind to the others.

The tower writes words (see wordspace.py), so the language model first learns on words written straight from the
scene, with the doubts and slips that tower and ear will have, and needs neither of them; then on what they really
write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

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
from .mentions import UNKNOWN, mentions, subject
from .questions import SKILLS, Asked, ask
from .scenes import Scene, sample_scene
from .words import COLOUR_NAMES, COUNTS, KINDS, PLACES
from .wordspace import GRID, SLOTS, mark, picture_words

IGNORED = -100
PATCHES = GRID * GRID
ALIKE, LOOK, COPY = 0.08, 1.2, 0.03  # how strongly heads start out matching, keeping to patches or words, passing on
CURT = 0.3  # how often a question loses some of these words, unless they stand before a name
FILLERS = {
    "a", "are", "can", "do", "here", "i", "image", "in", "is", "it", "know", "me", "of", "picture", "say",
    "see", "tell", "the", "there", "this", "to", "want", "what", "where", "which", "you", "find", "please",
    "thing", "shown",
}  # fmt: skip
FAST = 0.3  # of a head's dimensions, those that rotary positions turn too fast to compare by


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
    points: list[int] = field(default_factory=list)

    def add(self, identity: int, position: int, block: int, spoken: int = 0, points: int = UNKNOWN) -> None:
        """One more token; `spoken` counts from 1 where it stands for speech, `points` to the places it speaks of."""
        self.ids.append(identity)
        self.positions.append(position)
        self.blocks.append(block)
        self.labels.append(IGNORED)
        self.spoken.append(spoken)
        self.points.append(points)


Pointed = tuple[int, int]  # id, the places it points to
Word = tuple[int, int, int]  # id, whether and which speech it stands for (0 is none), the places it points to


def drawl(words: list[Word], rng: Generator) -> list[Word]:
    """Words as an ear would write them: about ten a second, with silences, echoes and slips."""
    silence = (PAD, 1, UNKNOWN)
    written = [silence] * int(rng.integers(1, 5))
    for identity, _, points in words:
        if rng.random() < 0.02:
            identity, points = int(rng.integers(9, 340)), UNKNOWN
        if rng.random() < 0.01:
            continue
        written += [(identity, 1, points)] * (2 if rng.random() < 0.08 else 1)
        written += [silence] * int(rng.choice(5, p=[0.12, 0.3, 0.3, 0.18, 0.1]))
    return written + [silence] * int(rng.integers(0, 5))


def add_turn(
    row: Packed,
    block: int,
    at: int,
    question: list[Word],
    answer: list[Pointed],
    config: SviqaConfig,
    audio: list[int] | None = None,
    about: int = UNKNOWN,
) -> int:
    """Append one turn from position `at`: a question, then its answer `about` some places. Returns the next position.

    With `audio` (vocoder ids) the answer is written in both, interleaved. Without, text after the first ten tokens
    is placed where it will stand once audio tokens are between (10 : 15).
    """
    ids = [identity for identity, _ in answer]
    places = [place for _, place in answer]
    row.add(USER, at, block)
    for offset, (identity, spoken, points) in enumerate(question):
        row.add(identity, at + 1 + offset, block, spoken, points)
    at += 1 + len(question)
    row.add(ASSISTANT, at, block, points=about)
    if audio is not None:
        marks = Marks(text_end=END_OF_TEXT, end=END)
        for identity in interleave(ids, to_language(audio, config.audio), marks, config.audio):
            at += 1
            row.labels[-1] = identity
            is_text = identity < config.audio.base and identity not in (END_OF_TEXT, END)
            row.add(identity, at, block, points=places.pop(0) if is_text else UNKNOWN)
        return at + 1
    for number, identity in enumerate([*ids, END_OF_TEXT]):
        row.labels[-1] = identity
        if number and number % config.audio.text_per_turn == 0:
            at += config.audio.audio_per_turn
        at += 1
        row.add(identity, at, block, points=places[number] if number < len(places) else UNKNOWN)
    return at + 1


def say_question(scene: Scene, asked: Asked, mode: str, rng: Generator) -> list[Word]:
    """A question about `scene` in the mode "text", "speech" or "mixed"."""
    typed = [(i, 0, p) for i, p in pointed(scene, asked.text)]
    if rng.random() < CURT:  # as people do, with fewer words
        named = {i for i, (_, _, p) in enumerate(typed) if p != UNKNOWN}
        typed = [
            word
            for i, (word, text) in enumerate(zip(typed, asked.text.split(), strict=False))
            if {i, i + 1} & named or text not in FILLERS or rng.random() < 0.65
        ]
    spoken = drawl(typed, rng) if mode != "text" else []
    words = typed if mode != "speech" else []
    if mode != "speech" and rng.random() < 0.1:
        words = words + _hint(rng)
    if mode == "mixed" and rng.random() < 0.15:  # speech with a hint alone
        words = _hint(rng)
    return spoken + words


def pointed(scene: Scene, text: str) -> list[Pointed]:
    """The ids of a text, each with the places it names."""
    ids, points = _ids(text), mentions(scene, text)
    if len(ids) != len(points):  # a word in pieces
        points = [UNKNOWN] * len(ids)
    return list(zip(ids, points, strict=True))


def say_answer(scene: Scene, text: str) -> list[Pointed]:
    """The ids of an answer, names with the places they fit, in a list "," and "and" with those of what comes next."""
    said = pointed(scene, text)
    coming = UNKNOWN
    for i in reversed(range(len(said))):
        identity, place = said[i]
        if place != UNKNOWN:
            coming = place
        elif identity in _separators():
            said[i] = identity, coming
    return said


@cache
def _separators() -> tuple[int, ...]:
    return _ids(", and")


def _hint(rng: Generator) -> list[Word]:
    return [(i, 0, UNKNOWN) for i in _ids(str(rng.choice(HINTS)))]


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
    rows, written, scenes = [], [], []
    for _ in range(lesson.pictures):
        scene = sample_scene(rng)
        scenes.append(scene)
        written.append(doubtful(picture_words(scene, config.text.hidden_size), rng))
        rows.append(_conversations(scene, rng, config, lesson))
    batch = collate(rows) | contents(scenes)
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
            question, answer = say_question(scene, asked, mode, rng), say_answer(scene, asked.answer)
            at = add_turn(row, block, at, question, answer, config, audio, subject(scene, asked))
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
        "points": padded([r.points for r in rows], UNKNOWN),
    }


def packed_mask(blocks: Tensor, prefix: int, dtype: torch.dtype) -> Tensor:
    """blocks [P, L] → additive mask [P, 1, prefix + L, prefix + L]: causal, and blind to other conversations."""
    whole = F.pad(blocks, (prefix, 0), value=0)
    same = (whole[:, :, None] == whole[:, None, :]) | (whole[:, None, :] == 0)
    length = whole.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=blocks.device).tril()
    allowed = (same & causal)[:, None]
    return torch.zeros(allowed.shape, dtype=dtype, device=blocks.device).masked_fill(~allowed, torch.finfo(dtype).min)


class LanguageStudent(nn.Module):
    """The model, and two helping heads that are thrown away: which places a name, and an answer, is about.

    The first reads names after a third of the layers, the second what comes next after two thirds: at the end of the
    question all that the answer is about, between the parts of a list the next. Each
    says which of the nine places, how many, and which kinds and colours are there.
    """

    def __init__(self, model: Sviqa) -> None:
        super().__init__()
        self.model = model
        width, labels = model.config.text.hidden_size, len(PLACES) + len(KINDS) + len(COLOUR_NAMES) + len(COUNTS)
        self.named, self.about = nn.Linear(width, labels), nn.Linear(width, labels)
        for head in (self.named, self.about):
            nn.init.constant_(head.bias, -3.0)  # most labels are 0


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


def _start_attention(attention: Any, config: SviqaConfig) -> None:
    """Even heads look at patches alike, odd heads at words.

    Only dimensions that turn slowly with place take part; the last of a head, which turns least, reads the marks.
    """
    width = config.text.hidden_size // config.text.heads
    queries, keys = attention.q_proj.weight, attention.k_proj.weight
    slow = (torch.arange(width) % (width // 2) >= FAST * width / 2).nonzero()[:, 0]
    for head in range(config.text.heads):
        if head % 2 == 0:
            alike = torch.randn(len(slow), config.text.hidden_size) * ALIKE
            queries[head * width + slow], keys[head * width + slow] = alike, alike
        last = (head + 1) * width - 1
        queries[last] = LOOK * 2 * mark("word", config.text.hidden_size)
        keys[last] = LOOK * 2 * mark("word" if head % 2 else "patch", config.text.hidden_size)
    attention.v_proj.weight.normal_(0, COPY)
    attention.o_proj.weight.copy_(attention.v_proj.weight.T)


def run_packed(model: Sviqa, batch: dict[str, Tensor], written: Tensor, embedded: Tensor) -> list[Tensor]:
    """Hidden states [P, L, H] before, between and after the layers, of packed turns `embedded` [P, L, H].

    `written` [P, 64, H] are their pictures.
    """
    begin = model.embed(torch.full((len(written), 1), BEGIN))
    inputs = torch.cat([begin, written, embedded], 1)
    prefix = 1 + PATCHES
    front = torch.arange(prefix).expand(len(written), -1)
    out = model.llava.model.language_model(
        inputs_embeds=inputs,
        attention_mask=packed_mask(batch["blocks"], prefix, inputs.dtype),
        position_ids=torch.cat([front, batch["positions"]], 1),
        use_cache=False,
        output_hidden_states=True,
    )
    return [hidden[:, prefix:] for hidden in out.hidden_states]


def language_loss(student: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Losses of simulated pictures and speech; speech positions carry the noise an ear leaves."""
    assert isinstance(student, LanguageStudent)
    embedded = student.model.embed(batch["ids"])
    generator = torch.Generator().manual_seed(int(batch["seed"]))
    noise = torch.randn(embedded.shape, generator=generator) / embedded.shape[-1] ** 0.5
    level = torch.rand(embedded.shape[:2], generator=generator) * 0.7
    embedded = embedded + (batch["spoken"] > 0)[..., None] * level[..., None] * noise
    return student_losses(student, run_packed(student.model, batch, batch["written"], embedded), batch)


def student_losses(student: LanguageStudent, hidden: list[Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Cross-entropy of the answers' tokens, and of the places that names and answers are about."""
    losses = token_losses(student.model, hidden[-1][batch["labels"] != IGNORED], batch)
    layers = student.model.config.text.layers
    ends = torch.isin(batch["ids"], torch.tensor([ASSISTANT, *_separators()]))
    for name, head, depth, there, weight in (
        ("named", student.named, (layers + 2) // 3, ~ends, 2.0),
        ("about", student.about, (2 * layers + 2) // 3, ends, 1.0),
    ):
        there = there & (batch["points"] != UNKNOWN)
        if bool(there.any()):
            truth, scores = what_is_there(batch, there), head(hidden[depth][there]).float()
            each = F.binary_cross_entropy_with_logits(scores, truth, reduction="none")
            losses[name] = weight * each.sum(-1).mean() / len(PLACES)
    return losses


def what_is_there(batch: dict[str, Tensor], there: Tensor) -> Tensor:
    """0 or 1 for N positions `there` [P, L]: the places pointed to, kinds and colours there, how many: [N, ...]."""
    places = (batch["points"][there][:, None] >> torch.arange(len(PLACES)) & 1).float()
    rows = there.nonzero()[:, 0]
    kinds = F.one_hot(batch["kinds"], len(KINDS) + 1)[..., :-1].float()
    colours = F.one_hot(batch["colours"] + 1, len(COLOUR_NAMES) + 1)[..., 1:].float()
    seen = torch.einsum("np,npk->nk", places, torch.cat([kinds, colours], -1)[rows])
    many = F.one_hot(places.sum(-1).long().clamp(max=len(COUNTS) - 1), len(COUNTS)).float()
    return torch.cat([places, seen.clamp(max=1), many], -1)


def contents(scenes: list[Scene]) -> dict[str, Tensor]:
    """What is in each place of each scene: `kinds` [P, 9], the last for nothing, and `colours` [P, 9], -1 for none."""
    kinds = torch.full((len(scenes), len(PLACES)), len(KINDS))
    colours = torch.full((len(scenes), len(PLACES)), -1)
    for row, scene in enumerate(scenes):
        for thing in scene.things:
            kinds[row, thing.place] = KINDS.index(thing.kind)
            if thing.colour:
                colours[row, thing.place] = COLOUR_NAMES.index(thing.colour)
    return {"kinds": kinds, "colours": colours}


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
            question = say_question(scene, asked, mode, rng)
            add_turn(row, block, 1 + PATCHES, question, say_answer(scene, asked.answer), config)
            asked_all.append(asked)
        rows.append(row)
    batch = collate(rows)
    batch["written"] = torch.stack(written)
    batch["seed"] = torch.tensor(0)
    return batch, asked_all


def answers_right(model: Sviqa, batch: dict[str, Tensor], embedded: Tensor | None = None) -> list[bool]:
    """Whether every token of each packed answer comes first (as greedy decoding would answer)."""
    labelled = batch["labels"] != IGNORED
    hidden = run_packed(model, batch, batch["written"], model.embed(batch["ids"]) if embedded is None else embedded)
    hit = model.logits(hidden[-1][labelled]).argmax(-1) == batch["labels"][labelled]
    rows, blocks = labelled.nonzero()[:, 0], batch["blocks"][labelled]
    right: dict[tuple[int, int], bool] = {}
    for row, block, ok in zip(rows.tolist(), blocks.tolist(), hit.tolist(), strict=True):
        right[row, block] = right.get((row, block), True) and ok
    return [right[key] for key in sorted(right)]


def language_measure(student: nn.Module, config: SviqaConfig, pictures: int = 24) -> dict[str, float]:
    """Share of answers fully right on unseen scenes and held-out phrasings: all, and by skill."""
    assert isinstance(student, LanguageStudent)
    result: dict[str, float] = {}
    for mode in ("text", "speech"):
        batch, asked = skill_batch(config, 5 * 10**8, pictures, mode, "held-out")
        right = answers_right(student.model, batch)
        result[mode] = float(np.mean(right))
        if mode == "text":
            for skill in SKILLS:
                hits = [r for r, a in zip(right, asked, strict=True) if a.skill == skill]
                result[skill] = float(np.mean(hits)) if hits else float("nan")
    return result
