"""A hub with one small model, a home for models, and no patience."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from sviqa_app.checkpoints import hub as hub_module
from sviqa_app.checkpoints import install as install_module
from sviqa_app.checkpoints.catalog import Entry

from .hub_server import FakeHub, serving

FILES = {
    "config.json": b'{"model_type": "toy"}',
    "empty.txt": b"",
    "model-1.safetensors": random.Random(1).randbytes(400_000),
    "model-2.safetensors": random.Random(2).randbytes(300_000),
    "sub/more.safetensors": random.Random(3).randbytes(20_000),
    "modeling.py": b"raise SystemExit('code of a stranger')",
    "sviqa-install.json": b"{}",
}
WANTED = sorted(set(FILES) - {"modeling.py", "sviqa-install.json"})
ENTRY = Entry(
    "toy", "A toy.", "eye", "cascade", "MIT", "o/toy", files=("*.json", "*.txt", "*.safetensors", "sub/*"), size=720_000
)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """The hub. Nothing around it matters, and what fails is tried again at once."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(install_module, "PAUSE", 0.0)
    monkeypatch.setattr(hub_module, "find_token", lambda: None)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
    with serving({"o/toy": FILES}) as hub:
        yield hub


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where models are installed."""
    return tmp_path / "models"
