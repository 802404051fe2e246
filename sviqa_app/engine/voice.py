"""The voice: audio tokens in, sound out, whole or while the tokens are still being written."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from ..checkpoints.native import load_weights, save_weights
from ..errors import ModelError
from ..model.config import SviqaConfig
from ..model.flow import Flow, mel_frames
from ..model.hift import Hift
from ..model.hift_stream import HiftStream, SourceNoise
from ..turn import Samples

FILE = "voice.safetensors"
FIRST = 15  # tokens before the first sound: 360 ms
OVERLAP = 5  # tokens solved again with those that follow them
CONTEXT = 15  # tokens before those, as the prompt
SEED = 20250404
NOISE_FRAMES = 1024  # 12 s, then it comes again
ENDING = 128  # samples over which the end fades


class Parts(nn.Module):
    """What a voice file holds: `flow.*`, `hift.*` and the speaker's vector."""

    speaker: Tensor

    def __init__(self, config: SviqaConfig) -> None:
        super().__init__()
        self.flow = Flow(config.flow)
        self.hift = Hift(config.hift)
        self.register_buffer("speaker", torch.zeros(config.flow.speaker_dim))


class Voice:
    """One voice. The noise it starts from is fixed by position, so the same tokens always sound the same."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts.eval().requires_grad_(False)
        self.sample_rate: int = parts.hift.config.sample_rate
        generator = torch.Generator().manual_seed(SEED)
        self._noise = torch.randn(1, parts.flow.config.mels, NOISE_FRAMES, generator=generator)
        self._source_noise = SourceNoise(parts.hift, SEED)

    @classmethod
    def load(cls, folder: Path, config: SviqaConfig) -> Self:
        """The voice of a model folder. Raises ModelError where it is missing, broken or of another shape."""
        try:
            parts = Parts(config)
        except (ValueError, RuntimeError, ZeroDivisionError) as error:
            raise ModelError(f"The sizes of the voice in {folder} do not fit together: {error}.") from error
        shapes = {name: tuple(tensor.shape) for name, tensor in parts.state_dict().items()}
        parts.load_state_dict(load_weights(folder / FILE, shapes))
        return cls(parts)

    def save(self, folder: Path) -> None:
        """Write the voice into a model folder. Raises OutputError."""
        save_weights(folder / FILE, self.parts.state_dict(), torch.float16)

    @torch.inference_mode()
    def speak(self, tokens: list[int]) -> Samples:
        """All of an utterance at once: vocoder ids → [n] float32 at `sample_rate`."""
        if not tokens:
            return torch.zeros(0).numpy()
        mel = self.solve(tokens, 0, 0, torch.zeros(1, self.parts.flow.config.mels, 0))
        return _ended(self.start_sound().grow(mel, mel.shape[-1])).numpy()

    def stream(self) -> VoiceStream:
        """Start an utterance whose tokens come bit by bit."""
        return VoiceStream(self)

    def frames(self, tokens: int) -> int:
        """Mel frames that so many tokens last."""
        return mel_frames(tokens, self.parts.flow.config.token_rate)

    def solve(self, tokens: list[int], begin: int, known: int, mel: Tensor) -> Tensor:
        """The mel [1, mels, n] of the tokens from number `known` to the end.

        The tokens from number `begin` to `known` are the prompt, `mel` [1, mels, ≥ frames of `known`] holds
        what they sounded like.
        """
        first, split, end = (self.frames(count) for count in (begin, known, len(tokens)))
        flow = self.parts.flow
        places = torch.arange(first, end) % NOISE_FRAMES
        ids = torch.tensor(tokens)[None]
        prompt = mel[..., first:split]
        noise = self._noise[..., places]
        out: Tensor = flow(ids[:, known:], ids[:, begin:known], prompt, self.parts.speaker[None], noise, end - split)
        return out

    def start_sound(self) -> HiftStream:
        """A fresh state of the vocoder."""
        return HiftStream(self.parts.hift, self._source_noise)


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
        self._mel = torch.zeros(1, voice.parts.flow.config.mels, 0)

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
        return (_ended(sound) if last else sound).numpy()

    def _solve(self) -> None:
        known = max(0, self._solved - OVERLAP)
        begin = max(0, known - CONTEXT)
        fresh = self._voice.solve(self._tokens, begin, known, self._mel)
        stands, was = self._voice.frames(known), self._mel.shape[-1]
        shared = was - stands
        new_share = torch.linspace(0, 1, shared + 2)[1:-1]
        blended = torch.lerp(self._mel[..., stands:], fresh[..., :shared], new_share)
        self._mel = torch.cat([self._mel[..., :stands], blended, fresh[..., shared:]], -1)
        self._solved = len(self._tokens)


def _ended(sound: Tensor) -> Tensor:
    """The sound with its last samples faded to silence."""
    count = min(ENDING, len(sound))
    sound[len(sound) - count :] *= torch.linspace(1, 0, count)
    return sound
