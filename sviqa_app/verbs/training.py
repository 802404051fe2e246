"""`sviqa train`: what ships, from nothing, and the ear of a composed model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import VOICE

train = typer.Typer(help="Train what ships again, from nothing, or align a composed model.", no_args_is_help=True)
Preset = Annotated[
    str, typer.Argument(metavar="PRESET", help="smoke (seconds), tiny (hours on two cores) or base (a large GPU).")
]
OnlyStages = Annotated[
    list[str] | None, typer.Option("--stage", metavar="STAGE", help="Only this stage. May be repeated.")
]
Run = Annotated[
    Path | None, typer.Option("--out", metavar="FOLDER", help="Where the run is kept, under runs unless given.")
]


@train.command("model")
def train_model(
    preset: Preset,
    stage: OnlyStages = None,
    out: Run = None,
    voice: Annotated[str, typer.Option(metavar="VOICE", help="The voice whose tokens the model learns.")] = VOICE,
) -> None:
    """Train the model that ships, from nothing; a run that was stopped goes on where it was."""
    from ..checkpoints.native import find_model
    from ..training.stages import Stages

    stages = Stages(preset, out or Path("runs") / preset, print, find_model(voice))
    for name in stage or stages.names():
        stages.run(name)


@train.command("voice")
def train_voice(preset: Preset, stage: OnlyStages = None, out: Run = None) -> None:
    """Train the voice that ships, from nothing; a run that was stopped goes on where it was."""
    from ..training.voice_stages import VoiceStages

    stages = VoiceStages(preset, out or Path("runs") / f"voice-{preset}", print)
    for name in stage or stages.names():
        stages.run(name)


@train.command("align")
def align_model(
    model: Annotated[str, typer.Option(metavar="NAME|FOLDER", help="A model that sviqa models compose made.")],
    data: Annotated[
        Path,
        typer.Option(
            metavar="LIST|FOLDER", help="CSV or JSONL with columns image, speech and answer, or a folder with one."
        ),
    ],
    steps: Annotated[int, typer.Option(min=1, help="How many steps of 8 rows it learns.")] = 1000,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the run is kept, runs/align unless given.")
    ] = None,
) -> None:
    """Teach a composed model to hear: its speech projector learns alone, and is then the model's own.

    Each row is a recording, the answer to it, and mostly the picture it is about; files count from the list's folder.
    A run that was stopped goes on where it was.
    """
    from ..training.alignment import align

    print(align(model, data, steps, out, print))
