"""Lists of any length read bit by bit: JSON arrays, JSON lines, CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, Any

from ..errors import SviqaError

CHUNK = 1 << 16
MAX_VALUE = 1 << 24
"""Characters that one value may have."""

_SAVE = "Save it as UTF-8."
_NUMBER = "0123456789.eE+-"  # what a number may go on with


class ManifestError(SviqaError):
    """A list of questions that cannot be read."""


def open_text(path: Path) -> IO[str]:
    """A text file, UTF-8 or as its byte order mark says, line ends as they are. Raises ManifestError."""
    try:
        with path.open("rb") as file:
            head = file.read(2)
        encoding = "utf-16" if head in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        return path.open(encoding=encoding, newline="")
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        raise ManifestError(f"The list {path} cannot be read.", "Check the name, and that you may read it.") from error


def json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """(line number, value) of each line that is not empty; the value is a ValueError where it is not JSON."""
    with open_text(path) as file:
        number = 0
        while line := _read(path, file, MAX_VALUE):
            number += 1
            if len(line) == MAX_VALUE:
                raise ManifestError(f"Line {number} of {path} is too long.", "Give one question a line.")
            if line.strip():
                yield number, _parsed(line)


def csv_rows(path: Path) -> Iterator[tuple[int, list[str] | ValueError]]:
    """(line number, cells) of each line that is not empty; separated by comma, semicolon, tab or bar."""
    with open_text(path) as file:
        try:
            head = file.readline(CHUNK)
            file.seek(0)
        except UnicodeError as error:
            raise ManifestError(f"The list {path} is not UTF-8 text.", _SAVE) from error
        reader = csv.reader(file, delimiter=max(",;\t|", key=head.count))
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except UnicodeError as error:
                raise ManifestError(f"The list {path} is not UTF-8 text.", _SAVE) from error
            except csv.Error as error:
                yield reader.line_num, ValueError(str(error))
                continue
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells


def json_array(path: Path, key: str) -> Generator[tuple[int, Any], None, None]:
    """(number from 1, value) of each value of an array: the file's own, or the one under `key` of its object.

    Raises ManifestError where there is no such array, or the file is broken; what came before was given.
    """
    with open_text(path) as file:
        stream = _Json(path, file)
        if stream.take() == "{":
            stream.enter(key)
        number = 0
        while not stream.skip("]"):
            number += 1
            yield number, stream.value()
            if not stream.skip(","):
                stream.expect("]")
                return


class _Json:
    """A JSON file of which only the part at hand is in memory."""

    def __init__(self, path: Path, file: IO[str]) -> None:
        self._path, self._file = path, file
        self._text, self._at, self._ended = "", 0, False
        self._decode = json.JSONDecoder().raw_decode

    def take(self) -> str:
        """The next mark, which must open an object or an array."""
        for mark in "{[":
            if self.skip(mark):
                return mark
        raise self._broken()

    def enter(self, key: str) -> None:
        """Goes on to inside the array under `key` of the object that was opened."""
        while isinstance(name := self.value(), str):
            self.expect(":")
            if name == key:
                self.expect("[")
                return
            self.value()
            self.expect(",")
        raise self._broken()

    def value(self) -> Any:
        """The next value, whole."""
        self._to_mark()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
                if (
                    self._ended or self._text[end : end + 1] not in _NUMBER
                ):  # a number may go on in what is not read yet
                    self._at = end
                    return value
            except (ValueError, RecursionError) as error:
                if self._ended or isinstance(error, RecursionError):
                    raise self._broken() from error
            self._grow()

    def expect(self, mark: str) -> None:
        """Goes past a mark that must come."""
        if not self.skip(mark):
            raise self._broken()

    def skip(self, mark: str) -> bool:
        """Goes past a mark, if it comes next."""
        self._to_mark()
        found = self._text[self._at : self._at + 1] == mark
        self._at += found
        return found

    def _to_mark(self) -> None:
        while True:
            rest = self._text[self._at : self._at + 1]
            if rest and rest not in " \t\r\n":
                return
            if rest:
                self._at += 1
            elif self._ended:
                return
            else:
                self._grow()

    def _grow(self) -> None:
        """Reads at least as much again as is in hand, so that long values cost no more than twice."""
        self._text, self._at = self._text[self._at :], 0
        if len(self._text) > MAX_VALUE:
            raise self._broken()
        more = _read_some(self._path, self._file, max(CHUNK, len(self._text)))
        self._ended = not more
        self._text += more

    def _broken(self) -> ManifestError:
        return ManifestError(f"The list {self._path} is not the JSON it should be, or it is cut off.", "Get it again.")


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        return ValueError(str(error))


def _read(path: Path, file: IO[str], most: int) -> str:
    try:
        return file.readline(most)
    except UnicodeError as error:
        raise ManifestError(f"The list {path} is not UTF-8 text.", _SAVE) from error


def _read_some(path: Path, file: IO[str], most: int) -> str:
    try:
        return file.read(most)
    except UnicodeError as error:
        raise ManifestError(f"The list {path} is not UTF-8 text.", _SAVE) from error
