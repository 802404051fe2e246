"""One spoken question: recorded, and written to disk while it is spoken."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..errors import DeviceError, OutputError, SviqaError
from ..media.microphone import LEAD, Microphone
from ..media.take_file import TakeFile
from ..turn import Recording


@dataclass(frozen=True)
class Take:
    """What was said, the file it is in (None where it could not be kept), and what went wrong, if anything did."""

    recording: Recording
    path: Path | None
    trouble: SviqaError | None


class Talking:
    """The microphone between key down and key up."""

    def __init__(self, microphone: Microphone) -> None:
        self._microphone = microphone
        self._recording = False
        self._file: TakeFile | None = None
        self._trouble: OutputError | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="end of a take")
        self._ending: Future[Take] | None = None

    @property
    def recording(self) -> bool:
        """Whether the key is down."""
        return self._recording

    @property
    def full(self) -> bool:
        """Whether the question is as long as one can be."""
        return self.recording and self._microphone.full

    @property
    def failed(self) -> bool:
        """Whether the microphone stopped working in the middle of the question."""
        return self.recording and self._microphone.failed is not None

    def begin(self, path: Path, lead: float = LEAD) -> None:
        """Record, into the file `path` as well, from `lead` seconds ago on. Raises DeviceError without a microphone.

        Where the file cannot be made, the question can be asked all the same, and the take says so.
        """
        if self._ending is not None:
            self._ending.result()  # the last syllable of the question before; 0.1 s at most
        self._file, self._trouble = None, None
        try:
            self._file = TakeFile(path)
        except OutputError as error:
            self._trouble = error
        try:
            self._microphone.begin(on_take=None if self._file is None else self._file.write, lead=lead)
        except DeviceError:
            if self._file is not None:
                self._file.close()
                path.unlink(missing_ok=True)
            raise
        self._recording = True

    def end(self) -> Future[Take]:
        """The key is up. What was said comes within 0.1 s, for its last syllable is still on its way."""
        assert self._recording
        self._recording = False
        self._ending = self._thread.submit(self._complete, self._file, self._trouble)
        return self._ending

    def _complete(self, file: TakeFile | None, trouble: SviqaError | None) -> Take:
        trouble = trouble or self._microphone.failed
        said = self._microphone.end()
        try:
            if file is not None:
                file.close()
        except OutputError as error:
            file, trouble = None, error
        return Take(said, None if file is None else file.path, trouble)
