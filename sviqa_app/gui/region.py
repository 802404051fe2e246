"""The part of a picture that a question is about: zoomed into by a 3 x 3 grid, or drawn as a box."""

from __future__ import annotations

from dataclasses import dataclass

from PIL.Image import Image

GRID = (
    "top left", "top center", "top right",
    "middle left", "center", "middle right",
    "bottom left", "bottom center", "bottom right",
)  # fmt: skip
SMALLEST = 16
"""A region is never narrower or lower than this many pixels."""
_KEYS = {7: 0, 8: 1, 9: 2, 4: 3, 5: 4, 6: 5, 1: 6, 2: 7, 3: 8}


@dataclass(frozen=True)
class Region:
    """A box in parts of the picture's width and height, 0 to 1, and the steps that led to it."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0
    steps: tuple[str, ...] = ()
    outer: Region | None = None

    def inside(self, key: int) -> Region:
        """The ninth that a key of the numeric pad stands for: 7 is top left, 5 the center, 3 bottom right."""
        row, column = divmod(_KEYS[key], 3)
        width, height = (self.right - self.left) / 3, (self.bottom - self.top) / 3
        left, top = self.left + column * width, self.top + row * height
        return Region(left, top, left + width, top + height, (*self.steps, GRID[_KEYS[key]]), self)

    def drawn(self, left: float, top: float, right: float, bottom: float) -> Region:
        """A box drawn by hand, corners in any order, kept inside the picture."""
        x = sorted(min(1.0, max(0.0, v)) for v in (left, right))
        y = sorted(min(1.0, max(0.0, v)) for v in (top, bottom))
        middle = Region()._ninth((x[0] + x[1]) / 2, (y[0] + y[1]) / 2)
        return Region(x[0], y[0], x[1], y[1], (f"a box near the {middle}",), Region())

    def moved(self, right: float, down: float) -> Region:
        """The same box elsewhere, as far as the picture goes."""
        right = min(1 - self.right, max(-self.left, right))
        down = min(1 - self.bottom, max(-self.top, down))
        return self.drawn(self.left + right, self.top + down, self.right + right, self.bottom + down)

    def grown(self, right: float, down: float) -> Region:
        """A box with the same upper left corner, wider and higher by so much, or narrower and lower."""
        return self.drawn(self.left, self.top, max(self.left, self.right + right), max(self.top, self.bottom + down))

    @staticmethod
    def _ninth(x: float, y: float) -> str:
        return GRID[min(2, int(y * 3)) * 3 + min(2, int(x * 3))]

    @property
    def whole(self) -> bool:
        """Whether it is all of the picture."""
        return not self.steps

    @property
    def name(self) -> str:
        """Where it is, in words: "top left, then center"."""
        return ", then ".join(self.steps) if self.steps else "the whole picture"

    def fits(self, size: tuple[int, int]) -> bool:
        """Whether the region of a picture of `size` pixels is large enough to be looked at."""
        width, height = (self.right - self.left) * size[0], (self.bottom - self.top) * size[1]
        return min(width, height) >= SMALLEST

    def crop(self, picture: Image) -> Image:
        """The part of `picture` in the region."""
        if self.whole:
            return picture
        width, height = picture.size
        return picture.crop(
            (round(self.left * width), round(self.top * height), round(self.right * width), round(self.bottom * height))
        )
