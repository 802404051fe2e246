"""The codebooks: centres that serve every row, sounds labelled where they are heard, a tokenizer that is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sviqa_app.engine.tokenizing import load_tokenizer, save_tokenizer
from sviqa_app.errors import ModelError
from sviqa_app.model.speech_tokenizer import GROUP_FRAMES
from sviqa_app.training.codebooks import (
    BATCH,
    NAMES,
    PIECE,
    Labelled,
    Pieces,
    TokenizerStudent,
    fit_codebooks,
    k_means,
)
from tests.unit.tiny import AUDIO

from .conftest import random_tokenizer
from .needs import needs_chain, needs_flite


def sound(seconds: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return 0.1 * torch.randn(int(16000 * seconds), generator=generator)


def some_speech(frames: int, seed: int = 0) -> Labelled:
    generator = torch.Generator().manual_seed(seed)
    sounds = torch.randint(len(NAMES), (frames,), generator=generator)
    return Labelled(torch.randn(80, frames, generator=generator), sounds)


def test_clusters_are_found() -> None:
    generator = torch.Generator().manual_seed(1)
    middles = 10 * torch.randn(6, 4, generator=generator)
    rows = (middles[:, None] + 0.1 * torch.randn(6, 50, 4, generator=generator)).flatten(0, 1)
    centres = k_means(rows, 24, 0)
    assert torch.equal(centres, k_means(rows, 24, 0))
    assert float(torch.cdist(rows, centres).min(1).values.max()) < 0.5
    assert len(torch.cdist(rows, centres).argmin(1).unique()) == 24


def test_more_centres_than_rows_are_finite() -> None:
    rows = torch.randn(3, 4)
    assert k_means(rows, 10, 0).shape == (10, 4) and k_means(rows, 10, 0).isfinite().all()
    assert k_means(torch.ones(20, 4), 5, 0).isfinite().all()


def test_batches_are_the_same_each_time_and_can_be_learned_from() -> None:
    pieces = Pieces([some_speech(500), some_speech(50, 1)])
    batch, again = pieces(3), pieces(3)
    assert all(torch.equal(batch[key], again[key]) for key in batch)
    assert batch["mel"].shape == (BATCH, 80, PIECE) and batch["sounds"].shape == (BATCH, PIECE)
    student = TokenizerStudent(random_tokenizer().requires_grad_(True))
    losses = student(batch)
    torch.stack(list(losses.values())).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in student.parameters())


@pytest.mark.parametrize(("seconds", "groups"), [(0.0, 0), (0.1, 0), (0.13, 1), (1.0, 8)])
def test_a_group_of_ids_each_120_ms(seconds: float, groups: int) -> None:
    ids = random_tokenizer()(sound(seconds))
    assert len(ids) == 5 * groups
    for n, token in enumerate(ids):
        assert (0 <= token < AUDIO.linguistic) if n % 5 < 2 else (AUDIO.linguistic <= token < AUDIO.size)
    assert len(set(ids)) > 2 or not groups


def test_save_and_load(tmp_path: Path) -> None:
    tokenizer = random_tokenizer()
    save_tokenizer(tmp_path, tokenizer)
    again = load_tokenizer(tmp_path, AUDIO)
    for name, tensor in tokenizer.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, atol=1e-2, rtol=1e-2)
    with pytest.raises(ModelError, match="holds no codebooks"):
        load_tokenizer(tmp_path / "nowhere", AUDIO)


@needs_flite
@needs_chain
def test_sounds_are_labelled_where_they_are_heard() -> None:
    labelled = Labelled.of(2)
    assert labelled.mel.shape == (80, len(labelled.sounds))
    pauses = labelled.sounds == NAMES.index("pau")
    assert 0 < int(pauses.sum()) < 0.5 * len(pauses)
    assert float(labelled.mel[:, ~pauses].mean()) > float(labelled.mel[:, pauses].mean())


@needs_flite
@needs_chain
def test_codebooks_are_fitted_and_serve(tmp_path: Path) -> None:
    told: list[str] = []
    tokenizer = fit_codebooks(tmp_path, AUDIO, 2, 2, told.append)
    assert any(line.startswith("tokenizer 2/2") for line in told)
    assert all(book.centres.isfinite().all() for book in (tokenizer.linguistic, tokenizer.semantic))
    ids = np.array(tokenizer(sound(2.0)))
    assert len(ids) == 5 * int(200 // GROUP_FRAMES)
