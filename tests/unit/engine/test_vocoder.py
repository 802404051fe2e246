"""The vocoder: any speaker's sound from a folder, made in pieces as made whole; folders of another kind are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sviqa_app.engine.vocoder import FILE, NOISE_FRAMES, SEED, Speaker, Vocoder
from sviqa_app.errors import ModelError
from sviqa_app.model.config import HiftConfig
from sviqa_app.model.hift import Hift
from sviqa_app.model.hift_stream import SourceNoise, reach
from tests.unit.small_voice import SMALL_VOICE as CONFIG
from tests.unit.small_voice import humming_parts

TOKENS = list(range(20))


@pytest.fixture(scope="module")
def vocoder() -> Vocoder:
    return Vocoder(humming_parts(CONFIG))


def speaker(number: int) -> Speaker:
    return Speaker(torch.eye(CONFIG.flow.speaker_dim)[number])


def mel(vocoder: Vocoder, who: Speaker, first: int = 0) -> Tensor:
    """Of twenty tokens alone, spoken from frame `first` on."""
    nothing = torch.zeros(1, vocoder.mels, 0)
    with torch.inference_mode():
        return vocoder.solve(who, [], TOKENS, nothing, (first, first + 41))


def test_sound_in_pieces_is_the_sound(vocoder: Vocoder) -> None:
    """Of a mel that no longer changes, frames that have all their neighbours sound exactly the same."""
    mel = torch.randn(1, 80, 80, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        whole = vocoder.start_sound().grow(mel, 80)
        stream, margin = vocoder.start_sound(), reach(vocoder.parts.hift)
        pieces = [stream.grow(mel[..., : until + margin], until) for until in (20, 41, 60, 80)]
    torch.testing.assert_close(torch.cat(pieces), whole, atol=2e-5, rtol=0)


def test_the_same_tokens_of_the_same_speaker_sound_the_same(vocoder: Vocoder) -> None:
    torch.testing.assert_close(mel(vocoder, speaker(0)), mel(vocoder, speaker(0)))
    other = Vocoder(humming_parts(CONFIG))
    torch.testing.assert_close(mel(other, speaker(0)), mel(vocoder, speaker(0)))
    assert not torch.allclose(mel(vocoder, speaker(1)), mel(vocoder, speaker(0)), atol=1e-3)


def test_noise_follows_the_place_and_comes_again(vocoder: Vocoder) -> None:
    first = mel(vocoder, speaker(0))
    assert not torch.allclose(mel(vocoder, speaker(0), 1), first, atol=1e-3)
    torch.testing.assert_close(mel(vocoder, speaker(0), NOISE_FRAMES), first)


def test_height_moves_the_pitch_and_none_is_a_whisper(vocoder: Vocoder) -> None:
    mel = torch.zeros(1, 80, 40)
    with torch.inference_mode():
        usual = vocoder.parts.hift.pitch(mel)
        heard = [vocoder.start_sound(height).grow(mel, 40) for height in (1.0, 1.25, 0.0)]
        draws = SourceNoise(vocoder.parts.hift, SEED).at(0, 40)
        due = [vocoder.parts.hift.decode(mel, vocoder.parts.hift.m_source(h * usual, draws)[0]) for h in (1.25, 0.0)]
    torch.testing.assert_close(torch.stack(heard[1:]), torch.cat(due), atol=2e-5, rtol=0)
    assert not torch.allclose(heard[1], heard[0], atol=1e-3) and not torch.allclose(heard[2], heard[0], atol=1e-3)


def test_a_tone_is_on_every_frame_and_none_is_taken_for_speech(vocoder: Vocoder) -> None:
    """What was made before stands as the prompt without it."""
    plain, tone = speaker(0), torch.linspace(-1, 1, 80)[:, None]
    toned = replace(plain, tone=tone)
    with torch.inference_mode():
        known = mel(vocoder, plain)
        due = vocoder.solve(plain, TOKENS, TOKENS, known, (41, 82))
        torch.testing.assert_close(vocoder.solve(toned, TOKENS, TOKENS, known + tone, (41, 82)), due + tone)


def test_save_and_load(vocoder: Vocoder, tmp_path: Path) -> None:
    vocoder.save(tmp_path)
    again = Vocoder.load(tmp_path, CONFIG)
    assert again.sample_rate == 22050 and again.token_rate == pytest.approx(125 / 3)
    torch.testing.assert_close(mel(again, speaker(0)), mel(vocoder, speaker(0)), atol=0.05, rtol=0)
    assert not any(p.requires_grad or p.dtype != torch.float32 for p in again.parts.parameters())


def test_one_of_another_size_is_refused(vocoder: Vocoder, tmp_path: Path) -> None:
    vocoder.save(tmp_path)
    with pytest.raises(ModelError, match=r"vocoder\.safetensors has .* expected"):
        Vocoder.load(tmp_path, replace(CONFIG, hift=replace(CONFIG.hift, channels=16)))


def test_one_with_a_part_missing_or_too_many_is_refused(vocoder: Vocoder, tmp_path: Path) -> None:
    vocoder.save(tmp_path)
    tensors = load_file(tmp_path / FILE)
    name = next(iter(tensors))
    save_file({**tensors, "speaker": torch.zeros(192)}, tmp_path / FILE)
    with pytest.raises(ModelError, match="does not know: speaker"):
        Vocoder.load(tmp_path, CONFIG)
    del tensors[name]
    save_file(tensors, tmp_path / FILE)
    with pytest.raises(ModelError, match=f"has no tensor {name}"):
        Vocoder.load(tmp_path, CONFIG)


def test_one_cut_off_or_not_there_is_refused(vocoder: Vocoder, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no vocoder"):
        Vocoder.load(tmp_path, CONFIG)
    vocoder.save(tmp_path)
    content = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="cut off"):
        Vocoder.load(tmp_path, CONFIG)


@pytest.mark.parametrize(("part", "sizes"), [("flow", {"channels": (9, 9)}), ("flow", {"encoder_heads": 0})])
def test_sizes_that_do_not_fit_are_refused(part: str, sizes: dict[str, object], tmp_path: Path) -> None:
    odd = replace(CONFIG, **{part: replace(getattr(CONFIG, part), **sizes)})
    with pytest.raises(ModelError, match="do not fit together"):
        Vocoder.load(tmp_path, odd)


def test_published_sizes_reach_nineteen_frames() -> None:
    assert reach(Hift(HiftConfig())) == 19
