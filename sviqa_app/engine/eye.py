"""A picture as the vision tower takes it."""

from __future__ import annotations

import numpy as np
import torch
from PIL.Image import Image, Resampling
from torch import Tensor

from ..model.config import VisionConfig
from ..model.sviqa import normalise_pixels


def pixels(picture: Image, config: VisionConfig) -> Tensor:
    """RGB picture of any size → [1, 3, S, S], normalised.

    The whole picture is squeezed into the square, so that its corners stay corners.
    """
    side = config.image_size
    square = picture.resize((side, side), Resampling.BICUBIC, reducing_gap=3.0)
    return normalise_pixels(torch.from_numpy(np.array(square))[None], config)
