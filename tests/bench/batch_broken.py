"""A folder of 500 broken inputs among good ones: each broken one is an error row, each good one is answered.

python -m tests.bench.batch_broken [--broken 500] [--pictures 30]
"""

from __future__ import annotations

import argparse
import io
import struct
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from .batch import QUESTIONS, draw

RATE = 16_000
Maker = Callable[[np.random.Generator], bytes]


def picture(kind: str) -> Maker:
    """The first part of a picture of noise."""

    def make(rng: np.random.Generator) -> bytes:
        whole = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(whole, format=kind)
        return whole.getvalue()[: int(rng.uniform(0.1, 0.7) * len(whole.getvalue()))]

    return make


def bomb(rng: np.random.Generator) -> bytes:
    """The head of a PNG of billions of pixels."""
    side = int(rng.integers(50_000, 2_000_000_000))
    head = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


def noise(rng: np.random.Generator) -> bytes:
    """Bytes without a meaning."""
    return rng.bytes(int(rng.integers(1, 5000)))


def after(head: bytes) -> Maker:
    """What begins like something, and goes on as noise."""
    return lambda rng: head + noise(rng)


def sound(seconds: float, rate: int = RATE, **options: str) -> Maker:
    """A recording of noise."""

    def make(rng: np.random.Generator) -> bytes:
        content = io.BytesIO()
        samples = 0.1 * rng.standard_normal(int(seconds * rate)).astype(np.float32)
        soundfile.write(content, samples, rate, **{"format": "WAV", **options})
        return content.getvalue()

    return make


PICTURES: dict[str, Maker] = {
    **{f"cut off {kind}": picture(kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")},
    "picture with nothing in it": lambda rng: b"",
    "picture of noise": noise,
    "begins like a JPEG": after(b"\xff\xd8\xff\xe0\x00\x10JFIF"),
    "begins like a PNG": after(b"\x89PNG\r\n\x1a\n"),
    "begins like a WebP": after(b"RIFF\x00\x10\x00\x00WEBPVP8 "),
    "bomb": bomb,
    "a page in place of a picture": lambda rng: b"<!doctype html><title>404</title>",
}
RECORDINGS: dict[str, Maker] = {
    "recording with nothing in it": lambda rng: b"",
    "recording of noise": after(b"\0"),
    "begins like a WAV": after(b"RIFF\x00\x10\x00\x00WAVE"),
    "begins like a FLAC": after(b"fLaC"),
    "begins like an Ogg": after(b"OggS"),
    "too short": sound(0.05),
    "too long": sound(31),
    "too long and packed": sound(40, format="FLAC"),
    "strange rate": sound(1, 1000),
    "a coding that is not opened": sound(1, subtype="IMA_ADPCM"),
    "a picture in place of a recording": picture("PNG"),
}
TEXTS: dict[str, Maker] = {
    "no text": lambda rng: b"",
    "blanks": lambda rng: b" \n\t ",
    "other bytes than text's": lambda rng: b"what is \xff\xfe" + noise(rng),
    "a text too long": lambda rng: b"what " * 30_000,
    "a question too long": lambda rng: b"what colour is the dog " * 1000,
}


def lay_out(folder: Path, broken: int) -> Counter[str]:
    """So many broken inputs, each with what it needs to be a row; how many there are of which kind."""
    good_picture, good_text = (folder / "scene000000.png").read_bytes(), b"what is there"
    kinds = [
        *((".png", ".txt", kind, make, good_text) for kind, make in PICTURES.items()),
        *((".wav", ".png", kind, make, good_picture) for kind, make in RECORDINGS.items()),
        *((".txt", ".png", kind, make, good_picture) for kind, make in TEXTS.items()),
    ]
    laid = Counter[str]()
    for number in range(broken):
        suffix, other, kind, make, good = kinds[number % len(kinds)]
        name = f"scene{number % 30:06}-broken{number:03}"  # among the good ones
        (folder / f"{name}{suffix}").write_bytes(make(np.random.default_rng(number)))
        (folder / f"{name}{other}").write_bytes(good)
        laid[kind] += 1
    return laid


def answers(folder: Path, out: Path) -> dict[str, tuple[str | None, str | None]]:
    """Of each row: its answer and its error."""
    from sviqa_app.batch.command import BatchOptions, run_batch
    from sviqa_app.batch.journal import FILE, Journal
    from sviqa_app.batch.progress import Control

    run_batch(BatchOptions(out, folder), Control(), lambda progress: None, lambda preview: None)
    with closing(Journal(out / FILE)) as journal:
        results = ((line.row.id, line.result) for line in journal.lines())
        return {id: (result.answer, result.error) if result else (None, None) for id, result in results}


def main() -> None:
    """Good rows alone, then among broken ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broken", type=int, default=500)
    parser.add_argument("--pictures", type=int, default=30)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "in"
        draw(folder, asked.pictures)
        alone = answers(folder, Path(place) / "alone")
        laid = lay_out(folder, asked.broken)
        among = answers(folder, Path(place) / "among")
    errors = {id: error for id, (_, error) in among.items() if error}
    missed = sorted(id for id in among if "broken" in id and id not in errors)
    long = sum("\n" in error for error in errors.values())
    print(f"{len(laid)} kinds of broken inputs; {len(among)} rows, {len(errors)} errors, {long} of more than one line")
    print(f"broken but answered: {', '.join(missed) or 'none'}")
    same = sum(among.get(id) == answer for id, answer in alone.items())
    print(f"{same} of {len(alone)} good rows answered as without the broken ones ({QUESTIONS} for each picture)")


if __name__ == "__main__":
    main()
