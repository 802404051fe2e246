"""A conversation as a folder to give away: one page, in Markdown or JSON, and its picture and sounds beside it."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import OutputError
from ..files import unwritable

if TYPE_CHECKING:
    from .records import Conversation, Turn

Form = Literal["markdown", "json"]
_SUFFIX = {"markdown": "md", "json": "json"}
_STATES = {"pending": "No answer yet.", "failed": "There was no answer.", "cancelled": "Stopped."}


def export(conversation: Conversation, turns: list[Turn], folder: Path, form: Form) -> Path:
    """Makes sviqa-DATE-NUMBER in `folder`, the whole of it or nothing, and gives the path of its page.

    Raises OutputError when it is there already or cannot be written.
    """
    place = folder / f"sviqa-{conversation.began:%Y-%m-%d}-{conversation.id}"
    temp = folder / f".{place.name}.{os.getpid()}.part"
    page = f"conversation.{_SUFFIX[form]}"
    try:
        if place.exists():
            raise OutputError(f"There is a {place} already.", "Move it away, or choose another folder.")
        temp.mkdir()
        content = _record(conversation, turns, temp)
        (temp / page).write_text(_to_markdown(content) if form == "markdown" else _to_json(content), encoding="utf-8")
        temp.rename(place)
    except OSError as error:
        raise unwritable(place, error) from error
    finally:
        shutil.rmtree(temp, ignore_errors=True)
    return place / page


def _record(conversation: Conversation, turns: list[Turn], folder: Path) -> dict[str, Any]:
    """What the page says, once the files it names are copied."""
    return {
        "began": conversation.began.isoformat(timespec="seconds"),
        "source": conversation.source,
        "picture": _copy(conversation.picture, folder, "picture"),
        "turns": [_turn(n, turn, folder) for n, turn in enumerate(turns, 1)],
    }


def _turn(n: int, turn: Turn, folder: Path) -> dict[str, Any]:
    return {
        "asked": turn.asked.isoformat(timespec="seconds"),
        "state": turn.state,
        "speech": _copy(turn.speech, folder, f"turn-{n}-question"),
        "typed": turn.typed,
        "heard": turn.heard,
        "answer": turn.answer,
        "sound": _copy(turn.sound, folder, f"turn-{n}-answer"),
        "seconds": dict(turn.seconds),
        "why": turn.why,
    }


def _copy(file: Path | None, folder: Path, name: str) -> str | None:
    """The name under which the file was copied; none where there is no file."""
    if file is None:
        return None
    target = folder / f"{name}{file.suffix}"
    shutil.copyfile(file, target)
    return target.name


def _to_json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _to_markdown(content: dict[str, Any]) -> str:
    """A heading, the picture, and each question with its answer."""
    lines = [f"# Conversation of {content['began'][:10]}"]
    if content["source"]:
        lines.append(_escape(content["source"]))
    if content["picture"]:
        lines.append(f"![The picture]({content['picture']})")
    for n, turn in enumerate(content["turns"], 1):
        lines += [f"## Question {n}", *_turn_lines(turn)]
    return "\n\n".join(lines) + "\n"


def _turn_lines(turn: dict[str, Any]) -> list[str]:
    lines = [_escape(words) for words in (turn["typed"], turn["heard"]) if words]
    if turn["speech"]:
        lines.append(f"[The question as it was spoken]({turn['speech']})")
    lines.append(f"**Answer:** {_escape(turn['answer'] or turn['why'] or _STATES.get(turn['state'], ''))}")
    if turn["sound"]:
        lines.append(f"[The answer as it was spoken]({turn['sound']})")
    return lines


def _escape(text: str) -> str:
    """Text that means itself in Markdown, whatever a person or a model wrote."""
    text = "\n".join(line.strip() for line in text.splitlines() if line.strip())
    text = re.sub(r"([\\`*_\[\]<>#&|~])", r"\\\1", text)
    return re.sub(r"(?m)^(\d*)([-+=.)])", r"\1\\\2", text)
