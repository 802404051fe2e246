"""What some tests need that not every machine has."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from .test_voices import needs_flite

__all__ = ["needs_chain", "needs_dictionary", "needs_flite", "needs_world"]

needs_chain = pytest.mark.skipif(not find_spec("essential_generators"), reason="essential_generators is not installed")
needs_dictionary = pytest.mark.skipif(not find_spec("pocketsphinx"), reason="pocketsphinx is not installed")
needs_world = pytest.mark.skipif(not find_spec("pyworld"), reason="pyworld is not installed")
