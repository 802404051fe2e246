"""Draws pictures whose content is known: one to six things on a 3x3 grid, or something that is no such scene."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from ..errors import TrainingError
from .words import COLOUR_NAMES, COLOURS, DIGITS, EMOJI, PLACES, SHAPES

HELD_OUT_SEED = 10**9
Setting = Literal["scene", "photo", "noise", "text", "blank"]
NO_SCENES: tuple[Setting, ...] = ("photo", "noise", "text", "blank")
RGB = tuple[int, int, int]

_EMOJI_FONTS = (
    "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf",
    "/usr/share/fonts/noto/NotoColorEmoji.ttf",
    "/usr/share/fonts/google-noto-emoji/NotoColorEmoji.ttf",
    "/usr/share/fonts/google-noto-color-emoji-fonts/NotoColorEmoji.ttf",
)
_FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "C:/Windows/Fonts")


@dataclass(frozen=True)
class Thing:
    """One drawn thing: `kind` of words.KINDS; `colour` of a shape; `place` 0..8; `x`, `y`, `size` in picture widths."""

    kind: str
    colour: str | None
    place: int
    x: float
    y: float
    size: float

    @property
    def name(self) -> str:
        """What it is called: "red circle", "dog", "number seven"."""
        return f"{self.colour} {self.kind}" if self.colour else self.kind

    @property
    def place_name(self) -> str:
        """One of the nine places."""
        return PLACES[self.place]


@dataclass(frozen=True)
class Scene:
    """What a picture shows. `things` in reading order; `setting` other than "scene" shows no things."""

    things: tuple[Thing, ...]
    background: str
    setting: Setting = "scene"

    @property
    def bright(self) -> bool | None:
        """Whether the background is bright (True), dark (False) or in between (None)."""
        r, g, b = COLOURS[self.background]
        light = (0.299 * r + 0.587 * g + 0.114 * b) / 255
        return True if light > 0.62 else False if light < 0.42 else None


def sample_scene(rng: Generator) -> Scene:
    """A random scene; about one in twelve is no scene at all."""
    background = str(rng.choice(COLOUR_NAMES))
    if rng.random() < 0.08:
        return Scene((), background, NO_SCENES[rng.integers(4)])
    count = int(rng.choice([1, 2, 3, 4, 5, 6], p=[0.12, 0.18, 0.2, 0.2, 0.16, 0.14]))
    places = sorted(rng.choice(9, count, replace=False).tolist())
    names = [_sample_name(rng, background) for _ in places]
    for i in range(1, count):  # repeated things make counting worth asking
        if rng.random() < 0.28:
            names[i] = names[rng.integers(i)]
        elif rng.random() < 0.12 and names[i - 1][1]:
            names[i] = (names[i - 1][0], _contrasting(rng, background))
    things = []
    for place, (kind, colour) in zip(places, names, strict=True):
        size = float(rng.uniform(0.17, 0.31))
        room = max(0.0, 1 / 6 - size / 2) + 0.02
        x = (place % 3 + 0.5) / 3 + float(rng.uniform(-room, room))
        y = (place // 3 + 0.5) / 3 + float(rng.uniform(-room, room))
        things.append(Thing(kind, colour, place, x, y, size))
    return Scene(tuple(things), background)


def _sample_name(rng: Generator, background: str) -> tuple[str, str | None]:
    draw = rng.random()
    if draw < 0.32:
        return str(rng.choice(SHAPES)), _contrasting(rng, background)
    if draw < 0.42:
        return f"number {DIGITS[rng.integers(10)]}", None
    return list(EMOJI)[rng.integers(len(EMOJI))], None


def _contrasting(rng: Generator, background: str) -> str:
    """A colour that stands out from the background."""
    there = np.array(COLOURS[background])
    apart = [c for c, rgb in COLOURS.items() if np.abs(np.array(rgb) - there).sum() > 110]
    return str(rng.choice(apart))


def _jitter(rng: Generator, colour: str, spread: int = 14) -> RGB:
    rgb = np.array(COLOURS[colour]) * rng.uniform(0.92, 1.06) + rng.integers(-spread, spread + 1, 3)
    r, g, b = np.clip(rgb, 0, 255).astype(int).tolist()
    return r, g, b


def draw(scene: Scene, rng: Generator, side: int = 128) -> Image.Image:
    """The scene as an RGB picture of `side` pixels, with random style, blur, noise and compression."""
    canvas = int(rng.choice([side, int(side * 1.25), int(side * 1.6), side * 2]))
    if scene.setting != "scene" and scene.setting != "blank":
        return _unsettle(_not_a_scene(scene.setting, rng, canvas), rng, side)
    image = _background(scene.background, rng, canvas)
    for thing in scene.things:
        _place(image, thing, scene.background, rng)
    return _unsettle(image, rng, side)


def _background(colour: str, rng: Generator, side: int) -> Image.Image:
    base = np.array(_jitter(rng, colour), np.float32)
    style = rng.integers(4)
    if style == 0:
        return Image.new("RGB", (side, side), tuple(int(v) for v in base))
    field: NDArray[np.float32]
    if style == 1:  # gradient
        angle = rng.uniform(0, 2 * math.pi)
        yy, xx = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
        field = (math.cos(angle) * xx + math.sin(angle) * yy).astype(np.float32)
    elif style == 2:  # soft texture
        small = Image.fromarray(rng.normal(0, 1, (int(rng.integers(3, 24)),) * 2).astype(np.float32), "F")
        field = np.asarray(small.resize((side, side), Image.Resampling.BICUBIC))
    else:  # stripes or checks
        yy, xx = np.mgrid[0:side, 0:side] / side
        angle, waves = rng.uniform(0, math.pi), rng.uniform(3, 14)
        field = np.sin(2 * math.pi * waves * (math.cos(angle) * xx + math.sin(angle) * yy)).astype(np.float32)
        if rng.random() < 0.4:
            field = field * np.sin(2 * math.pi * waves * (math.cos(angle) * yy - math.sin(angle) * xx))
    strength = rng.uniform(3, 14)
    return Image.fromarray(np.clip(base + strength * field[..., None], 0, 255).astype(np.uint8))


def _place(image: Image.Image, thing: Thing, background: str, rng: Generator) -> None:
    side = image.width
    pixels = max(8, round(thing.size * side))
    if thing.kind in EMOJI:
        sprite = _recolour(_rotated(_emoji(EMOJI[thing.kind]), rng, 25), rng)
        if rng.random() < 0.5:
            sprite = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    elif thing.colour:
        sprite = _rotated(_shape(thing.kind, _jitter(rng, thing.colour), rng), rng, 12)
    else:
        sprite = _rotated(_digit(thing.kind, _contrasting(rng, background), rng), rng, 12)
    longest = pixels / max(sprite.size)
    stretch = rng.uniform(0.88, 1.14)
    size = (max(4, round(sprite.width * longest * stretch)), max(4, round(sprite.height * longest / stretch)))
    sprite = sprite.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    if rng.random() < 0.12:  # a cast shadow
        shade = Image.new("RGBA", size, (0, 0, 0, 255))
        shade.putalpha(sprite.getchannel("A").point(lambda a: a // 3))
        image.paste(shade, (round(thing.x * side - size[0] / 2) + 2, round(thing.y * side - size[1] / 2) + 2), shade)
    image.paste(sprite, (round(thing.x * side - size[0] / 2), round(thing.y * side - size[1] / 2)), sprite)


def _rotated(sprite: Image.Image, rng: Generator, degrees: float) -> Image.Image:
    turned = sprite.rotate(rng.uniform(-degrees, degrees), Image.Resampling.BILINEAR, expand=True)
    return turned.crop(turned.getbbox() or (0, 0, *turned.size))


def _recolour(sprite: Image.Image, rng: Generator) -> Image.Image:
    """Another artist's colours: saturation, contrast, gain and sometimes flat inks or an outline."""
    pixels = np.asarray(sprite).astype(np.float32)
    rgb, alpha = pixels[..., :3], pixels[..., 3:]
    gray = rgb.mean(-1, keepdims=True)
    rgb = gray + (rgb - gray) * rng.uniform(0.55, 1.35)
    rgb = 128 + (rgb - 128) * rng.uniform(0.75, 1.25) + rng.uniform(-18, 18)
    rgb = rgb * rng.uniform(0.85, 1.15, 3)
    if rng.random() < 0.15:
        rgb = np.round(rgb / 64) * 64
    recoloured = Image.fromarray(np.concatenate([np.clip(rgb, 0, 255), alpha], -1).astype(np.uint8), "RGBA")
    if rng.random() < 0.15:
        wide = recoloured.getchannel("A").filter(ImageFilter.MaxFilter(5))
        ink = Image.new("RGBA", sprite.size, (*_jitter(rng, "black" if rng.random() < 0.6 else "white"), 255))
        ink.putalpha(wide)
        recoloured = Image.alpha_composite(ink, recoloured)
    return recoloured


