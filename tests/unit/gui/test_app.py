"""The parts of the app find each other, whatever the machine lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from sviqa_app.engine.worker import Ready
from sviqa_app.errors import DeviceError
from sviqa_app.gui import app as module
from sviqa_app.gui.app import App, check_screen
from sviqa_app.gui.models_rows import Row
from sviqa_app.servers import Server, add_server
from sviqa_app.settings import settings_path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A person's folders, all in one."""
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    yield tmp_path


def test_without_a_place_for_the_history_the_session_is_private(
    app: QApplication, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "file").write_text("no folder")
    monkeypatch.setattr(module, "history_folder", lambda: home / "file")
    made = App()
    assert "Until then nothing is kept." in made._warnings[0]
    assert made.history.begin_conversation(None, "kept for as long as the window is open")
    made.close()


def test_what_the_worker_says_comes_to_the_window(app: QApplication, home: Path) -> None:
    made = App(model="sviqa-tiny")
    made._on_worker(Ready("sviqa-tiny", "cpu", 22050, 1.5))
    app.processEvents()
    assert made.window.status.text() == "sviqa-tiny on cpu, loaded in 1.5 s"
    made.close()


def test_changed_settings_are_kept_and_in_force(app: QApplication, home: Path) -> None:
    made = App()
    made._change(replace(made.presenter.settings, earcons=False, volume=0.5, keep_microphone_open=False))
    assert not made.earcons.on and made.player.volume == 0.5
    assert '"earcons": false' in settings_path().read_text()
    made.close()


def test_another_model_is_used_now_and_at_the_next_start(
    app: QApplication, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_server(Server("desk", "https://gpu.example.org/v1", "omni", agreed="gpu.example.org"))
    made = App(model="sviqa-tiny")
    used: list[str] = []
    monkeypatch.setattr(made.worker, "use", used.append)
    made.models.use(Row("server:desk", "desk", "A server."))
    assert used == ["server:desk"] and made.presenter.settings.model == "server:desk"
    assert '"model": "server:desk"' in settings_path().read_text()
    made.operations.close()
    app.processEvents()
    assert made.window.going.text() == "Questions go to gpu.example.org."
    made._on_worker(Ready("omni", "gpu.example.org", 22050, 0.1))
    app.processEvents()
    assert made.models.doing(Row("server:desk", "desk", "A server.")) == "in use"
    made.close()


def test_no_screen_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(DeviceError, match="There is no screen"):
        check_screen()
