"""The report as one HTML page that needs nothing beside it: pictures, sounds, styles and script are in it."""

from __future__ import annotations

import io
import re
from base64 import b64encode
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from html import escape
from importlib.resources import files
from itertools import islice
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
    """The first `ROWS` lines as a page headed by `title` and `summary`. Raises OutputError."""
    template = files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    head, foot = template.split("{{rows}}")
    first = iter(lines)
    shown = list(islice(first, _AT_ONCE))
    told = any(line.row.answers for line in shown)
    head = _filled(head, title, summary, told)
    with replacing(path) as temp, temp.open("w", encoding="utf-8") as file, ThreadPoolExecutor() as pool:
        file.write(head)
        left = ROWS
        while shown:
            file.writelines(pool.map(lambda line: _row(line, told, sounds), shown))
            left -= len(shown)
            shown = list(islice(first, min(left, _AT_ONCE)))
        file.write(foot)


def _filled(head: str, title: str, summary: list[str], told: bool) -> str:
    truth = '<th scope="col"><button type="button">Right answers</button></th>\n' if told else ""
    values = {"title": escape(title), "summary": "".join(f"<p>{escape(line)}</p>\n" for line in summary)}
    values["truth_head"] = truth + truth.replace("Right answers", "Accuracy").replace('"col"', '"col" class="small"')
    return re.sub(r"\{\{(\w+)\}\}", lambda mark: values[mark[1]], head)


def _row(line: Line, told: bool, sounds: Path) -> str:
    cell, result = cells(line), line.result
    state = "waiting" if result is None else "failed" if cell["error"] else "answered"
    columns = [
        f'<th scope="row" class="number" data-value="{line.number}">{line.number}</th>',
        f"<td>{_picture(line)}</td>",
        f"<td>{_question(line)}</td>",
        f"<td>{_text(cell['answer'])}{_answer_sound(line, sounds)}</td>",
        _number(result.confidence if result else None, "{:.0%}"),
        _number(result.seconds if result else None, "{:.2f}"),
        *([f"<td>{_text(cell['truth'])}</td>", _number(score(line), "{:.2f}")] if told else []),
        f'<td class="error">{_text(cell["error"])}</td>',
    ]
    return f'<tr data-state="{state}">{"".join(columns)}</tr>\n'


def _picture(line: Line) -> str:
    name = escape(Path(line.row.picture).name)
    if line.thumbnail is None:
        return f"<p>{name}</p>"
    source = f"data:image/jpeg;base64,{b64encode(line.thumbnail).decode()}"
    return f'<img src="{source}" alt="" decoding="async" width="96" height="96"><p class="faint">{name}</p>'


def _question(line: Line) -> str:
    """The words, what was heard, and a button that plays it."""
    cell, parts = cells(line), []
    if cell["question"]:
        parts.append(f"<p>{_text(cell['question'])}</p>")
    if cell["heard"] and cell["heard"] != cell["question"]:
        parts.append(f'<p><span class="faint">heard: </span>{_text(cell["heard"])}</p>')
    if line.row.speech:
        parts.append(_button(Path(line.row.speech), f"Play question {line.number}"))
    return "".join(parts)


def _answer_sound(line: Line, sounds: Path) -> str:
    name = line.result and line.result.sound
    return _button(sounds / name, f"Play answer {line.number}") if name else ""


def _button(recording: Path, label: str) -> str:
    """Nothing where the sound cannot be read any more."""
    try:
        sound = b64encode(mp3(recording)).decode()
    except (SviqaError, RuntimeError, OSError):
        return ""
    source = f"data:audio/mpeg;base64,{sound}"
    return f'<p><button type="button" class="play" aria-label="{label}" data-sound="{source}">Play</button></p>'


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
        return '<td data-value="-1"></td>'
    return f'<td data-value="{value}">{form.format(value)}</td>'


def _text(text: object) -> str:
    return escape(str(text)) if text else ""
