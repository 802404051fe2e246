"""What cloning takes of a recording, and how a clone listens to itself: what its voiceprint missed is put right.

The pitch is that of the vocoder's own predictor, which is what drives its source. The spectrum is the long-term power
of each mel band, whose smoothed difference from the recording's is added to every frame. Both say the same, so that it
is the voices that are compared; and each round mends what the one before changed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..errors import RecordingError
from ..media.audio import heard_nothing, trim_silence
from ..model.mel import speech_mel
from ..turn import Recording, Samples
from .vocoder import Speaker, Vocoder
from .voice import FIRST, Voice

LEVEL = 0.08  # root mean square of the louder half of speech, at which voiceprints are taken
SHORTEST, LONGEST = 3.0, 10.0  # seconds of a recording to clone
ROUNDS = 3
LOWEST = 40.0  # Hz, below which a frame is without voice
FURTHEST = 2.0  # by which the pitch is moved at most, up or down
BANDS = 3  # over which the spectrum's difference is smoothed

_RECORD = f"Record {SHORTEST:.0f} to {LONGEST:.0f} seconds of one person speaking."


def speech_to_clone(recording: Recording) -> Recording:
    """The first seconds of speech of a recording, at the common loudness. Raises RecordingError on too little."""
    if heard_nothing(recording):
        raise RecordingError("Nobody speaks in the recording.", _RECORD)
    speech = trim_silence(recording)
    if speech.seconds < SHORTEST:
        raise RecordingError(
            f"The recording holds {speech.seconds:.1f} seconds of speech, too little to clone a voice.", _RECORD
        )
    return Recording(levelled(speech.samples[: int(LONGEST * speech.rate)]), speech.rate)


def levelled(samples: Samples) -> Samples:
    """Speech at the common loudness: its louder half has the root mean square `LEVEL`."""
    pieces = samples[: len(samples) // 320 * 320].reshape(-1, 320)
    power = np.sort((pieces**2).mean(1))[len(pieces) // 2 :]
    return np.asarray(samples * (LEVEL / max(1e-6, float(np.sqrt(power.mean())))), np.float32)


@torch.inference_mode()
def put_right(speaker: Speaker, vocoder: Vocoder, tokens: list[int], mel: Tensor) -> Speaker:
    """The speaker with the pitch and the spectrum of a recording: its tokens, and its mel [1, mels, T]."""
    if not tokens:
        return speaker
    pitch, spectrum = typical_pitch(vocoder, mel), long_term(mel)
    for _ in range(ROUNDS):
        stream = Voice(vocoder, speaker).stream()
        pieces = [stream.push(tokens[first : first + FIRST]) for first in range(0, len(tokens), FIRST)]
        said = np.concatenate([*pieces, stream.push([], last=True)])
        ours = speech_mel(torch.from_numpy(levelled(said)))[None]
        own = typical_pitch(vocoder, stream.mel)
        speaker = replace(
            speaker,
            height=min(FURTHEST, max(1 / FURTHEST, pitch / own)) if pitch and own else 1.0,
            tone=speaker.tone + _smooth(spectrum - long_term(ours))[:, None],
        )
    return speaker


def typical_pitch(vocoder: Vocoder, mel: Tensor) -> float:
    """The median pitch in Hz of the frames with voice of a mel [1, mels, T]; 0 where hardly any is."""
    hertz: Tensor = vocoder.parts.hift.f0_predictor(mel)[0]
    voiced = hertz[hertz > LOWEST]
    return float(voiced.median()) if len(voiced) > len(hertz) / 10 else 0.0


def long_term(mel: Tensor) -> Tensor:
    """The mean power of each band of a mel [1, mels, T], as the mel's values are: [mels]."""
    return (2 * mel[0]).exp().mean(1).log() / 2


def _smooth(values: Tensor) -> Tensor:
    padded = functional.pad(values[None, None], (BANDS // 2, BANDS // 2), mode="replicate")
    return functional.avg_pool1d(padded, BANDS, 1)[0, 0]
