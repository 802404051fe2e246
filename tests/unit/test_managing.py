"""Models from the command line: what is listed, and what install, verify and remove say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sviqa_app import managing
from sviqa_app.checkpoints import catalog, installed
from sviqa_app.checkpoints.fit import Machine
from sviqa_app.errors import ModelError

from .checkpoints.conftest import FILES
from .checkpoints.hub_server import serving

GB = 10**9
TOML = """
[[model]]
name = "{name}"
about = "A toy."
role = "eye"
engine = "cascade"
licence = "MIT"
repo = "o/toy"
files = ["config.json", "model-1.safetensors"]
size = 400000
ram = 500000
[[model]]
name = "both"
about = "Two toys."
role = "whole"
engine = "cascade"
licence = "MIT"
parts = ["{name}", "whisper-base"]
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home for models, a catalog of one's own, and a folder with the toy; a machine with a GPU."""
    (tmp_path / "models.toml").write_text(TOML.format(name="toy"))
    for name in ("config.json", "model-1.safetensors"):
        (tmp_path / "download").mkdir(exist_ok=True)
        (tmp_path / "download" / name).write_bytes(FILES[name])
    monkeypatch.setattr(catalog, "user_catalog", lambda: tmp_path / "models.toml")
    for module in (installed, managing):
        monkeypatch.setattr(module, "models_home", lambda: tmp_path / "models")
    monkeypatch.setattr("sviqa_app.checkpoints.install.models_home", lambda: tmp_path / "models")
    monkeypatch.setattr(managing, "this_machine", lambda: Machine(16 * GB, 24 * GB, 0, 0))
    return tmp_path


def test_the_list_says_what_is_there_what_fits_and_under_which_licence(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    managing.install_model("toy", place / "download")
    capsys.readouterr()
    managing.show_models(as_json=False)
    said = capsys.readouterr().out
    assert "16.0 GB of memory, and a GPU with 24.0 GB" in said and str(place / "models") in said
    lines = said.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("* ") and "installed" not in line] == [
        "sviqa-tiny",
        "toy",
    ]
    assert any("llava-1.5-7b " in line and "on the GPU" in line and "Llama 2" in line for line in lines)
    assert any("qwen2.5-omni-7b" in line and "too large" in line for line in lines)
    assert any("step-audio-chat" in line and "on a server" in line for line in lines)


def test_the_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    managing.show_models(as_json=True)
    told = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row for row in told["models"]}
    assert told["vram"] == 24 * GB and rows["sviqa-tiny"]["installed"] and not rows["toy"]["installed"]
    assert rows["cpu-small"]["parts"] == ["whisper-base", "smolvlm-256m"]
    assert rows["whisper-base"]["fits"] == "gpu" and rows["toy"]["fits"] == "cpu"


def test_install_verify_remove(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    managing.install_model("toy", place / "download")
    managing.verify_model("toy")
    managing.remove_model("toy")
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("Licence: MIT.") and said[1] == f"toy is installed in {place / 'models' / 'toy'}."
    assert said[2:] == [
        "toy: 2 files, 0 MB, all as they were installed.",
        "toy is removed: 0 MB are free again.",
    ]
    with pytest.raises(ModelError, match="toy is not installed"):
        managing.verify_model("toy")


def test_a_set_comes_and_goes_with_its_parts(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whisper = place / "both" / "whisper-base"
    whisper.mkdir(parents=True)
    (whisper / "config.json").write_text("{}")
    (place / "download").rename(place / "both" / "toy")
    managing.install_model("both", place / "both")
    managing.verify_model("both")
    assert {row["name"] for row in managing.model_rows() if row["installed"]} >= {"both", "toy", "whisper-base"}
    managing.remove_model("both")
    assert "whisper-base is removed" in capsys.readouterr().out
    with pytest.raises(ModelError, match="both is not installed"):
        managing.remove_model("both")


def test_what_is_installed_and_no_longer_listed_can_still_be_removed(place: Path) -> None:
    managing.install_model("toy", place / "download")
    (place / "models.toml").unlink()
    assert [row["name"] for row in managing.model_rows() if row["installed"]] == ["sviqa-tiny", "toy"]
    managing.remove_model("toy")


def test_what_ships_is_not_removed() -> None:
    with pytest.raises(ModelError, match="sviqa-tiny ships with the app"):
        managing.remove_model("sviqa-tiny")


@pytest.mark.parametrize(("name", "words"), [("none", "no model none"), ("step-audio-chat", "needs a server")])
def test_what_cannot_be_installed(name: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        managing.install_model(name, None)


def test_ctrl_c_says_that_nothing_is_lost(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sviqa_app.checkpoints.install.install", interrupt)
    with pytest.raises(SystemExit) as ended:
        managing.install_model("toy", place / "download")
    assert ended.value.code == 130 and "the same command goes on" in capsys.readouterr().err


def test_listing_needs_nothing_heavy() -> None:
    heavy = ("torch", "numpy", "huggingface_hub", "httpx2", "asyncio", "rich", "transformers")
    code = f"import sys, sviqa_app.managing as m; m.model_rows(); print([x for x in {heavy} if x in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


@pytest.mark.skipif(sys.platform != "linux", reason="XDG folders")
def test_a_mirror_in_the_environment_serves_a_process_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "config" / "sviqa").mkdir(parents=True)
    (tmp_path / "models.toml").rename(tmp_path / "config" / "sviqa" / "models.toml")
    places = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_DATA_HOME": str(tmp_path / "data")}
    code = "from sviqa_app.managing import install_model; install_model('toy', None)"
    with serving({"o/toy": FILES}) as hub:
        here = {"HF_ENDPOINT": hub.url, "HF_HUB_DOWNLOAD_TIMEOUT": "30", "NO_PROXY": "127.0.0.1"}
        ran = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | places | here, capture_output=True, text=True, check=True
        )
    folder = tmp_path / "data" / "sviqa" / "models" / "toy"
    assert ran.stdout.endswith(f"toy is installed in {folder}.\n") and ran.stderr == ""
    assert (folder / "model-1.safetensors").read_bytes() == FILES["model-1.safetensors"]
