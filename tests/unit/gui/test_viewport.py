"""A picture on a widget: points map there and back, nothing is moved past its edge."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sviqa_app.gui.viewport import LARGEST, Viewport

SIZES = st.tuples(st.integers(1, 9000), st.integers(1, 9000))
PARTS = st.tuples(st.floats(0, 1), st.floats(0, 1))
PLACES = st.tuples(st.floats(-50, 4000), st.floats(-50, 4000))
FACTORS = st.floats(0, 40)


@st.composite
def viewports(draw: st.DrawFn) -> Viewport:
    """Any that hands can bring about."""
    made = Viewport(draw(SIZES), draw(SIZES))
    for _ in range(draw(st.integers(0, 3))):
        made = made.zoomed(draw(FACTORS), draw(PLACES)).moved(*draw(PLACES))
    return made.resized(draw(SIZES))


def close(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one == pytest.approx(other, rel=1e-6, abs=1e-6)


@given(viewports(), PARTS)
def test_places_and_parts_are_each_others_inverse(viewport: Viewport, part: tuple[float, float]) -> None:
    assert close(viewport.part(viewport.place(part)), part)


@given(viewports())
def test_no_room_is_left_empty_beside_a_picture_that_could_fill_it(viewport: Viewport) -> None:
    left, top = viewport.place((0, 0))
    right, bottom = viewport.place((1, 1))
    room = viewport.room
    for low, high, size, shown in zip((left, top), (right, bottom), room, viewport.shown, strict=True):
        if shown > size:
            assert low <= 1e-6 * shown and high >= size - 1e-6 * shown
        else:
            assert low == pytest.approx(size - high, abs=1e-6 * size)


@given(viewports())
def test_the_whole_picture_fits_and_touches_an_edge(viewport: Viewport) -> None:
    whole = viewport.zoomed(0)
    shown = whole.shown
    assert whole.zoom == 1 and whole.visible == pytest.approx((0, 0, 1, 1), abs=1e-9)
    assert max(s / r for s, r in zip(shown, whole.room, strict=True)) == pytest.approx(1)
    assert shown[0] * whole.picture[1] == pytest.approx(shown[1] * whole.picture[0])


@given(viewports(), FACTORS, PLACES)
def test_zoom_has_ends_and_sight_stays_in_the_picture(
    viewport: Viewport, factor: float, place: tuple[float, float]
) -> None:
    zoomed = viewport.zoomed(factor, place)
    left, top, right, bottom = zoomed.visible
    assert 1 <= zoomed.zoom <= LARGEST
    assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1


def test_what_is_under_the_hand_stays_there() -> None:
    viewport = Viewport((400, 300), (800, 600)).zoomed(4)
    place = (500.0, 350.0)
    assert close(viewport.zoomed(1.5, place).part(place), viewport.part(place))
    assert close(viewport.zoomed(0.75, place).part(place), viewport.part(place))


def test_moving_is_of_pixels_and_ends_at_the_edge() -> None:
    viewport = Viewport((400, 300), (400, 300)).zoomed(2)
    assert viewport.place((0, 0)) == (-200, -150)
    assert close(viewport.moved(30, -20).place((0, 0)), (-170, -170))
    assert viewport.moved(9999, 9999).place((0, 0)) == (0, 0)


@given(viewports(), PARTS, PARTS)
def test_what_is_asked_for_is_brought_into_sight(
    viewport: Viewport, one: tuple[float, float], other: tuple[float, float]
) -> None:
    x, y = sorted((one[0], other[0])), sorted((one[1], other[1]))
    shown = viewport.showing(x[0], y[0], x[1], y[1])
    left, top, right, bottom = shown.visible
    assert left <= sum(x) / 2 + 1e-6 and sum(x) / 2 <= right + 1e-6
    assert top <= sum(y) / 2 + 1e-6 and sum(y) / 2 <= bottom + 1e-6
    assert replace(shown, middle=viewport.middle) == viewport
    assert viewport.showing(*viewport.visible) == viewport
