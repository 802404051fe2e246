"""What is filled in on the Batch page: what becomes of it, what may be wrong with it, and that it is remembered."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sviqa_app.batch import report
from sviqa_app.batch.command import BatchOptions
from sviqa_app.errors import OutputError
from sviqa_app.gui.batch_form import FORMATS, Form, FormError, Kept, check, path_of, suggested_out


@pytest.fixture
def good(tmp_path: Path, recording_file: Path) -> Form:
    """Nothing is wrong with it, whatever is chosen in it."""
    for name in ("in", "sounds"):
        (tmp_path / name).mkdir()
    (tmp_path / "list.csv").write_text("image,question\n")
    return Form(
        folder=str(tmp_path / "in"),
        manifest=str(tmp_path / "list.csv"),
        images=str(tmp_path / "in"),
        speech=str(tmp_path / "sounds"),
        words="what is it",
        recording=str(recording_file),
        out=str(tmp_path / "out"),
    )


def test_what_is_filled_in_but_not_in_use_is_left_out(good: Form, tmp_path: Path) -> None:
    assert good.options() == BatchOptions(tmp_path / "out", tmp_path / "in", formats=("html", "csv"))
    asked = replace(good, source="list", question="recorded", speak=True, workers=3, model="m").options(resume=True)
    assert asked == BatchOptions(
        out=tmp_path / "out",
        manifest=tmp_path / "list.csv",
        images=tmp_path / "in",
        speech=tmp_path / "sounds",
        question_speech=Path(good.recording),
        model="m",
        formats=("html", "csv"),
        speak=True,
        resume=True,
        workers=3,
    )
    assert replace(good, question="typed").options(retry_failed=True).question == "what is it"
    assert replace(good, source="list", images="", speech=" ").options().images is None


def test_every_format_is_offered() -> None:
    assert set(FORMATS) == set(report.FORMATS)


def test_names_count_from_home_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert path_of(" cats ") == path_of("~/cats") == path_of(str(tmp_path / "cats")) == tmp_path / "cats"
    assert path_of("~nobody-of-this-name/x") == tmp_path / "~nobody-of-this-name" / "x"


def test_the_results_go_beside_what_is_asked_about(good: Form, tmp_path: Path) -> None:
    assert suggested_out(Form()) == suggested_out(Form(folder="/")) == ""
    assert suggested_out(good) == str(tmp_path / "in-answers")
    assert suggested_out(replace(good, source="list")) == str(tmp_path / "list-answers")


@pytest.mark.parametrize("source", ["folder", "list"])
@pytest.mark.parametrize("question", ["own", "typed", "recorded"])
def test_nothing_wrong(good: Form, source: str, question: str) -> None:
    check(replace(good, source=source, question=question))


@pytest.mark.parametrize(
    ("changes", "field", "what"),
    [
        ({"folder": ""}, "folder", "No folder is chosen yet. Choose one."),
        ({"folder": "/no/such"}, "folder", "There is no folder /no/such."),
        ({"folder": "\0"}, "folder", "There is no folder"),
        ({"folder": "x" * 5000}, "folder", "There is no folder"),
        ({"source": "list", "manifest": ""}, "manifest", "No list is chosen yet."),
        ({"source": "list", "manifest": "/no/such"}, "manifest", "There is no list /no/such."),
        ({"source": "list", "images": "/no/such"}, "images", "leave it empty"),
        ({"source": "list", "speech": "/no/such"}, "speech", "leave it empty"),
        ({"question": "typed", "words": " "}, "words", "There is no question yet."),
        ({"question": "recorded", "recording": ""}, "recording", "No recording is chosen yet."),
        ({"question": "recorded", "recording": "/no/such.wav"}, "recording", "/no/such.wav"),
        ({"out": ""}, "out", "No folder for the results"),
        ({"out": __file__}, "out", "is a file"),
        ({"formats": ()}, "formats", "No table is chosen."),
        ({"model": " "}, "model", "No model is named."),
    ],
)
def test_what_is_wrong_is_said_of_its_field(good: Form, changes: dict[str, Any], field: str, what: str) -> None:
    with pytest.raises(FormError) as error:
        check(replace(good, **changes))
    assert error.value.field == field and what in str(error.value)


def test_a_table_that_cannot_be_written_here(good: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OutputError(f"This table needs {name}.", "Get it.")

    monkeypatch.setattr(report, "library", missing)
    with pytest.raises(FormError, match="This table needs pyarrow"):
        check(replace(good, formats=("csv", "parquet")))


def test_remembered(good: Form, tmp_path: Path) -> None:
    form = replace(good, source="list", question="typed", words="Wie groß? 象", formats=("csv", "xlsx"), workers=7)
    kept = Kept(True, tmp_path / "home" / "batch.json")
    assert kept.read(good) == good
    kept.write(form)
    assert Kept(True, tmp_path / "home" / "batch.json").read(Form()) == replace(form, formats=("csv", "xlsx"))
    assert (tmp_path / "home" / "batch.json").stat().st_mode & 0o077 == 0


def test_a_private_session_leaves_nothing(good: Form, tmp_path: Path) -> None:
    path = tmp_path / "batch.json"
    Kept(True, path).write(good)
    assert Kept(False, path).read(Form()) == Form()
    path.unlink()
    kept = Kept(False, path)
    kept.write(good)
    assert not path.exists() and kept.read(Form()) == good  # as long as it lasts


def test_what_cannot_be_kept_troubles_nobody(good: Form, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    Kept(True, tmp_path / "file" / "batch.json").write(good)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["list", "typed", "csv"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(content=st.dictionaries(st.sampled_from([*asdict(Form()), "else"]), values) | values)
def test_a_broken_memory_gives_a_whole_form(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    path = tmp_path_factory.mktemp("kept") / "batch.json"
    path.write_text(json.dumps(content))
    form = Kept(True, path).read(Form())
    form.options()
    assert form.source in ("folder", "list") and set(form.formats) <= set(FORMATS)


@given(damage=st.binary(max_size=30), at=st.integers(0, 200))
def test_bytes_of_any_kind(tmp_path_factory: pytest.TempPathFactory, damage: bytes, at: int) -> None:
    path = tmp_path_factory.mktemp("kept") / "batch.json"
    whole = json.dumps(asdict(Form(folder="/in"))).encode()
    path.write_bytes(whole[:at] + damage + whole[at + len(damage) :])
    Kept(True, path).read(Form()).options()


def test_what_is_forgotten_is_gone(good: Form, tmp_path: Path) -> None:
    path = tmp_path / "home" / "batch.json"
    for keep in (True, False):
        kept = Kept(keep, path)
        kept.write(good)
        kept.clear()
        assert kept.read(Form()) == Form() and not path.exists()
        kept.clear()  # nothing is there any more
