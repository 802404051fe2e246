"""A history in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sviqa_app.history import History


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "sviqa"


@pytest.fixture
def history(folder: Path) -> Iterator[History]:
    with History.open(folder) as history:
        yield history
