"""Where a picture is on a widget: zoomed about a point, moved no farther than its edges."""

from __future__ import annotations

from dataclasses import dataclass, replace

LARGEST = 16.0
Pair = tuple[float, float]


@dataclass(frozen=True)
class Viewport:
    """A picture of `picture` pixels on a widget of `room` pixels, all sizes above 0.

    `zoom` is 1 where the picture is shown whole, as large as it fits. `middle` is what of the picture lies in the
    middle of the widget, in parts of its width and height.
    """

    picture: Pair
    room: Pair
    zoom: float = 1.0
    middle: Pair = (0.5, 0.5)

    @property
    def shown(self) -> Pair:
        """The width and height that the whole picture has on the widget."""
        scale = self.zoom * min(self.room[0] / self.picture[0], self.room[1] / self.picture[1])
        return self.picture[0] * scale, self.picture[1] * scale

    @property
    def visible(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of what of the picture is seen, in parts of it."""
        (left, top), (right, bottom) = self.part((0.0, 0.0)), self.part(self.room)
        return max(0.0, left), max(0.0, top), min(1.0, right), min(1.0, bottom)

    def place(self, part: Pair) -> Pair:
        """Where on the widget a point of the picture is."""
        x, y = (r / 2 + (p - m) * s for r, p, m, s in zip(self.room, part, self.middle, self.shown, strict=True))
        return x, y

    def part(self, place: Pair) -> Pair:
        """Which point of the picture is at a place of the widget; beside the picture, less than 0 or more than 1."""
        x, y = (m + (p - r / 2) / s for p, r, m, s in zip(place, self.room, self.middle, self.shown, strict=True))
        return x, y

    def zoomed(self, factor: float, about: Pair | None = None) -> Viewport:
        """`factor` times as large, from the whole picture to LARGEST. What is at `about` stays there if it can."""
        about = about or (self.room[0] / 2, self.room[1] / 2)
        fixed, closer = self.part(about), replace(self, zoom=min(LARGEST, max(1.0, self.zoom * factor)))
        x, y = (f - (a - r / 2) / s for f, a, r, s in zip(fixed, about, self.room, closer.shown, strict=True))
        return closer.centred((x, y))

    def moved(self, right: float, down: float) -> Viewport:
        """The picture moved by so many pixels, like a sheet of paper under a window."""
        width, height = self.shown
        return self.centred((self.middle[0] - right / width, self.middle[1] - down / height))

    def centred(self, middle: Pair) -> Viewport:
        """With this point in the middle, or as near to it as leaves no room beside the picture unused."""
        x, y = (_between(m, r / (2 * s)) for m, r, s in zip(middle, self.room, self.shown, strict=True))
        return replace(self, middle=(x, y))

    def showing(self, left: float, top: float, right: float, bottom: float) -> Viewport:
        """With this part of the picture in sight: as it is where it is seen already, else in the middle."""
        seen = self.visible
        if seen[0] <= left and seen[1] <= top and right <= seen[2] and bottom <= seen[3]:
            return self
        return self.centred(((left + right) / 2, (top + bottom) / 2))

    def resized(self, room: Pair) -> Viewport:
        """The same on a widget of another size."""
        return replace(self, room=room).centred(self.middle)


def _between(middle: float, edge: float) -> float:
    """`middle` at least `edge` from 0 and 1; one half where there is not that much."""
    return 0.5 if edge >= 0.5 else min(1 - edge, max(edge, middle))
