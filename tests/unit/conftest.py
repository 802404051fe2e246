"""Fixtures of the unit tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from sviqa_app import servers, vault
from sviqa_app.engine.end_to_end import EndToEnd

from .test_vault import Ring
from .toy import toy_engine


@pytest.fixture(scope="session")
def engine() -> EndToEnd:
    """The toy engine. Conversations with it share nothing."""
    return toy_engine()


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ring:
    """A keyring of one's own, and a folder for servers that is not there yet."""
    found = Ring()
    monkeypatch.setattr(servers, "settings_path", lambda: tmp_path / "new" / "settings.json")
    monkeypatch.setattr(vault, "import_module", lambda name: found)
    monkeypatch.delenv("SVIQA_SERVER_KEY_MINE", raising=False)
    return found
