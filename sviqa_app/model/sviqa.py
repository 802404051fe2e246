"""SViQA: LLaVA that also reads speech. Embeddings of picture, speech and words go into one language model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llava.configuration_llava import LlavaConfig
from transformers.models.llava.modeling_llava import LlavaForConditionalGeneration
from transformers.models.qwen2.configuration_qwen2 import Qwen2Config

from .config import SviqaConfig, TextConfig, VisionConfig
from .speech import Ear, SpeechFeatures


def vision_config(config: VisionConfig) -> Any:
    """The transformers configuration of the vision tower that `config.model_type` names.

    Raises ValueError for a tower that is not known.
    """
    sizes: dict[str, Any] = {
        "image_size": config.image_size,
        "patch_size": config.patch_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "hidden_act": config.hidden_act,
        "layer_norm_eps": config.layer_norm_eps,
    }
    if config.model_type == "clip_vision_model":
        from transformers.models.clip.configuration_clip import CLIPVisionConfig

        return CLIPVisionConfig(**sizes)
    from transformers.models.siglip.configuration_siglip import SiglipVisionConfig

    from .tower import StemVisionConfig

    known = {"siglip_vision_model": SiglipVisionConfig, "sviqa_stem_vision": StemVisionConfig}
    if config.model_type not in known:
        raise ValueError(f"unknown vision tower {config.model_type!r}")
    return known[config.model_type](vision_use_head=False, **sizes)


def text_config(config: TextConfig) -> Any:
    """The transformers configuration of the language model that `config.model_type` names.

    Raises ValueError for one that is not known.
    """
    known = {"llama": LlamaConfig, "qwen2": Qwen2Config}
    if config.model_type not in known:
        raise ValueError(f"unknown language model {config.model_type!r}")
    return known[config.model_type](
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.kv_heads,
        max_position_embeddings=config.max_positions,
        rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
        rms_norm_eps=config.rms_norm_eps,
        tie_word_embeddings=config.tied,
    )


def llava_config(config: SviqaConfig) -> LlavaConfig:
    """The transformers configuration of the LLaVA inside."""
    return LlavaConfig(
        vision_config=vision_config(config.vision),
        text_config=text_config(config.text),
        vision_feature_layer=config.vision.feature_layer,
        vision_feature_select_strategy="default" if config.vision.feature_select == "default" else "full",
        image_seq_length=config.vision.patches,
        image_token_index=config.tokens.image,
        projector_hidden_act=config.projector_act,
        tie_word_embeddings=config.text.tied,
    )


class Sviqa(nn.Module):
    """LLaVA with an ear. All inputs of the language model are embeddings [B, L, H]."""

    def __init__(self, config: SviqaConfig) -> None:
        super().__init__()
        self.config = config
        self.llava = LlavaForConditionalGeneration(llava_config(config))
        self.ear = Ear(config.speech, config.text.hidden_size, config.audio.base)

    def picture_embeddings(self, pixels: Tensor) -> Tensor:
        """pixels [B, 3, S, S], normalised → [B, patches, H]."""
        return torch.stack(list(self.llava.model.get_image_features(pixels).pooler_output))

    def speech_embeddings(self, mel: Tensor, lengths: Tensor) -> SpeechFeatures:
        """mel [B, mels, T] with `lengths` [B] in mel frames → features at 10 a second (five frames of 20 ms)."""
        features: SpeechFeatures = self.ear(mel, lengths)
        return features

    def embed(self, ids: Tensor) -> Tensor:
        """Text or audio token ids [...] → [..., H]."""
        embedded: Tensor = self.llava.model.language_model.embed_tokens(ids)
        return embedded

    def language(
        self,
        inputs_embeds: Tensor,
        cache: Any = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        use_cache: bool = True,
    ) -> tuple[Tensor, Any]:
        """inputs_embeds [B, L, H] → (hidden states [B, L, H] after the last norm, the cache)."""
        out = self.llava.model.language_model(
            inputs_embeds=inputs_embeds,
            cache=cache,
            attention_mask=attention_mask,
            position_ids=position_ids,
            use_cache=use_cache,
        )
        return out.last_hidden_state, out.cache

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden [..., H] → logits [..., vocabulary]."""
        scores: Tensor = self.llava.lm_head(hidden)
        return scores


def normalise_pixels(pixels: Tensor, config: VisionConfig) -> Tensor:
    """uint8 pixels [B, S, S, 3] → float [B, 3, S, S] with the tower's mean and deviation."""
    mean = torch.tensor(config.mean, device=pixels.device).view(1, 3, 1, 1)
    std = torch.tensor(config.std, device=pixels.device).view(1, 3, 1, 1)
    return (pixels.permute(0, 3, 1, 2).float() / 255 - mean) / std
