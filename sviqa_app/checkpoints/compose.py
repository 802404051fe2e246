"""A SViQA out of published parts: a LLaVA, a Whisper encoder, and between them a projector yet to be trained."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from ..errors import ModelError
from ..model.config import AudioTokenConfig, SpeechConfig, SviqaConfig
from ..model.sviqa import Sviqa
from .expecting import check, expected
from .llava import Llava, read_llava, with_rows
from .llava_names import EMBEDDINGS, HEAD
from .native import write_config
from .speech_projector import read_speech_projector
from .stored import Stored, Tensors, Written, new_folder, write_weights
from .vocabulary import SPEECH, TOKENIZER, read_vocabulary, with_audio, with_image, with_mark
from .whisper import Whisper, read_whisper

LINGUISTIC, SEMANTIC = 1024, 4096
_ENCODER, _PROJECTOR = "ear.speech_encoder.encoder.", "ear.speech_projector."


def compose(
    llava: Path,
    whisper: Path,
    out: Path,
    audio_tokens: bool = False,
    *,
    base: Path | None = None,
    tower: Path | None = None,
    projector: Path | None = None,
) -> Written:
    """Writes the folder `out`: the LLaVA in `llava` with the ear of `whisper`, ready for alignment.

    Asked in words it answers as the LLaVA does, to the bit. The vocabulary has `<speech>`, and with `audio_tokens` the
    5,120 of Step-Audio's two codebooks. The speech projector is fresh, unless `projector` is LLaMA-Omni's folder.
    `base` and `tower`: see `read_llava`. Every part is checked before anything is written, and one tensor is in memory
    at a time. Raises ModelError for what is given, OutputError where it cannot be written.
    """
    seen, heard = read_llava(llava, base, tower), read_whisper(whisper)
    words = read_vocabulary(llava)
    config, tensors = assemble(seen, heard, words, audio_tokens, name=out.name)
    if projector is not None:
        tensors |= {_PROJECTOR + name: tensor for name, tensor in read_speech_projector(projector).items()}
        check(tensors, expected(partial(Sviqa, config), 0, tensors))
    with new_folder(out) as folder:
        write_config(folder, config)
        words.save(str(folder / TOKENIZER))
        write_weights(folder, tensors)
    return Written.of(out, tensors, seen.notes)


def assemble(
    seen: Llava, heard: Whisper, words: Tokenizer, audio_tokens: bool, name: str = "sviqa"
) -> tuple[SviqaConfig, Tensors]:
    """The configuration and every tensor of a SViQA, with nothing in memory; the marks are added to `words`.

    Raises ModelError where the parts do not fit together.
    """
    spelled, known = words.get_vocab_size(with_added_tokens=False), seen.config.text.vocab_size
    if spelled > known:
        raise ModelError(f"The tokenizer has {spelled:,} words, and the LLaVA knows {known:,}.")
    image = seen.config.tokens.image if seen.config.tokens.image < known else with_image(words, known)
    tokens = replace(seen.config.tokens, image=image, speech=with_mark(words, SPEECH))
    sizes = (LINGUISTIC, SEMANTIC) if audio_tokens else (0, 0)
    base = with_audio(words, sum(sizes)) if audio_tokens else words.get_vocab_size()
    rows = max(known, words.get_vocab_size())
    config = replace(
        seen.config,
        name=name,
        text=replace(seen.config.text, vocab_size=rows),
        speech=heard.config,
        audio=AudioTokenConfig(*sizes, base),
        tokens=tokens,
    )
    grown = {key: with_rows(seen.tensors[key], rows) for key in (EMBEDDINGS, HEAD)}
    tensors = {f"llava.{key}": tensor for key, tensor in (seen.tensors | grown).items()}
    tensors |= {_ENCODER + key: tensor for key, tensor in heard.tensors.items()}
    tensors |= {_PROJECTOR + key: t for key, t in fresh_projector(heard.config, config.text.hidden_size).items()}
    check(tensors, expected(partial(Sviqa, config), 0, tensors))
    return config, tensors


def fresh_projector(config: SpeechConfig, hidden: int) -> Tensors:
    """The speech projector before training, drawn as torch draws a linear layer, alike each time."""
    joined, middle = config.width * config.concat, config.projector_hidden
    shapes = {
        "linear1.weight": (middle, joined),
        "linear1.bias": (middle,),
        "linear2.weight": (hidden, middle),
        "linear2.bias": (hidden,),
    }
    inputs = {"linear1": joined, "linear2": middle}
    return {
        name: Stored(shape, torch.float32, _drawing(seed, shape, inputs[name.split(".")[0]]))
        for seed, (name, shape) in enumerate(shapes.items())
    }


def _drawing(seed: int, shape: tuple[int, ...], inputs: int) -> Callable[[], Tensor]:
    def draw() -> Tensor:
        numbers = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
        return (2 * numbers - 1).div(math.sqrt(inputs))

    return draw
