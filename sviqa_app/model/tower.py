"""A small vision tower: SigLIP's encoder behind a convolutional stem.

Early convolutions teach a small transformer to see from far fewer pictures than one wide patch convolution
(Xiao et al., "Early Convolutions Help Transformers See Better", 2021).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import AutoConfig, AutoModel
from transformers.models.siglip.configuration_siglip import SiglipVisionConfig
from transformers.models.siglip.modeling_siglip import SiglipVisionModel


class ConvStem(nn.Sequential):
    """Pixels [B, 3, S, S] → [B, width, S/patch, S/patch] by 3x3 convolutions of stride 2; `patch` is a power of two."""

    def __init__(self, width: int, patch: int) -> None:
        layers: list[nn.Module] = []
        channels = 3
        halvings = patch.bit_length() - 1
        for step in range(1, halvings + 1):
            wider = width if step == halvings else max(16, (width * 2**step // 2**halvings) // 16 * 16)
            layers.append(nn.Conv2d(channels, wider, 3, stride=2, padding=1))
            if step < halvings:
                layers += [nn.BatchNorm2d(wider), nn.GELU()]
            channels = wider
        super().__init__(*layers)

    @property
    def weight(self) -> Tensor:
        """The last convolution's weight: transformers asks a patch embedding for its dtype this way."""
        last = self[-1]
        assert isinstance(last, nn.Conv2d)
        return last.weight


class StemVisionConfig(SiglipVisionConfig):  # type: ignore[no-untyped-call]
    """SigLIP's vision configuration, for the tower with the stem."""

    model_type = "sviqa_stem_vision"


class StemVisionModel(SiglipVisionModel):  # type: ignore[no-untyped-call]
    """SigLIP's vision encoder whose patch embedding is a ConvStem."""

    config_class = StemVisionConfig

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.embeddings.patch_embedding = ConvStem(config.hidden_size, config.patch_size)  # type: ignore[assignment]


AutoConfig.register(StemVisionConfig.model_type, StemVisionConfig)
AutoModel.register(StemVisionConfig, StemVisionModel)
