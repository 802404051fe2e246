"""What is installed is told by manifests that are checked like anything from outside."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sviqa_app.checkpoints.catalog import Entry
from sviqa_app.checkpoints.installed import (
    Manifest,
    find_parts,
    installed,
    installed_folder,
    models_home,
    parse_manifest,
    read_manifest,
    remove,
    verify,
    write_manifest,
)
from sviqa_app.checkpoints.source import MANIFEST, File
from sviqa_app.errors import ModelError

CONTENT = {"config.json": b"{}", "sub/w.safetensors": b"weights"}
TOY = Manifest(
    "toy",
    "o/toy",
    "main",
    "0" * 40,
    "MIT",
    {name: File(name, len(content), sha256(content).hexdigest()) for name, content in CONTENT.items()},
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name, content in CONTENT.items():
        (tmp_path / "toy" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "toy" / name).write_bytes(content)
    write_manifest(tmp_path / "toy", TOY)
    return tmp_path


def test_written_and_read_back(home: Path) -> None:
    assert read_manifest(home / "toy") == TOY and TOY.size == 9
    assert installed(home) == {"toy": TOY} and installed_folder("toy", home) == home / "toy"
    assert installed_folder("other", home) is None and installed(home / "none") == {}


def test_a_folder_without_a_manifest_or_under_another_name_is_no_install(home: Path) -> None:
    (home / "half").mkdir()
    (home / "toy").rename(home / "renamed")
    assert installed(home) == {}
    with pytest.raises(ModelError, match="holds no installed model"):
        read_manifest(home / "half")


def test_a_model_that_is_whole_is_said_to_be_and_how_far_it_is(home: Path) -> None:
    heard: list[tuple[int, int]] = []
    assert verify("toy", lambda done, total: heard.append((done, total)), home) == TOY
    assert heard == [(2, 9), (9, 9)]


@pytest.mark.parametrize("name", list(CONTENT))
def test_damage_is_named(name: str, home: Path) -> None:
    path = home / "toy" / name
    for damage in (lambda: path.write_bytes(b"x" * len(CONTENT[name])), path.unlink, path.mkdir):
        damage()
        with pytest.raises(ModelError, match=f"toy is damaged: {name} is not"):
            verify("toy", home=home)


def test_a_link_is_not_the_file(home: Path) -> None:
    (home / "same").write_bytes(b"{}")
    (home / "toy" / "config.json").unlink()
    (home / "toy" / "config.json").symlink_to(home / "same")
    with pytest.raises(ModelError, match=r"config\.json"):
        verify("toy", home=home)


def test_removed_is_gone(home: Path) -> None:
    assert remove("toy", home) == 9
    assert list(home.iterdir()) == []
    for gone in (lambda: remove("toy", home), lambda: verify("toy", home=home)):
        with pytest.raises(ModelError, match="toy is not installed"):
            gone()


def test_a_set_is_found_by_what_its_parts_do(home: Path) -> None:
    entry = Entry("toy", "A toy.", "eye", "cascade", "MIT", repo="o/toy")
    ear = replace(entry, name="ear", role="ear")
    catalog = {"toy": entry, "ear": ear, "both": replace(entry, name="both", repo="", parts=("toy", "ear"))}
    assert find_parts(catalog, "toy", home) == {"eye": home / "toy"}
    with pytest.raises(ModelError, match="ear is not installed") as caught:
        find_parts(catalog, "both", home)
    assert caught.value.next == "Run: sviqa models install both"
    (home / "ear").mkdir()
    write_manifest(home / "ear", replace(TOY, name="ear"))
    assert find_parts(catalog, "both", home) == {"eye": home / "toy", "ear": home / "ear"}


@pytest.mark.parametrize("name", ["..", "../toy", "/", "", "toy/../toy"])
def test_a_name_is_never_a_way(name: str, home: Path) -> None:
    with pytest.raises(ModelError, match="is not installed"):
        remove(name, home)
    assert (home / "toy" / "config.json").is_file()


def test_models_are_kept_with_the_persons_data() -> None:
    assert models_home().name == "models" and models_home().parent.name == "sviqa"


def text_of(**changes: Any) -> bytes:
    return json.dumps(json.loads(_written()) | changes).encode()


def _written() -> bytes:
    files = {name: {"size": file.size, "sha256": file.digest} for name, file in TOY.files.items()}
    texts = {"name": "toy", "repo": "o/toy", "revision": "main", "commit": "0" * 40, "licence": "MIT"}
    return json.dumps(texts | {"files": files}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        text_of(name=3),
        text_of(files=[]) + b"}",
        text_of(files={"../x": {"size": 1, "sha256": "0" * 64}}),
        text_of(files={"x": {"size": True, "sha256": "0" * 64}}),
        text_of(files={"x": {"size": 1, "sha256": "0" * 63}}),
        text_of(files={"x": {"size": 1}}),
        text_of(files=3),
    ],
)
def test_a_broken_manifest_is_one_line_and_no_install(content: bytes, home: Path) -> None:
    (home / "toy" / MANIFEST).write_bytes(content)
    with pytest.raises(ModelError):
        read_manifest(home / "toy")
    assert installed(home) == {}


@given(st.data())
def test_any_bytes_are_a_manifest_or_an_error_that_is_known(data: st.DataObject) -> None:
    content = bytearray(_written())
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    with suppress(ValueError, TypeError, KeyError, RecursionError, ModelError):
        assert parse_manifest(bytes(content)).size >= 0
