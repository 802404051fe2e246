"""The window as a screen reader has it: every control of every page says what it is, its name and what it does.

The pages are found as a person finds them: by opening every menu, and every item and button that asks something.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from sviqa_app.history import History

from .conftest import PICTURE, SoundServer
from .reader import Node, Reader, private_reader
from .screen import Desk, desk, private_screen, wait_for

pytestmark = pytest.mark.timeout(1800)
# What only holds other things; a screen reader passes over it.
_HOLDERS = {"filler", "panel", "layered pane", "split pane", "menu bar", "status bar", "popup menu", "separator"}
_PRESSED = {"push button", "check box", "combo box", "menu item", "check menu item", "page tab"}
_REACHED = {"push button", "check box", "combo box", "page tab", "page tab list", "text", "spin button", "list", "tree"}
# Where nothing is written, nothing is to be read.
_WRITTEN = {"label", "table cell"}
_NOT_BY_ENTER = {"Reset", "Delete", "Delete all"}
_SCROLL_BAR = "a scroll bar of Qt's: what it scrolls has a name and follows the keyboard"
_ICON = "the icon of Qt's message box: that it is one is its role"
_GRIP = "a grip of Qt's, for which AT-SPI has no role: only a mouse has a use for it"
_FILE_DIALOG = "the list of a combo box in Qt's own file dialog; the combo box itself has a name"
_NAMELESS = """
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton, QVBoxLayout, QWidget
app = QApplication([])
window = QWidget(windowTitle="window")
layout = QVBoxLayout(window)
for widget in (QPushButton(), QPushButton("named"), QLineEdit(), QWidget(minimumHeight=20)):
    layout.addWidget(widget)
window.show()
app.exec()
"""


@pytest.fixture
def reader() -> Iterator[Reader]:
    """A screen reader."""
    with private_reader() as made:
        yield made


@pytest.fixture
def place(sound_server: SoundServer, reader: Reader) -> Iterator[Desk]:
    """A desk with a sound card and a screen reader, and a day of the past: one question answered, one not."""
    with desk(sound_server.env | reader.env) as made:
        remember(made.home)
        made.start()
        assert made.app is not None
        reader.process = made.app.pid
        wait_for(reader.windows, "the tree")
        yield made


def remember(home: Path) -> None:
    """A conversation in the history of this home."""
    with History.open(home / ".local" / "share" / "sviqa") as history, Image.open(PICTURE) as picture:
        conversation = history.begin_conversation(picture.convert("RGB"), "scene.png")
        asked = history.begin_turn(conversation, None, "where is the dog")
        history.finish_turn(asked, None, "On the left.", None, 0, {})
        history.begin_turn(conversation, None, "which number is shown")


# --- what is wrong with a control ----------------------------------------------------------------------------------


def fault(node: Node, page: list[Node]) -> str:
    """What a screen reader cannot tell of it, or a person without a mouse cannot do with it; "" if nothing."""
    can_focus = "focusable" in node.states
    if node.role in ("", "unknown", "invalid"):
        return "no role"
    if not (node.name or node.labels or node.role in _WRITTEN or (holds(node, page) and not can_focus)):
        return "no name"
    if node.role == "combo box" and not node.labels:
        return "its name is only what is chosen in it"
    if node.able and not node.actions and (can_focus or node.role in _PRESSED):
        return "no action"
    if node.able and node.role in _REACHED and not can_focus:
        return "cannot have the keyboard"
    if "is-default" in node.states and node.name in _NOT_BY_ENTER:
        return "is done by Enter, wherever the keyboard is"
    return ""


def holds(node: Node, page: list[Node]) -> bool:
    """Whether it only holds other things. A widget that draws something itself is a filler that holds nothing."""
    return node.role in _HOLDERS and (node.role != "filler" or any(other.inside(node) for other in page))


def around(node: Node, page: list[Node]) -> Node:
    """What it is directly in; itself for the window."""
    return next((other for other in page if other.path == node.path[:-1]), node)


def excuse(node: Node, page: list[Node]) -> str:
    """Why a fault may be so: it is Qt's, and cannot be mended from outside."""
    if node.role == "unknown" and not node.actions and "focusable" not in node.states:
        return _GRIP
    if node.role == "scroll bar" and "focusable" not in node.states:
        return _SCROLL_BAR
    if node.role == "image" and around(node, page).role == "alert":
        return _ICON
    if (
        node.role == "list"
        and around(node, page).role == "combo box"
        and any(other.name == "Look in:" for other in page)
    ):
        return _FILE_DIALOG
    return ""


