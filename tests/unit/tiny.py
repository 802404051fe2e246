"""Networks small enough for tests: a language model with random weights, and the sizes of a voice."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from sviqa_app.model.config import AudioTokenConfig, FlowConfig, HiftConfig, SviqaConfig, TextConfig
from sviqa_app.model.decode import Cache, Grammar
from sviqa_app.model.interleave import Marks

AUDIO = AudioTokenConfig(linguistic=16, semantic=32, base=40)
MARKS = Marks(text_end=1, end=2)
HIDDEN = 32
FLOW = FlowConfig(
    encoder_dim=16,
    encoder_heads=2,
    encoder_ffn=32,
    encoder_layers=1,
    channels=(16, 16),
    attention_heads=2,
    attention_head_dim=8,
    blocks_per_stage=1,
    mid_blocks=1,
    steps=2,
)
HIFT = HiftConfig(
    channels=32,
    f0_channels=16,
    resblock_kernels=(3,),
    resblock_dilations=((1, 3),),
    source_kernels=(3, 3),
    source_dilations=((1,), (1,)),
)


class TinyLanguage(nn.Module):
    """40 text ids, 48 audio ids, two layers."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.config = SviqaConfig(text=TextConfig(vocab_size=88, hidden_size=HIDDEN), audio=AUDIO)
        self.llama = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=88,
                hidden_size=HIDDEN,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=4,
                initializer_range=0.3,
            )
        ).eval()

    def embed(self, ids: Tensor) -> Tensor:
        return self.llama.get_input_embeddings()(ids)

    def language(
        self,
        inputs_embeds: Tensor,
        cache: Cache = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
    ) -> tuple[Tensor, Cache]:
        out = self.llama.model(
            inputs_embeds=inputs_embeds,
            cache=cache,
            attention_mask=attention_mask,
            position_ids=position_ids,
            use_cache=True,
        )
        return out.last_hidden_state, out.cache

    def logits(self, hidden: Tensor) -> Tensor:
        return self.llama.lm_head(hidden)


def grammar() -> Grammar:
    return Grammar(MARKS, torch.arange(5, 40), AUDIO)


def prompt(length: int, seed: int = 0) -> Tensor:
    """Random prompt embeddings [length, H]."""
    return torch.randn(length, HIDDEN, generator=torch.Generator().manual_seed(seed))
