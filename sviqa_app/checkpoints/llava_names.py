"""The names of a LLaVA's tensors: those of transformers 5 in memory, and how others spell them.

Original names: haotian-liu/LLaVA, `llava/model`; TinyLLaVA's: TinyLLaVA_Factory, `tinyllava/model`.
"""

from __future__ import annotations

import re

from ..errors import ModelError
from .published import Layout

EMBEDDINGS, HEAD = "model.language_model.embed_tokens.weight", "lm_head.weight"
TOWER, PROJECTOR = "model.vision_tower.", "model.multi_modal_projector."


_AGAIN = "Give the whole folder of the model, as it was published."
# The first pattern that fits the beginning of a name is replaced.
_TO_CANONICAL = {
    Layout.TRANSFORMERS: (
        (r"(model\.)?vision_tower\.(vision_model\.)?", TOWER),
        (r"(model\.)?multi_modal_projector\.", PROJECTOR),
        (r"(language_model\.)?lm_head\.", "lm_head."),
        (r"(language_model\.model|model\.language_model)\.", "model.language_model."),
    ),
    Layout.ORIGINAL: (
        (r"(model\.)?vision_tower\.vision_tower\.(vision_model\.)?", TOWER),
        (r"(model\.)?mm_projector\.(0\.)?(?=weight|bias)", f"{PROJECTOR}linear_1."),
        (r"(model\.)?mm_projector\.2\.", f"{PROJECTOR}linear_2."),
        (r"lm_head\.", "lm_head."),
        (r"model\.(?=embed_tokens|layers|norm)", "model.language_model."),
    ),
    Layout.TINYLLAVA: (
        (r"vision_tower\.(_vision_tower\.)?(vision_model\.)?", TOWER),
        (r"(connector\.)?_connector\.(0\.)?(?=weight|bias)", f"{PROJECTOR}linear_1."),
        (r"(connector\.)?_connector\.2\.", f"{PROJECTOR}linear_2."),
        (r"language_model\.lm_head\.", "lm_head."),
        (r"language_model\.model\.", "model.language_model."),
    ),
    Layout.OURS: ((r"llava\.", ""),),
}
# transformers writes its own names the old way.
_FROM_CANONICAL = {
    Layout.TRANSFORMERS: (
        (TOWER, "vision_tower.vision_model."),
        (PROJECTOR, "multi_modal_projector."),
        ("lm_head.", "language_model.lm_head."),
        ("model.language_model.", "language_model.model."),
    ),
    Layout.ORIGINAL: (
        (TOWER, "model.vision_tower.vision_tower.vision_model."),
        (f"{PROJECTOR}linear_1.", "model.mm_projector.0."),
        (f"{PROJECTOR}linear_2.", "model.mm_projector.2."),
        ("lm_head.", "lm_head."),
        ("model.language_model.", "model."),
    ),
}
# Tables that are computed, and SigLIP's pooling head, which a LLaVA does not look through.
_LEFT_OUT = re.compile(r".*(rotary_emb\.inv_freq|embeddings\.position_ids)$|.*vision_tower\.(vision_model\.)?head\.")


def renamed(name: str, layout: Layout, linear: bool = False) -> str:
    """A name of transformers 5 as `layout` spells it; `linear` where the projector is one layer."""
    for prefix, other in _FROM_CANONICAL[layout]:
        if name.startswith(prefix):
            new = other + name.removeprefix(prefix)
            return new.replace("mm_projector.0.", "mm_projector.") if linear else new
    raise ValueError(name)


def canonical(name: str, layout: Layout) -> str | None:
    """The name in transformers 5 of a tensor of `layout`, None where it is left out. Raises ModelError."""
    if _LEFT_OUT.match(name):
        return None
    for pattern, prefix in _TO_CANONICAL[layout]:
        if match := re.match(pattern, name):
            return prefix + name[match.end() :]
    raise ModelError(f"The weights have a tensor this version does not know: {name}.", _AGAIN)
