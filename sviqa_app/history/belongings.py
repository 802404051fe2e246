"""The pictures and sounds of the history: files that its rows name, from the folder on."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import OutputError
from ..media.audio import write_wav
from ..safekeeping import private_folder, settle, write_private
from ..turn import Samples
from .presence import Presence

if TYPE_CHECKING:
    from PIL import Image

_EMPTY_WAV = 44  # bytes: a header, and nothing said


class Belongings:
    """Files in `folder`. Those that `presence` makes bear its token, so no two windows choose one name.

    All methods raise OSError; those that write, OutputError too.
    """

    def __init__(self, folder: Path, presence: Presence) -> None:
        self._folder = folder
        self._presence = presence
        self._numbers = count(1)
        for place in (self._pictures, self._sounds):
            private_folder(place)

    @property
    def _pictures(self) -> Path:
        return self._folder / "pictures"

    @property
    def _sounds(self) -> Path:
        return self._folder / "sounds"

    def find(self, name: str | None) -> Path | None:
        """The file of that name, where it is still there."""
        return path if name is not None and (path := self._folder / name).is_file() else None

    def place_for_speech(self) -> Path:
        """A fresh path for a recording."""
        return self._sounds / f"question-{self._presence.token}-{next(self._numbers)}.wav"

    def keep_picture(self, picture: Image.Image) -> str:
        """Keeps every pixel, in a file that the same picture shares, and gives its name."""
        rgb = picture.convert("RGB")
        digest = hashlib.sha256(f"{rgb.width} {rgb.height} ".encode() + rgb.tobytes()).hexdigest()
        name = f"pictures/{digest[:32]}.png"
        if not (self._folder / name).exists():
            content = io.BytesIO()
            # Writing a photograph takes several times as long at the usual level, and saves little.
            rgb.save(content, "PNG", compress_level=1)
            write_private(self._folder / name, content.getvalue())
        return name

    def keep_speech(self, path: Path) -> str:
        """Keeps the recording, copied where it lies elsewhere, and gives its name. It is on the disk then."""
        if not path.is_file():
            raise OutputError(f"There is no recording at {path}.", "Ask again.")
        kept = self._sounds / path.name
        if not (kept.exists() and kept.samefile(path)):
            kept = self.place_for_speech()
            shutil.copyfile(path, kept)
        settle(kept)
        return f"sounds/{kept.name}"

    def keep_sound(self, turn: int, sound: Samples, rate: int) -> str:
        """Keeps the sound of an answer, [n] at `rate`, and gives its name."""
        name = f"sounds/answer-{self._presence.token}-{turn}.wav"
        write_wav(self._folder / name, sound, rate)
        settle(self._folder / name)
        return name

    def orphans(self, named: Iterable[str]) -> list[Path]:
        """The recordings that no row names and that are not under way, oldest first."""
        found = {path: _written(path) for path in self._strays(named) if path.name.startswith("question-")}
        heard = [path for path, (_, size) in found.items() if size > _EMPTY_WAV]
        return sorted(heard, key=lambda path: found[path])

    def remove(self, names: Iterable[str]) -> None:
        """Removes files by name."""
        for name in names:
            (self._folder / name).unlink(missing_ok=True)

    def remove_strays(self, named: Iterable[str], before: float, others: Iterable[Path]) -> None:
        """Removes the files that no row names, and `others`, where they were last written before that moment."""
        for path in (*self._strays(named), *others):
            if _written(path)[0] < before:
                path.unlink(missing_ok=True)

    def _strays(self, named: Iterable[str]) -> list[Path]:
        """The files that no row names, but for the recordings of windows that are open."""
        known = {self._folder / name for name in named}
        files = {path for place in (self._pictures, self._sounds) for path in place.iterdir()}
        return [path for path in files - known if not self._under_way(path)]

    def _under_way(self, path: Path) -> bool:
        kind, _, rest = path.name.partition("-")
        return kind == "question" and self._presence.lasts(rest.partition("-")[0])


def _written(path: Path) -> tuple[float, int]:
    """When the file was last written, in seconds since 1970, and its size; (0, 0) where it is gone meanwhile."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return 0.0, 0
    return about.st_mtime, about.st_size
