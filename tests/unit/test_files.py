"""A file appears whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sviqa_app.errors import OutputError
from sviqa_app.files import replacing


def test_replaces_the_old_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    with replacing(path) as temp:
        temp.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_failure_or_interruption_leaves_the_old_file(tmp_path: Path, failure: type[BaseException]) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(failure), replacing(path) as temp:
        temp.write_text("half")
        raise failure
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EACCES, "not writable"),
        (errno.EROFS, "not writable"),
        (errno.EIO, "could not be written"),
    ],
)
def test_says_why_it_could_not_be_written(tmp_path: Path, number: int, words: str) -> None:
    with pytest.raises(OutputError, match=words), replacing(tmp_path / "out.txt") as temp:
        temp.write_text("half")
        raise OSError(number, os.strerror(number))
    assert not list(tmp_path.iterdir())


def test_folder_missing_or_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"), replacing(tmp_path / "no" / "out.txt") as temp:
        temp.write_text("x")
    with pytest.raises(OutputError, match="is a folder"), replacing(tmp_path):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_for_real(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="disk is full"), replacing(tmp_path / "out.txt"):
        Path("/dev/full").write_text("x")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_writable(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="not writable"), replacing(tmp_path / "out.txt") as temp:
        temp.write_text("x")
