"""A Step1 model writes the audio of a prompt, token by token, so that a vocoder can sound it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import EngineError
from .audio_tokens import WINDOW, repetition_mask
from .config import AudioTokenConfig
from .decode import Stop, never
from .step1 import Past, Step1
from .tts_prompt import AUDIO, TURN_END

CHUNK = 256  # prompt ids read at a time: attention's bias is [heads, this, all before]


@dataclass(frozen=True)
class Writing:
    """How tokens are drawn: `longest` counts the prompt too, `end` is the id that closes the audio."""

    audio: AudioTokenConfig = AUDIO
    end: int = TURN_END
    temperature: float = 0.7
    longest: int = 8192


WRITING = Writing()


@torch.inference_mode()
def generate_audio_tokens(
    model: Step1, prompt_ids: Sequence[int], config: Writing = WRITING, stop: Stop = never, seed: int = 0
) -> Iterator[int]:
    """The vocoder ids that follow a prompt, each as soon as it is drawn, until the model ends or `stop` says so.

    The prompt holds one id at least. The chance comes from the processor's own generator, whatever the device. Raises
    EngineError where the prompt leaves no room, or where the model's numbers overflow.
    """
    if len(prompt_ids) >= config.longest:
        raise EngineError("The text is too long to be spoken in one piece.", "Say it in several.")
    ids, past = list(prompt_ids), Past()
    choices = torch.tensor([*range(config.audio.base, config.audio.base + config.audio.size), config.end])
    generator = torch.Generator().manual_seed(seed)
    logits = _read(model, ids, past)
    while not stop():
        ids.append(_draw(logits, ids, choices, config.temperature, generator))
        if ids[-1] == config.end:
            return
        yield ids[-1] - config.audio.base
        if len(ids) >= config.longest:
            return
        logits = _read(model, ids[-1:], past)


def _read(model: Step1, ids: Sequence[int], past: Past) -> Tensor:
    """Logits [V] after `ids`."""
    device = model.lm_head.weight.device
    for begin in range(0, len(ids), CHUNK):
        logits = model(torch.tensor([ids[begin : begin + CHUNK]], device=device), past, last_only=True)
    last: Tensor = logits[0, -1]
    return last


def _draw(logits: Tensor, ids: Sequence[int], choices: Tensor, temperature: float, generator: torch.Generator) -> int:
    """One of `choices`, from logits [V]; what the repetition rule refuses, or is no number, is never drawn."""
    refused = repetition_mask(torch.tensor([ids[-WINDOW:]]), len(logits))[0, choices]
    scores = logits[choices.to(logits.device)].float().cpu()
    scores = scores.masked_fill(refused | ~scores.isfinite(), -torch.inf)
    if scores.max() == -torch.inf:
        raise EngineError("The voice's numbers overflowed.", "Run it in bfloat16 or float32.")
    chances = (scores / temperature).softmax(0)
    return int(choices[torch.multinomial(chances, 1, generator=generator)])
