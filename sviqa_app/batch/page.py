"""The report as one HTML page that needs nothing beside it: pictures, sounds, styles and script are in it."""

from __future__ import annotations

import io
import re
from base64 import b64encode
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from html import escape
from importlib.resources import files
from itertools import count, islice
from pathlib import Path

import soundfile

from ..errors import SviqaError
from ..files import replacing
from ..media.audio import load_recording
from .journal import Line
from .table import cells, score

ROWS = 5000
"""So many rows a page shows; a browser becomes slow with more, and the tables have them all."""

_AT_ONCE = 200
_BEST = 0.99  # the strongest compression


def write_page(path: Path, lines: Iterable[Line], title: str, summary: list[str], sounds: Path) -> None:
    """The first `ROWS` lines as a page headed by `title` and `summary`. Raises OutputError.

    The sounds of some rows stand behind them as text that a browser does not look into before one is played.
    """
    template = files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    head, foot = template.split("{{rows}}")
    first = islice(lines, ROWS)
    shown = list(islice(first, _AT_ONCE))
    told = any(line.row.answers for line in shown)
    with replacing(path) as temp, temp.open("w", encoding="utf-8") as file, ThreadPoolExecutor() as pool:
        file.write(_filled(head, title, summary, told))
        for block in count():
            if not shown:
                break
            spoken = list(pool.map(partial(_spoken, sounds), shown))
            both = zip(shown, spoken, strict=True)
            file.writelines(_row(place, line, told, block, sound) for place, (line, sound) in enumerate(both))
            text = "\n".join(sound for pair in spoken for sound in pair)
            file.write(f'<script type="text/plain" id="sounds{block}">{text}</script>\n')
            shown = list(islice(first, _AT_ONCE))
        file.write(foot)


def _filled(head: str, title: str, summary: list[str], told: bool) -> str:
    truth = '<th role="columnheader"><button type="button">Right answers</button></th>\n' if told else ""
    values = {"title": escape(title), "summary": "".join(f"<p>{escape(line)}</p>\n" for line in summary)}
    values["truth_head"] = truth + truth.replace("Right answers", "Accuracy")
    values["truth_columns"] = "1fr 8.5rem " if told else ""
    return re.sub(r"\{\{(\w+)\}\}", lambda mark: values[mark[1]], head)


def _row(place: int, line: Line, told: bool, block: int, spoken: tuple[str, str]) -> str:
    """The line at a place of a block, where its sounds, of the question and of the answer, have two places."""
    cell, result = cells(line), line.result
    state = "waiting" if result is None else "failed" if cell["error"] else "answered"
    question, answer = (
        f'<p><button type="button" class="play" aria-label="Play {what} {line.number}" data-sound="{block} {at}">'
        "Play</button></p>"
        if sound
        else ""
        for at, what, sound in zip((2 * place, 2 * place + 1), ("question", "answer"), spoken, strict=True)
    )
    columns = [
        f'<th role="rowheader" data-value="{line.number}">{line.number}</th>',
        _cell(_picture(line)),
        _cell(_question(line) + question),
        _cell(_text(cell["answer"]) + answer),
        _number(result.confidence if result else None, "{:.0%}"),
        _number(result.seconds if result else None, "{:.2f}"),
        *([_cell(_text(cell["truth"])), _number(score(line), "{:.2f}")] if told else []),
        _cell(_text(cell["error"]), ' class="error"'),
    ]
    return f'<tr role="row" data-state="{state}">{"".join(columns)}</tr>\n'


def _cell(content: str, more: str = "") -> str:
    return f'<td role="cell"{more}>{content}</td>'


def _picture(line: Line) -> str:
    name = escape(Path(line.row.picture).name)
    if line.thumbnail is None:
        return f"<p>{name}</p>"
    source = f"data:image/jpeg;base64,{b64encode(line.thumbnail).decode()}"
    return f'<img src="{source}" alt="" decoding="async" width="96" height="96"><p class="faint">{name}</p>'


def _question(line: Line) -> str:
    """The words, and what was heard."""
    cell, parts = cells(line), []
    if cell["question"]:
        parts.append(f"<p>{_text(cell['question'])}</p>")
    if cell["heard"] and cell["heard"] != cell["question"]:
        parts.append(f'<p><span class="faint">heard: </span>{_text(cell["heard"])}</p>')
    return "".join(parts)


def _spoken(sounds: Path, line: Line) -> tuple[str, str]:
    """The recording of the question and that of the answer, MP3 in Base64; "" for what there is none of."""
    answer = line.result.sound if line.result else None
    return _encoded(Path(line.row.speech) if line.row.speech else None), _encoded(sounds / answer if answer else None)


def _encoded(recording: Path | None) -> str:
    """Nothing where the sound cannot be read any more."""
    try:
        return b64encode(mp3(recording)).decode() if recording else ""
    except (SviqaError, RuntimeError, OSError):
        return ""


def mp3(path: Path) -> bytes:
    """A recording, small: 16 kHz MP3, about 3 KB a second. Raises RecordingError, RuntimeError."""
    recording = load_recording(path)
    content = io.BytesIO()
    kind = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "VARIABLE", "compression_level": _BEST}
    with soundfile.SoundFile(content, "w", recording.rate, 1, **kind) as file:
        file.write(recording.samples)
    return content.getvalue()


def _number(value: float | None, form: str) -> str:
    """A cell that sorts by its value; what has none comes first."""
    if value is None:
        return _cell("", ' data-value="-1"')
    return _cell(form.format(value), f' data-value="{value}"')


def _text(text: object) -> str:
    return escape(str(text)) if text else ""
