"""Any file gives valid settings and never an error; what a newer version wrote survives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as trials
from hypothesis import strategies as st

from sviqa_app.errors import OutputError
from sviqa_app.model.config import VoiceConfig
from sviqa_app.settings import (
    ACTIONS,
    SETTINGS,
    Group,
    Settings,
    conflicts,
    load,
    save,
    search,
    settings_path,
)

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([setting.name for setting in SETTINGS])
KEYS = st.dictionaries(st.sampled_from(list(ACTIONS)) | st.text(max_size=8), ANY_JSON, max_size=4)
OBJECTS = st.dictionaries(NAMES | st.text(max_size=8), ANY_JSON, max_size=6) | st.fixed_dictionaries({"keys": KEYS})
in_one_folder = trials(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sviqa" / "settings.json"


@pytest.fixture
def written(path: Path) -> Any:
    """Writes any content as the settings file, then loads it."""

    def write(content: object) -> tuple[Settings, list[str]]:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return load(path)

    return write


def assert_valid(settings: Settings) -> None:
    for setting in SETTINGS:
        assert setting.fault(getattr(settings, setting.name)) == "", setting.name
    assert set(settings.keys) == set(ACTIONS)
    assert all(isinstance(key, str) for key in settings.keys.values())


# The table.


def test_every_field_is_described() -> None:
    assert {setting.name for setting in SETTINGS} == set(get_type_hints(Settings)) - {"others"}
    for setting in SETTINGS:
        assert setting.label and setting.help.endswith("."), setting.name
        assert setting.group in get_args(Group)
        assert setting.fault(setting.default) == ""
        assert (setting.low is None) == (setting.high is None)
    assert {setting.group for setting in SETTINGS} == set(get_args(Group))
    assert len({setting.label for setting in SETTINGS}) == len(SETTINGS)


def test_the_choices_are_those_of_the_type() -> None:
    hints = get_type_hints(Settings)
    for setting in SETTINGS:
        if setting.name != "voice":  # whose names are a model's
            assert tuple(setting.choices) == tuple(c for c in get_args(hints[setting.name]) if setting.type is str)


def test_the_voices_are_those_that_ship() -> None:
    [voice] = [setting for setting in SETTINGS if setting.name == "voice"]
    assert tuple(voice.choices) == ("", *VoiceConfig.tiny().speakers)


def test_the_first_keys_do_not_conflict() -> None:
    assert conflicts(Settings().keys) == {}
    assert all(Settings().keys.values())


# Reading and writing.


def test_a_missing_file_gives_the_defaults(path: Path) -> None:
    assert load(path) == (Settings(), [])
    assert not path.parent.exists()


def test_what_is_saved_is_loaded(path: Path) -> None:
    keys = {**Settings().keys, "talk": "F9", "quit": ""}
    settings = replace(
        Settings(), theme="dark", volume=0.25, text_size=150, microphone="Größe\u00a0🎤", keep_history=False, keys=keys
    )
    save(path, settings)
    assert load(path) == (settings, [])


def test_it_is_for_nobody_else_and_leaves_nothing_beside_it(path: Path) -> None:
    before = os.umask(0)
    try:
        save(path, Settings())
        save(path, Settings())
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_saving_keeps_the_rights_of_a_folder_that_was_there(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    save(tmp_path / "settings.json", Settings())
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_what_a_newer_version_wrote_survives(path: Path, written: Any) -> None:
    newer = {"aura": {"glow": [1, None]}, "text_size": 120, "keys": {"fly": "F12", "swim": [1], "talk": "F2"}}
    settings, warnings = written(newer)
    assert warnings == [] and settings.text_size == 120 and settings.keys["talk"] == "F2"
    save(path, replace(settings, text_size=130))
    kept = json.loads(path.read_text())
    assert kept["aura"] == newer["aura"] and kept["text_size"] == 130
    assert kept["keys"] == {**Settings().keys, **newer["keys"]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text_size", 79),
        ("text_size", 201),
        ("text_size", True),
        ("text_size", "100"),
        ("text_size", 10**400),
        ("speaking_rate", 0),
        ("speaking_rate", float("nan")),
        ("volume", float("inf")),
        ("volume", True),
        ("keep_microphone_open", 1),
        ("keep_microphone_open", None),
        ("theme", "sepia"),
        ("theme", ["dark"]),
        ("microphone", 3),
        ("microphone", "a\nb"),
        ("microphone", "\ud800"),
        ("model", "x" * 5000),
        ("keep_days", -1),
        ("keys", []),
        ("keys", "Ctrl+Q"),
    ],
)
def test_a_wrong_value_falls_back_with_one_plain_warning(name: str, value: object, written: Any) -> None:
    settings, warnings = written({name: value, "keep_history": False})
    (setting,) = [setting for setting in SETTINGS if setting.name == name]
    assert getattr(settings, name) == setting.default
    assert not settings.keep_history
    assert len(warnings) == 1 and setting.label in warnings[0] and len(warnings[0]) < 250


def test_a_whole_number_is_a_number(written: Any) -> None:
    settings, warnings = written({"speaking_rate": 2})
    assert (settings.speaking_rate, type(settings.speaking_rate), warnings) == (2.0, float, [])


def test_one_wrong_key_spoils_no_other(written: Any) -> None:
    settings, warnings = written({"keys": {"talk": 5, "quit": "Ctrl+W", "stop": ""}})
    assert (settings.keys["talk"], settings.keys["quit"], settings.keys["stop"]) == ("Space", "Ctrl+W", "")
    assert len(warnings) == 1 and "Talk" in warnings[0]


def test_a_mark_at_the_start_of_the_file_does_no_harm(written: Any) -> None:
    settings, warnings = written(b'\xef\xbb\xbf{"theme": "dark"}')
    assert (settings.theme, warnings) == ("dark", [])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a": ' * 900 + b"1" + b"}" * 900,
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "' + b"x" * 1_000_000 + b'"}',
    ],
    ids=["empty", "cut off", "list", "null", "not text", "deep", "deep object", "long number", "large"],
)
def test_a_broken_file_is_set_aside(content: bytes, path: Path, written: Any) -> None:
    for name in ("settings.json.broken", "settings.json.broken-2"):
        settings, warnings = written(content)
        assert settings == Settings() and not path.exists()
        assert (path.parent / name).read_bytes() == content
        assert len(warnings) == 1 and str(path.parent / name) in warnings[0]


def test_a_file_that_cannot_be_read_is_left_alone(path: Path) -> None:
    path.mkdir(parents=True)
    settings, warnings = load(path)
    assert settings == Settings() and path.is_dir()
    assert len(warnings) == 1 and "cannot be read" in warnings[0]


@in_one_folder
@given(content=OBJECTS | ANY_JSON)
@example(content={"model": "\x00", "keys": {"talk": None}})
@example(content={"keys": {"others": {"keys": 1}}, "others": []})
def test_any_json_gives_valid_settings_that_last(content: object, path: Path, written: Any) -> None:
    settings, warnings = written(content)
    assert_valid(settings)
    assert all(len(warning.splitlines()) == 1 for warning in warnings)
    save(path, settings)
    assert load(path) == (settings, [])


@in_one_folder
@given(content=st.binary(max_size=60))
def test_any_bytes_give_valid_settings(content: bytes, written: Any) -> None:
    assert_valid(written(content)[0])


@pytest.mark.parametrize("place", ["file/settings.json", "file/deeper/settings.json", ""])
def test_a_place_that_cannot_be_written_is_one_plain_error(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError) as error:
        save(tmp_path / place, Settings())
    assert error.value.next and str(tmp_path) in str(error.value)


# Finding one's way.


def test_search_looks_at_names_labels_help_and_choices() -> None:
    assert [setting.name for setting in search("text_size")] == ["text_size"]
    assert [setting.name for setting in search("  HIGH contrast ")] == ["theme"]
    assert [setting.name for setting in search("syllable")] == ["keep_microphone_open"]
    assert [setting.name for setting in search("hear again")] == ["keys"]
    assert search("xyzzy") == []
    assert search("") == list(SETTINGS)


@given(st.text())
def test_search_takes_any_text(words: str) -> None:
    assert set(s.name for s in search(words)) <= {s.name for s in SETTINGS}


def test_actions_that_share_a_key_are_named() -> None:
    keys = {**Settings().keys, "open": "Ctrl+Shift+X", "quit": "shift + ctrl+x", "replay": "", "history": ""}
    assert conflicts(keys) == {"Ctrl+Shift+X": ("open", "quit")}
    assert conflicts({"stop": "Esc", "talk": "Escape", "unknown": "Esc"}) == {"Escape": ("talk", "stop")}
    assert conflicts({"stop": "Ctrl+,", "talk": "Ctrl+K, Ctrl+C", "quit": "Ctrl++"}) == {}


def test_nothing_heavy_is_imported() -> None:
    heavy = "[m for m in ('torch', 'transformers', 'PySide6') if m in sys.modules]"
    code = f"import sys, sviqa_app.settings, sviqa_app.history; print({heavy})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_file_is_in_this_persons_configuration() -> None:
    assert settings_path().name == "settings.json" and settings_path().parent.name == "sviqa"