@cache
def emoji_font() -> Path:
    """The colour emoji font of this machine. Raises TrainingError where there is none."""
    for name in _EMOJI_FONTS:
        if Path(name).is_file():
            return Path(name)
    raise TrainingError(
        "No colour emoji font was found, and the pictures are drawn with one.",
        "Install fonts-noto-color-emoji (Debian, Ubuntu) or google-noto-emoji-fonts (Fedora).",
    )


@cache
def _emoji(character: str) -> Image.Image:
    font = ImageFont.truetype(str(emoji_font()), 109)
    sheet = Image.new("RGBA", (180, 180), (0, 0, 0, 0))
    ImageDraw.Draw(sheet).text((20, 20), character, font=font, embedded_color=True)
    return sheet.crop(sheet.getbbox() or (0, 0, 8, 8)).resize((88, 88), Image.Resampling.LANCZOS)


def _shape(kind: str, colour: RGB, rng: Generator) -> Image.Image:
    side = 72
    sheet = Image.new("RGBA", (side, side), (*colour, 0))
    pen = ImageDraw.Draw(sheet)
    outline: RGB | None = None
    if rng.random() < 0.25:
        outline = (20, 20, 20) if sum(colour) > 300 else (235, 235, 235)
    width = int(rng.integers(2, 4)) if outline else 0
    box = (2, 2, side - 3, side - 3)
    middle = side / 2
    if kind == "circle":
        pen.ellipse(box, fill=colour, outline=outline, width=width)
    elif kind == "square":
        pen.rounded_rectangle(box, rng.uniform(0, 8), fill=colour, outline=outline, width=width)
    elif kind == "triangle":
        apex = middle + rng.uniform(-12, 12)
        pen.polygon([(apex, 3), (side - 3, side - 4), (3, side - 4)], fill=colour, outline=outline, width=width)
    else:
        waist = rng.uniform(0.0, 0.22) * side
        corners = [(middle, 2), (side - 3 - waist, middle), (middle, side - 3), (2 + waist, middle)]
        pen.polygon(corners, fill=colour, outline=outline, width=width)
    return sheet


