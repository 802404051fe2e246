"""Options that several verbs take."""

from __future__ import annotations

from typing import Annotated

import typer

SHIPPED, VOICE = "sviqa-tiny", "voice-tiny"

Answerer = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="NAME|FOLDER|server:NAME|best",
        help="Who answers: an installed model, the folder of one, a server you added, or the best for this machine.",
    ),
]
Model = Annotated[
    str, typer.Option(metavar="NAME|FOLDER", help="A model of the kind that ships: its name, or its folder.")
]
AnyVoice = Annotated[
    str, typer.Option("--model", metavar="NAME|FOLDER", help="A voice that is installed, or the folder of one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
