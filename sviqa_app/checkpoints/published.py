"""What a published LLaVA's config.json says, in our words. The layout is told by it alone, never by a folder's name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from ..errors import ModelError
from ..model.config import SviqaConfig, TextConfig, TokenConfig, VisionConfig
from .native import CONFIG
from .outside import Values, read_json

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

_CLIP_L = VisionConfig(
    "clip_vision_model", 336, 14, 1024, 4096, 24, 16, -2, CLIP_MEAN, CLIP_STD, "quick_gelu", 1e-5, "default", "pad"
)
# The towers that original checkpoints name without giving their sizes (their config.json on the Hub).
TOWERS = {
    "openai/clip-vit-large-patch14-336": _CLIP_L,
    "openai/clip-vit-large-patch14": replace(_CLIP_L, image_size=224),
    "google/siglip-so400m-patch14-384": VisionConfig(
        "siglip_vision_model", 384, 14, 1152, 4304, 27, 16, -2, feature_select="full", fit="squeeze"
    ),
}
# The defaults of transformers' configurations: what a config.json leaves out.
_CLIP = VisionConfig("clip_vision_model", 224, 32, 768, 3072, 12, 12, -2, CLIP_MEAN, CLIP_STD, "quick_gelu", 1e-5)
_SIGLIP = VisionConfig("siglip_vision_model", 224, 16, 768, 3072, 12, 12, -2)
_LLAMA = TextConfig(32000, 4096, 11008, 32, 32, 32, 2048, 1e4)
_TEXTS = {
    "llama": _LLAMA,
    "mistral": replace(_LLAMA, intermediate_size=14336, kv_heads=8, max_positions=131072),
    "qwen2": TextConfig(151936, 4096, 22016, 32, 32, 32, 32768, 1e4, "qwen2"),
}
_ORIGINALS = {"llava": "llama", "llava_llama": "llama", "llava_mistral": "mistral", "llava_qwen": "qwen2"}
_PROJECTORS = {"mlp2x_gelu": "gelu", "linear": "linear"}


class Layout(Enum):
    """Whose names the tensors have."""

    OURS = "sviqa"
    TRANSFORMERS = "transformers"
    ORIGINAL = "original"
    TINYLLAVA = "tinyllava"


@dataclass(frozen=True)
class Published:
    """A configuration as found, and the name of the vision tower where config.json gives no more of it."""

    layout: Layout
    config: SviqaConfig
    tower: str
    values: dict[str, Any]


def read_published(folder: Path) -> Published:
    """The configuration of the LLaVA in `folder`. Raises ModelError where it is missing, broken or of another kind."""
    values = read_json(folder / CONFIG)
    given = Values(folder / CONFIG, values)
    kind = given.text("model_type")
    if given.has("quantization_config"):
        raise ModelError(f"The weights in {folder} are packed to fewer bits.", "Give the model as it was published.")
    if kind == "tinyllava":
        return Published(Layout.TINYLLAVA, _tinyllava(folder, given), "", values)
    if kind == "llava" and (given.has("text_config") or given.has("vision_config")):
        return Published(Layout.TRANSFORMERS, _transformers(folder, given), "", values)
    if kind in _ORIGINALS and (given.has("mm_vision_tower") or given.has("mm_hidden_size")):
        return Published(Layout.ORIGINAL, _original(folder, given), given.text("mm_vision_tower"), values)
    known = "a LLaVA of transformers, of the original code, or of TinyLLaVA"
    raise ModelError(f"{folder} holds a model of the kind {kind!r}.", f"Give {known}.")


def text_config(given: Values, kind: str) -> TextConfig:
    """The sizes of a language model of the `kind` Llama, Mistral or Qwen2, where `given` has its own keys."""
    due = _TEXTS[kind]
    rope = given.section("rope_parameters" if given.has("rope_parameters") else "rope_scaling")
    rope.one_of("rope_type", ("default",), "default")
    rope.one_of("type", ("default",), "default")
    given.one_of("hidden_act", ("silu",), "silu")
    if given.flag("attention_bias") or given.flag("mlp_bias"):
        given.refuse("attention_bias")
    hidden, heads = given.size("hidden_size", due.hidden_size), given.size("num_attention_heads", due.heads)
    if hidden % heads or given.size("head_dim", hidden // heads) != hidden // heads:
        given.refuse("head_dim" if given.has("head_dim") else "num_attention_heads")
    positions = given.size("max_position_embeddings", due.max_positions)
    if kind == "mistral" or given.flag("use_sliding_window"):  # up to the window's width it is plain attention
        positions = min(positions, given.size("sliding_window", positions))
    return TextConfig(
        given.size("vocab_size", due.vocab_size),
        hidden,
        given.size("intermediate_size", due.intermediate_size),
        given.size("num_hidden_layers", due.layers),
        heads,
        given.size("num_key_value_heads", heads if kind == "llama" else due.kv_heads),
        positions,
        (rope if rope.has("rope_theta") else given).number("rope_theta", due.rope_theta),
        due.model_type,
        given.number("rms_norm_eps", due.rms_norm_eps),
        given.flag("tie_word_embeddings"),
    )


def vision_config(given: Values) -> VisionConfig:
    """The sizes of a CLIP or SigLIP tower; CLIP of LLaVA 1.5 where nothing is said."""
    if not given.all:
        return _CLIP_L
    kind = given.one_of("model_type", ("clip_vision_model", "siglip_vision_model"), "clip_vision_model")
    due = _CLIP if kind == "clip_vision_model" else _SIGLIP
    image, patch = given.size("image_size", due.image_size), given.size("patch_size", due.patch_size)
    if patch > image:
        given.refuse("patch_size")
    return replace(
        due,
        image_size=image,
        patch_size=patch,
        hidden_size=given.size("hidden_size", due.hidden_size),
        intermediate_size=given.size("intermediate_size", due.intermediate_size),
        layers=given.size("num_hidden_layers", due.layers),
        heads=given.size("num_attention_heads", due.heads),
        hidden_act=given.one_of("hidden_act", ("quick_gelu", "gelu", "gelu_pytorch_tanh"), due.hidden_act),
        layer_norm_eps=given.number("layer_norm_eps", due.layer_norm_eps),
    )


def seen_with(vision: VisionConfig, folder: Path, given: Values, layer: str, select: str) -> VisionConfig:
    """`vision` as this LLaVA looks through it: which layer, which positions, and how a picture is prepared."""
    if not given.has(layer):
        chosen = -2
    else:
        chosen = given.all[layer]
        if type(chosen) is not int or not -vision.layers - 1 <= chosen <= vision.layers:
            given.refuse(layer)
    has_cls = {"patch": "default", "default": "default", "full": "full", "cls_patch": "full"}
    strategy = given.one_of(select, tuple(has_cls), "default")
    clip = vision.model_type == "clip_vision_model"
    how = given.one_of("image_aspect_ratio", ("pad", "square", "anyres"), "pad" if clip else "square")
    vision = replace(vision, feature_layer=chosen, feature_select=has_cls[strategy])
    vision = replace(vision, fit="pad" if how == "pad" else "squeeze")
    path = folder / "preprocessor_config.json"
    if not path.is_file():
        return vision
    colours = Values(path, read_json(path))
    return replace(
        vision, mean=colours.numbers("image_mean", vision.mean), std=colours.numbers("image_std", vision.std)
    )


def _transformers(folder: Path, given: Values) -> SviqaConfig:
    language = given.section("text_config")
    kind = language.one_of("model_type", tuple(_TEXTS), "llama")
    if not given.flag("multimodal_projector_bias", True):
        given.refuse("multimodal_projector_bias")
    act = given.one_of("projector_hidden_act", ("gelu", "linear"), "gelu")
    tied = given.flag("tie_word_embeddings") or language.flag("tie_word_embeddings")
    text = replace(text_config(language, kind), tied=tied)
    vision = vision_config(given.section("vision_config"))
    vision = seen_with(vision, folder, given, "vision_feature_layer", "vision_feature_select_strategy")
    image = given.size("image_token_index", given.size("image_token_id", 32000))
    return _config(folder, vision, text, act, _tokens(given, language, image, text.vocab_size))


def _original(folder: Path, given: Values) -> SviqaConfig:
    if given.text("mm_patch_merge_type", "flat") != "flat" or given.text("image_aspect_ratio") == "anyres":
        raise ModelError(
            f"{folder} holds a LLaVA-NeXT, which cuts a picture into tiles.", "Ask it as a cascade instead."
        )
    if given.has("mm_resampler_type"):
        given.refuse("mm_resampler_type")
    text = text_config(given, _ORIGINALS[given.text("model_type")])
    act = _PROJECTORS[given.one_of("mm_projector_type", tuple(_PROJECTORS), "linear")]
    vision = TOWERS.get(given.text("mm_vision_tower"), _CLIP_L)
    vision = seen_with(vision, folder, given, "mm_vision_select_layer", "mm_vision_select_feature")
    return _config(folder, vision, text, act, _tokens(given, given, text.vocab_size, text.vocab_size))


def _tinyllava(folder: Path, given: Values) -> SviqaConfig:
    language = given.section("text_config")
    text = text_config(language, language.one_of("model_type", tuple(_TEXTS), "llama"))
    act = _PROJECTORS[given.one_of("connector_type", tuple(_PROJECTORS), "mlp2x_gelu")]
    vision = vision_config(given.section("vision_config"))
    vision = seen_with(vision, folder, given, "vision_feature_layer", "vision_feature_select_strategy")
    return _config(folder, vision, text, act, _tokens(given, language, text.vocab_size, text.vocab_size))


def _tokens(given: Values, language: Values, image: int, rows: int) -> TokenConfig:
    """`image` may lie just behind the rows: then it has none yet. What is not said is as in Llama's vocabulary."""

    def known(key: str, llama: int) -> int:
        default = -1 if language.text("model_type") == "qwen2" else llama
        return next((id for id in (language.id(key), given.id(key)) if id >= 0), default)

    return TokenConfig(known("pad_token_id", -1), known("bos_token_id", 1), known("eos_token_id", 2), image, -1, rows)


def _config(folder: Path, vision: VisionConfig, text: TextConfig, act: str, tokens: TokenConfig) -> SviqaConfig:
    return SviqaConfig(name=folder.resolve().name, vision=vision, text=text, tokens=tokens, projector_act=act)
