"""Speech → the tokens of Step-Audio, by the published `Step-Audio-Tokenizer/`, on the processor or a GPU.

The linguistic stream is a Paraformer encoder and 1024 centres, the semantic one CosyVoice 1's ONNX tokenizer; two of
the first and three of the second make a group of 120 ms. The libraries come with the extra sviqa[step-audio].
"""

from __future__ import annotations

import warnings
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soxr
import torch
from torch import Tensor

from ..errors import ModelError
from ..model.audio_tokens import SEMANTIC_PER_GROUP, merge
from ..model.config import AudioTokenConfig
from ..model.interleave import GROUP, LINGUISTIC_PER_GROUP
from ..model.linguistic import ChunkEncoder, LinguisticStream
from ..model.semantic import CODES, MELS, Network, SemanticStream
from ..model.trimming import RATE, full_level, trimmed
from ..turn import Samples
from .onnx import OnnxNetwork
from .paraformer import load_encoder, load_normalisation

CENTRES, WIDTH = 1024, 512
CODEBOOK = "linguistic_tokenizer.npy"
SEMANTIC = "speech_tokenizer_v1.onnx"
PARAFORMER = "dengcunqin/speech_paraformer-large_asr_nat-zh-cantonese-en-16k-vocab8501-online"
TOKENS = AudioTokenConfig(linguistic=CENTRES, semantic=CODES, base=65536)
"""Vocoder ids are 0..1023 for linguistic and 1024..5119 for semantic tokens; the language model's lie 65536 higher."""


class StepAudioTokenizer:
    """The tokenizer, loaded. Any number of sessions may be open at once."""

    def __init__(self, encoder: ChunkEncoder, normalisation: tuple[Tensor, Tensor], centres: Tensor, semantic: Network):
        self._encoder = encoder
        self._shift, self._scale = normalisation
        self._centres = centres
        self._semantic = semantic

    def whole(self, samples: Samples, rate: int) -> list[int]:
        """The vocoder ids of a recording, [n] at any rate and of any length, at full level and without its silence.

        Whole groups of five, one each 120 ms; none where there are no samples. Raises ModelError where a network
        is not what it should be.
        """
        with self.session(RATE) as session:
            return session.push(prepared(samples, rate)) + session.finish()

    def session(self, rate: int) -> TokenizerSession:
        """For sound that is still to come, at `rate`. It is taken as it comes, silence and all."""
        linguistic = LinguisticStream(self._encoder, self._shift, self._scale, self._centres)
        return TokenizerSession(linguistic, SemanticStream(self._semantic), rate)


class TokenizerSession:
    """The tokens of one sound as it grows. However it is cut, they are those of the whole.

    A semantic token is there when its 30 s are over or the sound is, and a group when all its tokens are.
    """

    def __init__(self, linguistic: LinguisticStream, semantic: SemanticStream, rate: int) -> None:
        self._streams: tuple[LinguisticStream, SemanticStream] | None = (linguistic, semantic)
        self._resampler = None if rate == RATE else soxr.ResampleStream(rate, RATE, 1, dtype="float32")
        self._linguistic: list[int] = []
        self._semantic: list[int] = []

    def push(self, samples: Samples) -> list[int]:
        """More sound, [n] → the vocoder ids that are now certain. Raises ModelError, see `StepAudioTokenizer.whole`."""
        return self._take(samples, last=False)

    def finish(self) -> list[int]:
        """The rest of the vocoder ids, at the end of the sound. The session is over then."""
        ids = self._take(np.zeros(0, np.float32), last=True)
        self._streams = None
        return ids

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._streams = None

    def _take(self, samples: Samples, last: bool) -> list[int]:
        if self._streams is None:
            raise ValueError("the session is over")
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(np.ascontiguousarray(samples, np.float32), last=last)
        sound = torch.from_numpy(np.array(samples, np.float32))
        linguistic, semantic = self._streams
        self._linguistic += linguistic.push(sound) + (linguistic.finish() if last else [])
        self._semantic += semantic.push(sound) + (semantic.finish() if last else [])
        return self._groups()

    def _groups(self) -> list[int]:
        """The groups of which all tokens are there, once each."""
        woven = merge(self._linguistic, self._semantic, TOKENS)
        groups = len(woven) // GROUP
        del self._linguistic[: groups * LINGUISTIC_PER_GROUP]
        del self._semantic[: groups * SEMANTIC_PER_GROUP]
        return woven


def prepared(samples: Samples, rate: int) -> Samples:
    """A recording as the tokenizer is given it: 16 kHz, at full level, 0.05 s of silence before and 0.22 s after."""
    sound = samples if rate == RATE else soxr.resample(samples, rate, RATE)
    return trimmed(full_level(torch.from_numpy(np.array(sound, np.float32)))).numpy()


def load_step_audio_tokenizer(folder: Path, device: str = "cpu") -> StepAudioTokenizer:
    """The tokenizer in the folder `Step-Audio-Tokenizer`, on `device`.

    Raises ModelError where a library or a file is missing, and where a file is broken or of another model.
    """
    centres = load_codebook(folder / CODEBOOK)
    shift, scale = load_normalisation(folder / PARAFORMER / "am.mvn")
    network = OnnxNetwork(folder / SEMANTIC, [(1, MELS, None), (1,)], device)
    encoder = load_encoder(folder / PARAFORMER, WIDTH, device)

    def semantic(mel: Tensor) -> list[int]:
        ids = network(mel.numpy(), np.array([mel.shape[-1]], np.int32))
        return [int(token) for token in ids.reshape(-1)]

    return StepAudioTokenizer(encoder, (shift.to(device), scale.to(device)), centres.to(device), semantic)


def load_codebook(path: Path) -> Tensor:
    """The centres [1024, 512] of the linguistic tokens. Raises ModelError where the file is missing or another."""
    try:
        with warnings.catch_warnings(action="error"):
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        if array.shape != (CENTRES, WIDTH) or array.dtype != np.float32:
            raise ValueError(f"{array.dtype} {array.shape}")
        centres = torch.from_numpy(np.array(array))
        if not centres.isfinite().all():
            raise ValueError("no numbers")
    except FileNotFoundError as error:
        raise ModelError(f"{path.parent} holds no {path.name}.", "Install Step-Audio-Tokenizer again.") from error
    except Exception as error:  # numpy reads headers of many ages, and a broken one raises almost anything
        raise ModelError(
            f"{path.name} does not hold {CENTRES} centres of {WIDTH} numbers.", "Install Step-Audio-Tokenizer again."
        ) from error
    return centres