def faults(page: list[Node]) -> list[str]:
    """A line for each control that lacks something; those that may are printed with the reason."""
    found = []
    for node in page:
        if what := fault(node, page):
            line = f"{node} in {around(node, page)}, {node.path}: {what}"
            if why := excuse(node, page):
                print(f"  exempt: {line}; {why}")
            else:
                found.append(line)
    return found


# --- how a person comes to every page ------------------------------------------------------------------------------


def keys(binding: str) -> str:
    """A key as xdotool calls it."""
    return binding.lower().replace(",", "comma")


def opened(reader: Reader, before: list[Node]) -> Node:
    """The window that was not there before, when it has the keyboard."""

    def newest() -> Node | None:
        new = (w for w in reader.windows() if (w.role, w.name) not in [(b.role, b.name) for b in before])
        return next((window for window in new if "active" in window.states), None)

    return wait_for(newest, "a new window")


def settle(place: Desk, reader: Reader, count: int) -> list[Node]:
    """When `count` windows are left, and the newest of them has the keyboard; gives them."""
    wait_for(lambda: len(reader.windows()) == count, "the window closing")
    place.focus()
    wait_for(lambda: any("active" in window.states for window in reader.windows()), "the window having the keyboard")
    return reader.windows()


def shut(place: Desk, reader: Reader, count: int) -> None:
    """Close the newest window: `count` are left."""
    place.press("Escape")
    settle(place, reader, count)


def tabs(place: Desk, reader: Reader, window: Node, page: list[Node]) -> Iterator[tuple[str, list[Node]]]:
    """Every page of a window that has tabs."""
    titles = [node.name for node in page if node.role == "page tab"]
    if not titles:
        return
    reader.focused()  # what had the keyboard until now
    place.tap("Tab")
    while not any(node.role.startswith("page tab") for node in wait_for(reader.focused, "the next control")):
        place.tap("Tab")
    for i, title in enumerate(titles):
        if i:
            place.tap("Right")
            wait_for(lambda title=title: any(node.name == title for node in reader.focused()), f"the tab {title}")
        yield f"{window}, {title}", reader.read(window)


def dialogs(place: Desk, reader: Reader, asking: list[Node], seen: set[str]) -> Iterator[tuple[str, list[Node]]]:
    """Every window that opens at a key of these items and buttons, and those that open from there, each once."""
    for node in asking:
        before = reader.windows()
        assert node.key, f"{node} has no key"
        place.tap(keys(node.key))
        window = opened(reader, before)
        page = reader.read(window)
        if (content := ", ".join(map(str, page))) not in seen:
            seen.add(content)
            yield f"{window} at {node}", page
            yield from tabs(place, reader, window, page)
            ends = ("…", "Delete", "Delete all")
            inner = [n for n in page if n.role == "push button" and n.name.endswith(ends) and n.able]
            yield from dialogs(place, reader, inner, seen)
        shut(place, reader, len(before))


def unfold(place: Desk, reader: Reader, main: Node, menu: Node) -> list[Node]:
    """The items of a menu, opened by its key; again where it closed at once, as Qt does without a window manager."""

    def items() -> list[Node]:
        place.tap(keys(menu.key))
        found = [node for node in reader.read(main) if node.inside(menu)]
        return found if any(item.able for item in found) else []

    return wait_for(items, f"{menu} opening")


