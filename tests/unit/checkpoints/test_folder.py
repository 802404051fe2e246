"""A model from a folder: copied and proven like one from the hub, and nothing from outside the folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sviqa_app.checkpoints.folder import Folder
from sviqa_app.checkpoints.install import install
from sviqa_app.checkpoints.installed import read_manifest, verify
from sviqa_app.errors import ModelError

from .conftest import ENTRY, FILES, WANTED
from .hub_server import COMMIT, git_blob

BLOB = "model-1.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The toy, as a download of any kind leaves it."""
    folder = tmp_path / "download"
    for name in set(FILES) - {"sviqa-install.json"}:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(FILES[name])
    return folder


def test_a_plain_folder(folder: Path, home: Path) -> None:
    assert install(ENTRY, Folder(folder), home=home) == home / "toy"
    assert sorted(verify("toy", home=home).files) == WANTED
    assert all((home / "toy" / name).read_bytes() == FILES[name] for name in WANTED)


def test_a_model_installed_elsewhere_is_compared_with_its_manifest(folder: Path, home: Path, tmp_path: Path) -> None:
    install(ENTRY, Folder(folder), home=home)
    install(ENTRY, Folder(home / "toy"), home=tmp_path / "other")
    assert read_manifest(tmp_path / "other" / "toy") == read_manifest(home / "toy")
    (home / "toy" / BLOB).write_bytes(bytes(len(FILES[BLOB])))
    with pytest.raises(ModelError, match=f"{BLOB} of toy arrives damaged"):
        install(ENTRY, Folder(home / "toy"), home=tmp_path / "third")


def cached(tmp_path: Path, content: bytes) -> Path:
    """As the hub's own cache has it: links to blobs under their digests."""
    snapshot, blobs = tmp_path / "models--o--toy" / "snapshots" / COMMIT, tmp_path / "models--o--toy" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    digest = git_blob(FILES["config.json"])
    (blobs / digest).write_bytes(content)
    (snapshot / "config.json").symlink_to(Path("..") / ".." / "blobs" / digest)
    return snapshot


@pytest.mark.skipif(os.name == "nt", reason="links")
def test_the_hubs_own_cache(home: Path, tmp_path: Path) -> None:
    install(ENTRY, Folder(cached(tmp_path, FILES["config.json"])), home=home)
    assert read_manifest(home / "toy").commit == COMMIT
    assert (home / "toy" / "config.json").read_bytes() == FILES["config.json"]
    assert not (home / "toy" / "config.json").is_symlink()


@pytest.mark.skipif(os.name == "nt", reason="links")
def test_a_cache_that_is_damaged(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="arrives damaged"):
        install(ENTRY, Folder(cached(tmp_path, FILES["config.json"][:-1] + b"]")), home=home)


@pytest.mark.skipif(os.name == "nt", reason="links and pipes")
def test_links_out_of_the_folder_circles_and_pipes_are_refused(folder: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("mine")
    planted = folder / "planted.json"
    for plant in (
        lambda: planted.symlink_to(tmp_path / "secret.json"),
        lambda: planted.symlink_to(planted),
        lambda: planted.symlink_to("/dev/zero"),
        lambda: os.mkfifo(planted),
    ):
        plant()
        with pytest.raises(ModelError, match=r"planted\.json"):
            install(ENTRY, Folder(folder), home=home)
        planted.unlink()
    assert not (home / "toy").exists()


@pytest.mark.skipif(os.name == "nt", reason="links")
def test_folders_that_are_links_are_not_entered(folder: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("mine")
    (folder / "sub" / "more.safetensors").unlink()
    (folder / "sub").rmdir()
    (folder / "sub").symlink_to(tmp_path / "outside")
    install(ENTRY, Folder(folder), home=home)
    assert not (home / "toy" / "sub").exists()


def test_a_folder_that_is_none(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no folder"):
        install(ENTRY, Folder(tmp_path / "none"), home=home)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="holds none of the files of toy"):
        install(ENTRY, Folder(tmp_path / "empty"), home=home)
