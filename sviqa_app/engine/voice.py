"""A voice: one speaker of a vocoder. Audio tokens in, sound out, whole or while they are still being written."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..model.flow import mel_frames
from ..model.hift_stream import HiftStream
from ..turn import Samples
from .vocoder import Speaker, Vocoder

FIRST = 15  # tokens before the first sound: 360 ms
OVERLAP = 5  # tokens solved again with those that follow them
CONTEXT = 15  # tokens before those, as the prompt
ENDING = 128  # samples over which the end fades


@dataclass(frozen=True)
class Voice:
    """A speaker who speaks at `pace` times the usual speed and `height` times the usual pitch."""

    vocoder: Vocoder
    speaker: Speaker
    pace: float = 1.0
    height: float = 1.0

    @property
    def sample_rate(self) -> int:
        """Samples a second."""
        return self.vocoder.sample_rate

    @torch.inference_mode()
    def speak(self, tokens: list[int]) -> Samples:
        """All of an utterance at once: vocoder ids → [n] float32 at `sample_rate`."""
        if not tokens:
            return torch.zeros(0).numpy()
        mel = self.vocoder.solve(self.speaker, [], tokens, self._nothing(), (0, self.frames(len(tokens))))
        return _ended(self.start_sound().grow(mel, mel.shape[-1])).numpy()

    def stream(self) -> VoiceStream:
        """Start an utterance whose tokens come bit by bit."""
        return VoiceStream(self)

    def start_sound(self) -> HiftStream:
        """A fresh state of the generator of waves."""
        return self.vocoder.start_sound(self.height * self.speaker.height)

    def frames(self, tokens: int) -> int:
        """Mel frames that so many tokens last."""
        return mel_frames(tokens, self.vocoder.token_rate * self.pace)

    def _nothing(self) -> Tensor:
        return torch.zeros(1, self.vocoder.mels, 0, device=self.vocoder.device)


class VoiceStream:
    """One utterance being spoken.

    Each step solves the flow over a window: the last tokens whose mel stands as the prompt, the `OVERLAP`
    tokens before the new ones once more, and the new ones.
    """

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._sound = voice.start_sound()
        self._tokens: list[int] = []
        self._solved = 0
        self._mel = voice._nothing()

    @property
    def mel(self) -> Tensor:
        """What the flow made so far: [1, mels, T]."""
        return self._mel

    @torch.inference_mode()
    def push(self, tokens: list[int], last: bool = False) -> Samples:
        """More vocoder ids, in whole groups → the samples [n] that are ready; all the rest where `last`."""
        self._tokens += tokens
        fresh = len(self._tokens) - self._solved
        if not (fresh and last) and fresh < FIRST:
            ready = self._mel.shape[-1] if last else 0
        else:
            self._solve()
            ready = self._mel.shape[-1] if last else self._voice.frames(self._solved - OVERLAP)
        if not ready:
            return torch.zeros(0).numpy()
        sound = self._sound.grow(self._mel, ready)
        return (_ended(sound) if last else sound.cpu()).numpy()

    def _solve(self) -> None:
        frames, tokens = self._voice.frames, self._tokens
        known = max(0, self._solved - OVERLAP)
        begin = max(0, known - CONTEXT)
        stands, was = frames(known), self._mel.shape[-1]
        prompt = self._mel[..., frames(begin) : stands]
        span = (stands, frames(len(tokens)))
        fresh = self._voice.vocoder.solve(self._voice.speaker, tokens[begin:known], tokens[known:], prompt, span)
        shared = was - stands
        new_share = torch.linspace(0, 1, shared + 2, device=fresh.device)[1:-1]
        blended = torch.lerp(self._mel[..., stands:], fresh[..., :shared], new_share)
        self._mel = torch.cat([self._mel[..., :stands], blended, fresh[..., shared:]], -1)
        self._solved = len(tokens)


def _ended(sound: Tensor) -> Tensor:
    """The sound with its last samples faded to silence."""
    count = min(ENDING, len(sound))
    sound[len(sound) - count :] *= torch.linspace(1, 0, count, device=sound.device)
    return sound.cpu()
