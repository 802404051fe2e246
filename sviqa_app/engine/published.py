"""The published voice, Step-Audio-TTS-3B: its language model writes audio tokens, its vocoders voice them meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from ..checkpoints.campplus import Campplus
from ..checkpoints.cosyvoice import Precision, load_cosyvoice
from ..checkpoints.step1 import TextTokenizer, load_model, load_tokenizer
from ..checkpoints.step_audio_tokenizer import StepAudioTokenizer, load_step_audio_tokenizer
from ..errors import EngineError, ModelError
from ..media.audio import load_recording, resampled
from ..model.decode import Stop, never
from ..model.int8 import has_int8
from ..model.interleave import GROUP
from ..model.mel import SPEECH_RATE, speech_mel
from ..model.step1 import Step1
from ..model.token_writer import generate_audio_tokens
from ..model.tts_prompt import PromptVoice, tts_prompt
from ..model.voice_tags import Tagged, music
from ..turn import Recording, Samples
from .vocoder import Parts, Speaker, Vocoder
from .voice import Voice

COMMON, MUSIC = "CosyVoice-300M-25Hz", "CosyVoice-300M-25Hz-Music"
TOKENIZER = "Step-Audio-Tokenizer"
SPEAKERS = "speakers"
_CLONE = "Give --clone RECORDING and --clone-text with what is said in it."


@dataclass(frozen=True)
class Sample:
    """What the voice is shown before it speaks: a recording, and what is said in it."""

    recording: Recording
    transcript: str
    speaker: str = ""


@dataclass(frozen=True)
class PublishedVoice:
    """The folder Step-Audio-TTS-3B, with Step-Audio-Tokenizer beside it. Parts are loaded as they are needed."""

    folder: Path
    model: Step1
    words: TextTokenizer
    device: str
    precision: Precision

    @classmethod
    def load(cls, folder: Path) -> PublishedVoice:
        """On a GPU where there is one, else on the processor. Raises ModelError."""
        device = "cuda" if torch.cuda.is_available() else "cpu"
        precision: Precision = "bf16" if device == "cuda" else "int8" if has_int8() else "fp32"
        return cls(folder, load_model(folder, device), load_tokenizer(folder), device, precision)

    @property
    def sample_rate(self) -> int:
        """Samples a second."""
        return SPEECH_RATE

    @cached_property
    def tokenizer(self) -> StepAudioTokenizer:
        """What reads the samples of voices. Raises ModelError."""
        return load_step_audio_tokenizer(self.folder.parent / TOKENIZER, self.device)

    @cached_property
    def common(self) -> Vocoder:
        """The vocoder of speech. Raises ModelError."""
        return self._vocoder(COMMON)

    @cached_property
    def singing(self) -> Vocoder:
        """The vocoder of RAP and humming. Raises ModelError."""
        return self._vocoder(MUSIC)

    def _vocoder(self, name: str) -> Vocoder:
        parts = load_cosyvoice(self.folder / name, self.device, self.precision)
        return Vocoder(Parts(parts.flow, parts.hift))

    def sample(self, asked: Tagged, speaker: str) -> Sample:
        """The recording of a speaker that came with the voice, for speech or for the kind of music that is asked.

        Raises EngineError where there is none: the recordings lie in the code's repository, not with the weights.
        """
        name = (speaker or "Tingting") + music(asked)
        folder = self.folder / SPEAKERS
        try:
            transcripts = json.loads((folder / "speakers_info.json").read_text(encoding="utf-8"))
            transcript = str(transcripts[name])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EngineError(f"There is no recording of {name} in {folder}.", _CLONE) from error
        return Sample(load_recording(folder / f"{name}_prompt.wav"), transcript, speaker or "Tingting")

    def talk(self, asked: Tagged, sample: Sample, stop: Stop = never, seed: int = 0) -> Iterator[Samples]:
        """Sound [n] of a text with its tags in the voice of a sample, as it is written. Raises SviqaError."""
        tokens = self.tokenizer.whole(sample.recording.samples, sample.recording.rate)
        prompt = tts_prompt(asked, PromptVoice(sample.transcript, tokens, sample.speaker), self.words)
        vocoder = self.singing if music(asked) else self.common
        stream = Voice(vocoder, self._speaker(sample.recording, tokens)).stream()
        group: list[int] = []
        for token in generate_audio_tokens(self.model, prompt, stop=stop, seed=seed):
            group.append(token)
            if len(group) == GROUP:
                yield from _heard(stream.push(group))
                group = []
        yield from _heard(stream.push([], last=True))

    def _speaker(self, recording: Recording, tokens: list[int]) -> Speaker:
        """Who speaks in a recording, which also stands before everything that is said."""
        vector = Campplus(self.folder / COMMON).embedding(recording.samples, recording.rate)[0]
        mel = speech_mel(torch.from_numpy(resampled(recording, SPEECH_RATE).samples))
        return Speaker(vector.to(self.device), tokens, mel[None].to(self.device))


def clone(recording: Recording, transcript: str) -> Sample:
    """A sample of somebody's voice. Raises ModelError where nothing says what is said in it."""
    if not transcript.strip():
        raise ModelError("The published voice must know what is said in the recording.", _CLONE)
    return Sample(recording, transcript)


def _heard(samples: Samples) -> Iterator[Samples]:
    if len(samples):
        yield np.asarray(samples, np.float32)
