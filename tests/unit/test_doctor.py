"""The doctor: looks at everything, never falls over, and says how to mend what is wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from sviqa_app import doctor
from sviqa_app.checkpoints.native import save_weights, write_config
from sviqa_app.doctor import Finding, examine, healthy
from sviqa_app.model.config import SviqaConfig


@pytest.fixture
def model(tmp_path: Path) -> str:
    write_config(tmp_path, SviqaConfig())
    save_weights(tmp_path / "model.safetensors", {"a": torch.zeros(1000)})
    return str(tmp_path)


def found(findings: list[Finding], name: str) -> Finding:
    return next(finding for finding in findings if finding.name.startswith(name))


def test_what_is_needed_works_here(model: str) -> None:
    findings = examine(model)
    assert healthy(findings)
    assert all(finding.ok or finding.remedy for finding in findings)
    assert all(finding.detail for finding in findings)
    assert "MB of weights" in found(findings, "Model").detail


def test_a_missing_model_is_told(tmp_path: Path) -> None:
    findings = examine("no-such-model")
    assert not healthy(findings) and "no model" in found(findings, "Model").detail
    write_config(tmp_path, SviqaConfig())
    assert "no weights" in found(examine(str(tmp_path)), "Model").detail
    (tmp_path / "model.safetensors").write_bytes(b"PK\x03\x04 a pickle")
    assert "pickle" in found(examine(str(tmp_path)), "Model").detail


def test_without_sound_a_screen_or_training_tools_it_is_still_healthy(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    findings = examine(model)
    assert healthy(findings)
    for name in ("PortAudio", "Loudspeaker", "Microphone", "Screen", "Training: flite", "Training: espeak"):
        assert not found(findings, name).ok and found(findings, name).remedy
    assert "libportaudio2" in found(findings, "Loudspeaker").remedy


def test_little_space_an_old_python_and_a_broken_library(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ENOUGH_DISK", 10**18)
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (9, 0))
    monkeypatch.setitem(sys.modules, "soxr", None)
    findings = examine(model)
    assert not healthy(findings)
    assert "Free some space" in found(findings, "Disk").remedy
    assert "too old" in found(findings, "Python").detail
    assert "does not load" in found(findings, "Resampling").detail


def test_a_check_that_falls_over_is_a_finding() -> None:
    def check() -> str:
        raise RuntimeError("numpy mismatch")

    finding = doctor._look("Anything", False, check)
    assert not finding.ok and "numpy mismatch" in finding.detail and finding.remedy
