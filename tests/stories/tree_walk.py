"""What a screen reader reads: run by the system's Python, the only one that has the AT-SPI library.

In comes a line of two numbers: a process, and one of its windows or -1 for the list of them. Out goes a line of JSON:
the objects asked for, and what was announced and what got the keyboard since the line before.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402

MOST = 2000
"""Objects of one window; more is a loop and not a window."""
DEEPEST = 50
News = dict[str, list[Any]]
_news: News = {"announced": [], "focused": []}


def children(thing: Any) -> list[Any]:
    """What is directly inside; nothing in what has gone away."""
    try:
        return [thing.get_child_at_index(i) for i in range(thing.get_child_count())]
    except GLib.Error:
        return []


def application(process: int) -> Any | None:
    """What a process has on the accessibility bus."""
    desktop = Atspi.get_desktop(0)
    desktop.set_cache_mask(Atspi.Cache.NONE)
    for found in children(desktop):
        if found is not None and found.get_process_id() == process:
            found.set_cache_mask(Atspi.Cache.NONE)
            return found
    return None


def described(thing: Any, path: list[int]) -> dict[str, Any]:
    """One object, in words. Where it is in the tree: the steps from the application down."""
    able = thing.get_action_iface()
    actions = range(0 if able is None else able.get_n_actions())
    labels = [r for r in thing.get_relation_set() if r.get_relation_type() == Atspi.RelationType.LABELLED_BY]
    return {
        "path": path,
        "role": thing.get_role_name(),
        "name": thing.get_name() or "",
        "description": thing.get_description() or "",
        "labels": [r.get_target(i).get_name() for r in labels for i in range(r.get_n_targets())],
        "states": [state.value_nick for state in thing.get_state_set().get_states()],
        "actions": [Atspi.Action.get_action_name(able, i) for i in actions],
        "key": able.get_key_binding(0) if actions else "",
    }


def walk(thing: Any, path: list[int], found: list[dict[str, Any]], deep: bool = True) -> None:
    """An object and, if `deep`, all that is inside it, depth first. What goes away meanwhile is not there."""
    try:
        found.append(described(thing, path))
        for i, child in enumerate(children(thing) if deep else []):
            if child is not None and len(found) < MOST:
                walk(child, [*path, i], found)
    except GLib.Error:
        return


def place(thing: Any) -> list[int]:
    """The steps from the application down to an object; none for one that is in no application any more."""
    path: list[int] = []
    while thing is not None and len(path) < DEEPEST:
        if thing.get_role() == Atspi.Role.APPLICATION:
            return path
        path.insert(0, thing.get_index_in_parent())
        thing = thing.get_parent()
    return []


def focused(event: Any) -> None:
    """Something got the keyboard, or lost it."""
    if event.detail1:
        try:
            _news["focused"].append(described(event.source, place(event.source)))
        except GLib.Error:  # it is gone already
            return


def objects(process: int, window: int) -> list[dict[str, Any]]:
    """The windows of a process, or one of them with all that is inside."""
    found: list[dict[str, Any]] = []
    if (program := application(process)) is not None:
        for i, one in enumerate(children(program)):
            if one is not None and window in (i, -1):
                walk(one, [i], found, deep=window == i)
    return found


def answer(_source: object, _condition: object) -> bool:
    """One line read, one line written; False where nobody asks any more."""
    if not (line := sys.stdin.readline()):
        Atspi.event_quit()
        return False
    answered = objects(*map(int, line.split()))
    while GLib.MainContext.default().iteration(may_block=False):
        pass  # what happened before the answer is told with it
    print(json.dumps({"objects": answered, **_news}), flush=True)
    for news in _news.values():
        news.clear()
    return True


def main() -> None:
    """Listen until nobody asks any more."""
    told = Atspi.EventListener.new(lambda event: _news["announced"].append(str(event.any_data)))
    told.register("object:announcement")
    moved = Atspi.EventListener.new(focused)
    moved.register("object:state-changed:focused")
    GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_IN | GLib.IO_HUP, answer)
    print("listening", flush=True)
    Atspi.event_main()


if __name__ == "__main__":
    main()
