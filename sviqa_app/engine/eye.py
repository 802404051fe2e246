"""A picture as the vision tower takes it."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..model.config import VisionConfig
from ..model.sviqa import normalise_pixels


def pixels(picture: Image.Image, config: VisionConfig) -> Tensor:
    """RGB picture of any size → [1, 3, S, S], normalised.

    The whole picture goes into the square: squeezed, so that its corners stay corners, or with bars of the mean colour
    beside it, where the tower was taught so (LLaVA's `expand2square`).
    """
    side = config.image_size
    if config.fit == "pad":
        picture = _with_bars(picture, config)
    square = picture.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return normalise_pixels(torch.from_numpy(np.array(square))[None], config)


def _with_bars(picture: Image.Image, config: VisionConfig) -> Image.Image:
    wide, high = picture.size
    red, green, blue = (int(255 * share) for share in config.mean)
    square = Image.new("RGB", (max(wide, high),) * 2, (red, green, blue))
    square.paste(picture, ((square.width - wide) // 2, (square.height - high) // 2))
    return square
