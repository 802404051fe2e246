"""What the models page does: one job at a time, told as it goes, and the model that is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from sviqa_app.engine.worker import Failed, Ready
from sviqa_app.errors import ModelError, OutputError
from sviqa_app.gui import models_presenter
from sviqa_app.gui.models_errand import Finished, Job, News, Step, Stopped, Trouble
from sviqa_app.gui.models_presenter import Models, progress_words
from sviqa_app.gui.models_rows import Row

from .standins import Promptly

EYE = Row("eye", "eye", "Sees.", fit="fits", size="520 MB", licence="MIT", parts=("eye",), installable=True)
PAIR = replace(EYE, name="pair", title="pair", parts=("eye", "ear"), removable=True)


@dataclass
class Place:
    """The models, and what was asked of those around them."""

    rows: list[Row] = field(default_factory=lambda: [EYE, PAIR])
    jobs: list[Job] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    cancelled: int = 0
    changes: int = 0
    hear: Callable[[News], None] = print

    def __post_init__(self) -> None:
        operations = Promptly(lambda error: self.said.append(str(error)))
        self.lines = Promptly(lambda error: self.said.append(str(error)))
        self.models = Models(
            operations,
            self.lines,
            lambda: self.rows,
            self.begin,
            self.used.append,
            lambda text, urgent: self.said.append(text),
            "tiny",
        )
        self.models.changed = self.change
        self.models.refresh()

    def begin(self, job: Job, hear: Callable[[News], None]) -> Place:
        self.jobs.append(job)
        self.hear = hear
        return self

    def cancel(self) -> None:
        self.cancelled += 1

    def change(self) -> None:
        self.changes += 1


@pytest.fixture
def place() -> Place:
    return Place()


def test_an_install_is_told_as_it_goes_without_talking_all_the_time(place: Place) -> None:
    place.models.install(EYE)
    assert place.jobs == [Job("install", "eye")] and place.models.doing(EYE) == "installing"
    for done in range(0, 101, 2):
        place.hear(Step("eye", done, 100))
    place.rows = [replace(EYE, installed=True)]
    place.hear(Finished())
    assert place.said == ["Installing eye.", "25 percent.", "50 percent.", "75 percent.", "eye is installed."]
    assert place.models.job is None and place.models.rows == place.rows and place.changes > 50


def test_one_job_at_a_time(place: Place) -> None:
    place.models.install(EYE)
    place.models.verify(PAIR)
    assert place.jobs == [Job("install", "eye")]
    place.hear(Finished())
    place.models.verify(PAIR)
    assert place.jobs[1:] == [Job("verify", "pair")] and place.models.doing(PAIR) == "verifying"


def test_cancelled_it_goes_on_until_it_has_stopped(place: Place) -> None:
    place.models.cancel()  # nothing to cancel
    place.models.install(EYE)
    place.models.cancel()
    assert place.cancelled == 1 and place.models.job is not None
    place.hear(Stopped())
    assert place.models.job is None and place.said[-1] == "Stopped. What was downloaded is kept."
    place.models.close()
    assert place.cancelled == 1


def test_what_went_wrong_stays_with_the_row_until_it_is_tried_again(place: Place) -> None:
    place.models.install(EYE)
    place.hear(Trouble("The hub cannot be reached.", "Check the network."))
    said = "The hub cannot be reached. Check the network."
    assert place.said[-1] == place.models.trouble(EYE) == said and place.models.doing(EYE) == "failed"
    assert place.models.trouble(PAIR) == ""
    place.models.install(EYE)
    assert place.models.trouble(EYE) == ""


def test_a_model_is_used_from_the_next_question_on(place: Place) -> None:
    assert place.models.title == "tiny" and not place.models.in_use(PAIR)
    place.models.on_worker(Ready("tiny", "cpu", 22050, 1.0))
    assert place.said == []  # the start of the app is told elsewhere
    place.models.use(PAIR)
    assert place.used == ["pair"] and place.models.doing(PAIR) == "being loaded"
    assert place.models.in_use(PAIR) and place.models.in_use(EYE)  # a part of it
    place.models.on_worker(Ready("pair", "cpu", 22050, 1.0))
    assert place.models.doing(PAIR) == "in use" and place.said[-1] == "pair is ready."
    place.models.on_worker(Failed(None, "The picture is broken.", ""))  # no trouble of the model
    assert place.models.trouble(PAIR) == ""


def test_a_model_that_cannot_be_loaded_says_so_in_its_row(place: Place) -> None:
    place.models.use(PAIR)
    place.models.on_worker(Failed(None, "pair needs more memory.", "Choose a smaller model."))
    assert place.models.trouble(PAIR) == "pair needs more memory. Choose a smaller model."


def test_what_the_engine_runs_is_in_use_whatever_it_was_asked_for(place: Place) -> None:
    assert not place.models.in_use(EYE)
    place.models.on_worker(Ready("pair", "cpu", 22050, 1.0))
    assert place.models.in_use(PAIR) and place.models.in_use(EYE)


def test_removed_with_its_parts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    gone: list[str] = []

    def remove(name: str) -> int:
        gone.append(name)
        return 100_000_000

    monkeypatch.setattr(models_presenter, "installed_parts", lambda name: ["eye", "ear"])
    monkeypatch.setattr(models_presenter, "remove", remove)
    place.models.remove(PAIR)
    assert gone == ["eye", "ear"] and place.said == ["pair is removed. 200 MB are free again."]


def test_what_cannot_be_removed_says_why(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> int:
        raise OutputError("It could not be deleted.", "Close what uses it.")

    monkeypatch.setattr(models_presenter, "installed_parts", lambda name: [name])
    monkeypatch.setattr(models_presenter, "remove", refuse)
    place.models.remove(PAIR)
    assert place.models.trouble(PAIR) == "It could not be deleted. Close what uses it."


def test_a_broken_catalog_is_said(place: Place) -> None:
    def broken() -> list[Row]:
        raise ModelError("models.toml is not valid TOML.", "Correct it.")

    place.models._read = broken
    place.models.refresh()
    assert place.said == ["models.toml is not valid TOML. Correct it."] and place.models.rows == [EYE, PAIR]


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (None, "Installing eye…"),
        (Step("eye", 0, 0), "Installing eye: 0% of 0 MB"),
        (Step("ear", 10**8, 4 * 10**8), "Installing eye (ear): 25% of 400 MB"),
        (Step("eye", 0, 10**9, 2e6), "Installing eye: 0% of 1.0 GB, 2.0 MB/s, about 8 minutes left"),
        (Step("eye", 0, 10**10, 2e6), "Installing eye: 0% of 10.0 GB, 2.0 MB/s, about 1 hour left"),
        (Step("eye", 9, 10, 2e6), "Installing eye: 90% of 0 MB, 2.0 MB/s, less than a minute left"),
    ],
)
def test_how_far_it_is_in_words(step: Step | None, words: str) -> None:
    assert progress_words(Job("install", "eye"), step) == words
