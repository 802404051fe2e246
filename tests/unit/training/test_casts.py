"""A cast is a reading's tokens with another voice's sound of it: as long, made once, the same each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sviqa_app.model.interleave import GROUP
from sviqa_app.model.voiceprint import STYLES
from sviqa_app.training import casts as module
from sviqa_app.training.casts import MOST, REFERENCE, REFERENCES, Casts
from sviqa_app.training.readings import Readings
from sviqa_app.training.timbres import SHIPPED, Identity, trained_identity

from .needs import needs_chain, needs_flite, needs_world

pytestmark = [needs_flite, needs_chain, needs_world]
VOICES = 6


@pytest.fixture(scope="module")
def casts(readings: Readings, tmp_path_factory: pytest.TempPathFactory) -> Casts:
    return Casts(tmp_path_factory.mktemp("casts"), readings, 4, VOICES)


def test_a_cast_lasts_as_long_as_its_tokens(casts: Casts) -> None:
    for i in range(casts.count):
        cast = casts(i)
        assert 0 <= cast.voice < VOICES and 0 <= cast.style < len(STYLES)
        assert len(cast.tokens) % GROUP == 0 and len(cast.samples) <= MOST
        assert len(cast.samples) / 16000 == pytest.approx(0.12 * len(cast.tokens) / GROUP, abs=0.12)
        assert 0.01 < np.abs(cast.samples).max() <= 1


def test_each_is_made_once_and_kept(casts: Casts, monkeypatch: pytest.MonkeyPatch) -> None:
    first, own = casts(0), casts.own(0)
    folder = Path(str(casts.sounds.filename)).parent
    for name in ("recast", "speak", "in_own_words"):
        monkeypatch.setattr(module, name, lambda *_: pytest.fail("made again"))
    again = Casts(folder, casts.readings, casts.count, VOICES)
    kept = again(0)
    assert (kept.voice, kept.style) == (first.voice, first.style)
    np.testing.assert_array_equal(kept.samples, first.samples)
    np.testing.assert_array_equal(kept.tokens, first.tokens)
    for one, two in zip(own, again.own(0), strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_shipped_voices_come_first_and_the_others_are_the_same_each_time(casts: Casts) -> None:
    assert [trained_identity(n) for n in range(len(SHIPPED))] == [Identity(voice) for voice in SHIPPED.values()]
    others = [trained_identity(n) for n in range(len(SHIPPED), 40)]
    assert others == [trained_identity(n) for n in range(len(SHIPPED), 40)]
    assert len(set(others)) > 30


def test_what_a_voice_says_by_itself(casts: Casts) -> None:
    owns = casts.own(1)
    assert len(owns) == REFERENCES and not np.array_equal(owns[0][:8000], owns[1][:8000])
    for own in owns:
        assert 16000 < len(own) <= REFERENCE and own.dtype == np.float32
        assert 0.05 < np.abs(own).max() <= 1
