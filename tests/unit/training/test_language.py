"""Packed conversations do not see each other, and give what each would give alone."""

from __future__ import annotations

import torch

from sviqa_app.model.config import SviqaConfig, TextConfig
from sviqa_app.model.prompt import ASSISTANT, END, END_OF_TEXT, USER
from sviqa_app.model.sviqa import Sviqa
from sviqa_app.training.language import (
    PATCHES,
    LanguageStudent,
    Lesson,
    Packed,
    add_turn,
    answers_right,
    collate,
    contents,
    language_batch,
    language_loss,
    run_packed,
    say_answer,
    start_language,
    what_is_there,
)
from sviqa_app.training.mentions import UNKNOWN
from sviqa_app.training.scenes import Scene, Thing
from sviqa_app.training.words import COLOUR_NAMES, COUNTS, KINDS, PLACES

CONFIG = SviqaConfig(text=TextConfig(intermediate_size=64, layers=2))


def model() -> Sviqa:
    torch.manual_seed(0)
    made = Sviqa(CONFIG).eval()
    start_language(made)
    return made


def turn(row: Packed, block: int, words: list[int], answer: list[int]) -> None:
    add_turn(row, block, 1 + PATCHES, [(w, 0, UNKNOWN) for w in words], [(a, UNKNOWN) for a in answer], CONFIG)


def test_packed_equals_alone() -> None:
    made = model()
    written = torch.randn(1, PATCHES, CONFIG.text.hidden_size, generator=torch.Generator().manual_seed(1))
    both, second = Packed(), Packed()
    turn(both, 1, [20, 21], [30, 31])
    turn(both, 2, [40, 41, 42], [50])
    turn(second, 1, [40, 41, 42], [50])
    with torch.no_grad():
        packed, alone = (
            run_packed(made, batch, written, made.embed(batch["ids"]))[-1][batch["labels"] >= 0]
            for batch in (collate([both]), collate([second]))
        )
    assert torch.allclose(packed[-2:], alone, atol=1e-5)


def test_text_after_ten_tokens_stands_where_it_will_with_audio_between() -> None:
    ids = list(range(100, 113))
    answer = [(i, i % 9) for i in ids]
    plain, voiced = Packed(), Packed()
    add_turn(plain, 1, 65, [(20, 0, UNKNOWN)], answer, CONFIG)
    add_turn(voiced, 1, 65, [(20, 0, UNKNOWN)], answer, CONFIG, audio=[0, 1, 1024, 1025, 1026] * 6)
    where = {i: p for i, p in zip(voiced.ids, voiced.positions, strict=True) if i in ids}
    assert {i: p for i, p in zip(plain.ids, plain.positions, strict=True) if i in ids} == where
    assert [p for i, p in zip(voiced.ids, voiced.points, strict=True) if i in ids] == [i % 9 for i in ids]
    assert voiced.ids[:3] == [USER, 20, ASSISTANT] and voiced.ids[-1] == END and END_OF_TEXT in voiced.ids


def test_every_answer_token_is_a_label() -> None:
    row = Packed()
    turn(row, 1, [20], [30, 31])
    assert [label for label in row.labels if label >= 0] == [30, 31, END_OF_TEXT]


def test_batches_are_the_same_each_time_and_can_be_learned_from() -> None:
    lesson = Lesson(2, 3)
    first, again = language_batch(CONFIG, lesson, 4), language_batch(CONFIG, lesson, 4)
    assert all(torch.equal(first[key], again[key]) for key in first)
    losses = language_loss(LanguageStudent(model()), first)
    assert losses.keys() == {"answer", "named", "about"}
    assert all(bool(torch.isfinite(loss)) for loss in losses.values())


def test_answers_right_counts_each_conversation() -> None:
    row = Packed()
    turn(row, 1, [20], [30])
    turn(row, 2, [21], [31])
    batch = collate([row])
    batch["written"] = torch.zeros(1, PATCHES, CONFIG.text.hidden_size)
    assert len(answers_right(model(), batch)) == 2


def test_labels_say_what_is_in_the_places_pointed_to() -> None:
    scene = Scene((Thing("circle", "red", 0, 0.16, 0.16, 0.2), Thing("dog", None, 4, 0.5, 0.5, 0.2)), "white")
    row = Packed()
    row.add(20, 65, 1, points=1 << 0 | 1 << 4)
    row.add(21, 66, 1)
    batch = collate([row]) | contents([scene])
    truth = what_is_there(batch, batch["points"] != UNKNOWN)[0]
    marked = {[*PLACES, *KINDS, *COLOUR_NAMES, *COUNTS][i] for i in truth.nonzero()[:, 0].tolist()}
    assert marked == {"top left", "center", "circle", "dog", "red", "two"}


def test_a_list_points_to_what_comes_next() -> None:
    scene = Scene((Thing("circle", "red", 0, 0.16, 0.16, 0.2), Thing("dog", None, 4, 0.5, 0.5, 0.2)), "white")
    assert [p for _, p in say_answer(scene, "a red circle and a dog")] == [UNKNOWN, UNKNOWN, 1, 1 << 4, UNKNOWN, 1 << 4]
    assert [p for _, p in say_answer(scene, "yes , center")] == [UNKNOWN, 1 << 4, 1 << 4]
