"""The catalog: what ships is complete and sensible; what a person wrote wrong is named, entry and key."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sviqa_app.checkpoints import catalog
from sviqa_app.checkpoints.catalog import Entry, find_entry, installable, load_catalog, parse_catalog, size_words
from sviqa_app.errors import ModelError
from sviqa_app.resources import models_folder

GOOD = """
[[model]]
name = "mine-1.0"
about = "An eye of my own."
role = "eye"
engine = "cascade"
licence = "MIT"
repo = "me/mine"
size = 10
ram = 20
"""
NONE = Path("none")
SHIPPED = models_folder() / "catalog.toml"


def parse(text: str) -> dict[str, Entry]:
    return parse_catalog(text.encode(), "here")


@pytest.fixture
def shipped() -> dict[str, Entry]:
    return load_catalog(own=NONE)


def test_what_ships_covers_what_was_promised(shipped: dict[str, Entry]) -> None:
    repos = {entry.repo.split("/")[-1] for entry in shipped.values()}
    assert {f"whisper-{size}" for size in ("tiny", "base", "small", "medium", "large-v3", "large-v3-turbo")} <= repos
    assert {"llava-1.5-7b-hf", "llava-1.5-13b-hf", "llava-v1.6-mistral-7b-hf"} <= repos
    assert {"llava-onevision-qwen2-0.5b-ov-hf", "llava-onevision-qwen2-7b-ov-hf"} <= repos
    assert {"Qwen2.5-Omni-3B", "Qwen2.5-Omni-7B", "Qwen3-Omni-30B-A3B-Instruct"} <= repos
    assert {"gemma-3n-E2B-it", "gemma-3n-E4B-it", "Phi-4-multimodal-instruct"} <= repos
    assert {"Step-Audio-TTS-3B", "Step-Audio-Tokenizer", "Step-Audio-Chat", "Step-Audio-AQAA"} <= repos
    assert "Step-Audio-2-mini" in repos and shipped["step-audio-2-mini"].engine == "remote"
    assert [entry.role for entry in installable(shipped, "cpu-small")] == ["ear", "eye"]


def test_what_ships_fetches_no_code_and_takes_more_memory_than_its_weights(shipped: dict[str, Entry]) -> None:
    for entry in shipped.values():
        assert not any(entry.wants(name) for name in ("modeling.py", "lib/x.so", "pytorch_model.bin", "a/b/c.json"))
        assert entry.engine == "remote" or entry.size <= max(entry.ram, entry.vram) <= 4 * entry.size + 1e9, entry.name
        assert entry.languages and not entry.verified


def test_a_set_takes_what_its_parts_take(shipped: dict[str, Entry]) -> None:
    parts = installable(shipped, "cpu-small")
    assert shipped["cpu-small"].ram == sum(part.ram for part in parts)
    assert shipped["cpu-small"].size == sum(part.size for part in parts)


def test_ones_own_entries_come_last_and_take_the_place_of_shipped_ones(tmp_path: Path) -> None:
    own = tmp_path / "models.toml"
    own.write_text(GOOD + GOOD.replace("mine-1.0", "whisper-tiny"))
    found = load_catalog(own=own)
    assert list(found)[-1] == "mine-1.0" and found["whisper-tiny"].repo == "me/mine"
    assert list(load_catalog(own=NONE)) == list(found)[:-1]


def test_a_star_stands_for_a_part_of_a_name_alone() -> None:
    entry = parse(GOOD + 'files = ["*.json", "sub/*.bin"]')["mine-1.0"]
    assert entry.wants("a.json") and entry.wants("sub/x.bin")
    assert not any(map(entry.wants, ("sub/a.json", "x.bin", "sub/sub/x.bin", "a.json/b", "../a.json")))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("mine-1.0", "../mine"), "entry 1 has name"),
        (('"eye"', '"nose"'), "mine-1.0 has role = 'nose', not one of whole"),
        (("10", '"10"'), "mine-1.0 has size"),
        (("10", "-1"), "mine-1.0 has size"),
        (("10", "true"), "mine-1.0 has size"),
        (("10", "10.5"), "mine-1.0 has size"),
        (("me/mine", "me/../mine"), "mine-1.0 has repo"),
        (("me/mine", "https://me/mine"), "mine-1.0 has repo"),
        (("ram = 20", ""), "mine-1.0 has no ram"),
        (("licence =", "license ="), "mine-1.0 has an unknown key 'license'"),
        (("ram = 20", 'ram = 20\nfiles = ["/etc/passwd"]'), "mine-1.0 has files"),
        (("ram = 20", 'ram = 20\nfiles = ["a/../b"]'), "mine-1.0 has files"),
        (("ram = 20", "ram = 20\nfiles = [3]"), "mine-1.0 has files"),
        (("ram = 20", 'ram = 20\nrevision = "a b"'), "mine-1.0 has revision"),
        (("ram = 20", "ram = 20\nverified = true"), "revision main is not a commit"),
        (("ram = 20", 'ram = 20\nparts = ["x"]'), "both repo and parts"),
        (("An eye", "An \\n eye"), "mine-1.0 has about"),
        (("[[model]]", "[model]"), "something other than"),
        (("[[model]]", "[[modell]]"), "something other than"),
        (("size = 10", "size = "), "not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(change: tuple[str, str], words: str) -> None:
    with pytest.raises(ModelError) as caught:
        parse(GOOD.replace(*change))
    assert words in caught.value.what and "here" in caught.value.what and "\n" not in str(caught.value)


def test_twice_the_same_name_and_parts_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"mine-1\.0 twice"):
        parse(GOOD + GOOD)
    own = tmp_path / "models.toml"
    own.write_text(GOOD.replace('repo = "me/mine"', 'parts = ["cpu-small"]'))
    with pytest.raises(ModelError, match=r"mine-1\.0 has the part cpu-small"):
        load_catalog(own=own)


def test_missing_large_and_unreadable_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_catalog(NONE, NONE) == {}
    monkeypatch.setattr(catalog, "MAX_BYTES", 100)
    (tmp_path / "c").write_text(GOOD)
    with pytest.raises(ModelError, match="too large"):
        load_catalog(tmp_path / "c", NONE)
    with pytest.raises(ModelError, match="not valid TOML"):
        parse("a = " + "[" * 100_000)


def test_names_that_are_not_there_and_servers(shipped: dict[str, Entry]) -> None:
    with pytest.raises(ModelError, match="no model wisper"):
        find_entry(shipped, "wisper")
    with pytest.raises(ModelError, match=r"needs a server that runs stepfun-ai/Step-Audio-2-mini"):
        installable(shipped, "step-audio-2-mini")


def test_sizes_in_words() -> None:
    words = [size_words(size) for size in (0, 35e6, 999e6, 1e9, 1.62e9, 99.9e9, 265e9)]
    assert words == ["0 MB", "35 MB", "999 MB", "1.0 GB", "1.6 GB", "99.9 GB", "265 GB"]


@given(st.data())
def test_any_bytes_are_entries_or_one_plain_line(data: st.DataObject) -> None:
    content = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    try:
        entries = parse_catalog(bytes(content), "here")
    except ModelError as error:
        assert "\n" not in str(error)
    else:
        assert all(entry.name == name for name, entry in entries.items())


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["eye", "a/b", "cascade"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["name", "about", "role", "files", "size", "parts", "repo", "x"]), _VALUES))
def test_any_values_are_an_entry_or_one_plain_line(values: dict[str, object]) -> None:
    try:
        assert isinstance(catalog._entry(values, 1, "here"), Entry)
    except ModelError as error:
        assert "\n" not in str(error)
