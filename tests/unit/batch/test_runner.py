"""The runner: as if asked one by one, whatever goes wrong, resumed as if never stopped."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sviqa_app.batch.progress import Progress
from sviqa_app.engine import many
from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.errors import OutputError
from sviqa_app.media.audio import load_recording
from sviqa_app.media.image import load_picture
from sviqa_app.turn import Done, Heard, Question

from .standins import Batch, lay_out

Start = Callable[..., Batch]


@pytest.fixture
def start(engine: EndToEnd, tmp_path: Path) -> Iterator[Start]:
    """Opens batches over tmp_path/in, and closes them."""
    opened: list[Batch] = []
    lay_out(tmp_path / "in")

    def begin(out: str = "out", **options: object) -> Batch:
        opened.append(Batch(engine, tmp_path / "in", tmp_path / out, **options))  # type: ignore[arg-type]
        return opened[-1]

    yield begin
    for batch in opened:
        batch.close()


@pytest.mark.parametrize("speak", [False, True])
def test_as_if_asked_one_by_one(engine: EndToEnd, start: Start, speak: bool) -> None:
    batch = start(speak=speak)
    assert batch.run().failed == 0
    for line in batch.lines():
        speech = load_recording(Path(line.row.speech)) if line.row.speech else None
        words = Path(line.row.words_file).read_text() if line.row.words_file else None
        talk = engine.load_picture(load_picture(Path(line.row.picture)))
        events = list(talk.answer(Question(speech, words), speak=speak))
        assert isinstance(events[-1], Done) and line.result is not None
        assert line.result.answer == events[-1].text
        assert line.result.heard == next((e.text for e in events if isinstance(e, Heard)), None)
        assert line.result.asked == words
        assert (line.result.confidence is None) == (line.row.id.endswith("q3"))
        if speak:
            assert line.result.sound is not None and (batch.out / line.result.sound).is_file()


def test_in_groups_of_any_size(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = start()
    whole.run()
    monkeypatch.setattr(many, "ROOM", 1)
    for lanes in (1, 3):
        single = start(f"single{lanes}", lanes=lanes)
        single.run()
        assert single.answers() == whole.answers()


def test_what_is_done_is_not_done_again(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    first = start()
    first.run()
    before = first.lines()
    first.close()
    monkeypatch.setattr(many, "answer_ready", _refuse)
    again = start()
    done = again.run()
    assert again.lines() == before
    assert (done.done, done.kept, done.asked) == (12, 12, 0)


def test_stopped_and_resumed_as_if_never_stopped(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = start("whole")
    whole.run()
    monkeypatch.setattr(many, "ROOM", 1)  # two rows at a time
    for _ in range(10):
        part = start()
        told = part.told.append

        def stop_soon(progress: Progress, part: Batch = part, told: Callable[[Progress], None] = told) -> None:
            told(progress)
            if progress.asked >= 3:
                part.control.stop()

        done = part.run(stop_soon)
        answers, results = part.answers(), part.journal.results()
        part.close()
        if done.done == done.rows:
            break
    assert answers == whole.answers() and results == 12


def test_another_model_and_other_settings_make_other_rows(start: Start) -> None:
    batch = start()
    batch.run()
    results = batch.journal.results()
    batch.close()
    for options in ({"model": b"other"}, {"speak": True}):
        other = start(**options)
        assert other.run().asked == 12
        assert other.journal.results() > results
        results = other.journal.results()
        other.close()


def test_rows_the_same_in_everything_are_asked_once(start: Start, tmp_path: Path) -> None:
    for n in range(30):
        shutil.copy(tmp_path / "in" / "p0.png", tmp_path / "in" / f"z{n}.png")
        shutil.copy(tmp_path / "in" / "p0.q1.wav", tmp_path / "in" / f"z{n}.wav")
    batch = start()
    assert batch.run().done == 42
    answers = batch.answers()
    assert answers[12:] == [answers[0]] * 30 and batch.journal.results() == 12


def test_one_bad_row_costs_one_row(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    good = start("good")
    good.run()
    expected = good.answers()
    (folder / "p1.q1.wav").write_bytes(b"RIFF no sound")
    (folder / "p2.q2.txt").write_bytes(b"\xff\xfe\xff")
    (folder / "p3.png").write_bytes(b"no picture")
    batch = start()
    (folder / "p0.q2.txt").unlink()
    assert batch.run().failed == 6
    told = batch.answers()
    wrong = [n for n, (a, b) in enumerate(zip(told, expected, strict=True)) if a != b]
    assert wrong == [1, 3, 7, 9, 10, 11]
    errors = [line.result.error for line in batch.lines() if line.result and line.result.error]
    assert len(errors) == 6 and all("\n" not in error for error in errors)


def test_what_failed_is_asked_again_only_where_wanted(start: Start, tmp_path: Path) -> None:
    broken = tmp_path / "in" / "p1.png"
    content = broken.read_bytes()
    broken.write_bytes(b"no picture")
    batch = start()
    batch.run()
    batch.close()
    again = start()
    assert (again.run().failed, again.journal.results()) == (3, 12)
    again.close()
    retried = start()
    retried.journal.forgive()
    assert (retried.run().failed, retried.journal.results()) == (3, 15)
    retried.close()
    broken.write_bytes(content)
    mended = start()
    assert mended.run().failed == 0


def test_a_row_that_breaks_the_model_breaks_it_alone(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = start("whole")
    whole.run()
    real = many.answer_ready

    def weak(engine: EndToEnd, pictures: object, about: object, questions: list[many.Ready], speak: bool) -> object:
        if any(q.words and "blue" in q.words for q in questions):
            raise RuntimeError("the model\nbroke")
        return real(engine, pictures, about, questions, speak)  # type: ignore[arg-type]

    monkeypatch.setattr(many, "answer_ready", weak)
    batch = start()
    assert batch.run().failed == 1
    told = batch.answers()
    assert told[4] == "Something went wrong (RuntimeError: the model broke)."
    assert told[:4] + told[5:] == whole.answers()[:4] + whole.answers()[5:]


def test_paused_until_it_may_go_on(start: Start) -> None:
    batch = start()
    batch.control.pause()
    told = batch.told.append

    def go_on(progress: Progress) -> None:
        told(progress)
        if progress.step == "paused":
            batch.control.go_on()

    batch.run(go_on)
    assert [p.step for p in batch.told][:4] == ["loading", "asking", "paused", "asking"]
    assert None not in batch.answers()


def test_results_that_cannot_be_written_end_the_run(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "ROOM", 1)
    batch = start()

    def full(*_: object) -> None:
        raise OutputError("The disk is full.")

    monkeypatch.setattr(batch.journal, "write", full)
    with pytest.raises(OutputError, match="full"):
        batch.run()


def test_no_more_is_read_than_the_model_can_take(start: Start, tmp_path: Path) -> None:
    for n in range(60):
        shutil.copy(tmp_path / "in" / "p0.png", tmp_path / "in" / f"z{n:02}.png")
        (tmp_path / "in" / f"z{n:02}.txt").write_text(f"dogs {n}")
    batch = start()
    opened: list[int] = []
    rows = batch.work.reader.read(2, lambda some: (opened.append(len(some)), some)[1])
    next(rows)
    rows.close()
    assert len(opened) <= 9


def _refuse(*_: object) -> None:
    raise AssertionError("asked again")
