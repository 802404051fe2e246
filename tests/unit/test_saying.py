"""Saying a text: what is said of it and how, who agreed to be cloned, and what the file says about itself."""

from __future__ import annotations

import builtins
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from sviqa_app import saying
from sviqa_app.engine.voices import Voices
from sviqa_app.errors import EngineError, ModelError, OutputError, RecordingError, SviqaError
from sviqa_app.manner import USUAL, Manner
from sviqa_app.media.audio import write_wav
from sviqa_app.model.voice_tags import SMALL
from sviqa_app.saying import AGREEMENT, CLONED, SYNTHETIC, Clone, Speech, list_voices, prepare, say_text, to_clone

from .small_voice import write_voice
from .toy import silence, speech


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_voice(tmp_path_factory.mktemp("saying") / "toy-voice"))


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A recording to clone."""
    path = tmp_path / "mine.wav"
    write_wav(path, speech(4).samples, 16000)
    return path


def answering(monkeypatch: pytest.MonkeyPatch, answer: str) -> list[str]:
    """Somebody who answers every question so; the questions."""
    asked: list[str] = []

    def put(question: str) -> str:
        asked.append(question)
        return answer

    monkeypatch.setattr(builtins, "input", put)
    return asked


def test_tags_are_read_and_words_made_plain() -> None:
    text = prepare("(whisper) Do not wake 2 cats.", Manner("bob", rate="slow"))
    assert text.manner == Manner("bob", "whisper", "slow") and text.remarks == ()
    assert [str(clause) for clause in text.clauses] == ["do not wake two cats."]


def test_what_the_voice_cannot_do_is_remarked() -> None:
    text = prepare("(sad) Hello, мир and день!", USUAL)
    missing, left_out = text.remarks
    assert "no sad1" in missing
    assert left_out == "This voice speaks English only; it left out 2 words in Cyrillic."
    assert " ".join(map(str, text.clauses)).startswith("hello")


@pytest.mark.parametrize("text", ["", " ", "\n\t", "...", "?!", "(whisper)", "(fast) .", "\x00\x07", "()"])
def test_nothing_to_say_is_said(text: str) -> None:
    with pytest.raises(EngineError, match=r"^There is nothing to say\. "):
        prepare(text, USUAL)


def test_text_in_another_script_alone_is_refused_by_its_name() -> None:
    with pytest.raises(EngineError, match=r"^There is nothing to say\. This voice speaks English only; .* Cyrillic\.$"):
        prepare("Привет, мир.", USUAL)


def test_ten_thousand_characters_are_prepared() -> None:
    sentence = "The train to Berlin leaves at 9:15 a.m. and costs $12.50, they say! "
    text = prepare((sentence * 200)[:10_000], USUAL)
    assert sum(len(clause.words) for clause in text.clauses) > 2000
    assert len(prepare("x" * 10_000, USUAL).clauses) == 1


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_prepared_or_refused_in_a_line(text: str) -> None:
    try:
        prepared = prepare(text, USUAL)
    except EngineError as refused:
        assert "\n" not in str(refused)
    else:
        assert prepared.clauses and all(clause.words for clause in prepared.clauses)


@pytest.mark.parametrize("answer", ["y", "yes", " YES ", "Y"])
def test_yes_is_agreement(mine: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    asked = answering(monkeypatch, answer)
    clone = to_clone(mine, "my words", sure=False)
    assert clone.transcript == "my words" and clone.recording.seconds == pytest.approx(4)
    assert asked == [f"{mine}: {AGREEMENT}"]


@pytest.mark.parametrize("answer", ["", "n", "no", "yess", "maybe", "ja"])
def test_anything_else_is_not(mine: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    answering(monkeypatch, answer)
    with pytest.raises(EngineError, match="not cloned"):
        to_clone(mine, "", sure=False)


def test_where_nobody_can_be_asked_nobody_agreed(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: str) -> str:
        raise EOFError

    monkeypatch.setattr(builtins, "input", closed)
    with pytest.raises(EngineError, match="not cloned"):
        to_clone(mine, "", sure=False)


def test_the_flag_asks_nothing(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, "no")
    to_clone(mine, "", sure=True)
    assert not asked


def test_nobody_is_asked_about_a_recording_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, "yes")
    with pytest.raises(RecordingError):
        to_clone(tmp_path / "none.wav", "", sure=False)
    assert not asked


def test_the_file_says_that_it_is_synthetic(voice: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.wav"
    say_text("(sad) Red dog, two.", Manner("bob"), out, voice)
    told = capsys.readouterr()
    assert told.out == f"  spoken: {out}\n"
    assert told.err.startswith("This voice has no sad1;") and told.err.count("\n") == 1
    with soundfile.SoundFile(out) as file:
        assert (file.samplerate, file.channels, file.subtype) == (22050, 1, "PCM_16")
        assert file.comment == SYNTHETIC
        sound = file.read()
    assert len(sound) > 2000 and np.abs(sound).max() > 0.001


def test_a_cloned_one_says_that_too(voice: str, mine: Path, tmp_path: Path) -> None:
    clone = to_clone(mine, "", sure=True)
    say_text("Red.", USUAL, tmp_path / "clone.wav", voice, clone)
    say_text("Red.", USUAL, tmp_path / "own.wav", voice)
    files = [soundfile.SoundFile(tmp_path / f"{name}.wav") for name in ("clone", "own")]
    assert [file.comment for file in files] == [CLONED, SYNTHETIC]
    one, own = (file.read() for file in files)
    assert len(one) == len(own) and np.abs(one - own).max() > 1e-3


def test_without_a_loudspeaker_a_file_is_written_here(
    voice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(saying, "loudspeaker_works", lambda: None)
    say_text("Red.", USUAL, None, voice)
    say_text("Red.", USUAL, None, voice)
    assert capsys.readouterr().out == "  spoken: speech.wav\n  spoken: speech-2.wav\n"
    assert (tmp_path / "speech.wav").read_bytes() == (tmp_path / "speech-2.wav").read_bytes()


def test_with_one_it_is_played_and_no_file_is_written(
    voice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    played: list[tuple[int, int]] = []

    class Air:
        def __enter__(self) -> Air:
            return self

        def __exit__(self, *_: object) -> None:
            played.append((0, 0))

        def play(self, samples: np.ndarray, rate: int) -> None:
            played.append((len(samples), rate))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(saying, "loudspeaker_works", lambda: "air")
    monkeypatch.setattr(saying, "Loudspeaker", Air)
    say_text("Red dog.", USUAL, None, voice)
    *pieces, last = played
    assert len(pieces) > 1 and all(count and rate == 22050 for count, rate in pieces) and last == (0, 0)
    assert list(tmp_path.iterdir()) == [] and capsys.readouterr().out == ""


def test_what_is_wrong_is_said_before_the_voice_is_loaded(
    voice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Voices, "load", lambda _: pytest.fail("the voice was loaded"))
    with pytest.raises(OutputError):
        say_text("Red.", USUAL, tmp_path / "no" / "out.wav", voice)
    with pytest.raises(OutputError):
        say_text("Red.", USUAL, tmp_path, voice)
    with pytest.raises(ModelError):
        say_text("Red.", USUAL, tmp_path / "out.wav", str(tmp_path / "no-such-voice"))
    with pytest.raises(EngineError):
        say_text("", USUAL, tmp_path / "out.wav", voice)


@pytest.mark.parametrize("manner", [Manner("eve"), Manner("Ann")])
def test_an_unknown_speaker_is_refused(voice: str, tmp_path: Path, manner: Manner) -> None:
    with pytest.raises(EngineError, match="Choose one of ann, bob"):
        say_text("Red.", manner, tmp_path / "out.wav", voice)
    assert not (tmp_path / "out.wav").exists()


def test_a_silent_recording_is_not_cloned(voice: str, tmp_path: Path) -> None:
    with pytest.raises(SviqaError, match="Nobody speaks"):
        say_text("Red.", USUAL, tmp_path / "out.wav", voice, Clone(silence(5), ""))
    assert not (tmp_path / "out.wav").exists()


def test_a_voice_that_says_nothing_is_an_error(voice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saying, "ours", lambda *_: Speech(22050, iter(()), ()))
    with pytest.raises(EngineError, match="said nothing"):
        say_text("Red.", USUAL, tmp_path / "out.wav", voice)
    assert not (tmp_path / "out.wav").exists()


def test_voices_are_listed(voice: str, tmp_path: Path) -> None:
    first, ann, bob, tags = list_voices(voice)
    assert first.startswith("toy-voice: English")
    assert (ann, bob) == ("  ann  (the usual one)", "  bob")
    assert all(f"({tag})" in tags for tag in SMALL)
    with pytest.raises(ModelError):
        list_voices(str(tmp_path / "no-such-voice"))
