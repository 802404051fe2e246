"""`sviqa models`: what is installed, and what is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import AsJson

models = typer.Typer(invoke_without_command=True)
ModelName = Annotated[str, typer.Argument(metavar="NAME", help="A model of the list that sviqa models prints.")]


@models.callback()
def list_models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the models: what is installed, what fits this machine, licences, and what each is good for."""
    if context.invoked_subcommand is None:
        from ..managing import show_models

        show_models(as_json)


@models.command()
def install(
    name: ModelName,
    folder: Annotated[
        Path | None, typer.Option("--from", metavar="FOLDER", help="Take it from this folder, without a network.")
    ] = None,
) -> None:
    """Fetch a model, or go on with a fetch that was stopped, and prove every file. Repairs one that is damaged."""
    from ..managing import install_model

    install_model(name, folder)


@models.command()
def verify(name: ModelName) -> None:
    """Hash every file of an installed model again."""
    from ..managing import verify_model

    verify_model(name)


@models.command()
def remove(name: ModelName) -> None:
    """Delete an installed model."""
    from ..managing import remove_model

    remove_model(name)


Base = Annotated[
    str | None, typer.Option(metavar="MODEL", help="The language model, where the folder is a projector or LoRA alone.")
]
Tower = Annotated[str | None, typer.Option(metavar="MODEL", help="The vision tower, where the folder has none.")]


def _place(name: str) -> Path:
    from ..checkpoints.native import find_model

    return Path(name) if Path(name).is_file() else find_model(name)


@models.command("compose")
def compose_model(
    llava: Annotated[str, typer.Option(metavar="MODEL", help="A LLaVA of any layout, by name or folder.")],
    whisper: Annotated[str, typer.Option(metavar="MODEL", help="A Whisper, by name, folder or .pt file.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the new model goes.")],
    audio_tokens: Annotated[bool, typer.Option("--audio-tokens", help="Add Step-Audio's 5,120 audio tokens.")] = False,
    base: Base = None,
    tower: Tower = None,
    projector: Annotated[
        str | None, typer.Option(metavar="FILE", help="A speech projector of LLaMA-Omni to begin with.")
    ] = None,
) -> None:
    """Join a LLaVA and a Whisper encoder into a SViQA, ready for alignment."""
    from ..checkpoints.compose import compose

    parts = {name: _place(value) if value else None for name, value in (("base", base), ("tower", tower))}
    start = _place(projector) if projector else None
    made = compose(_place(llava), _place(whisper), out, audio_tokens, **parts, projector=start)
    print(*made.notes, f"{made.folder}: {made.tensors} tensors, {made.bytes / 1e9:.1f} GB.", sep="\n")


@models.command("convert")
def convert_model(
    source: Annotated[str, typer.Argument(metavar="MODEL", help="A LLaVA of any layout, or a SViQA made of one.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where it goes.")],
    to: Annotated[Literal["transformers", "original"], typer.Option(help="For which code.")] = "transformers",
    base: Base = None,
    tower: Tower = None,
) -> None:
    """Write a LLaVA of any layout, or the one in a SViQA, for transformers or the original code."""
    from ..checkpoints.convert import convert

    parts = {name: _place(value) if value else None for name, value in (("base", base), ("tower", tower))}
    made = convert(_place(source), out, to, **parts)
    print(*made.notes, f"{made.folder}: {made.tensors} tensors, {made.bytes / 1e9:.1f} GB.", sep="\n")
