"""How fast a batch is beside asking one by one, whether it answers alike, and what memory it takes.

    python -m tests.bench.batch [--pictures 1000] [--rows 1000 100000] [--pairs 100000]

Draws the pictures and speaks three questions about each, as training does, but from seeds it never saw. Seconds are
those of the clock and, beside them, of the processor, which tell more on a machine that others use as well.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

HELD_OUT = 900_000_000
QUESTIONS = 3


def draw(folder: Path, pictures: int) -> None:
    """Pictures and, for each, three spoken questions."""
    from sviqa_app.media.audio import write_wav
    from sviqa_app.training.questions import ask
    from sviqa_app.training.scenes import draw as draw_scene
    from sviqa_app.training.scenes import sample_scene
    from sviqa_app.training.voices import RATE, sample_voice, speak

    folder.mkdir(parents=True, exist_ok=True)
    for number in range(pictures):
        rng = np.random.default_rng(HELD_OUT + number)
        scene = sample_scene(rng)
        draw_scene(scene, rng).save(folder / f"scene{number:06}.png")
        for n in range(1, QUESTIONS + 1):
            spoken = speak(ask(scene, rng, "held-out").text, sample_voice(rng, held_out=True))
            write_wav(folder / f"scene{number:06}.q{n}.wav", spoken.samples.astype(np.float32) / 32768, RATE)


def one_by_one(model: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Each question's name and answer, as `sviqa ask --mute` gives it, in a process that is warm."""
    from sviqa_app.batch.pairing import pair_folder
    from sviqa_app.batch.rows import Given, Row
    from sviqa_app.checkpoints.native import find_model
    from sviqa_app.engine.end_to_end import EndToEnd
    from sviqa_app.engine.worker_process import warm
    from sviqa_app.media.audio import load_recording
    from sviqa_app.media.image import load_picture
    from sviqa_app.turn import Done, Question

    engine = EndToEnd.load(find_model(model))
    warm(engine)
    with _timed("one by one"):
        for row in pair_folder(folder, Given()):
            assert isinstance(row, Row) and row.speech is not None
            talk = engine.load_picture(load_picture(Path(row.picture)))
            *_, done = talk.answer(Question(load_recording(Path(row.speech))), speak=False)
            assert isinstance(done, Done)
            yield row.id, done.text


def in_a_batch(model: str, folder: Path, out: Path) -> dict[str, str]:
    """Each question's name and answer, from a batch in a process that is warm; its tables are timed by themselves."""
    from sviqa_app.batch.journal import FILE, Journal
    from sviqa_app.batch.page import ROWS
    from sviqa_app.batch.pairing import pair_folder
    from sviqa_app.batch.progress import Control
    from sviqa_app.batch.reading import Reader, Settings, Work
    from sviqa_app.batch.report import write_report
    from sviqa_app.batch.rows import Given
    from sviqa_app.batch.runner import run, share_cores
    from sviqa_app.checkpoints.native import find_model
    from sviqa_app.engine.end_to_end import EndToEnd
    from sviqa_app.engine.worker_process import warm

    out.mkdir(parents=True)
    engine = EndToEnd.load(find_model(model))
    warm(engine)
    with closing(Journal(out / FILE)) as journal:
        with _timed("batch"):
            journal.plan(pair_folder(folder, Given()))
            work = Work(Reader(journal, Settings(b"bench", speak=False)), journal, out, ROWS)
            run(work, engine, Control(), lambda progress: None, lanes=share_cores())
        for name in ("csv", "html"):
            with _timed(f"table of {name}"):
                write_report(journal, out, (name,), model, out)
        return {line.row.id: line.result.answer or "" for line in journal.lines() if line.result is not None}


class _timed:  # noqa: N801
    """Prints how long the block took, and keeps it."""

    taken: dict[str, tuple[float, float]] = {}  # noqa: RUF012

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        self._clock, self._processor = perf_counter(), process_time()

    def __exit__(self, *_: object) -> None:
        clock, processor = perf_counter() - self._clock, process_time() - self._processor
        self.taken[self._what] = clock, processor
        print(f"{self._what}: {clock:.2f} s, {processor:.2f} s of the processor", flush=True)


def compare(model: str, pictures: int) -> None:
    """Speed and equality."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "in"
        draw(folder, pictures)
        alone = dict(one_by_one(model, folder))
        together = in_a_batch(model, folder, Path(place) / "out")
        equal = sum(together.get(id) == answer for id, answer in alone.items())
        clock, processor = (a / b for a, b in zip(_timed.taken["one by one"], _timed.taken["batch"], strict=True))
        print(f"{len(alone)} rows, {equal} answered alike ({equal / len(alone):.2%})")
        print(f"{clock:.2f} times as fast by the clock, {processor:.2f} times by the processor")


def memory(rows: int) -> None:
    """The most memory that a batch of so many rows takes, of a few pictures asked many different things, in MB."""
    from PIL import Image

    from sviqa_app.batch.command import BatchOptions, run_batch
    from sviqa_app.batch.progress import Control

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for n in range(10):
            Image.new("RGB", (64, 64), (25 * n, 0, 0)).save(folder / f"{n}.png")
        with (folder / "list.csv").open("w", encoding="utf-8") as file:
            file.write("image,question\n")
            file.writelines(f"{n // 100 % 10}.png,is there a dog {n}\n" for n in range(rows))
        options = BatchOptions(folder / "out", manifest=folder / "list.csv", formats=("csv", "html"))
        run_batch(options, Control(), lambda progress: None, lambda preview: None)
    print(f"{rows} rows: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most", flush=True)


def pairing(files: int) -> None:
    """Seconds that the pairing and the preview of so many files take, half of them pictures."""
    from sviqa_app.batch.command import BatchOptions, preview

    with tempfile.TemporaryDirectory() as place:
        for n in range(files // 2):
            folder = Path(place) / f"{n // 5000}"
            folder.mkdir(exist_ok=True)
            (folder / f"{n:06}.jpg").touch()
            (folder / f"{n:06}.wav").touch()
        with _timed(f"pairing of {files} files"):
            journal, found = preview(BatchOptions(Path(place) / "out", Path(place)))
        print("\n".join(found.lines()))
        journal.close()


def main() -> None:
    """All that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="sviqa-tiny")
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--rows", type=int, nargs="*", default=[], help="sizes of which the memory is measured")
    parser.add_argument("--pairs", type=int, help="of so many files the pairing is timed")
    parser.add_argument("--memory", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.memory:
        memory(asked.memory)
        return
    if asked.pictures:
        compare(asked.model, asked.pictures)
    if asked.pairs:
        pairing(asked.pairs)
    for rows in asked.rows:  # each in a process of its own
        subprocess.run([sys.executable, "-m", "tests.bench.batch", "--memory", str(rows)], check=True)


if __name__ == "__main__":
    main()
