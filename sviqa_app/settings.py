"""Every setting of the window, once: what it is called, what it may be and what it does.

`Settings` is the table. `SETTINGS` lists its rows, from which the preferences page and the docs are made.
"""

from __future__ import annotations

import json
import reprlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from platformdirs import user_config_path

from .files import unwritable
from .safekeeping import FOLDER_MODE, set_aside, write_private

Group = Literal["Question", "Answer", "Look", "History", "Model", "Keys"]
T = TypeVar("T")

MAX_BYTES = 1_000_000
_MAX_DEPTH = 20
_MAX_TEXT = 1000
_KINDS: dict[type, str] = {
    bool: "yes or no",
    int: "a whole number",
    float: "a number",
    str: "text",
    dict: "a list of keys",
}


@dataclass(frozen=True)
class Setting:
    """One row of the table. `choices`: value → label; `low` and `high` are the ends of the range, in `unit`.

    `type` follows from the default. `never` is what the lowest value is called, where it has a name. `restart`: whether
    a change waits for the next start of the app.
    """

    name: str
    group: Group
    label: str
    help: str
    default: object
    choices: Mapping[str, str] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    unit: str = ""
    never: str = ""
    restart: bool = False

    @property
    def type(self) -> type:
        """bool, int, float, str or dict."""
        return type(self.default)

    def fault(self, value: object) -> str:
        """What is wrong with a value read from a file, in plain words; "" where nothing is."""
        if not isinstance(value, self.type) or (isinstance(value, bool) and self.type is not bool):
            return f"is not {_KINDS[self.type]}"
        if self.choices and value not in self.choices:
            return f"is none of {', '.join(self.choices)}"
        if isinstance(value, str) and not _is_plain(value):
            return "is not plain text"
        if isinstance(value, int | float) and not (self.low is None or self.high is None):
            return "" if self.low <= value <= self.high else f"is not from {self.low:g} to {self.high:g}"
        return ""


@dataclass(frozen=True)
class Action:
    """Something a key does: what it is called and its first key."""

    label: str
    key: str


ACTIONS: Mapping[str, Action] = {
    "open": Action("Open a picture", "Ctrl+O"),
    "paste": Action("Paste a picture", "Ctrl+V"),
    "sample": Action("Open the sample picture", "Ctrl+Shift+O"),
    "capture": Action("Capture the screen", "Ctrl+Shift+S"),
    "capture_area": Action("Capture an area", "Ctrl+Shift+A"),
    "capture_window": Action("Capture a window", "Ctrl+Shift+W"),
    "camera": Action("Take a photograph", "Ctrl+Shift+P"),
    "turn": Action("Turn the picture", "Ctrl+."),
    "zoom_in": Action("Closer", "Ctrl+="),
    "zoom_out": Action("Farther", "Ctrl+-"),
    "fit": Action("The whole picture", "Ctrl+0"),
    "talk": Action("Talk", "Space"),
    "stop": Action("Stop", "Escape"),
    "replay": Action("Hear the answer again", "Ctrl+R"),
    "copy_answer": Action("Copy the answer", "Ctrl+Shift+C"),
    "save_answer": Action("Save the answer's sound", "Ctrl+S"),
    "new_conversation": Action("New conversation", "Ctrl+N"),
    "history": Action("History", "Ctrl+H"),
    "batch": Action("Ask about a folder", "Ctrl+B"),
    "models": Action("Models", "Ctrl+M"),
    "search": Action("Search", "Ctrl+F"),
    "preferences": Action("Preferences", "Ctrl+,"),
    "quit": Action("Quit", "Ctrl+Q"),
    "cycle_panes": Action("Next pane", "F6"),
    "region_out": Action("Back to the larger region", "Backspace"),
}


def _row(default: T, group: Group, label: str, help: str, **more: Any) -> T:
    """A field of `Settings` that carries its row of the table."""
    value: T = field(default=default, metadata={"row": Setting("", group, label, help, default, **more)})
    return value


def _first_keys() -> dict[str, str]:
    return {name: action.key for name, action in ACTIONS.items()}


