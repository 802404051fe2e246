"""From the files of a row to what the model takes: pictures to pixels, recordings to what the ear takes."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from PIL.Image import Image

from ..media.audio import load_recording
from ..media.image import load_picture
from ..turn import Question, Recording
from .choosing import way_of
from .reading import Prepared, plain

if TYPE_CHECKING:
    from torch import Tensor

    from ..engine.base import Engine
    from ..engine.many import Ready

THUMBNAIL = 96

Look = Callable[[str, bool], "tuple[Tensor | Image, bytes | None]"]


class Opener:
    """Opens what rows name, in any thread. The first `thumbnails` rows get a small picture."""

    def __init__(self, engine: Engine, thumbnails: int = 0) -> None:
        self._engine, self._way, self._thumbnails = engine, way_of(engine), thumbnails
        self._recording = lru_cache(maxsize=16)(load_recording)
        self._ready = lru_cache(maxsize=16)(self._make_ready)

    def open(self, rows: Sequence[Prepared]) -> list[Prepared]:
        """The rows with all that the model takes, or their `error`. A picture is opened once, if any of them asks."""
        look = cache(self._look)
        return [self._open(row, look) if row.asks else row for row in rows]

    def _open(self, row: Prepared, look: Look) -> Prepared:
        try:
            pixels, thumbnail = look(row.picture, row.number <= self._thumbnails)
            ready = self._ready(row.speech, row.speech_hash, row.asked)
            return replace(row, pixels=pixels, ready=ready, thumbnail=thumbnail)
        except Exception as error:
            return replace(row, error=plain(error))

    def _make_ready(self, speech: str | None, _hash: str, words: str | None) -> Ready | Question:
        """The question of a recording, whose hash tells one from another of its name, and of words."""
        recording: Recording | None = self._recording(Path(speech)) if speech else None
        ready: Ready | Question = self._way.make_ready(self._engine, Question(recording, words))
        return ready

    def _look(self, path: str, small: bool) -> tuple[Tensor | Image, bytes | None]:
        picture = load_picture(Path(path))
        return self._way.look(self._engine, picture), _thumbnail(picture) if small else None


def _thumbnail(picture: Image) -> bytes:
    small = picture.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    content = io.BytesIO()
    small.save(content, "JPEG", quality=70)
    return content.getvalue()
