"""The held-out questions: the same whenever asked, and counted rightly."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.engine.many import Answered
from sviqa_app.errors import SviqaError
from sviqa_app.evaluation import scenes
from sviqa_app.evaluation.scenes import Plan, cases, measure, show, tally
from sviqa_app.training.questions import Asked
from sviqa_app.training.voices import Spoken

from ..training.test_scenes import needs_emoji


@pytest.fixture(autouse=True)
def quick_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A synthesiser that takes no time: rising and falling noise."""

    def say(text: str, _: object) -> Spoken:
        time = np.arange(600 * len(text)) / 16000
        wave = np.random.default_rng(0).normal(size=len(time)) * np.sin(10 * time) ** 2
        return Spoken((3000 * wave).astype(np.int16), (), ())

    monkeypatch.setattr(scenes, "speak", say)


@needs_emoji
def test_modes_and_noise_ask_the_same_about_the_same_pictures() -> None:
    plans = [Plan("text", 3), Plan("speech", 3), Plan("mixed", 3, snr=(0.0, 5.0))]
    for text, speech, mixed in zip(*map(cases, plans), strict=True):
        assert text.asked == speech.asked == mixed.asked
        assert text.picture == speech.picture == mixed.picture
        assert [c.question.mode for c in (text, speech, mixed)] == ["text", "speech", "mixed"]
        assert mixed.question.text == text.question.text == text.asked.text


@needs_emoji
def test_other_seeds_ask_otherwise() -> None:
    ours, others = (list(cases(Plan("text", 5, seed))) for seed in (0, 1))
    assert [c.asked for c in ours] != [c.asked for c in others]


@pytest.mark.parametrize(
    ("written", "read"),
    [(None, None), ("5", (5, 5)), ("0-5", (0, 5)), ("-3", (-3, -3)), ("2.5-10", (2.5, 10))],
)
def test_noise(written: str | None, read: tuple[float, float] | None) -> None:
    assert Plan.decibels(written) == read


def test_noise_that_is_no_number() -> None:
    with pytest.raises(SviqaError, match="no number of dB"):
        Plan.decibels("loud")


def test_counting() -> None:
    tell = "i cannot tell"
    results = [
        (Asked("exists", "is there a dog", "no"), Answered("No.", "is there a dog")),
        (Asked("exists", "is there a cat", "no"), Answered("I cannot tell.", "is there cat")),
        (Asked("count", "how many dogs", tell), Answered("I cannot tell.", None)),
    ]
    report = tally("toy", Plan("speech", 3), results, 1.0)
    assert (report.overall.right, report.overall.of) == (2, 3)
    assert report.skills["exists"].share == 0.5
    assert report.cannot_tell_when_due.share == 1
    assert (report.cannot_tell_when_not.right, report.cannot_tell_when_not.of) == (1, 2)
    assert report.caption_errors is not None
    assert (report.caption_errors.right, report.caption_errors.of) == (1 + 3, 11)


@needs_emoji
@pytest.mark.parametrize("mode", ["text", "mixed"])
def test_a_whole_measurement(
    mode: str, engine: EndToEnd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scenes, "find_model", lambda name: name)
    monkeypatch.setattr(scenes.EndToEnd, "load", lambda _: engine)
    report = measure("toy", Plan(mode, 5), at_once=2)  # type: ignore[arg-type]
    show(report, as_json=True)
    line = json.loads(capsys.readouterr().out)
    assert line["overall"]["of"] == 5 and line["mode"] == mode
    assert (line["caption_word_error"] is None) == (mode == "text")
    show(report, as_json=False)
    assert "cannot tell, when due" in capsys.readouterr().out
