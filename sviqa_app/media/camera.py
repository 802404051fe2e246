"""One photograph from the camera of this machine. OpenCV reaches it; it comes with the extra sviqa[camera]."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import DeviceError

WARM_UP = 10
"""Pictures until the camera has found the light."""
DARK = 4.0
"""A picture whose mean, of 0 to 255, is less shows nothing."""
DEVICES = Path("/dev")
Frame = npt.NDArray[np.uint8]


def photograph() -> Image.Image:
    """What the first camera sees, RGB. Takes a second or two: call it in a thread.

    Raises DeviceError where OpenCV is not installed, where there is no camera or it may not be used, and where it
    gives no picture or a black one.
    """
    frame = _last_frame(_camera_library())
    if frame is None:
        raise DeviceError("The camera gave no picture.", "Disconnect it, connect it again, and try once more.")
    if frame.mean() < DARK:
        raise DeviceError("The camera sees only black.", "Uncover its lens, make light, and try again.")
    return Image.fromarray(np.ascontiguousarray(frame[:, :, ::-1]))  # OpenCV has blue first


def _camera_library() -> ModuleType:
    try:
        return import_module("cv2")
    except Exception as error:  # not installed, or one of its libraries is missing
        raise DeviceError(
            "Pictures from the camera need OpenCV.", "Install it: pip install 'sviqa[camera]'."
        ) from error


def _last_frame(library: ModuleType) -> Frame | None:
    """The last of the pictures of warming up, (height, width, 3) blue, green, red; None where there was none."""
    camera = library.VideoCapture(0)
    try:
        if not camera.isOpened():
            raise _no_camera()
        frames = [frame for came, frame in (camera.read() for _ in range(WARM_UP)) if came]
    except library.error as error:
        raise DeviceError("The camera stopped.", "Disconnect it, connect it again, and try once more.") from error
    finally:
        camera.release()
    usable = [frame for frame in frames if frame is not None and frame.ndim == 3 and frame.dtype == np.uint8]
    return usable[-1] if usable else None


def _no_camera() -> DeviceError:
    """Why the camera did not open, as far as the system tells."""
    if sys.platform != "linux":
        return DeviceError(
            "No camera could be opened.", "Connect one, and allow its use in the system's privacy settings."
        )
    found = sorted(DEVICES.glob("video*"))
    if not found:
        return DeviceError("There is no camera.", "Connect one, and try again.")
    if not any(os.access(device, os.R_OK | os.W_OK) for device in found):
        return DeviceError(
            "You may not use the camera.", "Join the group that may: sudo usermod -aG video $USER, then log in again."
        )
    return DeviceError("The camera did not open.", "Close the program that is using it, and try again.")