@cache
def _text_fonts() -> tuple[str, ...]:
    found = [
        str(path)
        for folder in _FONT_FOLDERS
        for pattern in ("DejaVu*.ttf", "Liberation*.ttf", "arial*.ttf", "times*.ttf", "cour*.ttf")
        for path in sorted(Path(folder).rglob(pattern))
        if "Math" not in path.name
    ]
    return tuple(found)


def _text_font(rng: Generator, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    fonts = _text_fonts()
    if not fonts:
        return ImageFont.load_default(size)
    return _sized_font(fonts[rng.integers(len(fonts))], size)


@cache
def _sized_font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


def _digit(kind: str, colour: str, rng: Generator) -> Image.Image:
    ink = _jitter(rng, colour)
    sheet = Image.new("RGBA", (96, 110), (*ink, 0))
    text = str(DIGITS.index(kind.removeprefix("number ")))
    ImageDraw.Draw(sheet).text((14, 4), text, font=_text_font(rng, 80), fill=(*ink, 255))
    return sheet.crop(sheet.getbbox() or (0, 0, 8, 8))


def _not_a_scene(setting: str, rng: Generator, side: int) -> Image.Image:
    if setting == "noise":
        grain = int(rng.choice([side, side // 2, side // 4]))
        noise = rng.integers(0, 256, (grain, grain, 3 if rng.random() < 0.6 else 1), np.uint8)
        if noise.shape[2] == 1:
            noise = np.repeat(noise, 3, 2)
        return Image.fromarray(noise).resize((side, side), Image.Resampling.NEAREST)
    if setting == "text":
        return _page(rng, side)
    return _photograph(rng, side)


def _page(rng: Generator, side: int) -> Image.Image:
    paper, ink = ((250, 248, 240), (25, 25, 30)) if rng.random() < 0.8 else ((28, 30, 36), (225, 225, 225))
    image = Image.new("RGB", (side, side), paper)
    pen = ImageDraw.Draw(image)
    size = max(5, round(side * rng.uniform(0.045, 0.1)))
    font = _text_font(rng, size)
    letters = "etaoinshrdlucmfwypvbg"
    top = rng.uniform(0.02, 0.1) * side
    while top < side * 0.97:
        words = ["".join(rng.choice(list(letters), rng.integers(2, 9))) for _ in range(int(rng.integers(3, 12)))]
        pen.text((side * 0.05, top), " ".join(words), font=font, fill=ink)
        top += size * rng.uniform(1.15, 1.5)
    return image


def _photograph(rng: Generator, side: int) -> Image.Image:
    """Something like a photograph: coloured 1/f clouds, soft horizons and patches, no outlines."""
    n = 96
    frequency = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None]) + 1 / n
    steep = rng.uniform(1.2, 2.2)
    layers = [np.fft.irfft2(np.fft.rfft2(rng.normal(size=(n, n))) / frequency**steep, (n, n)) for _ in range(3)]
    cloud = np.stack(layers, -1)
    cloud = (cloud - cloud.mean((0, 1))) / cloud.std((0, 1))
    mix = np.eye(3) * rng.uniform(0.2, 0.8) + rng.uniform(0.2, 1.0)
    rgb = rng.uniform(60, 190, 3) + rng.uniform(20, 60) * (cloud @ mix / 2)
    if rng.random() < 0.5:  # a horizon
        line = int(rng.uniform(0.3, 0.7) * n)
        rgb[line:] = rgb[line:] * rng.uniform(0.4, 0.9, 3) + rng.uniform(-30, 40, 3)
    for _ in range(int(rng.integers(0, 7))):  # soft patches
        cy, cx, r = rng.uniform(0, n), rng.uniform(0, n), rng.uniform(6, 34)
        yy, xx = np.mgrid[0:n, 0:n]
        blob = 1 / (
            1 + np.exp(np.clip((np.hypot(yy - cy, (xx - cx) * rng.uniform(0.5, 2)) - r) / rng.uniform(0.5, 6), -30, 30))
        )
        rgb += blob[..., None] * rng.uniform(-90, 90, 3)
    image = Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8))
    return image.resize((side, side), Image.Resampling.BICUBIC)


def _unsettle(image: Image.Image, rng: Generator, side: int) -> Image.Image:
    """What cameras, screens and the web do to a picture: light, blur, resampling, noise, JPEG."""
    if rng.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9) * image.width / 128))
    if image.width != side:
        methods = (
            Image.Resampling.BILINEAR,
            Image.Resampling.BICUBIC,
            Image.Resampling.LANCZOS,
            Image.Resampling.BOX,
        )
        image = image.resize((side, side), methods[rng.integers(4)])
    if rng.random() < 0.6:
        pixels = np.asarray(image).astype(np.float32) * rng.uniform(0.9, 1.08) * rng.uniform(0.96, 1.04, 3)
        if rng.random() < 0.6:
            pixels += rng.normal(0, rng.uniform(1, 11), pixels.shape)
        image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    if rng.random() < 0.3:
        held = io.BytesIO()
        image.save(held, "JPEG", quality=int(rng.integers(35, 92)))
        image = Image.open(held).convert("RGB")
    return image
