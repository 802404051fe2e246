"""What the Batch page asks for: as it is filled in, as it is kept until the next time, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from ..batch.command import BatchOptions
from ..errors import MediaError, OutputError, SviqaError
from ..safekeeping import private_folder, write_private

MAX_BYTES = 100_000
MOST_THREADS = 64
SOURCES = {"folder": "A folder of pictures", "list": "The pictures of a list"}
QUESTIONS = {
    "own": "Each picture's own, found by name",
    "typed": "One typed question for all",
    "recorded": "One recorded question for all",
}
FORMATS = {
    "html": "&HTML page, to look at",
    "csv": "CS&V, for any spreadsheet",
    "xlsx": "E&xcel",
    "jsonl": "&JSON lines",
    "parquet": "Parque&t",
}
"""What each format is called, in the order in which they are offered."""


class FormError(SviqaError):
    """Something is wrong with one `field` of the form."""

    def __init__(self, field: str, what: str, next: str = "") -> None:
        super().__init__(what, next)
        self.field = field


@dataclass(frozen=True)
class Form:
    """The fields as a person left them: names of files as they were typed, "" where there is nothing."""

    source: str = "folder"
    folder: str = ""
    manifest: str = ""
    images: str = ""
    speech: str = ""
    question: str = "own"
    words: str = ""
    recording: str = ""
    out: str = ""
    formats: tuple[str, ...] = ("html", "csv")
    speak: bool = False
    model: str = BatchOptions.model
    workers: int = 0

    @property
    def out_folder(self) -> Path:
        """Where the results go."""
        return path_of(self.out)

    def options(self, resume: bool = False, retry_failed: bool = False) -> BatchOptions:
        """The same as `sviqa batch` has it. What is filled in but not in use is left out."""
        is_list = self.source == "list"
        return BatchOptions(
            self.out_folder,
            None if is_list else path_of(self.folder),
            path_of(self.manifest) if is_list else None,
            path_of(self.images) if is_list and self.images else None,
            path_of(self.speech) if is_list and self.speech else None,
            self.words if self.question == "typed" else None,
            path_of(self.recording) if self.question == "recorded" else None,
            self.model,
            self.formats,
            self.speak,
            resume,
            retry_failed,
            self.workers,
        )


def path_of(typed: str) -> Path:
    """A name as it was typed: from the person's home on, unless it is absolute."""
    path = Path(typed.strip())
    with suppress(RuntimeError):  # ~somebody who is not here
        path = path.expanduser()
    return Path.home() / path


def suggested_out(form: Form) -> str:
    """Where the results could go: beside what is asked about. "" as long as that is not known."""
    typed = form.manifest if form.source == "list" else form.folder
    if not typed.strip():
        return ""
    path = path_of(typed)
    return str(path.with_name(f"{path.stem if form.source == 'list' else path.name}-answers")) if path.name else ""


def check(form: Form) -> None:
    """Looks at the disk. Raises FormError for the first field that is wrong."""
    if form.source == "list":
        _expect(path_of(form.manifest).is_file, "manifest", form.manifest, "list", "Choose a CSV, JSONL or JSON file.")
        for name in ("images", "speech"):
            if typed := getattr(form, name).strip():
                _expect(path_of(typed).is_dir, name, typed, "folder", "Choose another, or leave it empty.")
    else:
        _expect(path_of(form.folder).is_dir, "folder", form.folder, "folder", "Choose one.")
    if form.question == "typed" and not form.words.strip():
        raise FormError("words", "There is no question yet.", "Type one.")
    if form.question == "recorded":
        _check_recording(form.recording)
    _check_results(form)
    if not form.model.strip():
        raise FormError("model", "No model is named.", f"The one that ships is called {BatchOptions.model}.")


def _expect(is_there: Callable[[], bool], field: str, typed: str, kind: str, next: str) -> None:
    if not typed.strip():
        raise FormError(field, f"No {kind} is chosen yet.", next)
    if not is_so(is_there):
        raise FormError(field, f"There is no {kind} {path_of(typed)}.", next)


def is_so(so: Callable[[], bool]) -> bool:
    """What a path says of itself; False where the disk does not say."""
    try:
        return so()
    except OSError:  # behind a folder that may not be entered, or too long a name
        return False


def _check_recording(typed: str) -> None:
    from ..media.audio import load_recording

    if not typed.strip():
        raise FormError("recording", "No recording is chosen yet.", "Choose one.")
    try:
        load_recording(path_of(typed))
    except MediaError as error:
        raise FormError("recording", error.what, error.next) from error


def _check_results(form: Form) -> None:
    from ..batch.report import formats_in

    if not form.out.strip():
        raise FormError("out", "No folder for the results is chosen yet.", "Choose one. It need not be there yet.")
    if is_so(form.out_folder.is_file):
        raise FormError("out", f"{form.out_folder} is a file.", "Choose a folder.")
    if not form.formats:
        raise FormError("formats", "No table is chosen.", "Choose at least one.")
    try:
        formats_in(",".join(form.formats))
    except OutputError as error:
        raise FormError("formats", error.what, error.next) from error


class Kept:
    """The form of the last time, in a file. One that cannot be read or written troubles nobody.

    Where it is not to be kept, it lasts as long as this object.
    """

    def __init__(self, keep: bool, path: Path | None = None) -> None:
        self._keep = keep
        self._form: Form | None = None
        self._path = path or user_data_path("sviqa", appauthor=False) / "batch.json"

    def read(self, otherwise: Form) -> Form:
        """The form kept; what is missing or broken in it is as in `otherwise`."""
        if self._form is not None or not self._keep:
            return self._form or otherwise
        try:
            with self._path.open("rb") as file:
                values = json.loads(file.read(MAX_BYTES))
        except (OSError, ValueError, RecursionError):
            return otherwise
        if not isinstance(values, dict):
            return otherwise
        plain = asdict(otherwise)
        return Form(**{f.name: _or(values.get(f.name), f.name, plain[f.name]) for f in fields(Form)})

    def write(self, form: Form) -> None:
        """Keep this one."""
        self._form = form
        if self._keep:
            with suppress(OutputError, OSError):
                private_folder(self._path.parent)
                write_private(self._path, json.dumps(asdict(form)).encode())

    def clear(self) -> None:
        """Forget it."""
        self._form = None
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def _or(value: Any, name: str, otherwise: Any) -> Any:
    """The value of a field, as it should be."""
    match name:
        case "formats":
            return tuple(n for n in FORMATS if n in value) if isinstance(value, list) else otherwise
        case "source" | "question":
            known = SOURCES if name == "source" else QUESTIONS
            return value if isinstance(value, str) and value in known else otherwise
        case "workers":
            return value if type(value) is int and 0 <= value <= MOST_THREADS else otherwise
        case "speak":
            return value if isinstance(value, bool) else otherwise
    return value if isinstance(value, str) and value.isprintable() else otherwise
