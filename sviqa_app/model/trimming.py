"""How Step-Audio prepares a recording for its tokenizer: full level, and little silence around the voice.

Numbers follow Step-Audio `utils.py` (energy_norm_fn, trim_silence) and the `librosa.effects.trim` it calls.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d, pad

RATE = 16000
PEAK, QUIETEST = 0.999, 0.01
BEFORE, AFTER = 0.05, 0.22  # seconds kept, or added as silence, around the voice

_FRAME, _HOP = 512, 128
_BELOW = 100.0  # as power: 20 dB under the loudest frame is silence
_FLOOR = 1e-10  # the least power that counts
_STEP = 240  # samples: what remains is a whole number of these, and the margins


def full_level(samples: Tensor) -> Tensor:
    """[n] with its peak at 0.999; what peaks below 0.01 is taken for noise and not raised that far."""
    return samples * (PEAK / max(float(samples.abs().max()), QUIETEST)) if len(samples) else samples


def trimmed(samples: Tensor) -> Tensor:
    """[n] at 16 kHz from 0.05 s before the voice to 0.22 s after it; silence is added where there is less.

    The voice is counted in whole steps of 15 ms. Nothing remains nothing.
    """
    if not len(samples):
        return samples
    start, stop = _voice(samples)
    begin = start - int(BEFORE * RATE)
    length = int(-(-(stop - start) // _STEP) * _STEP + (BEFORE + AFTER) * RATE)
    return pad(samples, (-begin, begin + length - len(samples)))


def _voice(samples: Tensor) -> tuple[int, int]:
    """Where the frames within 20 dB of the loudest begin and end."""
    power = avg_pool1d(samples.square()[None, None], _FRAME, _HOP, padding=_FRAME // 2).clamp_min(_FLOOR)[0, 0]
    loud = torch.nonzero(power * _BELOW > power.max())
    return int(loud[0]) * _HOP, min(len(samples), (int(loud[-1]) + 1) * _HOP)