def pages(place: Desk, reader: Reader) -> Iterator[tuple[str, list[Node]]]:
    """Every window, menu, dialog and tab, by its title, with all that is in it."""
    (main,) = [window for window in reader.windows() if window.role == "frame"]
    yield "the question asked again", reader.read(opened(reader, [main]))
    shut(place, reader, 1)
    place.tap("ctrl+h")
    opened(reader, [main])
    place.press("alt+r")
    (main,) = settle(place, reader, 1)
    page = reader.read(main)
    yield "the main window", page
    seen: set[str] = set()
    for menu in [node for node in page if around(node, page).role == "menu bar"]:
        items = unfold(place, reader, main, menu)
        yield f"the menu {menu.name}", [menu, *items]
        place.tap("Escape")  # the menu
        place.tap("Escape")  # the menu bar
        yield from dialogs(place, reader, [item for item in items if item.name.endswith("…")], seen)
    place.tap("ctrl+shift+a")
    yield "the chooser of an area", reader.read(opened(reader, [main]))
    shut(place, reader, 1)


# --- the stories ---------------------------------------------------------------------------------------------------


def test_every_control_says_what_it_is(place: Desk, reader: Reader) -> None:
    found: dict[str, str] = {}
    for title, page in pages(place, reader):
        lacking = faults(page)
        print(f"{title}: {len(page)} objects, {len(lacking)} lacking a role, a name or an action")
        for line in lacking:
            found.setdefault(line, title)
    assert not found, "\n" + "\n".join(f"{title}: {line}" for line, title in found.items())


def test_a_nameless_button_would_be_found(reader: Reader) -> None:
    """The judge is worth something: in a window with two nameless controls and an empty one it finds these three."""
    with private_screen() as screen:
        program = [sys.executable, "-c", _NAMELESS]
        with subprocess.Popen(program, env=os.environ | screen | reader.env, stderr=subprocess.DEVNULL) as running:
            try:
                reader.process = running.pid
                wait_for(reader.windows, "the tree")
                page = reader.everything()
            finally:
                running.kill()
    assert [(node.role, fault(node, page)) for node in page if fault(node, page)] == [
        ("push button", "no name"),
        ("text", "no name"),
        ("filler", "no name"),
    ]


def stops(place: Desk, reader: Reader, key: str, controls: list[Node]) -> list[Node]:
    """Where a key leads, from one of the controls until it is there again; at most twice as many as there are."""

    def next_stop(here: Node | None) -> Node:
        place.press(key)

        def arrived() -> Node | None:
            landed = [c for node in reader.focused() for c in controls if node.path == c.path or node.inside(c)]
            return next((control for control in reversed(landed) if control != here), None)

        return wait_for(arrived, f"the next control at {key}, after {here}")

    found = [next_stop(None)]
    while len(found) < 2 * len(controls) and (stop := next_stop(found[-1])) != found[0]:
        found.append(stop)
    return found


def test_every_control_is_reached_by_tab_and_none_is_a_trap(place: Desk, reader: Reader) -> None:
    shut(place, reader, 1)
    (main,) = reader.windows()
    controls = [node for node in reader.read(main) if node.able and "focusable" in node.states]
    print("controls:", *controls, sep="\n  ")
    by_tab = stops(place, reader, "Tab", controls)
    print("by Tab:", *by_tab, sep="\n  ")
    assert sorted(by_tab, key=lambda node: node.path) == sorted(controls, key=lambda node: node.path)
    panes = stops(place, reader, "F6", controls)
    print("by F6:", *panes, sep="\n  ")
    assert len(panes) == len(set(panes)) > 2


def test_what_happens_is_announced_and_can_be_read(place: Desk, reader: Reader) -> None:
    """Said when it happens, and there to be read afterwards."""
    shut(place, reader, 1)
    place.press("ctrl+n")
    wait_for(lambda: "New conversation." in reader.announced(), "the announcement")
    place.press("ctrl+v")
    trouble = "There is no picture on the clipboard."
    wait_for(lambda: any(text.startswith(trouble) for text in reader.announced()), "the complaint")
    assert any(trouble in node.name + node.description for node in reader.everything())
    wait_for(
        lambda: any("loaded in" in node.name + node.description for node in reader.everything()), "the model's line"
    )
