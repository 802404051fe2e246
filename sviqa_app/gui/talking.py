"""One spoken question: recorded, and written to disk while it is spoken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import DeviceError, OutputError, SviqaError
from ..media.microphone import Microphone
from ..media.take_file import TakeFile
from ..turn import Recording


@dataclass(frozen=True)
class Take:
    """What was said, the file it is in, and what went wrong on the way, if anything did."""

    recording: Recording
    path: Path
    trouble: SviqaError | None


class Talking:
    """The microphone between key down and key up."""

    def __init__(self, microphone: Microphone) -> None:
        self._microphone = microphone
        self._file: TakeFile | None = None

    @property
    def recording(self) -> bool:
        """Whether the key is down."""
        return self._file is not None

    @property
    def full(self) -> bool:
        """Whether the question is as long as one can be."""
        return self._microphone.full

    @property
    def level(self) -> float:
        """How loud it is, in dBFS."""
        return self._microphone.level()

    def begin(self, path: Path) -> None:
        """Record, into the file `path` as well. Raises DeviceError without a microphone, OutputError on a full disk."""
        file = TakeFile(path)
        try:
            self._microphone.begin(on_take=file.write)
        except DeviceError:
            file.close()
            path.unlink(missing_ok=True)
            raise
        self._file = file

    def end(self) -> Take:
        """Stop, and give what was said."""
        file, self._file = self._file, None
        assert file is not None
        trouble: SviqaError | None = self._microphone.failed
        said = self._microphone.end()
        try:
            file.close()
        except OutputError as error:
            trouble = error
        return Take(said, file.path, trouble)
