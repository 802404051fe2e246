"""The vocoder's and the flow's stages learn, resume and measure pitch; nothing here speaks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sviqa_app.model.flow import mel_frames
from sviqa_app.model.mel import SPEECH_MELS, speech_mel
from sviqa_app.model.voiceprint import STYLES, Voiceprint
from sviqa_app.training.casts import Cast
from sviqa_app.training.flow_stage import (
    BATCH,
    OWN,
    QUIET,
    SHIFTED,
    FlowStudent,
    Spoken,
    Windows,
    loosely_apart,
    new_flow,
    solved,
    train_flow,
)
from sviqa_app.training.pitch import pitch_of
from sviqa_app.training.sayings import trimmed
from sviqa_app.training.vocoder import (
    SEGMENT,
    Utterance,
    Vocoding,
    apart,
    new_hift,
    spectra,
    train_vocoder,
    vocoder_loss,
)
from tests.unit.tiny import FLOW, HIFT


def hum(hertz: float, seconds: float, rate: int = 22050) -> np.ndarray:
    """A voice-like tone: four harmonics."""
    t = np.arange(int(seconds * rate)) / rate
    return sum(0.1 / k * np.sin(2 * np.pi * hertz * k * t) for k in (1, 2, 3, 4)).astype(np.float32)


@pytest.mark.parametrize("hertz", [90.0, 145.0, 220.0, 380.0])
def test_pitch_of_a_tone(hertz: float) -> None:
    np.testing.assert_allclose(pitch_of(hum(hertz, 0.4))[4:-4], hertz, atol=0.2)


def test_noise_and_silence_have_no_pitch() -> None:
    noise = np.random.default_rng(0).standard_normal(8000).astype(np.float32) * 0.1
    assert not pitch_of(noise).any()
    assert not pitch_of(np.zeros(8000, np.float32)).any()
    assert pitch_of(np.zeros(10, np.float32)).shape == (0,)


def steps(model: torch.nn.Module, losses: list[float], count: int, rate: float, one: object) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), rate)
    for _ in range(count):
        total = torch.stack(list(one().values())).sum()  # type: ignore[operator]
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        losses.append(total.item())


def test_the_vocoder_learns() -> None:
    batches = Vocoding([[Utterance.of(hum(150, 0.6))]], HIFT)
    batch, again = batches(3), batches(3)
    assert all(torch.equal(batch[key], again[key]) for key in batch)
    assert batch["mel"].shape == (8, 80, SEGMENT)
    model, losses = new_hift(HIFT, 0), []
    steps(model, losses, 8, 3e-3, lambda: vocoder_loss(model, batch))
    assert losses[-1] < 0.7 * losses[0]


def test_speech_shorter_than_a_piece_is_filled_up() -> None:
    batch = Vocoding([[Utterance.of(hum(150, 0.1))]], HIFT)(0)
    assert batch["samples"].shape == (8, SEGMENT * 256)
    assert not batch["pitch"][:, -1].any()


def test_pieces_come_from_every_pool() -> None:
    one, other = Utterance.of(hum(150, 0.6)), Utterance.of(0.1 * hum(150, 0.6))
    loud = Vocoding([[one] * 9, [other]], HIFT)(0)["samples"].abs().amax(1) > 0.05
    assert 0 < int(loud.sum()) < len(loud)


def test_the_same_sound_is_not_apart() -> None:
    sound = torch.from_numpy(hum(150, 0.3))[None]
    assert float(apart(spectra(sound), spectra(sound))) == 0
    assert float(apart(spectra(0.5 * sound), spectra(sound))) > 0.1


def test_noise_is_nearer_to_noise_than_any_single_guess() -> None:
    """As `vocoder_loss` measures it: two guesses against the truth, less what is between them."""
    generator = torch.Generator().manual_seed(0)
    true, one, two = (spectra(torch.randn(4, 256 * SEGMENT, generator=generator)) for _ in range(3))
    frame = torch.randn(4, 256, generator=generator)
    repeated = spectra(frame.repeat(1, SEGMENT))
    assert apart(one, true) + apart(two, true) - apart(one, two) < 2 * apart(repeated, true) - 0.1
    smooth = [view.mean(-1, keepdim=True).expand_as(view) for view in true]
    assert apart(one, true) + apart(two, true) - apart(one, two) < 2 * apart(smooth, true) - 0.1
    assert apart(smooth, true) < apart(one, true)  # which is why a plain distance teaches a hum


def cast(seconds: float = 1.0, count: int = 40, voice: int = 0, style: int = 0) -> Cast:
    tokens = np.random.default_rng(voice).integers(0, 5120, count)
    return Cast(tokens, hum(120 + 60 * voice, seconds, 16000), voice, style)


OWNS = [[speech_mel(torch.from_numpy(hum(120 + 60 * v, 1.0 + n))).numpy() for n in range(2)] for v in range(2)]


def test_the_flow_learns() -> None:
    speech = [Spoken.of(cast(voice=voice, style=voice), FLOW) for voice in range(2)]
    assert speech[0].mel.shape == (80, mel_frames(40, FLOW.token_rate))
    student, losses = FlowStudent(new_flow(FLOW, speech, 0), Voiceprint(FLOW.speaker_dim)), []
    windows = Windows(speech, OWNS, FLOW)
    batch, again = windows(2), windows(2)
    assert all(torch.equal(batch[key], again[key]) for key in batch)
    assert batch["mel"].shape[-1] == mel_frames(batch["tokens"].shape[1], FLOW.token_rate)
    steps(student, losses, 12, 3e-3, lambda: student(batch))
    assert losses[-1] < 0.9 * losses[0]
    reached = [p.grad is not None and bool(p.grad.abs().sum() > 0) for p in student.voiceprint.parameters()]
    assert all(reached)


def test_a_batch_says_who_speaks_and_how() -> None:
    speech = [Spoken.of(cast(voice=voice, style=style), FLOW) for voice in range(2) for style in range(3)]
    batch = Windows(speech, OWNS, FLOW)(0)
    assert batch["own"].shape[:2] == (BATCH, SPEECH_MELS) and OWN[0] <= batch["own"].shape[2] < OWN[1]
    assert set(batch["style"].tolist()) <= set(range(len(STYLES)))
    assert (batch["prompt"] <= batch["mel"].shape[-1] // 2).all()


def test_a_flow_of_one_step_is_taught_that_step() -> None:
    """It starts from silence, and no part of what it shall say is given to it."""
    speech = [Spoken.of(cast(), FLOW)]
    batch = Windows(speech, OWNS, replace(FLOW, steps=1, temperature=0.0, guidance=0.0))(0)
    assert not batch["t"].any() and not batch["noise"].any() and batch["kept"].all()
    batch = Windows(speech, OWNS, replace(FLOW, steps=4, temperature=0.5, guidance=0.7))(0)
    assert batch["t"].all() and not batch["kept"].all()
    assert float(batch["noise"].std()) == pytest.approx(0.5, abs=0.05)


def test_what_the_flow_makes_of_a_cast_lasts_as_long_as_its_tokens() -> None:
    spoken = cast(count=150)
    student = FlowStudent(new_flow(FLOW, [Spoken.of(spoken, FLOW)], 0), Voiceprint(FLOW.speaker_dim)).eval()
    mel = solved(student, spoken, FewCasts().own(0))
    assert mel.shape == (SPEECH_MELS, mel_frames(150, FLOW.token_rate)) and np.isfinite(mel).all()


def test_another_mel_of_the_same_speech_is_moved_to_its_time() -> None:
    own = Utterance.of(np.concatenate([hum(150, 0.3), np.zeros(3000), hum(150, 0.3)]).astype(np.float32))
    late = np.concatenate([np.repeat(own.mel[:, :1], 3, 1), own.mel], 1)
    moved = own.with_mel(late)
    assert moved.samples is own.samples and moved.pitch is own.pitch and moved.mel.shape == own.mel.shape
    assert np.abs(moved.mel - own.mel).mean() < 0.1 * np.abs(late[:, :-3] - own.mel).mean()


@pytest.mark.parametrize("frames", [-3, -1, 2, 3])
def test_a_sound_that_is_early_or_late_is_better_than_a_blurred_one(frames: int) -> None:
    true = torch.full((1, 4, 60), -8.0)
    true[..., 20:40] = -2
    moved = true.roll(frames, -1)
    blurred = torch.nn.functional.avg_pool1d(true, 7, 1, 3, count_include_pad=False)
    assert float(loosely_apart(true, true)) == 0
    assert float(loosely_apart(moved, true)) <= abs(frames) * SHIFTED < float(loosely_apart(blurred, true))
    assert float((moved - true).abs().mean()) >= 0.5 * float((blurred - true).abs().mean())


def test_another_sound_is_as_far_as_it_is() -> None:
    true = torch.zeros(2, 4, 30)
    assert float(loosely_apart(true + 0.5, true)) == pytest.approx(0.5)


def test_windows_cut_tokens_and_mel_at_the_same_place() -> None:
    whole = Spoken.of(cast(), FLOW)
    frames = np.repeat(np.arange(whole.mel.shape[1], dtype=np.float16)[None], 80, 0)
    marked = Spoken(np.arange(40), frames, 0, 0)
    for step in range(6):
        batch = Windows([marked], OWNS, FLOW)(step)
        for ids, mel in zip(batch["tokens"], batch["mel"], strict=True):
            assert int(mel[0, 0]) == mel_frames(int(ids[0]), FLOW.token_rate)


def test_a_window_over_the_end_is_filled_with_silence() -> None:
    short = Spoken.of(cast(0.5), FLOW)
    assert (short.mel[:, -20:] == short.mel[0, -1]).all() and float(short.mel[0, -1]) == pytest.approx(QUIET, abs=0.01)
    piece = Spoken(np.arange(40), np.zeros((80, 60), np.float16), 0, 0).piece(4, 20, FLOW.token_rate)
    assert piece.tokens.tolist() == list(range(20, 40)) and piece.mel.shape == (80, mel_frames(20, FLOW.token_rate))
    assert float(piece.mel[0, -1]) == pytest.approx(QUIET, abs=0.01) and not piece.mel[:, 0].any()


def test_silence_around_speech_is_cut() -> None:
    speech = np.concatenate([np.zeros(8000), hum(150, 0.5, 16000), np.zeros(8000)]).astype(np.float32)
    assert len(trimmed(speech)) == pytest.approx(16000 * 0.77, abs=100)
    assert len(trimmed(np.zeros(100, np.float32))) == 100
    assert len(trimmed(np.zeros(0, np.float32))) == 0


class FewCasts:
    """Stands for `Casts`: two readings in two voices."""

    count = voices = 2

    def __call__(self, i: int) -> Cast:
        return cast(voice=i, style=i)

    def own(self, voice: int) -> list[np.ndarray]:
        return [hum(120 + 60 * voice, 1.0, 16000)] * 2


def same_weights(one: torch.nn.Module, two: torch.nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_the_vocoder_s_stage_saves_and_goes_on(tmp_path: Path) -> None:
    told: list[str] = []
    flow = FlowStudent(new_flow(FLOW, [Spoken.of(cast(), FLOW)], 0), Voiceprint(FLOW.speaker_dim)).eval()
    first, again = (train_vocoder(tmp_path, HIFT, FewCasts(), flow, told.append, steps=2) for _ in range(2))  # type: ignore[arg-type]
    assert same_weights(first, again) and told


def test_the_flow_s_stage_saves_and_goes_on(tmp_path: Path) -> None:
    told: list[str] = []
    first, again = (train_flow(tmp_path, FLOW, FewCasts(), told.append, steps=2) for _ in range(2))  # type: ignore[arg-type]
    assert same_weights(first, again) and told
