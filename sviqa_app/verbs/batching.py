"""The verb that asks about a folder of pictures."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from ..errors import SviqaError
from .options import SHIPPED, Model

_ADDRESS = re.compile(r"local|auto|(ray://)?[^\s/]+:\d+")


class Batch(TyperCommand):
    """A command whose --ray may stand without an address."""

    def parse_args(self, context: Any, arguments: list[str]) -> list[str]:
        """See click."""
        if "--ray" in arguments:
            after = arguments.index("--ray") + 1
            if not _ADDRESS.fullmatch((arguments[after:] or [""])[0]):
                arguments = [*arguments[:after], "local", *arguments[after:]]
        return super().parse_args(context, arguments)


def batch(
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="Pictures, with their questions beside them.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the tables go.")] = Path("results"),
    manifest: Annotated[
        Path | None, typer.Option(metavar="LIST", help="CSV, JSONL or VQA questions, in place of a folder.")
    ] = None,
    images: Annotated[Path | None, typer.Option(metavar="FOLDER", help="The pictures of the list.")] = None,
    speech: Annotated[Path | None, typer.Option(metavar="FOLDER", help="The recordings of the list.")] = None,
    question: Annotated[str | None, typer.Option(metavar="WORDS", help="One question for all.")] = None,
    question_speech: Annotated[
        Path | None, typer.Option(metavar="RECORDING", help="One spoken question for all.")
    ] = None,
    formats: Annotated[str, typer.Option("--format", help="Some of csv,jsonl,xlsx,parquet,html.")] = "csv,html",
    speak: Annotated[bool, typer.Option("--speak", help="Speak the answers, into sound files.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the batch in --out.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Go on, and ask again what failed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be asked.")] = False,
    workers: Annotated[
        int,
        typer.Option(
            min=0, help="Threads that read files, or workers that hold the model on Ray; 0 for as many as is good."
        ),
    ] = 0,
    ray: Annotated[
        str | None,
        typer.Option(metavar="[ADDRESS]", help="Ask on a Ray cluster, by default one on this machine."),
    ] = None,
    model: Model = SHIPPED,
) -> None:
    """Ask about a folder of pictures, and write a table of the answers."""
    from ..batch import command
    from ..batch.report import formats_in

    try:
        asked = command.BatchOptions(
            out,
            folder,
            manifest,
            images,
            speech,
            question,
            question_speech,
            model,
            formats_in(formats),
            speak,
            resume,
            retry_failed,
            workers,
            ray,
        )
        status = command.dry_run(asked) if dry_run else command.batch(asked)
    except SviqaError as error:  # nothing ran
        print(f"sviqa: {error}", file=sys.stderr)
        status = command.NOTHING_RAN
    raise typer.Exit(status)
