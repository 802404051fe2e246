"""Which turns were given, and what becomes of each answer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sviqa_app import asking
from sviqa_app.asking import ask_picture, free_names, numbered, read_questions
from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.errors import EngineError, OutputError, SviqaError
from sviqa_app.manner import Manner
from sviqa_app.media.audio import write_wav

from .toy import HumVoice, silence


@pytest.fixture
def toy(engine: EndToEnd, monkeypatch: pytest.MonkeyPatch) -> EndToEnd:
    """Every model is the toy, and there is no loudspeaker."""
    monkeypatch.setattr(asking, "load_engine", lambda _: engine)
    monkeypatch.setattr(asking, "loudspeaker_works", lambda: None)
    return engine


def test_given_equally_often_they_pair_up(recording_file: Path) -> None:
    questions = read_questions([recording_file] * 2, ["one", "two"])
    assert [q.mode for q in questions] == ["mixed", "mixed"]
    assert [q.text for q in questions] == ["one", "two"]


def test_every_question_has_the_manner(recording_file: Path) -> None:
    manner = Manner("bob", "low")
    for texts in (["one"], ["one", "two"]):
        assert {question.manner for question in read_questions([recording_file], texts, manner)} == {manner}


def test_otherwise_recordings_come_before_words(recording_file: Path) -> None:
    questions = read_questions([recording_file], ["one", "two"])
    assert [q.mode for q in questions] == ["speech", "text", "text"]


@pytest.mark.parametrize("text", [[], [" "], ["one", ""]])
def test_nothing_asked_is_refused(text: list[str]) -> None:
    with pytest.raises(EngineError):
        read_questions([], text)


def test_several_turns_are_numbered() -> None:
    assert list(numbered(Path("a/b.wav"), 1)) == [Path("a/b.wav")]
    assert list(numbered(Path("a/b.wav"), 2)) == [Path("a/b-1.wav"), Path("a/b-2.wav")]


def test_names_that_are_taken_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "answer.wav").touch()
    (tmp_path / "answer-3.wav").touch()
    names = free_names(tmp_path)
    assert [next(names).name for _ in range(2)] == ["answer-2.wav", "answer-4.wav"]


def test_json_is_one_object_a_line(
    toy: EndToEnd,
    picture_file: Path,
    recording_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "answer.wav"
    ask_picture(picture_file, [recording_file], ["two", "red"], out, "toy", as_json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["mode"] for line in lines] == ["speech", "text", "text"]
    assert [line["heard"] is None for line in lines] == [False, True, True]
    for turn, line in enumerate(lines, 1):
        assert set(line) == {"answer", "heard", "audio", "sample_rate", "mode", "model", "seconds"}
        assert set(line["seconds"]) == {"load", "first_audio", "total"}
        assert line["model"] == "toy" and line["sample_rate"] == toy.sample_rate
        assert line["audio"] == str(tmp_path / f"answer-{turn}.wav")
        samples, rate = soundfile.read(line["audio"])
        assert rate == toy.sample_rate and len(samples)


def test_without_a_loudspeaker_a_file_is_written_here(
    toy: EndToEnd,
    picture_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    ask_picture(picture_file, [], ["how many dogs"], None, "toy")
    answer, spoken = capsys.readouterr().out.splitlines()
    assert answer and spoken == "  spoken: answer.wav"
    assert (tmp_path / "answer.wav").exists()


def test_what_should_be_known_beside_the_answer_goes_to_stderr(
    toy: EndToEnd, picture_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["(rap) how many dogs", "(whisper) how many dogs"]
    ask_picture(picture_file, [], asked, tmp_path / "out.wav", "toy", Manner("bob", rate="fast"), as_json=True)
    told = capsys.readouterr()
    assert all(json.loads(line)["answer"] for line in told.out.splitlines())
    assert told.err.startswith("This voice has no rap;") and told.err.count("\n") == 1
    assert isinstance(toy.speech, HumVoice)
    assert toy.speech.manners[-2:] == [Manner("bob", "plain", "fast"), Manner("bob", "whisper", "fast")]


def test_mute_writes_nothing(
    toy: EndToEnd,
    picture_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    ask_picture(picture_file, [], ["how many dogs"], None, "toy", mute=True, as_json=True)
    line = json.loads(capsys.readouterr().out)
    assert line["audio"] is None and line["seconds"]["first_audio"] is None
    assert set(tmp_path.iterdir()) == before


def test_silence_is_said_to_be_silence(
    toy: EndToEnd, picture_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = tmp_path / "quiet.wav"
    write_wav(quiet, silence().samples, 16000)
    ask_picture(picture_file, [quiet], [], tmp_path / "out.wav", "toy", as_json=True)
    line = json.loads(capsys.readouterr().out)
    assert line["answer"] == "I heard nothing." and line["heard"] is None and line["mode"] == "speech"


def test_an_interrupted_answer_leaves_no_file(
    toy: EndToEnd, picture_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> np.ndarray:
        raise KeyboardInterrupt

    monkeypatch.setattr("tests.unit.toy.Hum.push", interrupted)
    before = set(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        ask_picture(picture_file, [], ["how many dogs"], tmp_path / "out.wav", "toy")
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("out", [".", "no/such/folder/out.wav"])
def test_a_place_that_cannot_be_written_is_refused_before_the_model_is_loaded(
    out: str, picture_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "load_engine", lambda _: pytest.fail("the model was loaded"))
    with pytest.raises(OutputError):
        ask_picture(picture_file, [], ["what is this"], tmp_path / out, "toy")


def test_bad_input_is_refused_before_the_model_is_loaded(
    picture_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "load_engine", lambda _: pytest.fail("the model was loaded"))
    with pytest.raises(SviqaError):
        ask_picture(tmp_path / "none.png", [], ["what is this"], None, "toy")
    with pytest.raises(SviqaError):
        ask_picture(picture_file, [tmp_path / "none.wav"], [], None, "toy")
