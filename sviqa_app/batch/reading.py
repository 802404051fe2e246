"""From the files of a row to what the model takes, beside the model's work, in threads of their own."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache, partial
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

from PIL.Image import Image

from ..engine.many import Ready, look, make_ready
from ..errors import MediaError, SviqaError
from ..media.audio import load_recording
from ..media.image import load_picture
from ..turn import Question, Recording
from .journal import FileHash, Journal, Planned, State
from .rows import Row

if TYPE_CHECKING:
    from torch import Tensor

    from ..engine.end_to_end import EndToEnd

AHEAD = 4  # groups that wait, ready, for the model, for each thread that reads
MOST_OF_A_PICTURE = 16  # questions about one picture that go together
MAX_WORDS_BYTES = 100_000
THUMBNAIL = 96


@dataclass(frozen=True)
class Settings:
    """What an answer depends on beside the picture and the question: the model, by its hash, and the way to answer."""

    model: bytes
    speak: bool


@dataclass(frozen=True)
class Prepared:
    """A row whose files were read. `asked` are its words.

    `pixels` and `ready` are for the model; there is neither where its key has a result (its `state`), and an `error`
    where it cannot be asked.
    """

    number: int
    key: bytes
    state: State = "new"
    asked: str | None = None
    pixels: Tensor | None = None
    ready: Ready | None = None
    error: str | None = None
    thumbnail: bytes | None = None
    files: list[FileHash] = field(default_factory=list)


class Reader:
    """Reads the rows of a plan ahead of the model, a bounded number of them."""

    def __init__(self, engine: EndToEnd, journal: Journal, settings: Settings, thumbnails: int = 0) -> None:
        """The first `thumbnails` rows get a small picture."""
        self.engine, self.settings = engine, settings
        self._journal, self._thumbnails = journal, thumbnails
        self._recording = lru_cache(maxsize=16)(load_recording)
        self._ready = lru_cache(maxsize=16)(self._make_ready)

    def read(self, threads: int) -> Generator[Prepared, None, None]:
        """Every row, in order. What is wrong with one is its `error`."""
        groups = _groups(self._journal.rows())
        pool = ThreadPoolExecutor(threads, "reader")
        waiting: deque[Future[list[Prepared]]] = deque()
        try:
            for group in groups:
                waiting.append(pool.submit(self._prepare, group))
                if len(waiting) >= AHEAD * threads:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _prepare(self, group: list[Planned]) -> list[Prepared]:
        """Rows about one picture, which is opened only if one of them is to be asked."""
        picture = cache(partial(self._look, group[0]))
        return [self._prepare_one(planned, picture) for planned in group]

    def _prepare_one(self, planned: Planned, picture: Callable[[], tuple[Tensor, bytes | None]]) -> Prepared:
        row, files = planned.row, list[FileHash]()
        if row.fault is not None:
            key = self._key("fault", row.id, row.fault)
            return Prepared(planned.number, key, self._journal.state(key), error=row.fault)
        words: str | Exception | None = row.words or _words_of(row)
        asked = words if isinstance(words, str) else None
        speech = self._hash(row.speech, files) if row.speech else ""
        key = self._key(self._hash(row.picture, files), speech, asked or row.words_file)
        prepared = Prepared(planned.number, key, self._journal.state(key), asked, files=files)
        if prepared.state != "new":
            return prepared
        try:
            if isinstance(words, Exception):
                raise words
            pixels, thumbnail = picture()
            ready = self._ready(row.speech, speech, asked)
            return replace(prepared, pixels=pixels, ready=ready, thumbnail=thumbnail)
        except Exception as error:
            return replace(prepared, error=plain(error))

    def _make_ready(self, speech: str | None, _hash: str, words: str | None) -> Ready:
        """The question of a recording, whose hash tells one from another of its name, and of words."""
        recording: Recording | None = self._recording(Path(speech)) if speech else None
        return make_ready(self.engine, Question(recording, words))

    def _look(self, planned: Planned) -> tuple[Tensor, bytes | None]:
        picture = load_picture(Path(planned.row.picture))
        small = _thumbnail(picture) if planned.number <= self._thumbnails else None
        return look(self.engine, picture), small

    def _hash(self, path: str, files: list[FileHash]) -> str:
        """The hash of what a file holds, added to `files` where it is new; its name where it cannot be read."""
        try:
            status = os.stat(path)  # noqa: PTH116
            known = self._journal.remembered(path, status.st_size, status.st_mtime_ns)
            if known is None:
                known = hash_file(Path(path))
                files.append(FileHash(path, status.st_size, status.st_mtime_ns, known))
            return known.hex()
        except (OSError, ValueError):
            return f"no file {path}"

    def _key(self, *parts: str | None) -> bytes:
        whole = [self.settings.model.hex(), self.settings.speak, *parts]
        return hashlib.sha256(json.dumps(whole).encode()).digest()


def plain(error: Exception) -> str:
    """What went wrong with a row, in one line."""
    if isinstance(error, SviqaError):
        return str(error)
    if isinstance(error, MemoryError):
        return "There is not enough memory for it. Close other programs, or give a smaller picture."
    return " ".join(f"Something went wrong ({type(error).__name__}: {error}).".split())


def hash_file(path: Path) -> bytes:
    """SHA-256 of what a file holds. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def hash_model(folder: Path, speak: bool) -> bytes:
    """What a model holds: configuration, words and weights, and its voice where that matters. Raises SviqaError."""
    whole = hashlib.sha256()
    names = ["config.json", "tokenizer.json", "model.safetensors", *(["voice.safetensors"] if speak else [])]
    for name in names:
        try:
            whole.update(hash_file(folder / name))
        except OSError as error:
            raise SviqaError(f"{folder / name} cannot be read.", "Install the model again.") from error
    return whole.digest()


def _groups(rows: Iterable[Planned]) -> Iterator[list[Planned]]:
    """Rows that follow each other about the same picture, in handy numbers."""
    for _, same in groupby(rows, key=lambda planned: planned.row.picture):
        while group := list(islice(same, MOST_OF_A_PICTURE)):
            yield group


def _words_of(row: Row) -> str | MediaError | None:
    """The words in the row's text file, or what is wrong with it."""
    if row.words_file is None:
        return None
    path = Path(row.words_file)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_WORDS_BYTES + 1)
        words = content.decode("utf-8-sig").strip()
    except (OSError, ValueError):  # ValueError: other bytes than text's, or a name with a zero byte
        return MediaError(f"The question {path.name} cannot be read.", "Save it as UTF-8 text.")
    if len(content) > MAX_WORDS_BYTES:
        return MediaError(f"The question {path.name} is too long.", "Ask in fewer words.")
    return words or MediaError(f"The question {path.name} is empty.", "Write the question into it.")


def _thumbnail(picture: Image) -> bytes:
    small = picture.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    content = io.BytesIO()
    small.save(content, "JPEG", quality=70)
    return content.getvalue()
