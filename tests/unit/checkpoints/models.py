"""Published models, small enough for tests: the real architectures and file layouts, with random weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel
from torch import Tensor
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    Qwen2Config,
    SiglipVisionConfig,
    WhisperConfig,
)
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from sviqa_app.checkpoints.llava import Llava
from sviqa_app.model.sviqa import llava_config

M = TypeVar("M", bound=torch.nn.Module)
VOCABULARY, IMAGE = 64, 60
CLIP = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "image_size": 28,
    "patch_size": 14,
}
TEXT = {
    "vocab_size": VOCABULARY,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
}
WHISPER = {
    "num_mel_bins": 80,
    "d_model": 128,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 256,
    "max_source_positions": 50,
}


def llava_of(vision: str = "clip", text: str = "llama", tied: bool = False) -> LlavaForConditionalGeneration:
    """transformers' own LLaVA with weights large enough to tell numbers apart."""
    torch.manual_seed(0)
    seeing = CLIPVisionConfig(**CLIP) if vision == "clip" else SiglipVisionConfig(vision_use_head=False, **CLIP)
    kind = LlamaConfig if text == "llama" else Qwen2Config
    words = kind(**TEXT, tie_word_embeddings=tied, bos_token_id=1, eos_token_id=2)
    config = LlavaConfig(
        vision_config=seeing,
        text_config=words,
        image_token_index=IMAGE,
        vision_feature_layer=-2 if vision == "clip" else -1,
        vision_feature_select_strategy="default" if vision == "clip" else "full",
        tie_word_embeddings=tied,
    )
    model = LlavaForConditionalGeneration(config).eval()
    return scrambled(model)


def scrambled(model: M) -> M:
    """With every number drawn anew, biases and norms too."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return model


def question(model: LlavaForConditionalGeneration, image: int = IMAGE) -> dict[str, Tensor]:
    """Two rows: some words, a picture, more words."""
    generator = torch.Generator().manual_seed(2)
    words = torch.randint(3, 50, (2, 9), generator=generator)
    patches = (CLIP["image_size"] // CLIP["patch_size"]) ** 2
    ids = torch.cat([words[:, :3], torch.full((2, patches), image), words[:, 3:]], dim=1)
    return {"input_ids": ids, "pixel_values": torch.randn(2, 3, 28, 28, generator=generator)}


@torch.inference_mode()
def answered(model: LlavaForConditionalGeneration, image: int = IMAGE) -> Tensor:
    """The logits of `question`."""
    return model(**question(model, image)).logits[..., :VOCABULARY]


def loaded(found: Llava) -> LlavaForConditionalGeneration:
    """What was found, in transformers' own model; the image's id must have a row."""
    model = LlavaForConditionalGeneration(llava_config(found.config)).eval()
    model.load_state_dict({name: tensor.read().float() for name, tensor in found.tensors.items()})
    return model


def write(
    folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor], name: str = "model.safetensors"
) -> Path:
    """A folder with config.json, weights and a tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(dict(config)))
    if tensors:
        save_file({key: tensor.detach().clone().contiguous() for key, tensor in tensors.items()}, folder / name)
    vocabulary().save(str(folder / "tokenizer.json"))
    return folder


def vocabulary(words: int = IMAGE, image: bool = False) -> Tokenizer:
    """A tokenizer of w0, w1 …"""
    tokenizer = Tokenizer(WordLevel({f"w{i}": i for i in range(words)}, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if image:
        tokenizer.add_special_tokens([AddedToken("<image>", special=True)])
    return tokenizer


def old_names(model: LlavaForConditionalGeneration) -> dict[str, Tensor]:
    """The state as llava-hf's repositories have it."""
    new = {}
    for name, tensor in model.state_dict().items():
        name = name.replace("model.language_model.", "language_model.model.").replace(
            "lm_head.", "language_model.lm_head."
        )
        name = name.replace("model.vision_tower.", "vision_tower.vision_model.")
        new[name.replace("model.multi_modal_projector", "multi_modal_projector")] = tensor
    return new


def original_names(model: LlavaForConditionalGeneration) -> dict[str, Tensor]:
    """The state as haotian-liu/LLaVA saves it."""
    new = {}
    for name, tensor in model.state_dict().items():
        name = name.replace("model.language_model.", "model.")
        name = name.replace("model.vision_tower.", "model.vision_tower.vision_tower.vision_model.")
        name = name.replace("model.multi_modal_projector.linear_1", "model.mm_projector.0")
        new[name.replace("model.multi_modal_projector.linear_2", "model.mm_projector.2")] = tensor
    return new


def original_config(**more: Any) -> dict[str, Any]:
    """config.json of haotian-liu/LLaVA; the sizes of the tower are nowhere in it."""
    return {
        "architectures": ["LlavaLlamaForCausalLM"],
        "model_type": "llava",
        **TEXT,
        "hidden_act": "silu",
        "rope_scaling": None,
        "image_aspect_ratio": "pad",
        "mm_hidden_size": 32,
        "mm_projector_type": "mlp2x_gelu",
        "mm_resampler_type": None,
        "mm_use_im_start_end": False,
        "mm_vision_select_feature": "patch",
        "mm_vision_select_layer": -2,
        "mm_vision_tower": "openai/clip-vit-large-patch14-336",
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "tie_word_embeddings": False,
        **more,
    }


def tower_folder(folder: Path, model: LlavaForConditionalGeneration) -> Path:
    """The tower of `model` in a folder of its own, among a CLIP's other parts."""
    head = "model.vision_tower."
    state = {f"vision_model.{k.removeprefix(head)}": v for k, v in model.state_dict().items() if k.startswith(head)}
    state |= {"text_model.embeddings.token_embedding.weight": torch.zeros(4, 2), "logit_scale": torch.tensor(1.0)}
    return write(folder, {"model_type": "clip", "vision_config": CLIP}, state)


def whisper_of() -> WhisperEncoder:
    """transformers' own encoder."""
    torch.manual_seed(3)
    return scrambled(WhisperEncoder(WhisperConfig(**WHISPER)).eval())


def whisper_folder(folder: Path) -> Path:
    """That encoder as a Whisper of transformers lies on the Hub."""
    state = {f"model.encoder.{name}": tensor for name, tensor in whisper_of().state_dict().items()}
    state["model.decoder.layer_norm.weight"] = torch.ones(128)
    return write(folder, {"model_type": "whisper", **WHISPER}, state)
