"""Pictures, checked at the door: out of any file comes one upright RGB picture, or one plain error."""

from __future__ import annotations

import io
import logging
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import PictureError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MAX_BYTES = 100_000_000
MAX_PIXELS = 80_000_000

_READABLE = "Give a JPEG, PNG, WebP, GIF, BMP or TIFF picture."
_ORIENTATION = 0x0112
# What undoes each value of EXIF's orientation tag (CIPA DC-008, 4.6.4.A).
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The chunks that make the picture; text, colour profiles and animation are left out before they are read.
_PNG_CHUNKS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf", b"IEND"))

# Pillow reports some broken files through logging, which would reach the terminal.
logging.getLogger("PIL").addHandler(logging.NullHandler())


def load_picture(path: Path) -> Image.Image:
    """The picture in a file: RGB, upright, its first frame, transparency laid on white.

    Raises PictureError when the file is missing, empty, too large, broken or not a picture. The size is
    checked before a pixel is decoded.
    """
    data = _read(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = _open(data, path)
        try:
            picture.load()
            picture = _turn_upright(_to_rgb(picture), _orientation(picture))
        except Exception as error:  # decoders raise almost anything on broken files
            raise PictureError(
                f"The picture {path.name} is damaged or incomplete.",
                "Save or copy it again, or give another.",
            ) from error
    picture.info = {}
    return picture


def _read(path: Path) -> bytes:
    """The bytes of the file, at most MAX_BYTES."""
    try:
        if path.is_dir():
            raise PictureError(f"{path} is a folder, not a picture.", _READABLE)
        if not path.is_file():
            raise PictureError(f"There is no picture at {path}.", "Check the name and the folder.")
        if path.stat().st_size > MAX_BYTES:
            raise PictureError(
                f"The file {path.name} is larger than {MAX_BYTES // 1_000_000} MB.",
                "Save the picture smaller.",
            )
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        raise PictureError(f"The picture {path.name} cannot be opened.", "Check that you may read it.") from error
    if not data:
        raise PictureError(f"The picture {path.name} is empty.", "Save or copy it again, or give another.")
    return data


def _open(data: bytes, path: Path) -> Image.Image:
    """The picture with its header read and its size accepted, nothing decoded."""
    if data.startswith(_PNG_SIGNATURE):
        data = _bare_png(data)
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except Exception as error:  # decoders raise almost anything on broken files
        raise PictureError(f"{path.name} is not a picture that can be read.", _READABLE) from error
    if picture.width * picture.height > MAX_PIXELS:
        raise _too_large(path)
    return picture


def _too_large(path: Path) -> PictureError:
    return PictureError(
        f"The picture {path.name} has more than {MAX_PIXELS // 1_000_000} million pixels.", "Save it smaller."
    )


def _bare_png(data: bytes) -> bytes:
    """The PNG without the chunks that are not needed to see it. A chunk cut off stays, to be noticed."""
    kept = [_PNG_SIGNATURE]
    at = len(_PNG_SIGNATURE)
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        if data[at + 4 : at + 8] in _PNG_CHUNKS or end > len(data):
            kept.append(data[at:end])
        at = end
    return b"".join(kept)


def _to_rgb(picture: Image.Image) -> Image.Image:
    """Eight bits of red, green and blue, from any mode."""
    if picture.mode[0] in "IF":  # 16- and 32-bit gray, which Pillow would clip instead of scale
        picture = _to_eight_bits(picture)
    if picture.has_transparency_data:
        if picture.mode != "RGBA":
            picture = picture.convert("RGBA")
        white = Image.new("RGB", picture.size, "white")
        white.paste(picture, mask=picture.getchannel("A"))
        return white
    return picture.convert("RGB")


def _to_eight_bits(picture: Image.Image) -> Image.Image:
    """Gray of more than eight bits, scaled by its range: 0-1, 0-255, 0-65535 or up to its brightest."""
    values = np.nan_to_num(np.asarray(picture, dtype=np.float32), posinf=0.0, neginf=0.0)
    top = float(values.max())
    if picture.mode.startswith("I;16"):
        white = 65535.0
    else:
        white = next((limit for limit in (1.0, 255.0, 65535.0) if top <= limit), top)
    return Image.fromarray((values.clip(0, white) * (255.0 / white)).round().astype(np.uint8))


def _orientation(picture: Image.Image) -> int:
    """EXIF's orientation, 1 (upright) where there is none or it cannot be read."""
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # a broken EXIF block does not spoil the picture
        return 1


def _turn_upright(picture: Image.Image, orientation: int) -> Image.Image:
    turn = _UPRIGHT.get(orientation)
    return picture if turn is None else picture.transpose(turn)
