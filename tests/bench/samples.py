"""What is asked about in the benches."""

from __future__ import annotations

from pathlib import Path

_SAMPLES = Path(__file__).resolve().parents[2] / "assets" / "samples"
PICTURE = _SAMPLES / "scene.png"
QUESTIONS = sorted(_SAMPLES.glob("*.wav"))
