"""Earcons: short, soft, without clicks, and told apart."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from sviqa_app.media.earcons import EARCONS, Earcon, Earcons, earcon_sound


@pytest.mark.parametrize("earcon", get_args(Earcon))
def test_short_soft_and_without_clicks(earcon: Earcon) -> None:
    sound = earcon_sound(earcon)
    assert len(sound) < 0.1 * 22_050 and np.abs(sound).max() <= 0.1
    assert np.abs(np.diff(sound, prepend=0.0, append=0.0)).max() < 0.03


def test_they_differ() -> None:
    assert set(EARCONS) == set(get_args(Earcon))
    sounds = [earcon_sound(earcon) for earcon in EARCONS]
    assert not any(np.allclose(a, b) for i, a in enumerate(sounds) for b in sounds[:i])


def test_off_is_silent_and_on_needs_no_loudspeaker() -> None:
    played: list[object] = []
    earcons = Earcons("no such device")
    earcons.player.play = played.append  # type: ignore[method-assign]
    earcons.on = False
    earcons.play("trouble")
    assert not played
    earcons.on = True
    earcons.play("trouble")
    assert len(played) == 1
    earcons.close()
