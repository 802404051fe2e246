"""Step-Audio's tokenizer: its sessions with stand-ins for the networks, and its folder with small real ones."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from sviqa_app.checkpoints.step_audio_tokenizer import (
    CENTRES,
    CODEBOOK,
    PARAFORMER,
    SEMANTIC,
    TOKENS,
    WIDTH,
    StepAudioTokenizer,
    load_codebook,
    load_step_audio_tokenizer,
    prepared,
)
from sviqa_app.errors import ModelError
from sviqa_app.model.linguistic import WIDTH as FEATURES
from sviqa_app.turn import Samples

from .step_audio_folder import needs, write_codebook, write_semantic, write_tokenizer

GROUPS_A_SECOND = 1 / 0.12


class StandInEncoder:
    """Not a Paraformer: rows as they are, and how many went before them, so that the order matters."""

    def forward_chunk(self, rows: Tensor, lengths: Tensor, cache: dict[str, Any]) -> tuple[Tensor, Tensor, None]:
        cache["start_idx"] += rows.shape[1]
        return rows + cache["start_idx"] / 10, lengths, None


def stand_in_network(mel: Tensor) -> list[int]:
    """Not CosyVoice's tokenizer: an id each fourth frame, of how loud it is."""
    ids: list[int] = ((mel[0].mean(0)[::4] * 1000).long() % 4096).tolist()
    return ids


@pytest.fixture
def stand_in() -> StepAudioTokenizer:
    centres = torch.randn(CENTRES, FEATURES, generator=torch.Generator().manual_seed(0)) * 5
    return StepAudioTokenizer(
        StandInEncoder(), (torch.zeros(FEATURES), torch.ones(FEATURES)), centres, stand_in_network
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs("onnxruntime", "funasr", "onnx")
    return write_tokenizer(tmp_path_factory.mktemp("published") / "Step-Audio-Tokenizer")


@pytest.fixture(scope="module")
def real(folder: Path) -> Iterator[StepAudioTokenizer]:
    yield load_step_audio_tokenizer(folder)


def speech(seconds: float, rate: int = 16000) -> Samples:
    """A tone that swells and fades like syllables."""
    time = np.arange(int(seconds * rate)) / rate
    return (np.sin(800 * time) * np.sin(7 * time) * np.sin(0.9 * time + 1) / 3).astype(np.float32)


def in_pieces(tokenizer: StepAudioTokenizer, samples: Samples, rate: int, piece: int) -> list[int]:
    with tokenizer.session(rate) as session:
        parts = [session.push(samples[at : at + piece]) for at in range(0, len(samples), piece)]
        return [token for part in [*parts, session.finish()] for token in part]


def test_groups_of_two_linguistic_and_three_semantic(stand_in: StepAudioTokenizer) -> None:
    ids = stand_in.whole(speech(3), 16000)
    assert abs(len(ids) / 5 - len(prepared(speech(3), 16000)) / 16000 * GROUPS_A_SECOND) <= 1
    kinds = [token >= TOKENS.linguistic for token in ids]
    assert kinds == [False, False, True, True, True] * (len(ids) // 5)
    assert min(ids) >= 0 and max(ids) < TOKENS.size == 5120


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
def test_any_rate(stand_in: StepAudioTokenizer, rate: int) -> None:
    assert abs(len(stand_in.whole(speech(2, rate), rate)) - len(stand_in.whole(speech(2), 16000))) <= 5


@pytest.mark.parametrize(("seconds", "piece"), [(2.0, 100), (2.0, 3840), (31.5, 50_000)])
def test_a_session_gives_the_tokens_of_the_whole(stand_in: StepAudioTokenizer, seconds: float, piece: int) -> None:
    samples = speech(seconds, 44100)
    assert in_pieces(stand_in, prepared(samples, 44100), 16000, piece) == stand_in.whole(samples, 44100)


def test_a_session_resamples_as_it_goes(stand_in: StepAudioTokenizer) -> None:
    samples = speech(2, 44100)
    whole = in_pieces(stand_in, samples, 44100, len(samples))
    assert len(whole) == 80 and in_pieces(stand_in, samples, 44100, 1000) == whole


def test_30_seconds_are_there_when_they_are_over(stand_in: StepAudioTokenizer) -> None:
    with stand_in.session(16000) as session:
        assert session.push(speech(29.9)) == []
        assert len(session.push(speech(0.1))) == 250 * 5
        assert len(session.finish()) == 0


def test_sessions_do_not_touch_each_other(stand_in: StepAudioTokenizer) -> None:
    first, second = speech(2), speech(3)[::-1].copy()
    with stand_in.session(16000) as one, stand_in.session(16000) as other:
        got = one.push(first[:9000]) + other.push(second) + one.push(first[9000:]) + one.finish(), other.finish()
    assert got == (in_pieces(stand_in, first, 16000, 9000), in_pieces(stand_in, second, 16000, 10**6))


def test_a_session_that_is_over_takes_nothing(stand_in: StepAudioTokenizer) -> None:
    with stand_in.session(16000) as session:
        session.finish()
        with pytest.raises(ValueError, match="over"):
            session.push(speech(1))
    with stand_in.session(16000) as left:
        left.push(speech(1))
    with pytest.raises(ValueError, match="over"):
        left.finish()


@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize("count", [0, 20, 399, 480])
def test_empty_and_very_short(stand_in: StepAudioTokenizer, count: int, rate: int) -> None:
    assert in_pieces(stand_in, np.zeros(count, np.float32), rate, 1000) == []
    # What is not empty is given its 0.27 s of silence around it: two groups.
    assert len(stand_in.whole(np.zeros(count, np.float32), rate)) == (0 if count == 0 else 10)


def test_silence_has_tokens(stand_in: StepAudioTokenizer) -> None:
    assert len(stand_in.whole(np.zeros(16000, np.float32), 16000)) == 50


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((CENTRES, WIDTH), np.float64),
        np.zeros((CENTRES, WIDTH - 1), np.float32),
        np.zeros((CENTRES * WIDTH,), np.float32),
        np.zeros((CENTRES, WIDTH), np.int32),
        np.full((CENTRES, WIDTH), np.nan, np.float32),
        np.array([{"a": 1}], object),
    ],
)
def test_a_codebook_of_another_shape_or_kind_is_refused(array: np.ndarray[Any, Any], tmp_path: Path) -> None:
    np.save(tmp_path / CODEBOOK, array)
    with pytest.raises(ModelError, match="1024 centres of 512") as caught:
        load_codebook(tmp_path / CODEBOOK)
    assert caught.value.next


