"""The narrator's lessons: the same each time, whole lines in range; and what is learned is what is said."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sviqa_app.model.config import AudioTokenConfig, Step1Config
from sviqa_app.model.narration import (
    BASE,
    END,
    FIRST_SOUND,
    PAD,
    PAUSE_IDS,
    RATE_IDS,
    SAY,
    SOUND_IDS,
    SOUNDS_END,
    SPELL,
    START,
    WORD_BEGINS,
    Narrator,
    spelling,
    word_sounds,
)
from sviqa_app.training.lexicon import Lexicon
from sviqa_app.training.loop import Plan, one_cycle
from sviqa_app.training.misspelled import misspelled
from sviqa_app.training.narrator import (
    LONGEST_LINE,
    Lessons,
    narrator_loss,
    narrator_measure,
    new_narrator,
)
from sviqa_app.training.readings import Reading, placed_sounds, woven

from .test_readings import spoken

AUDIO = AudioTokenConfig(linguistic=24, semantic=24)
CONFIG = Step1Config(BASE + AUDIO.size, hidden_size=48, intermediate_size=96, layers=2, heads=4, groups=2)
LEXICON: Lexicon = {"so": ("s", "ow"), "no": ("n", "ow"), "tea": ("t", "iy"), "an": ("ae", "n")}
TEXTS = ("so no.", "tea?", "no, an tea.", "an so an no.")
SOUNDED = ("pau s ow n ow pau", "pau t iy pau", "pau n ow pau ae n t iy pau", "pau ae n s ow ae n n ow pau")


class Made:
    """Stands for `Readings`: every text said once, and one script that could not be used."""

    tokenizer = SimpleNamespace(config=AUDIO)
    count = len(TEXTS) + 1

    def text(self, i: int) -> str:
        return TEXTS[i]

    def __call__(self, i: int) -> Reading | None:
        if i == len(TEXTS):
            return None
        sounds = placed_sounds(TEXTS[i], spoken(SOUNDED[i]), LEXICON, begin=0.2)
        rng = np.random.default_rng(i)
        groups = sounds[-1][1] // 120 + 2
        first, second = rng.integers(0, 24, (groups, 2)), rng.integers(24, 48, (groups, 3))
        tokens = np.concatenate([first, second], 1).ravel()
        return Reading(("plain", "slow")[i % 2], tokens, np.array(sounds, np.int64))


def lessons(rows: int = 3, words: int = 6) -> Lessons:
    return Lessons(Made(), LEXICON, ["so", "no"], ["tea", "an"], rows, words)  # type: ignore[arg-type]


def lines(batch: torch.Tensor) -> Iterator[list[int]]:
    for row in batch.tolist():
        line = [token for token in row if token != PAD]
        assert row[: len(line)] == line
        yield line


def test_a_batch_is_the_same_each_time() -> None:
    for step in range(4):
        one, two = lessons()(step), lessons()(step)
        assert all(torch.equal(one[key], two[key]) for key in one)
    assert not torch.equal(lessons()(0)["heard"], lessons()(1)["heard"])


def test_lines_of_speech_are_whole_readings() -> None:
    known = [[START, RATE_IDS[r.rate], *woven(r, BASE), END] for i in range(len(TEXTS)) if (r := Made()(i))]
    for step in range(10):
        assert all(line in known for line in lines(lessons()(step)["speech"]))


def test_what_is_heard_differs_in_few_audio_tokens_alone() -> None:
    struck = counted = 0
    for step in range(40):
        batch = lessons()(step)
        speech, heard = batch["speech"], batch["heard"]
        assert torch.equal(speech[speech < BASE], heard[speech < BASE])
        for low, high in ((BASE, BASE + 24), (BASE + 24, BASE + 48)):
            mine = (speech >= low) & (speech < high)
            assert ((heard[mine] >= low) & (heard[mine] < high)).all()
        struck += int((speech != heard).sum())
        counted += int((speech >= BASE).sum())
    assert 0.02 < struck / counted < 0.06


def test_spelled_words_are_known_words() -> None:
    known = {tuple([*spelling(word), *word_sounds(sounds), END]) for word, sounds in LEXICON.items()}
    for step in range(10):
        found = [tuple(line) for line in lines(lessons()(step)["spelled"])]
        assert set(found) <= known and len(found) >= 6
        assert all(len(line) <= LONGEST_LINE for line in found)


def test_a_word_on_its_own() -> None:
    assert word_sounds(("t", "iy")) == (SOUND_IDS["t"] + WORD_BEGINS, SOUND_IDS["iy"])


def test_losses_are_finite_and_reach_every_parameter() -> None:
    model = new_narrator(CONFIG)
    losses = narrator_loss(model, lessons()(0))
    assert set(losses) == {"turn", "linguistic", "semantic", "spelling"}
    sum(losses.values()).backward()  # type: ignore[union-attr]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_measures_are_shares_and_losses() -> None:
    measured = narrator_measure(new_narrator(CONFIG).eval(), Made(), LEXICON, list(LEXICON))  # type: ignore[arg-type]
    assert set(measured) == {"words_right", "turn", "linguistic", "semantic"}
    assert 0 <= measured["words_right"] <= 1 and all(np.isfinite(value) for value in measured.values())


def test_a_new_one_is_the_same_each_time_and_guesses_evenly() -> None:
    one, two = new_narrator(CONFIG), new_narrator(CONFIG)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    losses = narrator_loss(one, lessons()(0))
    assert losses["linguistic"].item() == pytest.approx(np.log(24), abs=0.2)


@pytest.fixture(scope="module")
def taught() -> Narrator:
    """A narrator that knows the readings by heart."""
    model, plan = new_narrator(CONFIG), Plan(380, 5e-3)
    optimizer = torch.optim.AdamW(model.parameters())
    for step in range(plan.steps):
        optimizer.param_groups[0]["lr"] = one_cycle(step, plan)
        batch = lessons()(step)
        optimizer.zero_grad()
        torch.stack(list(narrator_loss(model, {**batch, "heard": batch["speech"]}).values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return Narrator(model.eval().requires_grad_(False), AUDIO)


def test_what_was_learned_is_what_is_said(taught: Narrator) -> None:
    """Lessons and speech are laid out alike: readings that are known by heart come out token for token."""
    for i in range(len(TEXTS)):
        reading = Made()(i)
        assert reading is not None
        groups = list(taught.speech(iter(reading.sounds[:, 0].tolist()), reading.rate))
        assert [token for group in groups for token in group] == reading.tokens.tolist()


def test_words_that_were_learned_are_spelled(taught: Narrator) -> None:
    for word, sounds in LEXICON.items():
        assert taught.sounds(word) == word_sounds(sounds)


def test_what_is_said_otherwise_than_it_is_spelled_is_found(taught: Narrator) -> None:
    """ "so" is read rightly among others, whatever it is alone; "ten" was never read."""
    lexicon = {**LEXICON, "so": ("z", "uw"), "ten": ("t", "eh", "n")}
    wrong = misspelled(taught, sorted(lexicon), lexicon, Made())  # type: ignore[arg-type]
    assert wrong == {"ten": word_sounds(("t", "eh", "n"))}
    told = Narrator(new_narrator(CONFIG).eval().requires_grad_(False), AUDIO, wrong)
    assert told.sounds("ten") == wrong["ten"]


def test_marks_of_a_line_are_apart() -> None:
    assert len({PAD, START, END, SPELL, SAY}) == 5 and max(PAD, START, END, SPELL, SAY) < FIRST_SOUND < SOUNDS_END
    assert all(FIRST_SOUND <= i < SOUNDS_END for i in PAUSE_IDS.values())
