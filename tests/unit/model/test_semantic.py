"""The semantic stream, with a stand-in for the ONNX tokenizer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sviqa_app.errors import ModelError
from sviqa_app.model.mel import whisper_log_mel
from sviqa_app.model.semantic import PIECE, SHORTEST, SemanticStream


class StandInNetwork:
    """Not CosyVoice's tokenizer: an id each fourth frame, of how loud it is."""

    def __init__(self, extra: int = 0, add: int = 0) -> None:
        self.heard: list[Tensor] = []
        self.extra, self.add = extra, add

    def __call__(self, mel: Tensor) -> list[int]:
        self.heard.append(mel)
        codes = (mel[0].mean(0)[::4] * 1000).long() % 4096 + self.add
        return codes.tolist() + [0] * self.extra


def ids(samples: Tensor, piece: int, network: StandInNetwork) -> list[int]:
    stream = SemanticStream(network)
    pieces = samples.split(piece) if len(samples) else ()
    return [token for part in pieces for token in stream.push(part)] + stream.finish()


@pytest.mark.parametrize(("count", "due"), [(0, 0), (SHORTEST - 1, 0), (SHORTEST, 1), (16000, 25), (16640, 26)])
def test_25_a_second_and_none_of_what_is_too_short(count: int, due: int) -> None:
    network = StandInNetwork()
    assert len(ids(torch.zeros(count), 5000, network)) == due
    assert len(network.heard) == (count >= SHORTEST)


def test_30_seconds_at_a_time_however_it_is_cut() -> None:
    samples = torch.randn(2 * PIECE + 8000, generator=torch.Generator().manual_seed(0)) / 10
    network = StandInNetwork()
    whole = ids(samples, len(samples), network)
    assert [mel.shape for mel in network.heard] == [(1, 128, 3000), (1, 128, 3000), (1, 128, 50)]
    torch.testing.assert_close(network.heard[1][0], whisper_log_mel(samples[PIECE : 2 * PIECE], 128))
    assert ids(samples, 7777, StandInNetwork()) == whole and len(whole) == 1513


def test_the_tail_of_30_seconds_may_be_too_short_to_count() -> None:
    assert len(ids(torch.zeros(PIECE + SHORTEST - 1), 16000, StandInNetwork())) == 750


@pytest.mark.parametrize("extra", [3, -10])
def test_another_number_of_ids_is_refused_in_one_line(extra: int) -> None:
    network = StandInNetwork(max(extra, 0)) if extra > 0 else lambda mel: [0] * (25 + extra)
    with pytest.raises(ModelError, match="where 25 were due") as caught:
        ids(torch.zeros(16000), 16000, network)  # type: ignore[arg-type]
    assert caught.value.next and "\n" not in str(caught.value)


@pytest.mark.parametrize("add", [4096, -5000])
def test_ids_of_another_codebook_are_refused(add: int) -> None:
    with pytest.raises(ModelError, match="outside 0 to 4095"):
        ids(torch.zeros(16000), 16000, StandInNetwork(add=add))
