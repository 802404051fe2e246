"""Regions stay inside the picture and know where they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sviqa_app.gui.region import GRID, SMALLEST, Region

PARTS = st.floats(-2, 3, allow_nan=False)


@given(st.lists(st.integers(1, 9), max_size=5))
def test_each_key_goes_into_a_ninth(keys: list[int]) -> None:
    region = Region()
    for key in keys:
        inner = region.inside(key)
        assert region.left <= inner.left < inner.right <= region.right + 1e-9
        assert region.top <= inner.top < inner.bottom <= region.bottom + 1e-9
        assert inner.outer is region
        region = inner
    assert region.right - region.left == pytest.approx(3.0 ** -len(keys))


def test_keys_lie_as_on_the_numeric_pad() -> None:
    assert [Region().inside(key).name for key in (7, 8, 9, 4, 5, 6, 1, 2, 3)] == list(GRID)
    assert Region().inside(7).inside(3).name == "top left, then bottom right"


@given(PARTS, PARTS, PARTS, PARTS)
def test_a_drawn_box_is_kept_inside(left: float, top: float, right: float, bottom: float) -> None:
    region = Region().drawn(left, top, right, bottom)
    assert 0 <= region.left <= region.right <= 1 and 0 <= region.top <= region.bottom <= 1
    assert not region.whole and region.name.startswith("a box near the ")


@given(st.integers(1, 200), st.integers(1, 200), st.lists(st.integers(1, 9), max_size=4))
def test_what_fits_can_be_cut_out(width: int, height: int, keys: list[int]) -> None:
    picture = Image.new("RGB", (width, height))
    region = Region()
    for key in keys:
        region = region.inside(key)
    if region.fits(picture.size):
        assert min(region.crop(picture).size) >= SMALLEST - 1


def test_the_crop_is_what_was_pointed_at(picture: Image.Image) -> None:
    assert Region().crop(picture) is picture
    assert Region().inside(9).crop(picture).getpixel((2, 2)) == (0, 0, 255)
    assert Region().inside(7).crop(picture).getpixel((2, 2)) == (0, 255, 0)


@given(PARTS, PARTS, PARTS, PARTS, PARTS, PARTS)
def test_a_box_is_moved_whole_and_stretched_inside(
    left: float, top: float, right: float, bottom: float, across: float, down: float
) -> None:
    box = Region().drawn(left, top, right, bottom)
    moved, grown = box.moved(across, down), box.grown(across, down)
    assert moved.right - moved.left == pytest.approx(box.right - box.left)
    assert moved.bottom - moved.top == pytest.approx(box.bottom - box.top)
    for other in (moved, grown):
        assert 0 <= other.left <= other.right <= 1 and 0 <= other.top <= other.bottom <= 1
    assert (grown.left, grown.top) == (box.left, box.top)
