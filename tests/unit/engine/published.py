"""Folders of published models: the real architectures, processors and file layouts, small and with random weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers.utils import logging

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "vocab_size": 320,
}
VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}
QWEN_VISION = {"depth": 2, "num_heads": 2, "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2}
GEMMA_TEXT = {
    **SIZES,
    "num_hidden_layers": 4,
    "layer_types": ["sliding_attention", "full_attention"] * 2,
    "sliding_window": 32,
    "head_dim": 16,
}
QWEN_PICTURES = {
    "image_processor_type": "Qwen2VLImageProcessor",
    "min_pixels": 56 * 56,
    "max_pixels": 112 * 112,
    "patch_size": 14,
    "temporal_patch_size": 2,
    "merge_size": 2,
}
ROLES = ("system", "user", "assistant")
TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() }}: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE{% elif part['type'] == 'audio' %}AUDIO{% else %}{{ part['text'] }}"
    "{% endif %}{% endfor %}{% if message['role'] == 'assistant' %}</s>{% endif %}\n"
    "{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE{% elif part['type'] == 'audio' %}AUDIO{% else %}{{ part['text'] }}"
    "{% endif %}{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def words(*marks: str, **more: Any) -> hf.PreTrainedTokenizerFast:
    """A tokenizer of bytes and a few words, with `marks`."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=290,
        special_tokens=["<pad>", "<s>", "</s>", *marks],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["what is this a red ball on the table USER ASSISTANT"] * 3, trainer)
    kinds = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    return hf.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **kinds, **more)


def save(folder: Path, model: Any, *parts: Any, template: str, **files: dict[str, Any]) -> Path:
    """A folder as it lies on the hub; `files` are further ones by the stem of their names."""
    logging.disable_progress_bar()
    model.generation_config.eos_token_id = 2
    for part in (model, *parts):
        part.save_pretrained(folder)
    files["chat_template"] = {"chat_template": template}
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    for stem, values in files.items():
        (folder / f"{stem}.json").write_text(json.dumps(values))
    return folder


