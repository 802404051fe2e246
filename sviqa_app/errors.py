"""Everything that can go wrong, as one tree.

SviqaError                  what happened and what to do next, in one plain line
├── MediaError              something that came in through the door
│   ├── PictureError        a picture that cannot be read
│   └── RecordingError      a recording that cannot be read
├── ModelError              a model folder that is missing, broken or of another shape
├── DeviceError             a loudspeaker or microphone that is missing or refuses
├── OutputError             a result that cannot be written
├── EngineError             an answer that could not be computed
└── TrainingError           a training run that cannot start or go on
"""

from __future__ import annotations


class SviqaError(Exception):
    """A failure the person can understand: `what` happened, and what to do `next`.

    `str()` gives both on one line.
    """

    def __init__(self, what: str, next: str = "") -> None:
        self.what = " ".join(what.split())
        self.next = " ".join(next.split())
        super().__init__(f"{self.what} {self.next}".strip())


class MediaError(SviqaError):
    """Something that came in through the door cannot be used."""


class PictureError(MediaError):
    """A picture that cannot be read."""


class RecordingError(MediaError):
    """A recording that cannot be read."""


class ModelError(SviqaError):
    """A model folder that is missing, broken or of another shape."""


class DeviceError(SviqaError):
    """A loudspeaker or microphone that is missing or refuses."""


class OutputError(SviqaError):
    """A result that cannot be written."""


class EngineError(SviqaError):
    """An answer that could not be computed."""


class TrainingError(SviqaError):
    """A training run that cannot start or go on."""
