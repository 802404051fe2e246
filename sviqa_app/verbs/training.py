"""`sviqa train`: what ships, from nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import VOICE

train = typer.Typer(help="Train what ships again, from nothing.", no_args_is_help=True)
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