def llava(folder: Path) -> Path:
    """LLaVA 1.5."""
    torch.manual_seed(0)
    tokenizer = words("<image>")
    config = hf.LlavaConfig(
        vision_config=hf.CLIPVisionConfig(**VISION),
        text_config=hf.LlamaConfig(**SIZES),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    pictures = hf.CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    processor = hf.LlavaProcessor(
        pictures, tokenizer, patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1
    )
    model = hf.LlavaForConditionalGeneration(config)
    return save(folder, model, processor, template=TEMPLATE.replace("IMAGE", "<image>\n"))


def idefics3(folder: Path, model_type: str = "idefics3") -> Path:
    """SmolVLM, and with another `model_type` SmolVLM 2."""
    torch.manual_seed(0)
    marks = ("<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>", "<row_1_col_1>")
    tokenizer = words(*marks)
    config = hf.AutoConfig.for_model(
        model_type,
        vision_config=VISION,
        text_config={"model_type": "llama", **SIZES},
        scale_factor=2,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=0,
    )
    name = "Idefics3" if model_type == "idefics3" else "SmolVLM"
    pictures = {
        "image_processor_type": f"{name}ImageProcessor",
        "size": {"longest_edge": 56},
        "max_image_size": {"longest_edge": 28},
    }
    model = hf.AutoModelForImageTextToText.from_config(config)
    return save(
        folder,
        model,
        tokenizer,
        template=TEMPLATE.replace("IMAGE", "<image>"),
        preprocessor_config=pictures,
        processor_config={"processor_class": f"{name}Processor", "image_seq_len": 1},
    )


def smolvlm(folder: Path) -> Path:
    """SmolVLM 2, whose processor also takes videos."""
    return idefics3(folder, "smolvlm")


def qwen2_vl(folder: Path) -> Path:
    """Qwen2-VL, whose processor also takes videos."""
    torch.manual_seed(0)
    marks = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")
    tokenizer = words(*marks)
    image, video, start, end = tokenizer.convert_tokens_to_ids(list(marks))
    config = hf.Qwen2VLConfig(
        vision_config={"embed_dim": 32, "hidden_size": 64, "mlp_ratio": 2, **QWEN_VISION},
        text_config={**SIZES, "bos_token_id": 1, "eos_token_id": 2, "rope_parameters": mrope()},
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )
    return save(
        folder,
        hf.Qwen2VLForConditionalGeneration(config),
        tokenizer,
        template=TEMPLATE.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>"),
        preprocessor_config={**QWEN_PICTURES, "processor_class": "Qwen2VLProcessor"},
    )


def onevision(folder: Path) -> Path:
    """LLaVA-OneVision, whose processor also takes videos."""
    torch.manual_seed(0)
    tokenizer = words("<image>", "<video>")
    image, video = tokenizer.convert_tokens_to_ids(["<image>", "<video>"])
    grid = {"image_grid_pinpoints": [[28, 28], [28, 56], [56, 28]]}
    config = hf.LlavaOnevisionConfig(
        vision_config={"model_type": "siglip_vision_model", "vision_use_head": False, **VISION},
        text_config={"model_type": "qwen2", **SIZES},
        image_token_index=image,
        video_token_index=video,
        **grid,
    )
    return save(
        folder,
        hf.LlavaOnevisionForConditionalGeneration(config),
        tokenizer,
        template=TEMPLATE.replace("IMAGE", "<image>\n"),
        preprocessor_config={
            "image_processor_type": "LlavaOnevisionImageProcessor",
            "size": {"height": 28, "width": 28},
            **grid,
        },
        processor_config={
            "processor_class": "LlavaOnevisionProcessor",
            "num_image_tokens": 4,
            "vision_feature_select_strategy": "full",
        },
    )


def qwen2_5_omni(folder: Path) -> Path:
    """Qwen2.5-Omni, which hears and speaks; "Chelsie" is its speaker."""
    torch.manual_seed(0)
    names = {
        "image_token": "<|IMAGE|>",
        "audio_token": "<|AUDIO|>",
        "video_token": "<|VIDEO|>",
        "vision_bos_token": "<|vision_bos|>",
        "vision_eos_token": "<|vision_eos|>",
        "audio_bos_token": "<|audio_bos|>",
        "audio_eos_token": "<|audio_eos|>",
    }
    tokenizer = words(*names.values(), extra_special_tokens=names)
    image, audio, video, seen, seen_end, heard, heard_end = tokenizer.convert_tokens_to_ids(list(names.values()))
    ids = {
        "image_token_index": image,
        "audio_token_index": audio,
        "video_token_index": video,
        "vision_start_token_id": seen,
        "vision_end_token_id": seen_end,
        "audio_start_token_id": heard,
        "audio_end_token_id": heard_end,
    }
    text = {**SIZES, "rope_parameters": mrope()}
    hearing = {"encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 64, "d_model": 32, "n_window": 50}
    seeing = {"hidden_size": 32, "out_hidden_size": 64, "intermediate_size": 64, "window_size": 56, **QWEN_VISION}
    config = hf.Qwen2_5OmniConfig(
        thinker_config={
            "audio_config": {"output_dim": 64, **hearing},
            "vision_config": {"fullatt_block_indexes": [1], **seeing},
            "text_config": text,
            "pad_token_id": 0,
            **ids,
        },
        talker_config={
            **text,
            **ids,
            "embedding_size": 64,
            "head_dim": 16,
            "vocab_size": 8448,
            "tts_text_start_token_id": 1,
            "tts_text_end_token_id": 2,
            "tts_text_pad_token_id": 0,
        },
        token2wav_config={
            "dit_config": {
                "num_embeds": 8448,
                "hidden_size": 32,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "head_dim": 16,
                "emb_dim": 16,
                "enc_emb_dim": 8,
                "enc_dim": 16,
                "enc_channels": [16, 16, 16, 16, 48],
                "enc_attention_channels": 8,
                "enc_res2net_scale": 2,
                "enc_se_channels": 8,
            },
            "bigvgan_config": {"upsample_initial_channel": 64},
        },
    )
    model = hf.Qwen2_5OmniForConditionalGeneration(config)
    image_mark, audio_mark = "<|vision_bos|><|IMAGE|><|vision_eos|>", "<|audio_bos|><|AUDIO|><|audio_eos|>"
    save(
        folder,
        model,
        tokenizer,
        template=TEMPLATE.replace("IMAGE", image_mark).replace("AUDIO", audio_mark),
        preprocessor_config={
            **QWEN_PICTURES,
            "processor_class": "Qwen2_5OmniProcessor",
            "feature_extractor_type": "WhisperFeatureExtractor",
            "feature_size": 128,
            "return_attention_mask": True,
        },
    )
    voice = {"cond": torch.randn(1, 8), "ref_mel": torch.randn(1, 50, 80), "bos_token": 3}
    torch.save({"Chelsie": voice}, folder / "spk_dict.pt")
    return folder


def qwen3_omni(folder: Path, speaks: bool = True) -> Path:
    """Qwen3-Omni, which hears and, unless it is the one that thinks, speaks as "Ethan"."""
    torch.manual_seed(0)
    names = {
        "image_token": "<|image_pad|>",
        "audio_token": "<|audio_pad|>",
        "video_token": "<|video_pad|>",
        "vision_bos_token": "<|vision_start|>",
        "vision_eos_token": "<|vision_end|>",
        "audio_bos_token": "<|audio_start|>",
        "audio_eos_token": "<|audio_end|>",
    }
    more = (
        "<|im_start|>",
        "<|im_end|>",
        "<tts_pad>",
        "<tts_text_bos>",
        "<tts_text_eod>",
        "system",
        "user",
        "assistant",
    )
    tokenizer = words(*names.values(), *more, extra_special_tokens=names)
    image, audio, video, seen, _, heard, _ = tokenizer.convert_tokens_to_ids(list(names.values()))
    ids = {
        "image_token_id": image,
        "audio_token_id": audio,
        "video_token_id": video,
        "vision_start_token_id": seen,
        "audio_start_token_id": heard,
    }
    roles = ("im_start", "im_end", "tts_pad", "tts_bos", "tts_eos", *ROLES)
    marks = {f"{role}_token_id": tokenizer.convert_tokens_to_ids(mark) for role, mark in zip(roles, more, strict=True)}
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
    hearing = {"encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 64, "d_model": 32}
    seeing = {"hidden_size": 32, "out_hidden_size": 64, "intermediate_size": 64, **QWEN_VISION, "patch_size": 16}
    config = hf.Qwen3OmniMoeConfig(
        thinker_config={
            "audio_config": {"output_dim": 64, "downsample_hidden_size": 16, **hearing},
            "vision_config": {"deepstack_visual_indexes": [0, 1], "num_position_embeddings": 64, **seeing},
            "text_config": {**SIZES, **experts, "rope_parameters": mrope()},
            "user_token_id": marks["user_token_id"],
            **ids,
        },
        talker_config={
            "text_config": {
                **SIZES,
                **experts,
                "vocab_size": 3072,
                "shared_expert_intermediate_size": 32,
                "rope_parameters": mrope(),
            },
            "code_predictor_config": {**SIZES, "head_dim": 16, "vocab_size": 2048, "num_code_groups": 16},
            "spatial_merge_size": 2,
            "thinker_hidden_size": 64,
            "accept_hidden_layer": 1,
            "num_code_groups": 16,
            "codec_pad_id": 2148,
            "codec_bos_id": 2149,
            "codec_eos_token_id": 2150,
            "codec_nothink_id": 2155,
            "codec_think_bos_id": 2156,
            "codec_think_eos_id": 2157,
            "speaker_id": {"chelsie": 2301, "ethan": 2302, "aiden": 2303},
            **ids,
        },
        code2wav_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "decoder_dim": 64,
        },
        enable_audio_output=speaks,
        **marks,
    )
    image_mark, audio_mark = "<|vision_start|><|image_pad|><|vision_end|>", "<|audio_start|><|audio_pad|><|audio_end|>"
    model = hf.Qwen3OmniMoeForConditionalGeneration(config)
    for name, weight in model.named_parameters():
        if ".experts." in name:  # transformers 5.24 leaves the speaker's as the memory was
            torch.nn.init.normal_(weight, std=0.02)
    return save(
        folder,
        model,
        tokenizer,
        template=CHATML.replace("IMAGE", image_mark).replace("AUDIO", audio_mark),
        preprocessor_config={
            **QWEN_PICTURES,
            "patch_size": 16,
            "processor_class": "Qwen3OmniMoeProcessor",
            "feature_extractor_type": "WhisperFeatureExtractor",
            "feature_size": 128,
            "return_attention_mask": True,
        },
    )


def gemma4(folder: Path) -> Path:
    """Gemma 4 of the kind that hears, whose processor also takes videos."""
    torch.manual_seed(0)
    tokenizer, ids = gemma_words()
    config = hf.Gemma4Config(
        text_config={
            **GEMMA_TEXT,
            "num_kv_shared_layers": 2,
            "vocab_size_per_layer_input": 320,
            "hidden_size_per_layer_input": 8,
            "bos_token_id": 1,
            "eos_token_id": 2,
        },
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "position_embedding_size": 64,
        },
        audio_config={"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "output_proj_dims": 64},
        **ids,
    )
    return save(
        folder,
        hf.Gemma4ForConditionalGeneration(config),
        tokenizer,
        template=TEMPLATE.replace("IMAGE", "<|image|>").replace("AUDIO", "<|audio|>"),
        processor_config={
            "processor_class": "Gemma4Processor",
            "image_processor": {"image_processor_type": "Gemma4ImageProcessor", "max_soft_tokens": 70},
            "feature_extractor": {"feature_extractor_type": "Gemma4AudioFeatureExtractor"},
            "video_processor": {"video_processor_type": "Gemma4VideoProcessor"},
        },
    )


def gemma4_unified(folder: Path) -> Path:
    """Gemma 4 whose language model reads patches and samples itself; it takes torchvision."""
    torch.manual_seed(0)
    tokenizer, ids = gemma_words()
    config = hf.Gemma4UnifiedConfig(
        text_config={**GEMMA_TEXT, "bos_token_id": 1, "eos_token_id": 2},
        vision_config={"mm_embed_dim": 64, "mm_posemb_size": 64, "output_proj_dims": 64},
        audio_config={},
        **ids,
    )
    return save(
        folder,
        hf.Gemma4UnifiedForConditionalGeneration(config),
        tokenizer,
        template=TEMPLATE.replace("IMAGE", "<|image|>").replace("AUDIO", "<|audio|>"),
        processor_config={
            "processor_class": "Gemma4UnifiedProcessor",
            "image_processor": {"image_processor_type": "Gemma4UnifiedImageProcessor", "max_soft_tokens": 70},
            "feature_extractor": {"feature_extractor_type": "Gemma4UnifiedAudioFeatureExtractor"},
            "video_processor": {"video_processor_type": "Gemma4UnifiedVideoProcessor"},
        },
    )


def gemma3n(folder: Path) -> Path:
    """Gemma 3n, which takes timm."""
    torch.manual_seed(0)
    names = {
        "image_token": "<image_soft_token>",
        "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
        "audio_token": "<audio_soft_token>",
        "boa_token": "<start_of_audio>",
        "eoa_token": "<end_of_audio>",
    }
    tokenizer = words(*names.values(), extra_special_tokens=names)
    ids = {name + "_id": tokenizer.convert_tokens_to_ids(mark) for name, mark in names.items()}
    config = hf.Gemma3nConfig(
        text_config={
            **GEMMA_TEXT,
            "vocab_size": 576,
            "num_kv_shared_layers": 2,
            "activation_sparsity_pattern": [0.0] * 4,
            "vocab_size_per_layer_input": 320,
            "hidden_size_per_layer_input": 8,
            "laurel_rank": 8,
            "bos_token_id": 1,
            "eos_token_id": 2,
        },
        vision_config={
            "architecture": "mobilenetv5_300m_enc",
            "model_args": {"channel_multiplier": 0.1},
            "vocab_offset": 320,
        },
        audio_config={
            "hidden_size": 32,
            "conf_num_attention_heads": 2,
            "conf_num_hidden_layers": 2,
            "sscp_conv_channel_size": [8, 4],
            "vocab_offset": 448,
        },
        **ids,
    )
    return save(
        folder,
        hf.Gemma3nForConditionalGeneration(config),
        tokenizer,
        template=TEMPLATE.replace("IMAGE", "<image_soft_token>").replace("AUDIO", "<audio_soft_token>"),
        preprocessor_config={
            "processor_class": "Gemma3nProcessor",
            "image_processor_type": "SiglipImageProcessorFast",
            "feature_extractor_type": "Gemma3nAudioFeatureExtractor",
            "do_normalize": False,
            "size": {"height": 256, "width": 256},
        },
        processor_config={"processor_class": "Gemma3nProcessor", "audio_seq_length": 188, "image_seq_length": 256},
    )


def phi4(folder: Path) -> Path:
    """Phi-4-multimodal, which takes torchvision, and the LoRA with which it sees."""
    torch.manual_seed(0)
    names = {"image_token": "<|endoftext10|>", "audio_token": "<|endoftext11|>"}
    tokenizer = words(*names.values(), extra_special_tokens=names)
    image, audio = tokenizer.convert_tokens_to_ids(list(names.values()))
    config = hf.Phi4MultimodalConfig(
        **SIZES,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        vision_config={**VISION, "image_size": 448, "image_token_id": image},
        audio_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_blocks": 2,
            "num_attention_heads": 2,
            "ext_pw_out_channel": 32,
            "depthwise_separable_out_channel": 32,
            "nemo_conv_channels": 16,
            "audio_token_id": audio,
        },
    )
    save(
        folder,
        hf.Phi4MultimodalForCausalLM(config),
        tokenizer,
        template=TEMPLATE.replace("IMAGE", "<|endoftext10|>").replace("AUDIO", "<|endoftext11|>"),
        preprocessor_config={
            "processor_class": "Phi4MultimodalProcessor",
            "image_processor_type": "Phi4MultimodalImageProcessorFast",
            "feature_extractor_type": "Phi4MultimodalFeatureExtractor",
        },
        processor_config={"processor_class": "Phi4MultimodalProcessor"},
    )
    beside = folder / "vision-lora"
    beside.mkdir()
    (beside / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4, "lora_alpha": 8}))
    module = "base_model.model.model.layers.1.mlp.down_proj"
    factors = {f"{module}.lora_A.weight": torch.randn(4, 96), f"{module}.lora_B.weight": torch.randn(64, 4)}
    save_file(factors, beside / "adapter_model.safetensors")
    return folder


