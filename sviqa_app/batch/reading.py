"""What the files of the rows hold: their hashes, by which results are found again, and the words of the questions.

Rows are read in threads of their own, a bounded number of them ahead of whoever asks.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

from ..checkpoints.native import find_voice, read_config
from ..errors import MediaError, SviqaError
from .journal import FileHash, Journal, Planned, State
from .rows import Row

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from ..engine.many import Ready
    from ..turn import Question

AHEAD = 4  # groups that wait, ready, for the model, for each thread that reads
MOST_OF_A_PICTURE = 16  # questions about one picture that go together
MAX_WORDS_BYTES = 100_000


@dataclass(frozen=True)
class Settings:
    """What an answer depends on beside the picture and the question: the model, by its hash, and the way to answer."""

    model: bytes
    speak: bool

    @property
    def hash(self) -> bytes:
        """Different for different settings."""
        return self.model + bytes([self.speak])


@dataclass(frozen=True)
class Prepared:
    """A row whose files were read. `asked` are its words; an `error` says why it cannot be asked.

    `pixels` and `ready` are for the model, and there only once what is to be asked was opened.
    """

    number: int
    key: bytes
    state: State = "new"
    picture: str = ""
    speech: str | None = None
    speech_hash: str = ""
    asked: str | None = None
    pixels: Tensor | Image | None = None
    ready: Ready | Question | None = None
    error: str | None = None
    thumbnail: bytes | None = None
    files: list[FileHash] = field(default_factory=list)

    @property
    def asks(self) -> bool:
        """Whether it is to be asked, as far as is known."""
        return self.state == "new" and self.error is None

    def closed(self) -> Prepared:
        """The same without what is for the model."""
        return replace(self, pixels=None, ready=None)


Open = Callable[[Sequence[Prepared]], Sequence[Prepared]]


class Reader:
    """Reads the rows of a plan ahead of whoever asks, a bounded number of them."""

    def __init__(self, journal: Journal, settings: Settings) -> None:
        self.settings = settings
        self._journal = journal

    def read(self, threads: int, open: Open = tuple) -> Generator[Prepared, None, None]:
        """Every row, in order, as `open` leaves it. What is wrong with one is its `error`."""
        groups = _groups(self._journal.rows())
        pool = ThreadPoolExecutor(threads, "reader")
        waiting: deque[Future[Sequence[Prepared]]] = deque()
        try:
            for group in groups:
                waiting.append(pool.submit(self._prepare, group, open))
                if len(waiting) >= AHEAD * threads:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _prepare(self, group: list[Planned], open: Open) -> Sequence[Prepared]:
        return open([self._prepare_one(planned.number, planned.row) for planned in group])

    def _prepare_one(self, number: int, row: Row) -> Prepared:
        if row.fault is not None:
            key = self._key("fault", row.id, row.fault)
            return Prepared(number, key, self._journal.state(key), error=row.fault)
        files = list[FileHash]()
        words = row.words or _words_of(row)
        asked = words if isinstance(words, str) else None
        error = plain(words) if isinstance(words, Exception) else None
        speech = self._hash(row.speech, files) if row.speech else ""
        key = self._key(self._hash(row.picture, files), speech, asked or row.words_file)
        state = self._journal.state(key)
        return Prepared(number, key, state, row.picture, row.speech, speech, asked, error=error, files=files)

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


@dataclass(frozen=True)
class Work:
    """What a runner works on. Spoken answers go to the folder `sounds`; so many first rows get `thumbnails`."""

    reader: Reader
    journal: Journal
    sounds: Path
    thumbnails: int = 0


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
    files = [folder / name for name in ("config.json", "tokenizer.json", "model.safetensors")]
    if speak:
        voice = find_voice(folder, read_config(folder).voice)
        files += [voice / "config.json", *sorted(voice.glob("*.safetensors"))]
    for file in files:
        try:
            whole.update(hash_file(file))
        except OSError as error:
            raise SviqaError(f"{file} cannot be read.", "Install the model again.") from error
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
