"""Who can speak: the folder of our own voice, with its speakers, its cloning and its writer of tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from ..checkpoints.native import fill, read_voice_config, save_weights
from ..errors import EngineError
from ..manner import Manner, Style
from ..media.audio import RATE, resampled
from ..model.config import VoiceConfig
from ..model.mel import SPEECH_RATE, speech_mel
from ..model.narration import Narrator
from ..model.speech_tokenizer import SpeechTokenizer
from ..model.step1 import Step1
from ..model.voiceprint import STYLES, Voiceprint
from ..turn import Recording
from .cloning import put_right, speech_to_clone
from .manners import PACE
from .pronunciations import load_pronunciations
from .tokenizing import load_tokenizer
from .vocoder import Speaker, Vocoder
from .voice import Voice

SPEAKERS, WRITER = "speakers.safetensors", "writer.safetensors"
HEIGHT: dict[str, float] = {"high": 1.25, "low": 0.8}
"""How much higher than usual a style is, where that is all there is to it."""


class Speakers(nn.Module):
    """What the file of speakers holds: `voiceprint.*` and a row for each speaker."""

    table: Tensor

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__()
        self.voiceprint = Voiceprint(config.flow.speaker_dim)
        self.register_buffer("table", torch.zeros(len(config.speakers), config.flow.speaker_dim))

    @torch.inference_mode()
    def vector(self, recordings: list[Recording]) -> Tensor:
        """The vector [D] of whoever speaks in all of them, at the common loudness: the mean of their voiceprints."""
        mels = (speech_mel(torch.from_numpy(resampled(r, SPEECH_RATE).samples)) for r in recordings)
        return torch.cat([self.voiceprint(mel[None]) for mel in mels]).mean(0)


@dataclass(frozen=True)
class Voices:
    """One vocoder and everybody who speaks through it."""

    folder: Path
    config: VoiceConfig
    vocoder: Vocoder
    speakers: Speakers

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a voice's folder. Raises ModelError where something is missing, broken or of another shape."""
        config = read_voice_config(folder)
        vocoder = Vocoder.load(folder, config)
        speakers = Speakers(config).eval().requires_grad_(False)
        fill(speakers, folder / SPEAKERS)
        return cls(folder, config, vocoder, speakers)

    @property
    def names(self) -> tuple[str, ...]:
        """The speakers that come with the voice."""
        return self.config.speakers

    @property
    def sample_rate(self) -> int:
        """Samples a second."""
        return self.vocoder.sample_rate

    def speaker(self, name: str = "") -> Speaker:
        """A speaker by name, the first one unless given. Raises EngineError where there is none."""
        if name and name not in self.names:
            raise EngineError(f"There is no speaker {name}.", f"Choose one of {', '.join(self.names)}.")
        return Speaker(self.speakers.table[self.names.index(name) if name else 0])

    def speaking(self, manner: Manner) -> Voice:
        """A speaker in a style and at a pace. Raises EngineError where there is no such speaker."""
        return self.voice(self.speaker(manner.speaker), manner.style, PACE[manner.rate])

    @torch.inference_mode()
    def voice(self, speaker: Speaker, style: Style = "plain", pace: float = 1.0) -> Voice:
        """A speaker in a style and at a pace."""
        chosen = torch.tensor([STYLES.index("plain" if style in HEIGHT else style)])
        vector = self.speakers.voiceprint.styled(speaker.vector[None], chosen)[0]
        height = 0.0 if style == "whisper" else HEIGHT.get(style, 1.0)
        return Voice(self.vocoder, replace(speaker, vector=vector), pace, height)

    @torch.inference_mode()
    def clone(self, recording: Recording) -> Speaker:
        """Whoever speaks in a recording of 3 to 10 s. Raises RecordingError where there is too little speech."""
        speech = speech_to_clone(recording)
        mel = speech_mel(torch.from_numpy(resampled(speech, SPEECH_RATE).samples))[None]
        tokens = self._tokenizer(torch.from_numpy(resampled(speech, RATE).samples))
        return put_right(Speaker(self.speakers.voiceprint(mel)[0]), self.vocoder, tokens, mel)

    @cached_property
    def _tokenizer(self) -> SpeechTokenizer:
        return load_tokenizer(self.folder, self.config.audio)

    @cached_property
    def narrator(self) -> Narrator:
        """What writes audio tokens for words. Raises ModelError where its file is missing or broken."""
        writer = Step1(self.config.writer).eval().requires_grad_(False)
        fill(writer, self.folder / WRITER)
        return Narrator(writer, self.config.audio, load_pronunciations(self.folder))


def save_speakers(folder: Path, speakers: Speakers) -> None:
    """Write the speakers of a voice. Raises OutputError."""
    save_weights(folder / SPEAKERS, speakers.state_dict(), torch.float16)
