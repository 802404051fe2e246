"""Pictures at the door: every odd kind is read as a person sees it, every broken one is one plain error."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sviqa_app.errors import MediaError, PictureError
from sviqa_app.media import image
from sviqa_app.media.image import FORMATS, load_picture

RED, BLUE, LIME, WHITE = (255, 0, 0), (0, 0, 255), (0, 255, 0), (255, 255, 255)


def near(seen: object, expected: tuple[int, int, int], tolerance: int = 40) -> bool:
    return bool(np.abs(np.subtract(seen, expected)).max() <= tolerance)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


@pytest.mark.parametrize("kind", FORMATS)
def test_reads_every_format(kind: str, picture: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "picture.anything"
    picture.save(path, format=kind)
    seen = load_picture(path)
    assert (seen.mode, seen.size, seen.info) == ("RGB", picture.size, {})
    assert near(seen.getpixel((16, 16)), RED) and near(seen.getpixel((40, 16)), BLUE)


def test_one_pixel_is_a_picture(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1), "red").save(tmp_path / "dot.png")
    assert load_picture(tmp_path / "dot.png").getpixel((0, 0)) == RED


def test_cmyk(picture: Image.Image, tmp_path: Path) -> None:
    picture.convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    assert near(load_picture(tmp_path / "print.jpg").getpixel((40, 16)), BLUE)


@pytest.mark.parametrize("kind", ["png", "tif"])
def test_sixteen_bit_gray_is_scaled_not_clipped(kind: str, tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(ramp).save(tmp_path / f"scan.{kind}")
    seen = np.asarray(load_picture(tmp_path / f"scan.{kind}"))[..., 0]
    assert np.abs(seen.astype(int) - ramp // 257).max() <= 1


@pytest.mark.parametrize("top", [1.0, 255.0, 4000.0, 1e9])
def test_float_gray_with_nan(top: float, tmp_path: Path) -> None:
    values = np.full((4, 4), top, np.float32)
    values[0, :3] = (np.nan, np.inf, 0)
    Image.fromarray(values).save(tmp_path / "depth.tif")
    seen = np.asarray(load_picture(tmp_path / "depth.tif"))
    assert seen[0, 2].max() == 0
    assert seen[3, 3, 0] == (round(255 * top / 65535) if top == 4000 else 255)


def test_transparent_palette_lies_on_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    clear.paste((255, 0, 0, 255), (0, 0, 4, 8))
    clear.quantize(4).save(tmp_path / "icon.png")
    seen = load_picture(tmp_path / "icon.png")
    assert near(seen.getpixel((1, 1)), RED) and seen.getpixel((6, 6)) == WHITE


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_lies_on_white(mode: str, tmp_path: Path) -> None:
    Image.new(mode, (4, 4)).save(tmp_path / "clear.png")
    assert load_picture(tmp_path / "clear.png").getpixel((2, 2)) == WHITE


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_of_an_animation(kind: str, picture: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "moving"
    picture.save(path, format=kind, save_all=True, append_images=[Image.new("RGB", picture.size, "white")] * 3)
    assert near(load_picture(path).getpixel((16, 16)), RED)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_is_turned_upright(kind: str, orientation: int, picture: Image.Image, tmp_path: Path) -> None:
    back = {v: k for k, v in image._UPRIGHT.items() if k not in (6, 8)}
    back |= {Image.Transpose.ROTATE_90: 6, Image.Transpose.ROTATE_270: 8}
    undo = {number: turn for turn, number in back.items()}
    stored = picture.transpose(undo[orientation]) if orientation in undo else picture
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "photo", format=kind, exif=exif.tobytes())
    seen = load_picture(tmp_path / "photo")
    assert seen.size == picture.size
    assert near(seen.getpixel((3, 3)), LIME, 90) and near(seen.getpixel((40, 28)), BLUE)


def test_a_huge_colour_profile_is_ignored(picture: Image.Image, tmp_path: Path) -> None:
    profile = bytes(20_000_000)
    picture.save(tmp_path / "print.png", icc_profile=profile)
    assert near(load_picture(tmp_path / "print.png").getpixel((16, 16)), RED)
    picture.save(tmp_path / "print.jpg", icc_profile=bytes(10_000_000))
    assert near(load_picture(tmp_path / "print.jpg").getpixel((16, 16)), RED)


def test_broken_exif_does_not_spoil_the_picture(picture: Image.Image, tmp_path: Path) -> None:
    picture.save(tmp_path / "photo.png", exif=b"Exif\0\0" + b"II*\0" + b"\xff" * 40)
    assert near(load_picture(tmp_path / "photo.png").getpixel((16, 16)), RED)


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(30_000, 30_000) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b""))
    with pytest.raises(PictureError, match="million pixels"):
        load_picture(path)
    path.write_bytes(png_header(9_000, 9_000) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with pytest.raises(PictureError, match="million pixels"):
        load_picture(path)


def test_a_file_that_is_too_large(picture_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "MAX_BYTES", 10)
    with pytest.raises(PictureError, match="larger than"):
        load_picture(picture_file)


def test_missing_empty_folder_and_not_a_picture(tmp_path: Path) -> None:
    for content, words in (
        (b"", "is empty"),
        (b"only words" * 9, "not a picture"),
        (b"%PDF-1.7 ", "not a picture"),
    ):
        (tmp_path / "fake.png").write_bytes(content)
        with pytest.raises(PictureError, match=words):
            load_picture(tmp_path / "fake.png")
    with pytest.raises(PictureError, match="There is no picture"):
        load_picture(tmp_path / "none.png")
    with pytest.raises(PictureError, match="is a folder"):
        load_picture(tmp_path)
    with pytest.raises(PictureError):
        load_picture(tmp_path / "zero\0byte.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_truncated(kind: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    whole = io.BytesIO()
    Image.fromarray(noise).save(whole, format=kind)
    (tmp_path / "cut").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    with pytest.raises(PictureError) as caught:
        load_picture(tmp_path / "cut")
    assert caught.value.next and "\n" not in str(caught.value)


KINDS = (
    ("PNG", "RGBA"),
    ("PNG", "P"),
    ("JPEG", "RGB"),
    ("JPEG", "CMYK"),
    ("WEBP", "RGBA"),
    ("GIF", "P"),
    ("BMP", "RGB"),
    ("TIFF", "RGB"),
    ("TIFF", "F"),
)


def valid_pictures() -> list[bytes]:
    noise = np.random.default_rng(0).integers(0, 255, (12, 12, 4), np.uint8)
    rgba = Image.fromarray(noise)
    exif = Image.Exif()
    exif[0x0112] = 6
    found = []
    for kind, mode in KINDS:
        file = io.BytesIO()
        extra = {"exif": exif.tobytes()} if kind in ("PNG", "JPEG", "WEBP") else {}
        rgba.convert("RGB").convert(mode).save(file, format=kind, **extra)
        found.append(file.getvalue())
    return found


@given(
    whole=st.sampled_from(valid_pictures()),
    changes=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=12),
    cut=st.one_of(st.none(), st.integers(0, 2000)),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutated_pictures_load_or_are_refused(
    whole: bytes,
    changes: list[tuple[int, int]],
    cut: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(image, "MAX_PIXELS", 1_000_000)
    data = bytearray(whole)
    for at, value in changes:
        data[at % len(data)] = value
    path = tmp_path / "mutated"
    path.write_bytes(data[:cut])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            seen = load_picture(path)
        except MediaError as error:
            assert error.what and error.next
        else:
            assert seen.mode == "RGB"
