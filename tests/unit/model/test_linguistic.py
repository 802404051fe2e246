"""The linguistic stream, with a stand-in for funasr's encoder that keeps what a chunk is given."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from sviqa_app.model.fbank import kaldi_fbank
from sviqa_app.model.linguistic import STEP, WIDTH, FeatureRows, LinguisticStream


class StandInEncoder:
    """Not a Paraformer: the five rows before and the new ones, twice as loud for each chunk that went before."""

    def __init__(self) -> None:
        self.chunks: list[Tensor] = []

    def forward_chunk(self, rows: Tensor, lengths: Tensor, cache: dict[str, Any]) -> tuple[Tensor, Tensor, None]:
        self.chunks.append(rows.clone())
        assert lengths.tolist() == [rows.shape[1]]
        both = torch.cat((cache["feats"], rows * 2 ** cache["start_idx"]), 1)
        cache["start_idx"] += 1
        cache["feats"] = both[:, -cache["chunk_size"][2] :]
        rows *= 0  # as the real one does
        return both, lengths, None


def sound(count: int) -> Tensor:
    return torch.randn(count, generator=torch.Generator().manual_seed(count)) / 10


def stream(encoder: StandInEncoder) -> LinguisticStream:
    centres = torch.randn(64, WIDTH, generator=torch.Generator().manual_seed(0))
    return LinguisticStream(encoder, torch.zeros(WIDTH), torch.full((WIDTH,), 0.1), centres)


def ids(samples: Tensor, piece: int) -> list[int]:
    tokens = stream(StandInEncoder())
    pieces = samples.split(piece) if len(samples) else ()
    return [token for part in pieces for token in tokens.push(part)] + tokens.finish()


@pytest.mark.parametrize(
    ("count", "rows"),
    # funasr's WavFrontendOnline gives as many for each of these, in chunks of 3840.
    [(0, 0), (399, 0), (400, 1), (1359, 1), (1360, 2), (STEP, 4), (STEP + 399, 4), (STEP + 400, 5), (32333, 34)],
)
def test_a_row_each_60_ms(count: int, rows: int) -> None:
    assert len(ids(sound(count), STEP)) == rows


def test_rows_are_seven_frames_each_six_and_the_ends_are_repeated() -> None:
    samples = sound(2 * STEP + 1000)
    frames = kaldi_fbank(samples * 32768, "hamming")
    framed = torch.cat((frames[:1].repeat(3, 1), frames, frames[-1:].repeat(6, 1)))
    grower = FeatureRows()
    rows = torch.cat([grower.grow(samples[:STEP], False), grower.grow(samples[STEP:], True)])
    expected = torch.stack([framed[6 * row : 6 * row + 7].reshape(-1) for row in range(len(rows))])
    torch.testing.assert_close(rows, expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("piece", [1, 159, 1000, STEP, STEP + 1, 10**6])
def test_however_it_is_cut_the_ids_are_the_same(piece: int) -> None:
    samples = sound(3 * STEP + 500) if piece > 1 else sound(STEP + 500)
    assert ids(samples, piece) == ids(samples, STEP)


def test_the_encoder_gets_four_rows_at_a_time_normalised() -> None:
    encoder = StandInEncoder()
    tokens = stream(encoder)
    assert [len(tokens.push(part)) for part in sound(2 * STEP).split(STEP // 2)] == [0, 4, 0, 4]
    assert [chunk.shape for chunk in encoder.chunks] == [(1, 4, WIDTH)] * 2
    expected = FeatureRows().grow(sound(2 * STEP)[:STEP], False) * 0.1
    torch.testing.assert_close(encoder.chunks[0][0], expected, atol=1e-5, rtol=0)


def test_silence_has_ids() -> None:
    assert len(ids(torch.zeros(STEP), 1000)) == 4
