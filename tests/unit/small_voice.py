"""A whole voice, tiny and with random weights: its sizes, its parts and its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from sviqa_app.checkpoints.native import save_weights, write_config
from sviqa_app.engine.pronunciations import save_pronunciations
from sviqa_app.engine.tokenizing import save_tokenizer
from sviqa_app.engine.vocoder import Parts, Vocoder
from sviqa_app.engine.voices import WRITER, Speakers, Voices, save_speakers
from sviqa_app.model.config import Step1Config, VoiceConfig
from sviqa_app.model.narration import BASE
from sviqa_app.model.speech_tokenizer import SpeechTokenizer
from sviqa_app.model.step1 import Step1

from .tiny import AUDIO, FLOW, HIFT

WRITES = Step1Config(BASE + AUDIO.size, hidden_size=32, intermediate_size=48, layers=2, heads=4, groups=2)
SMALL_VOICE = VoiceConfig("toy-voice", ("ann", "bob"), AUDIO, replace(FLOW, vocab_size=AUDIO.size), HIFT, WRITES)


def random_step1(config: Step1Config = WRITES, seed: int = 0, spread: float = 0.3) -> Step1:
    """A decoder that says something else each time: matrices with deviation `spread`, gains about 1."""
    torch.manual_seed(seed)
    model = Step1(config).eval().requires_grad_(False)
    for weights in model.parameters():
        if weights.dim() == 2:
            torch.nn.init.normal_(weights, std=spread)
        else:
            torch.nn.init.uniform_(weights, 0.5, 1.5)
    return model


def humming_parts(config: VoiceConfig, seed: int = 1) -> Parts:
    """Random weights, scaled so that the sound is speech-like: pitch about 150 Hz, moderately loud."""
    torch.manual_seed(seed)
    parts = Parts.of(config)
    with torch.no_grad():
        parts.hift.f0_predictor.classifier.bias.fill_(150.0)
    return parts


def write_voice(folder: Path, config: VoiceConfig = SMALL_VOICE, seed: int = 0) -> Path:
    """The folder of a voice with random weights, as `Voices.load` reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    speakers = Speakers(config)
    torch.nn.init.normal_(speakers.table)
    torch.nn.init.normal_(speakers.voiceprint.styles.weight)
    parts = humming_parts(config)
    with torch.no_grad():  # one hears who speaks
        parts.flow.spk_embed_affine_layer.weight.mul_(30)
    write_config(folder, config)
    Vocoder(parts).save(folder)
    save_speakers(folder, speakers)
    save_tokenizer(folder, SpeechTokenizer(config.audio))
    save_weights(folder / WRITER, random_step1(config.writer, seed).state_dict(), torch.float16)
    save_pronunciations(folder, {})
    return folder


def small_voices(folder: Path) -> Voices:
    """That voice, read."""
    return Voices.load(write_voice(folder))
