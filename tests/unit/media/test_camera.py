"""The camera. There is none here: a stand-in takes the place of OpenCV's module, cv2."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sviqa_app.errors import DeviceError
from sviqa_app.media import camera

BLUE_FIRST = np.full((4, 6, 3), (200, 100, 50), np.uint8)


class Library:
    """OpenCV with one camera, which sees `frames`, one after the other."""

    class error(Exception):  # noqa: N801, N818
        """OpenCV's own."""

    def __init__(self) -> None:
        self.opened, self.released, self.breaks = True, 0, False
        self.frames: list[Any] = [np.zeros((4, 6, 3), np.uint8)] * 9 + [BLUE_FIRST]

    def VideoCapture(self, number: int) -> SimpleNamespace:  # noqa: N802
        assert number == 0
        return SimpleNamespace(isOpened=lambda: self.opened, read=self._read, release=self._release)

    def _read(self) -> tuple[bool, Any]:
        if self.breaks:
            raise self.error("select() timeout")
        frame = self.frames.pop(0) if self.frames else None
        return frame is not None, frame

    def _release(self) -> None:
        self.released += 1


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Library:
    made = Library()
    monkeypatch.setitem(sys.modules, "cv2", made)  # type: ignore[arg-type]
    monkeypatch.setattr(camera, "DEVICES", tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    return made


def why_not() -> str:
    with pytest.raises(DeviceError) as error:
        camera.photograph()
    return str(error.value)


def test_a_photograph_is_red_first_and_taken_once_the_light_is_found(library: Library) -> None:
    picture = camera.photograph()
    assert picture.mode == "RGB" and picture.size == (6, 4) and picture.getpixel((0, 0)) == (50, 100, 200)
    assert library.released == 1


def test_pictures_that_do_not_come_are_passed_over(library: Library) -> None:
    library.frames = [None, BLUE_FIRST, None, np.zeros((0,), np.uint8)]
    assert camera.photograph().getpixel((5, 3)) == (50, 100, 200)


def test_without_opencv_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert "pip install 'sviqa[camera]'" in why_not()


def nothing(folder: Path) -> None:
    pass


def node(folder: Path) -> None:
    (folder / "video0").touch()


def locked(folder: Path) -> None:
    (folder / "video0").symlink_to(folder / "nowhere")  # as root, too, may not read it


@pytest.mark.parametrize(
    ("devices", "platform", "said"),
    [
        (nothing, "linux", "There is no camera."),
        (node, "linux", "The camera did not open. Close the program that is using it"),
        (locked, "linux", "You may not use the camera."),
        (nothing, "darwin", "No camera could be opened. Connect one, and allow its use"),
    ],
)
def test_a_camera_that_does_not_open(
    library: Library,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    devices: Callable[[Path], None],
    platform: str,
    said: str,
) -> None:
    library.opened = False
    devices(tmp_path)
    monkeypatch.setattr(sys, "platform", platform)
    assert why_not().startswith(said) and library.released == 1


def test_a_covered_lens(library: Library) -> None:
    library.frames = [np.full((4, 6, 3), 2, np.uint8)] * 10
    assert why_not().startswith("The camera sees only black. Uncover its lens")


@pytest.mark.parametrize("frames", [[], [np.zeros((4, 6), np.uint8)], [np.zeros((4, 6, 3), np.float32)]])
def test_a_camera_that_gives_no_picture(library: Library, frames: list[Any]) -> None:
    library.frames = frames
    assert why_not().startswith("The camera gave no picture.")


def test_a_camera_that_is_pulled_out(library: Library) -> None:
    library.breaks = True
    assert why_not().startswith("The camera stopped.") and library.released == 1
