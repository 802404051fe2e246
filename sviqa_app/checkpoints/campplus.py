"""Who speaks: CAM++'s speaker embedding, `campplus.onnx` of Step-Audio-TTS-3B and CosyVoice 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soxr
import torch
from torch import Tensor

from ..errors import ModelError, RecordingError
from ..model.fbank import BANDS, FRAME, RATE, kaldi_fbank
from ..turn import Samples
from .onnx import OnnxNetwork

FILE = "campplus.onnx"
WIDTH = 192


class Campplus:
    """The published speaker encoder, on the processor: 28 MB take no time there."""

    def __init__(self, folder: Path) -> None:
        """Open `campplus.onnx` in `folder`. Raises ModelError where it or onnxruntime is missing or broken."""
        self._network = OnnxNetwork(folder / FILE, [(1, None, BANDS)])

    def embedding(self, samples: Samples, rate: int) -> Tensor:
        """The voice in a recording, [n] at any rate → [1, 192] float32, as `flow.pt` takes it.

        Raises RecordingError where that is too short, and ModelError where the file is another network.
        """
        sound = torch.from_numpy(np.asarray(soxr.resample(samples, rate, RATE), np.float32))
        if len(sound) < FRAME:
            raise RecordingError("The recording is too short to know a voice by.", "Record 3 to 10 seconds.")
        features = kaldi_fbank(sound)
        voice = self._network((features - features.mean(0))[None].numpy())
        if voice.shape != (1, WIDTH):
            raise ModelError(f"{FILE} is another network than was expected.", "Install the model again.")
        if not np.isfinite(voice).all():
            raise RecordingError("No voice can be known by this recording.", "Record 3 to 10 seconds of speech.")
        return torch.from_numpy(voice.astype(np.float32))
