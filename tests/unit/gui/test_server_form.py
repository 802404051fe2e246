"""A server is added by keys, once it is said what is sent there, and to nobody else is anything sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from sviqa_app import servers, vault
from sviqa_app.errors import SviqaError
from sviqa_app.gui import models_presenter
from sviqa_app.gui.models_page import ModelsPage
from sviqa_app.gui.models_rows import server_row
from sviqa_app.gui.server_form import ServerForm
from sviqa_app.servers import Server, find_key, find_server, read_servers

from .test_models_page import TINY, press, shown
from .test_models_presenter import Place
from .test_window import nameless

pytestmark = pytest.mark.usefixtures("ring")

KEY = "sk-aVerySecretKey123"


@pytest.fixture
def place() -> Place:
    made = Place([TINY])
    made.models._read = lambda: [*map(server_row, read_servers().values()), TINY]
    return made


@pytest.fixture
def page(app: QApplication, place: Place) -> Iterator[ModelsPage]:
    yield from shown(ModelsPage(place.models))


@pytest.fixture
def form(page: ModelsPage) -> ServerForm:
    return opened(page)


def opened(page: ModelsPage) -> ServerForm:
    """A form, by its button."""
    press(page.add_button)
    return page.findChildren(ServerForm)[-1]


def fill(form: ServerForm, **fields: str) -> None:
    """Type into the fields of a form, in the order of its tabs."""
    for name in ("Name", "Address", "Model", "Key"):
        field = form.focusWidget()  # the offscreen desktop makes no dialog the active window
        assert isinstance(field, QLineEdit) and field.accessibleName() == name
        QTest.keyClicks(field, fields.get(name.lower(), ""))
        QTest.keyClick(field, Qt.Key.Key_Tab)


def test_every_field_has_a_name(form: ServerForm) -> None:
    assert nameless(form) == []
    assert form.leaving.text() == "What will be sent there is said here once the address is filled in."


def test_added_by_keys_once_it_is_said_what_is_sent(page: ModelsPage, form: ServerForm, place: Place) -> None:
    fill(form, name="desk", address="https://Example.org", model="omni", key=KEY)
    assert form.leaving.text() == (
        "Every question sends your picture, what you say, written down, and what you type to example.org."
    )
    QTest.keyClick(form.hears, Qt.Key.Key_Space)
    assert "the recordings of what you say" in form.leaving.text() and not form.transcriber.isEnabled()
    assert form.add_button.accessibleDescription() == form.leaving.text()
    assert form.key.displayText() != KEY
    press(form.add_button)
    server = find_server("desk")
    assert server == Server("desk", "https://example.org/v1", "omni", hears=True, agreed="example.org")
    assert find_key(server) == KEY and KEY not in servers.servers_path().read_text()
    assert not form.isVisible() and page.chosen is not None and page.chosen.title == "desk"
    assert place.said[-1] == "desk is added. Nothing is sent there before you use it." and place.used == []
    assert page.about.item(1).text() == server.leaving


def test_the_only_model_is_looked_up(form: ServerForm, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models_presenter, "with_model", lambda server, key: Server(**{**vars(server), "model": key}))
    place.lines.waiting = True
    fill(form, name="desk", address="http://localhost:8000", key="k")
    press(form.add_button)
    assert not form.add_button.isEnabled() and form.add_button.text() == "Looking at the server…"
    assert not form.fields.isEnabled() and read_servers() == {}
    place.lines.go_on()
    assert find_server("desk").model == "k"


def test_cancelled_while_it_is_looked_at_it_is_not_added(form: ServerForm, place: Place) -> None:
    place.lines.waiting = True
    fill(form, name="desk", address="http://localhost:8000", model="m")
    press(form.add_button)
    QTest.keyClick(form, Qt.Key.Key_Escape)
    place.lines.go_on()
    assert read_servers() == {} and not form.isVisible()


@pytest.mark.parametrize(
    ("name", "address", "said"),
    [
        ("", "https://example.org", "is no name for a server"),
        ("desk", "", "The server's address is not understood."),
        ("desk", "http://example.org", "for everybody on the way to read"),
    ],
)
def test_what_is_wrong_is_said_and_the_keyboard_is_there(name: str, address: str, said: str, form: ServerForm) -> None:
    fill(form, name=name, address=address, model="m")
    press(form.add_button)
    assert said in form.trouble.text() and form.focusWidget() is form.trouble and form.isVisible()
    assert read_servers() == {}


def test_what_the_server_says_is_shown_and_tried_again(
    form: ServerForm, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Server:
        raise SviqaError("localhost cannot be reached.", "Start it.")

    monkeypatch.setattr(models_presenter, "with_model", refuse)
    fill(form, name="desk", address="http://localhost")
    press(form.add_button)
    assert form.trouble.text() == "localhost cannot be reached. Start it." and form.add_button.isEnabled()
    monkeypatch.undo()


def test_one_of_that_name_is_not_written_over(page: ModelsPage, form: ServerForm, place: Place) -> None:
    fill(form, name="desk", address="https://example.org", model="m")
    press(form.add_button)
    again = opened(page)
    fill(again, name="desk", address="https://other.org", model="m")
    press(again.add_button)
    assert "There is a server desk already." in again.trouble.text() and find_server("desk").host == "example.org"
    again.close()


def test_a_key_that_cannot_be_kept(form: ServerForm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "import_module", lambda name: None)
    fill(form, name="desk", address="https://example.org", model="m", key=KEY)
    press(form.add_button)
    assert "Or set SVIQA_SERVER_KEY_DESK instead." in form.trouble.text() and KEY not in form.trouble.text()
    assert read_servers() == {}
