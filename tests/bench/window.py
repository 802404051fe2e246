"""How fast the window is, with a real screen, microphone and loudspeaker: `python -m tests.bench.window [--json]`.

Times are taken from outside: keys are pressed by xdotool, whose own start is counted, sound is what the loudspeaker's
monitor hears, to 10 ms. Earcons are off, for they would be heard before the answer. Takes a quarter of an hour.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

from sviqa_app.media.audio import RATE, load_recording, write_wav
from sviqa_app.turn import Samples
from tests.stories.conftest import Tape, private_sound, taping
from tests.stories.screen import Desk, desk, wait_for

from .samples import PICTURE, QUESTIONS

LOUD = 0.005
"""Amplitude above which the loudspeaker sounds."""


@dataclass(frozen=True)
class Figure:
    """One row: what was measured, how it came out, and what it must and should be."""

    name: str
    measured: str
    must: str
    aim: str


class Bench:
    """The app on a desk of its own, and what was measured of it."""

    def __init__(self, place: Desk, folder: Path) -> None:
        self.place, self.folder = place, folder
        self.figures: list[Figure] = []
        self._log = folder / "log"

    def start(self, *more: str) -> None:
        """The app, watched."""
        self._log.unlink(missing_ok=True)
        self.place.start("tests.bench.watched", str(self._log), *more)

    def noted(self, what: str) -> list[dict[str, Any]]:
        """The lines of the log of one kind."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [line for line in map(json.loads, lines) if line["what"] == what]

    def add(self, name: str, measured: str, must: str, aim: str) -> None:
        """A row, said as soon as it is known."""
        self.figures.append(Figure(name, measured, must, aim))
        print(f"{name}: {measured}", file=sys.stderr, flush=True)


def measure_start(bench: Bench, times: int = 5) -> None:
    """From the command to the window, and to the model's being ready. The best of a few starts."""
    shown, ready = [], []
    for _ in range(times):
        began = time.monotonic()
        bench.start()
        shown.append(time.monotonic() - began)
        wait_for(lambda: bench.noted("ready"), "the model")
        ready.append(bench.noted("ready")[0]["time"] - began)
        bench.place.quit()
    bench.add("command to visible window", f"{min(shown):.2f} s (worst of {times}: {max(shown):.2f})", "1.5 s", "0.6 s")
    bench.add("model loaded", f"{min(ready):.2f} s (worst of {times}: {max(ready):.2f})", "6 s", "3 s")


def show_picture(bench: Bench) -> None:
    """Paste the sample picture, once the model is there."""
    wait_for(lambda: bench.noted("ready"), "the model")
    bench.place.copy(str(PICTURE))
    bench.place.press("ctrl+v")
    time.sleep(2)


def ask(bench: Bench, question: Path) -> float:
    """Hold, speak, let go. Gives the moment of letting go."""
    bench.place.hold("space")
    time.sleep(0.1)
    subprocess.run(["paplay", "--device=mic_feed", str(question)], check=True)
    let_go = time.monotonic()
    bench.place.let_go("space")
    return let_go