@dataclass(frozen=True)
class Settings:
    """The table, and the values in force. `others` is what a newer version wrote, kept and written back."""

    hold_to_talk: Literal["hold", "toggle"] = _row(
        "hold",
        "Question",
        "Talk key",
        "Hold the key while you speak, or press it once to start and once more to stop.",
        choices={"hold": "Hold while speaking", "toggle": "Press to start and to stop"},
    )
    keep_microphone_open: bool = _row(
        True,
        "Question",
        "Keep the microphone open",
        "The first syllable is never lost. What is heard between questions is not kept.",
    )
    microphone: str = _row("", "Question", "Microphone", "The device that listens.")
    hands_free: bool = _row(
        False,
        "Question",
        "Hands-free",
        "A question begins when you begin to speak and ends when you stop. The talk key works as well.",
    )
    headphones: bool = _row(
        False,
        "Question",
        "I wear headphones",
        "Hands-free, also listen while the answer is spoken, so that you can talk over it.",
    )
    pause: float = _row(
        0.7,
        "Question",
        "Pause that ends a question",
        "Hands-free, so long a silence means that you are done.",
        low=0.3,
        high=3.0,
        unit="seconds",
    )
    global_hotkey: bool = _row(
        False,
        "Question",
        "Capture from anywhere",
        "The key that captures the screen works while another window is in front, where the desktop allows it.",
    )
    who_speaks: Literal["app", "screen-reader", "both"] = _row(
        "app",
        "Answer",
        "Who speaks",
        "Whether the answer is spoken by the app's own voice, read by your screen reader, or both.",
        choices={"app": "The app", "screen-reader": "The screen reader", "both": "Both"},
    )
    voice: Literal["", "rms", "slt", "kal", "max"] = _row(
        "",
        "Answer",
        "Voice",
        "Who speaks the answers.",
        choices={
            "": "The model's first",
            "rms": "rms, a man",
            "slt": "slt, a woman",
            "kal": "kal, a man",
            "max": "max, a man with an accent",
        },
    )
    style: Literal["plain", "high", "low", "whisper", "loud"] = _row(
        "plain",
        "Answer",
        "Manner",
        "How the answers are spoken, unless a question asks for it otherwise: “(whisper) what is this”.",
        choices={"plain": "As usual", "high": "High", "low": "Low", "whisper": "Whispered", "loud": "Loud"},
    )
    speaking_rate: float = _row(
        1.0, "Answer", "Speaking rate", "How fast the answer is spoken.", low=0.5, high=3.0, unit="times"
    )
    volume: float = _row(1.0, "Answer", "Volume", "How loud the app's voice is.", low=0.0, high=1.0)
    earcons: bool = _row(
        True,
        "Answer",
        "Earcons",
        "Short sounds say that the app listens, that it thinks, and that something went wrong.",
    )
    output_device: str = _row("", "Answer", "Loudspeaker", "The device that speaks.")
    theme: Literal["system", "light", "dark", "high-contrast"] = _row(
        "system",
        "Look",
        "Theme",
        "The colours of the window.",
        choices={
            "system": "Like the system",
            "light": "Light",
            "dark": "Dark",
            "high-contrast": "High contrast",
        },
    )
    reduced_motion: bool = _row(
        False, "Look", "Less motion", "The level of the microphone is told in a word, and no bar moves."
    )
    text_size: int = _row(100, "Look", "Text size", "How large all text is.", low=80, high=200, unit="%")
    keep_history: bool = _row(
        True,
        "History",
        "Keep conversations",
        "Pictures, questions and answers stay on this machine. Off: every session is private, nothing is kept.",
        restart=True,
    )
    keep_days: int = _row(
        0,
        "History",
        "Forget after",
        "Conversations older than this are deleted. 0 keeps them for ever.",
        low=0,
        high=36_500,
        unit="days",
        never="Never",
        restart=True,
    )
    model: str = _row(
        "sviqa-tiny",
        "Model",
        "Model",
        'The name of an installed model, "best" for this machine, or a folder. View, Models changes it at once.',
        restart=True,
    )
    keys: Mapping[str, str] = field(
        default_factory=_first_keys,
        metadata={"row": Setting("", "Keys", "Keys", "The key of each action. Empty: none.", _first_keys())},
    )
    others: Mapping[str, Any] = field(default_factory=dict, repr=False)


SETTINGS: tuple[Setting, ...] = tuple(
    replace(column.metadata["row"], name=column.name) for column in fields(Settings) if "row" in column.metadata
)


def settings_path() -> Path:
    """Where this person's settings are kept."""
    return user_config_path("sviqa", appauthor=False) / "settings.json"


