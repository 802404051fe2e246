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
    """What was said, the file it is in, and what went wrong on the way, if anything did."""

    recording: Recording
    path: Path
    trouble: SviqaError | None


class Talking:
    """The microphone between key down and key up."""

    def __init__(self, microphone: Microphone) -> None:
        self._microphone = microphone
        self._file: TakeFile | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="end of a take")
        self._ending: Future[Take] | None = None

    @property
    def recording(self) -> bool:
        """Whether the key is down."""
        return self._file is not None

    @property
    def full(self) -> bool:
        """Whether the question is as long as one can be."""
        return self.recording and self._microphone.full

    @property
    def failed(self) -> bool:
        """Whether the microphone stopped working in the middle of the question."""
        return self.recording and self._microphone.failed is not None

    def begin(self, path: Path, lead: float = LEAD) -> None:
        """Record, into the file `path` as well, from `lead` seconds ago on.

        Raises DeviceError without a microphone, OutputError on a full disk.
        """
        if self._ending is not None:
            self._ending.result()  # the last syllable of the question before; 0.1 s at most
        file = TakeFile(path)
        try:
            self._microphone.begin(on_take=file.write, lead=lead)
        except DeviceError:
            file.close()
            path.unlink(missing_ok=True)
            raise
        self._file = file

    def end(self) -> Future[Take]:
        """The key is up. What was said comes within 0.1 s, for its last syllable is still on its way."""
        file, self._file = self._file, None
        assert file is not None
        self._ending = self._thread.submit(self._complete, file)
        return self._ending

    def _complete(self, file: TakeFile) -> Take:
        trouble: SviqaError | None = self._microphone.failed
        said = self._microphone.end()
        try:
            file.close()
        except OutputError as error:
            trouble = error
        return Take(said, file.path, trouble)
