"""Pictures and questions in a folder, and a batch over them with the toy engine."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from sviqa_app.batch.journal import FILE, Journal, Line
from sviqa_app.batch.pairing import pair_folder
from sviqa_app.batch.progress import Control, Progress, Tell
from sviqa_app.batch.reading import Reader, Settings, Work
from sviqa_app.batch.rows import Given
from sviqa_app.batch.runner import run
from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.media.audio import write_wav

from ..toy import silence, speech

COLOURS = ("red", "blue", "white", "black", "green", "gray", "brown", "pink")


def lay_out(folder: Path, pictures: int = 4) -> Path:
    """So many pictures, each with a spoken, a typed and a silent question; every third row has a broken file."""
    folder.mkdir(exist_ok=True)
    for n in range(pictures):
        Image.new("RGB", (40, 30), COLOURS[n % len(COLOURS)]).save(folder / f"p{n}.png")
        write_wav(folder / f"p{n}.q1.wav", speech(0.5 + 0.2 * n, seed=n).samples, 16_000)
        (folder / f"p{n}.q2.txt").write_text(f"how many {COLOURS[n % 8]} dogs are there", encoding="utf-8")
        write_wav(folder / f"p{n}.q3.wav", silence(0.5).samples, 16_000)
    return folder


class Batch:
    """A batch over a folder, its journal open."""

    def __init__(
        self,
        engine: EndToEnd,
        folder: Path,
        out: Path,
        speak: bool = False,
        model: bytes = b"toy",
        lanes: int = 1,
    ) -> None:
        out.mkdir(exist_ok=True)
        self.engine, self.lanes = engine, lanes
        self.out, self.told = out, list[Progress]()
        self.control = Control()
        self.journal = Journal(out / FILE)
        self.journal.plan(pair_folder(folder, Given(), out))
        self.work = Work(Reader(self.journal, Settings(model, speak)), self.journal, out, thumbnails=100)

    def run(self, tell: Tell | None = None) -> Progress:
        return run(self.work, self.engine, self.control, tell or self.told.append, lanes=self.lanes)

    def lines(self) -> list[Line]:
        return list(self.journal.lines())

    def answers(self) -> list[str | None]:
        """Of each row: the answer, or the error, or None."""
        return [line.result and (line.result.answer or line.result.error) for line in self.lines()]

    def close(self) -> None:
        self.journal.close()