def sounds(tape: Tape, since: float) -> tuple[float, float] | None:
    """The first and the last moment since then at which the loudspeaker sounded."""
    loud = np.flatnonzero(np.abs(tape.recording.samples) > LOUD)
    moments = [moment for moment in map(tape.arrived, map(int, loud[:: tape.rate // 1000])) if moment >= since]
    return (moments[0], tape.arrived(int(loud[-1]))) if moments else None


def measure_answers(bench: Bench, questions: int) -> None:
    """From letting go of the key to the first voiced sample at the loudspeaker."""
    waited = []
    for n in range(questions):
        with taping() as tape:
            let_go = ask(bench, QUESTIONS[n % len(QUESTIONS)])
            first, _ = wait_for(lambda tape=tape, since=let_go: sounds(tape, since), "an answer")
            waited.append(first - let_go)
            wait_for(lambda: bench.noted("state")[-1]["state"] == "READY", "its end")
    p50, p95 = np.quantile(waited, (0.5, 0.95)) * 1000
    name = f"key released to first sound at the loudspeaker, p50 / p95, {questions} questions"
    bench.add(name, f"{p50:.0f} / {p95:.0f} ms", "600 / 1000 ms", "250 / 400 ms")


def measure_barging_in(bench: Bench, times: int) -> None:
    """From pressing the key in the middle of an answer to silence."""
    waited = []
    for _ in range(times):
        with taping() as tape:
            let_go = ask(bench, QUESTIONS[0])
            wait_for(lambda tape=tape, since=let_go: sounds(tape, since), "an answer")
            time.sleep(0.1)
            pressed = time.monotonic()
            bench.place.hold("space")
            time.sleep(0.6)
            found = sounds(tape, let_go)
            assert found is not None
            waited.append(max(0.0, found[1] - pressed))
            bench.place.let_go("space")
        time.sleep(0.3)
    p50, p95 = np.quantile(waited, (0.5, 0.95)) * 1000
    name = f"key pressed to silence, p95, {times} times"
    bench.add(name, f"{p95:.0f} ms (p50 {p50:.0f})", "150 ms", "60 ms")


def measure_first_syllable(bench: Bench, trials: int) -> None:
    """Whether what is spoken in the moment the key goes down is in the recording."""
    speech = endless(trials)
    path = bench.folder / "speech.wav"
    write_wav(path, speech, RATE)
    before = set((bench.place.home / ".local/share/sviqa/sounds").glob("question-*.wav"))
    with taping("mic_feed.monitor", RATE) as tape:
        player = subprocess.Popen(["paplay", "--device=mic_feed", str(path)])
        time.sleep(1)
        pressed = []
        for _ in range(trials):
            pressed.append(time.monotonic())
            bench.place.hold("space")
            time.sleep(0.7)
            bench.place.let_go("space")
            time.sleep(0.5)
        player.terminate()
        player.wait()
    takes = sorted(
        set((bench.place.home / ".local/share/sviqa/sounds").glob("question-*.wav")) - before,
        key=lambda path: int(path.stem.rpartition("-")[2]),
    )
    late = [begin(tape, take) - moment for take, moment in zip(takes, pressed, strict=True)]
    whole = sum(seconds <= 0 for seconds in late)
    bench.add(
        "first 50 ms after the key goes down recorded",
        f"{whole} of {trials} (begins {-1000 * max(late):.0f} to {-1000 * min(late):.0f} ms before)",
        f"all of {trials}",
        "",
    )


def endless(trials: int) -> Samples:
    """Speech without a pause, as long as that many trials take."""
    parts = [load_recording(path).samples for path in QUESTIONS]
    spoken = np.concatenate([part[np.abs(part) > 0.01] for part in parts])
    random = np.random.default_rng(0)
    length = round((3 + 1.5 * trials) * RATE)
    starts = random.integers(0, len(spoken) - 800, length // 800 + 1)
    return np.concatenate([spoken[start : start + 800] for start in starts])[:length].astype(np.float32)


def begin(tape: Tape, take: Path) -> float:
    """The moment at which the first sample of a take was heard."""
    said, _ = soundfile.read(take, dtype="float32")
    heard = tape.recording.samples
    size = len(heard) + len(said)
    likeness = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(said, size)), size)
    return tape.arrived(int(np.argmax(likeness[: len(heard)])))


def measure_memory(bench: Bench, questions: int) -> None:
    """How much the window and the worker grow in a long session, from the 100th question on."""
    bench.start(str(questions))
    assert bench.place.app is not None
    bench.place.app.communicate(timeout=7200)
    looks = [look for look in bench.noted("memory") if look["questions"] >= 100]
    for who in ("window", "worker"):
        first, last = looks[0][who], looks[-1][who]
        grown = f"{100 * (last / first - 1):+.1f} % ({first / 1e6:.0f} to {last / 1e6:.0f} MB)"
        bench.add(f"memory of the {who}, question 100 to {questions}", grown, "+5 %", "+1 %")


def measure(bench: Bench, options: argparse.Namespace) -> None:
    """Everything, in turn."""
    measure_start(bench)
    bench.start()
    show_picture(bench)
    measure_answers(bench, options.questions)
    measure_barging_in(bench, options.trials)
    measure_first_syllable(bench, options.trials)
    bench.place.quit()
    stall = 1000 * bench.noted("stall")[0]["seconds"]
    bench.add("longest stall of the event loop during an answer", f"{stall:.0f} ms", "50 ms", "16 ms")
    measure_memory(bench, options.long)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--long", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with private_sound() as server, TemporaryDirectory() as folder, desk(server.env) as place:
        os.environ.update(server.env)
        place.set(earcons=False)
        bench = Bench(place, Path(folder))
        measure(bench, options)
    show(bench.figures, options.json)


def show(figures: list[Figure], as_json: bool) -> None:
    """Print the figures, as a table or as JSON."""
    if as_json:
        print(json.dumps([vars(figure) for figure in figures]))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("", "measured", "must", "aim")
    for figure in figures:
        table.add_row(figure.name, figure.measured, figure.must, figure.aim)
    Console().print(table)


if __name__ == "__main__":
    main()
