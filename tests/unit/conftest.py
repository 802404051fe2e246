"""Fixtures of the unit tests."""

from __future__ import annotations

import pytest

from sviqa_app.engine.end_to_end import EndToEnd

from .toy import toy_engine


@pytest.fixture(scope="session")
def engine() -> EndToEnd:
    """The toy engine. Conversations with it share nothing."""
    return toy_engine()
