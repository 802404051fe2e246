"""The sizes that `cosyvoice.yaml` gives the flow and HiFT; the published ones where it is silent."""

from __future__ import annotations

import math
from typing import Any

from ..errors import ModelError
from ..model.config import FlowConfig, HiftConfig
from ..model.mel import SPEECH_HOP
from .recipes import Recipe

# Our name of a size, and where the recipe has it.
_FLOW = {
    "encoder_dim": "flow.encoder.output_size",
    "encoder_heads": "flow.encoder.attention_heads",
    "encoder_ffn": "flow.encoder.linear_units",
    "encoder_layers": "flow.encoder.num_blocks",
    "mels": "flow.output_size",
    "speaker_dim": "flow.spk_embed_dim",
    "token_rate": "flow.input_frame_rate",
    "channels": "flow.decoder.estimator.channels",
    "attention_heads": "flow.decoder.estimator.num_heads",
    "attention_head_dim": "flow.decoder.estimator.attention_head_dim",
    "blocks_per_stage": "flow.decoder.estimator.n_blocks",
    "mid_blocks": "flow.decoder.estimator.num_mid_blocks",
    "guidance": "flow.decoder.cfm_params.content.inference_cfg_rate",
}
_HIFT = {
    "sample_rate": "hift.sampling_rate",
    "mels": "hift.in_channels",
    "channels": "hift.base_channels",
    "harmonics": "hift.nb_harmonics",
    "upsample_rates": "hift.upsample_rates",
    "upsample_kernels": "hift.upsample_kernel_sizes",
    "istft_size": "hift.istft_params.n_fft",
    "istft_hop": "hift.istft_params.hop_len",
    "resblock_kernels": "hift.resblock_kernel_sizes",
    "resblock_dilations": "hift.resblock_dilation_sizes",
    "source_kernels": "hift.source_resblock_kernel_sizes",
    "source_dilations": "hift.source_resblock_dilation_sizes",
    "f0_channels": "hift.f0_predictor.cond_channels",
}
# What the weights do not show, and what we compute.
_FIXED = {
    "flow.encoder.input_layer": "linear",
    "flow.encoder.pos_enc_layer_type": "rel_pos_espnet",
    "flow.encoder.selfattention_layer_type": "rel_selfattn",
    "flow.encoder.normalize_before": True,
    "flow.decoder.cfm_params.content.solver": "euler",
    "flow.decoder.cfm_params.content.t_scheduler": "cosine",
    "flow.decoder.estimator.act_fn": "gelu",
    "hift.nsf_alpha": 0.1,
    "hift.nsf_sigma": 0.003,
    "hift.nsf_voiced_threshold": 10,
    "hift.lrelu_slope": 0.1,
    "hift.audio_limit": 0.99,
}
# Far outside of anything published.
_TOKEN_RATES = (10, 200)
_SAMPLE_RATES = (8000, 48000)
_MOST_LAYERS = 128
_MOST_STAGES = 8
_WIDEST_LAYER = 100_000
_WIDEST_KERNEL = 64
_WIDTHS = ("sample_rate", "mels", "channels", "f0_channels")


def read_sizes(recipe: Recipe, vocabulary: int) -> tuple[FlowConfig, HiftConfig]:
    """The sizes of the flow, whose tokens are of so large a `vocabulary`, and of HiFT. Raises ModelError."""
    flow = FlowConfig.from_dict({**_found(recipe, _FLOW), "vocab_size": vocabulary})
    hift = HiftConfig.from_dict(_found(recipe, _HIFT))
    known = {place: recipe.find(place) in (None, value) for place, value in _FIXED.items()}
    alike = {_HIFT["mels"]: hift.mels == flow.mels}
    for place, fits in (known | _flow_fits(flow) | _hift_fits(hift) | alike).items():
        if not fits:
            value = str(recipe.find(place))[:60]
            raise ModelError(
                f"{recipe.path} gives {place} the value {value}, which this version does not know.", "Update the app."
            )
    return flow, hift


def _flow_fits(flow: FlowConfig) -> dict[str, bool]:
    """Whether each size that could do harm is one we can build, by its place."""
    layers = ("encoder_layers", "blocks_per_stage", "mid_blocks")
    return {
        **{_FLOW[name]: 1 <= getattr(flow, name) <= _MOST_LAYERS for name in layers},
        _FLOW["channels"]: _is_like(flow.channels, FlowConfig.channels, _WIDEST_LAYER),
        _FLOW["token_rate"]: _TOKEN_RATES[0] <= flow.token_rate <= _TOKEN_RATES[1],
    }


def _hift_fits(hift: HiftConfig) -> dict[str, bool]:
    """The same of HiFT, whose mel frames must last as long as the flow's."""
    fits = {
        place: _is_like(getattr(hift, name), getattr(HiftConfig, name), _WIDEST_KERNEL)
        for name, place in _HIFT.items()
        if name not in _WIDTHS
    }
    fits[_HIFT["sample_rate"]] = _SAMPLE_RATES[0] <= hift.sample_rate <= _SAMPLE_RATES[1]
    if all(fits.values()):
        fits[_HIFT["upsample_rates"]] = hift.istft_hop * math.prod(hift.upsample_rates) == SPEECH_HOP
    return fits


def _found(recipe: Recipe, places: dict[str, str]) -> dict[str, Any]:
    found = {name: recipe.find(place) for name, place in places.items()}
    return {name: value for name, value in found.items() if value is not None}


def _is_like(value: Any, published: Any, most: int) -> bool:
    """Whether it is made of lists like the published one, none of them long, and of whole numbers from 1 to `most`."""
    if isinstance(published, tuple):
        few = isinstance(value, tuple) and 1 <= len(value) <= _MOST_STAGES
        return few and all(_is_like(part, published[0], most) for part in value)
    return type(value) is int and 1 <= value <= most