def load(path: Path) -> tuple[Settings, list[str]]:
    """The settings in a file, and a plain sentence for each that could not be used. Never raises.

    A missing file gives the defaults. A broken one is set aside as settings.json.broken.
    """
    warnings: list[str] = []
    others = _read(path, warnings)
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        if setting.name in others:
            values[setting.name] = _checked(setting, others.pop(setting.name), warnings)
    if "keys" in values:
        values["keys"], unknown = _checked_keys(values["keys"], warnings)
        others |= {"keys": unknown} if unknown else {}
    return Settings(**values, others=others), warnings


def save(path: Path, settings: Settings) -> None:
    """Writes the settings, the whole file or none, for nobody else to read. Raises OutputError."""
    values = {setting.name: getattr(settings, setting.name) for setting in SETTINGS}
    values["keys"] = {**settings.others.get("keys", {}), **settings.keys}
    content = json.dumps({**settings.others, **values}, indent=2) + "\n"
    try:
        path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    write_private(path, content.encode())


def search(words: str) -> list[Setting]:
    """The settings in whose name, label, help or choices every word occurs, in the order of the table."""
    wanted = words.casefold().split()
    return [setting for setting in SETTINGS if all(word in _searchable(setting) for word in wanted)]


def conflicts(keys: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Which actions share a key: key → its actions, where there are several."""
    sharing: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for action in ACTIONS:
        if key := keys.get(action, "").strip():
            sharing.setdefault(_same(key), []).append(action)
    return {keys[actions[0]]: tuple(actions) for actions in sharing.values() if len(actions) > 1}


def _read(path: Path, warnings: list[str]) -> dict[str, Any]:
    """The object in the file; nothing where it is missing or broken."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError:
        warnings.append(f"The settings in {path} cannot be read, so the usual ones are used.")
        return {}
    try:
        return _parsed(content)
    except (ValueError, RecursionError):
        warnings.append(_put_away(path))
        return {}


def _parsed(content: bytes) -> dict[str, Any]:
    """The JSON object. Raises ValueError or RecursionError where it is none, too large or too deep."""
    if len(content) > MAX_BYTES:
        raise ValueError("too large")
    data = json.loads(content.decode("utf-8-sig"))
    if not isinstance(data, dict):
        raise ValueError("not an object")
    _check_depth(data, _MAX_DEPTH)
    return data


def _check_depth(value: object, left: int) -> None:
    """Refuses what could be read but, nested as deep as that, not be written back."""
    if not left:
        raise ValueError("too deep")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        _check_depth(item, left - 1)


def _put_away(path: Path) -> str:
    """Sets the broken file aside and says so."""
    try:
        aside = set_aside(path)
    except OSError:
        return f"The settings in {path} are broken, so the usual ones are used."
    return f"The settings were broken, so the usual ones are used. The broken file is kept as {aside}."


def _checked(setting: Setting, value: object, warnings: list[str]) -> object:
    """The value, or the default in its place with a warning."""
    if isinstance(value, int) and setting.type is float and not isinstance(value, bool) and abs(value) < MAX_BYTES:
        value = float(value)
    if not (fault := setting.fault(value)):
        return value
    warnings.append(f"The setting “{setting.label}” was {reprlib.repr(value)}, which {fault}; the usual one is used.")
    return setting.default


def _checked_keys(keys: Mapping[str, object], warnings: list[str]) -> tuple[dict[str, str], dict[str, object]]:
    """The key of every action, the usual one where it is wrong or missing; and the actions not known here."""
    known = _first_keys()
    for action, usual in known.items():
        key = keys.get(action, usual)
        if isinstance(key, str) and _is_plain(key):
            known[action] = key
        else:
            warnings.append(f"The key for “{ACTIONS[action].label}” was {reprlib.repr(key)}; {usual} is used.")
    return known, {action: key for action, key in keys.items() if action not in ACTIONS}


def _is_plain(text: str) -> bool:
    """Whether it is text of a sensible length without control characters and halves of characters."""
    return len(text) <= _MAX_TEXT and not any(unicodedata.category(c) in ("Cc", "Cs") for c in text)


def _searchable(setting: Setting) -> str:
    labels = [action.label for action in ACTIONS.values()] if setting.name == "keys" else []
    parts = [setting.name, setting.group, setting.label, setting.help, *setting.choices.values(), *labels]
    return " ".join(parts).casefold()


def _same(key: str) -> tuple[tuple[str, ...], ...]:
    """The same for key sequences that differ only in case, spaces, the order of their parts or “Esc”."""
    chords = key.casefold().replace("escape", "esc").split(", ")
    return tuple(tuple(sorted(part.strip() for part in chord.split("+"))) for chord in chords)
