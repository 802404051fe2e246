"""The recogniser's grammar holds every answer, and what it understood is counted."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.evaluation import spoken
from sviqa_app.evaluation.spoken import Listener, grammar, measure, show, understood
from sviqa_app.training.sayings import naturally
from sviqa_app.turn import Samples

from ..training.needs import needs_flite
from ..training.test_scenes import needs_emoji


def test_counting() -> None:
    counted = understood([("A red circle.", "the red circle"), ("Two dogs.", "two cats"), ("No.", "")])
    assert (counted.answers.right, counted.answers.of) == (1, 3)
    assert (counted.word_errors.right, counted.word_errors.of) == (2, 5)


@needs_flite
@pytest.mark.parametrize(
    "answer",
    ["Nothing.", "Yes, top left.", "A red circle and two dogs.", "I cannot tell.", "The light bulb."],
)
def test_the_training_voice_is_understood(answer: str) -> None:
    heard = Listener(grammar()).hear(naturally(answer), 16000)
    assert understood([(answer, heard)]).answers.right == 1


def test_silence_is_nothing() -> None:
    assert Listener(grammar()).hear(np.zeros(16000, np.float32), 16000) in ("", "no")


@needs_flite
def test_without_a_grammar_any_english_is_heard() -> None:
    heard = Listener().hear(naturally("We will meet you at the station."), 16000)
    assert {"meet", "station"} <= set(heard.split())


@needs_emoji
def test_a_whole_measurement(
    engine: EndToEnd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def quiet(_: str) -> Samples:
        return np.zeros(8000, np.float32)

    monkeypatch.setattr(spoken, "find_model", lambda name: name)
    monkeypatch.setattr(spoken.EndToEnd, "load", lambda _: engine)
    monkeypatch.setattr(spoken, "naturally", quiet)
    report = measure("toy", 2, 0)
    show(report, as_json=True)
    line = json.loads(capsys.readouterr().out)
    assert line["ours"]["understood"]["of"] == line["voice"]["understood"]["of"] == 2
    show(report, as_json=False)
    assert "training voice" in capsys.readouterr().out