def whisper(folder: Path) -> Path:
    """Whisper."""
    torch.manual_seed(0)
    tokenizer = words("<|endoftext|>", "<|startoftranscript|>")
    config = hf.WhisperConfig(
        vocab_size=320,
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        decoder_start_token_id=1,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        begin_suppress_tokens=None,
    )
    model = hf.WhisperForConditionalGeneration(config)
    extractor = hf.WhisperFeatureExtractor(feature_size=80)
    save(folder, model, tokenizer, extractor, template="")
    (folder / "chat_template.json").unlink()
    named = {"tokenizer_class": "PreTrainedTokenizerFast", "processor_class": "WhisperProcessor"}
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **named}))
    return folder


def gemma_words() -> tuple[hf.PreTrainedTokenizerFast, dict[str, int]]:
    """A tokenizer with the marks of Gemma 4, and their ids by the names of its config."""
    names = {
        "image_token": "<|image|>",
        "boi_token": "<|image>",
        "eoi_token": "<image|>",
        "audio_token": "<|audio|>",
        "boa_token": "<|audio>",
        "eoa_token": "<audio|>",
    }
    tokenizer = words(*names.values(), "<|video|>", extra_special_tokens=names)
    ids = {f"{name}_id": tokenizer.convert_tokens_to_ids(mark) for name, mark in names.items()}
    ids["eoa_token_index"] = ids.pop("eoa_token_id")
    return tokenizer, {**ids, "video_token_id": tokenizer.convert_tokens_to_ids("<|video|>")}


def mrope() -> dict[str, Any]:
    """Positions in time, height and width."""
    return {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e4}


EYES: dict[str, Callable[[Path], Path]] = {
    "llava": llava,
    "idefics3": idefics3,
    "smolvlm": smolvlm,
    "qwen2_vl": qwen2_vl,
    "onevision": onevision,
}
