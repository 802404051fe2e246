"""The vocoder's and the flow's stages learn, resume and measure pitch; nothing here speaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sviqa_app.model.flow import mel_frames
from sviqa_app.training.flow_stage import FlowStudent, Spoken, Windows, new_flow, new_speaker
from sviqa_app.training.pitch import pitch_of
from sviqa_app.training.sayings import saying, trimmed
from sviqa_app.training.vocoder import SEGMENT, Utterance, Vocoding, new_hift, spectral_loss, vocoder_loss
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
    batches = Vocoding([Utterance.of(hum(150, 0.6))], HIFT)
    batch, again = batches(3), batches(3)
    assert all(torch.equal(batch[key], again[key]) for key in batch)
    assert batch["mel"].shape == (8, 80, SEGMENT)
    model, losses = new_hift(HIFT, 0), []
    steps(model, losses, 8, 3e-3, lambda: vocoder_loss(model, batch))
    assert losses[-1] < 0.7 * losses[0]


def test_speech_shorter_than_a_piece_is_filled_up() -> None:
    batch = Vocoding([Utterance.of(hum(150, 0.1))], HIFT)(0)
    assert batch["samples"].shape == (8, SEGMENT * 256)
    assert not batch["pitch"][:, -1].any()


def test_the_same_sound_has_no_spectral_loss() -> None:
    sound = torch.from_numpy(hum(150, 0.3))[None]
    assert float(spectral_loss(sound, sound)) == pytest.approx(0, abs=1e-6)
    assert float(spectral_loss(0.5 * sound, sound)) > 0.1


def test_the_flow_learns() -> None:
    tokens = [int(t) for t in np.random.default_rng(0).integers(0, 5120, 40)]
    speech = [Spoken.of(hum(150, 1.0, 16000), tokens, FLOW)]
    assert speech[0].mel.shape == (80, mel_frames(40, FLOW.token_rate))
    student, losses = FlowStudent(new_flow(FLOW, speech, 0), new_speaker(FLOW, 0)), []
    batch = Windows(speech, FLOW)(2)
    assert batch["mel"].shape[-1] == mel_frames(batch["tokens"].shape[1], FLOW.token_rate)
    steps(student, losses, 12, 3e-3, lambda: student(batch))
    assert losses[-1] < 0.9 * losses[0]


def test_windows_cut_tokens_and_mel_at_the_same_place() -> None:
    tokens = list(range(40))
    whole = Spoken.of(hum(150, 1.0, 16000), tokens, FLOW)
    marked = Spoken(whole.tokens, np.repeat(np.arange(whole.mel.shape[1], dtype=np.float32)[None], 80, 0))
    for step in range(6):
        batch = Windows([marked], FLOW)(step)
        for ids, mel in zip(batch["tokens"], batch["mel"], strict=True):
            assert int(mel[0, 0]) == mel_frames(int(ids[0]), FLOW.token_rate)


def test_sayings_are_sentences_and_repeat() -> None:
    texts = [saying(i) for i in range(20)]
    assert texts == [saying(i) for i in range(20)]
    assert len(set(texts)) > 10
    assert all(t[0].isupper() and t[-1] == "." for t in texts)


def test_silence_around_speech_is_cut() -> None:
    speech = np.concatenate([np.zeros(8000), hum(150, 0.5, 16000), np.zeros(8000)]).astype(np.float32)
    assert len(trimmed(speech)) == pytest.approx(16000 * 0.77, abs=100)
    assert len(trimmed(np.zeros(100, np.float32))) == 100
    assert len(trimmed(np.zeros(0, np.float32))) == 0


def test_vocoder_stage_saves_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sviqa_app.training import vocoder

    monkeypatch.setattr(vocoder, "said", lambda text: hum(150, 0.5, 16000))
    told: list[str] = []
    first = vocoder.train_vocoder(tmp_path, HIFT, told.append, steps=2, sayings=1)
    again = vocoder.train_vocoder(tmp_path, HIFT, told.append, steps=2, sayings=1)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert told