def test_a_codebook_is_read_whole_and_in_either_order(tmp_path: Path) -> None:
    centres = write_codebook(tmp_path / "rows.npy")
    np.save(tmp_path / "columns.npy", np.asfortranarray(centres))
    for name in ("rows.npy", "columns.npy"):
        assert np.array_equal(load_codebook(tmp_path / name).numpy(), centres)


def test_a_codebook_that_is_missing_empty_cut_off_an_archive_or_a_pickle(tmp_path: Path) -> None:
    centres = write_codebook(tmp_path / CODEBOOK)
    whole = (tmp_path / CODEBOOK).read_bytes()
    np.savez(tmp_path / "archive.npz", centres)
    contents = [b"", whole[:50], whole[:-1], (tmp_path / "archive.npz").read_bytes(), b"\x80\x04N."]
    for content in contents:
        (tmp_path / CODEBOOK).write_bytes(content)
        with pytest.raises(ModelError, match="1024 centres"):
            load_codebook(tmp_path / CODEBOOK)
    with pytest.raises(ModelError, match=r"holds no linguistic_tokenizer\.npy"):
        load_codebook(tmp_path / "nowhere" / CODEBOOK)


def test_a_huge_codebook_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    with (tmp_path / CODEBOOK).open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (10**9, 10**6)})
    with pytest.raises(ModelError, match="1024 centres"):
        load_codebook(tmp_path / CODEBOOK)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 127), st.binary(min_size=1, max_size=8))
def test_a_mutated_codebook_is_read_or_refused(tmp_path: Path, at: int, piece: bytes) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (CENTRES, WIDTH)})
    content = bytearray(header.getvalue())
    content[at : at + len(piece)] = piece
    with (tmp_path / CODEBOOK).open("wb") as file:
        file.write(content)
        file.truncate(len(header.getvalue()) + 4 * CENTRES * WIDTH)
    try:
        assert load_codebook(tmp_path / CODEBOOK).shape == (CENTRES, WIDTH)
    except ModelError as error:
        assert error.next


def test_the_published_layout_speaks_and_streams(real: StepAudioTokenizer) -> None:
    samples = speech(4, 24000)
    ids = real.whole(samples, 24000)
    assert len(ids) > 150 and len(set(ids)) > 50
    assert in_pieces(real, prepared(samples, 24000), 16000, 777) == ids
    assert real.whole(samples, 24000) == ids


def test_the_networks_hear_silence_too(real: StepAudioTokenizer) -> None:
    assert len(real.whole(np.zeros(8000, np.float32), 8000)) == 50
    assert real.whole(np.zeros(0, np.float32), 8000) == []


def test_the_later_tokenizer_of_cosyvoice_in_its_place_is_refused(folder: Path, tmp_path: Path) -> None:
    other = write_tokenizer(tmp_path / "other")
    write_semantic(other / SEMANTIC, codes=6561)
    with pytest.raises(ModelError, match="outside 0 to 4095"):
        load_step_audio_tokenizer(other).whole(speech(20), 16000)
    write_semantic(other / SEMANTIC, every=2)
    with pytest.raises(ModelError, match="tokens where"):
        load_step_audio_tokenizer(other).whole(speech(20), 16000)


@pytest.mark.parametrize(
    "name", [CODEBOOK, SEMANTIC, f"{PARAFORMER}/config.yaml", f"{PARAFORMER}/am.mvn", f"{PARAFORMER}/model.safetensors"]
)
def test_a_file_that_is_missing_or_cut_off_is_named(folder: Path, name: str, tmp_path: Path) -> None:
    broken = write_tokenizer(tmp_path / "broken")
    content = (broken / name).read_bytes()
    (broken / name).write_bytes(content[: len(content) // 15])
    with pytest.raises(ModelError) as caught:
        load_step_audio_tokenizer(broken)
    assert Path(name).stem in str(caught.value)
    (broken / name).unlink()
    with pytest.raises(ModelError, match="holds no") as caught:
        load_step_audio_tokenizer(broken)
    assert Path(name).stem in str(caught.value)


@pytest.mark.parametrize("library", ["onnxruntime", "funasr"])
def test_without_the_extra_one_line_says_how_to_get_it(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library == "funasr":
        needs("onnxruntime", "onnx")
        write_tokenizer(tmp_path)
        monkeypatch.setitem(sys.modules, "funasr.models.scama.encoder", None)
    else:
        from .step_audio_folder import write_paraformer

        write_paraformer(tmp_path / PARAFORMER)
        write_codebook(tmp_path / CODEBOOK)
    monkeypatch.setitem(sys.modules, library, None)
    with warnings.catch_warnings(action="error"), pytest.raises(ModelError) as caught:
        load_step_audio_tokenizer(tmp_path)
    assert f"needs {library}. Install it: pip install 'sviqa[step-audio]'." in str(caught.value)
