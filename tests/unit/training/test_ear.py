"""Frame labels stand where the words were spoken, and the helping losses are finite."""

from __future__ import annotations

import numpy as np
import torch

from sviqa_app.model.config import SpeechConfig, SviqaConfig
from sviqa_app.training.corpus import tokenizer
from sviqa_app.training.ear import EarStudent, collapse, collate, ear_loss, heard, word_errors
from sviqa_app.training.utterances import Utterance


def utterance() -> Utterance:
    """One second of noise in which word 20 lasts from 200 to 400 ms and word 30 from 400 to 700 ms."""
    wave = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    words = np.array([[20, 200, 400], [30, 400, 700]], np.int32)
    return Utterance(wave, words, np.array([[5, 200, 700]], np.int32), [20, 30])


def test_labels_follow_the_sound() -> None:
    item = heard(utterance(), np.random.default_rng(1), 0.0)
    frames = np.flatnonzero(item["words"] == 20)
    assert len(frames) == 10
    assert set(item["words"].tolist()) == {0, 20, 30}
    assert len(item["words"]) == (item["mel"].shape[-1] + 1) // 2
    assert len(np.flatnonzero(item["phones"] == 5)) == 25


def test_words_that_could_not_be_placed_are_not_trained_on() -> None:
    blind = Utterance(utterance().wave, np.zeros((0, 3), np.int32), np.zeros((0, 3), np.int32), [20])
    item = heard(blind, np.random.default_rng(1), 1.0)
    assert set(item["words"].tolist()) == {-100}


def test_losses_are_finite_and_reach_the_encoder() -> None:
    torch.manual_seed(0)
    config = SviqaConfig(speech=SpeechConfig(width=32, layers=1, heads=2, intermediate_size=64))
    student = EarStudent(config)
    rng = np.random.default_rng(2)
    batch = collate([heard(utterance(), rng, 1.0) for _ in range(3)], rng)
    total = torch.stack(list(ear_loss(student, batch).values())).sum()
    total.backward()
    assert bool(torch.isfinite(total))
    gradient = student.ear.speech_encoder.encoder.conv1.weight.grad
    assert gradient is not None and float(gradient.abs().sum()) > 0


def test_word_errors_and_collapse() -> None:
    assert word_errors([1, 2, 3], [1, 2, 3]) == 0
    assert word_errors([1, 2, 3], [1, 3]) == 1
    assert word_errors([1, 2], []) == 2
    assert collapse([0, 5, 5, 0, 5, 6, 6, 0]) == [5, 5, 6]
    assert tokenizer().get_vocab_size() < 1024
