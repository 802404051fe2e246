"""The look at the pairs, and the process of the batch."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from threading import Event
from typing import Any

import pytest

from sviqa_app.batch.command import BatchOptions
from sviqa_app.batch.journal import FILE
from sviqa_app.batch.progress import Refused
from sviqa_app.gui.batch_form import Form, FormError
from sviqa_app.gui.batch_work import FIRST, Ended, Found, Process, look
from sviqa_app.servers import Server, add_server


@pytest.fixture
def form(tmp_path: Path) -> Form:
    """Two pictures, three questions, and a recording too many. Nothing here is opened."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("cat.jpg", "cat.wav", "dog.jpg", "dog.q1.wav", "dog.q1.txt", "dog.q2.txt", "lonely.wav"):
        (folder / name).touch()
    return Form(folder=str(folder), out=str(tmp_path / "out"))


def seen(form: Form) -> Found:
    found = look(form, Event())
    assert found is not None
    return found


def test_the_pairs_are_told_one_by_one(form: Form) -> None:
    assert seen(form).lines() == [
        "3 rows: 2 pictures; 1 spoken, 1 written, 1 both spoken and written.",
        "Question without a picture: 1",
        "    lonely.wav",
        "The rows:",
        "    cat.jpg: cat.wav",
        "    dog.jpg: dog.q1.wav and dog.q1.txt",
        "    dog.jpg: dog.q2.txt",
    ]


def test_of_a_long_plan_the_first_rows(form: Form) -> None:
    for n in range(200):
        (Path(form.folder) / f"p{n}.jpg").touch()
        (Path(form.folder) / f"x{n}.wav").touch()
    found = seen(Form(folder=form.folder, out=form.out, question="typed", words="what is it"))
    lines = found.lines()
    assert found.preview.rows == 202 and f"The first {FIRST} rows:" in lines
    assert lines[-1].endswith(": “what is it”") and any("notes.csv" in line for line in lines)


def test_a_fault_stands_in_the_place_of_the_question(form: Form, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("image,question\n,what\n")
    lines = seen(Form(source="list", manifest=str(tmp_path / "list.csv"), out=form.out)).lines()
    assert lines[-1].startswith("    line 2: ") and "what" not in lines[-1]


def test_what_is_there_already(form: Form) -> None:
    assert not seen(form).already
    Path(form.out).mkdir()
    for name in (FILE, "report.html"):
        (Path(form.out) / name).touch()
    assert seen(form).already and seen(form).report


def test_a_look_is_given_up(form: Form) -> None:
    given_up = Event()
    given_up.set()
    assert look(form, given_up) is None


def test_what_is_wrong_is_raised() -> None:
    with pytest.raises(FormError):
        look(Form(), Event())


def test_the_process_tells_and_ends(tmp_path: Path) -> None:
    told: SimpleQueue[Any] = SimpleQueue()
    process = Process(BatchOptions(tmp_path / "out", folder=tmp_path / "none"), told.put)
    process.order("stop")
    assert isinstance(told.get(timeout=60), Refused)
    assert isinstance(told.get(timeout=60), Ended)


def test_the_process_is_ended(tmp_path: Path) -> None:
    told: SimpleQueue[Any] = SimpleQueue()
    Process(BatchOptions(tmp_path / "out", folder=tmp_path), told.put).end()
    while not isinstance(told.get(timeout=60), Ended):
        pass


def test_a_server_is_known_and_what_it_gets_is_told(
    form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sviqa_app.servers.settings_path", lambda: tmp_path / "settings.json")
    monkeypatch.setattr("sviqa_app.vault.import_module", lambda name: None)
    asked = replace(form, model="server:mine")
    with pytest.raises(FormError, match="There is no server mine") as error:
        look(asked, Event())
    assert error.value.field == "model"
    add_server(Server("mine", "http://127.0.0.1:9/v1", "m", agreed="127.0.0.1:9"))
    assert seen(asked).leaving.startswith("Every question sends your picture") and not seen(form).leaving


def test_the_window_does_without_torch() -> None:
    check = "import sys, sviqa_app.gui.batch_work; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)
