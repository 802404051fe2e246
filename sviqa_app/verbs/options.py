"""Options that several verbs take."""

from __future__ import annotations

from typing import Annotated

import typer

SHIPPED, VOICE = "sviqa-tiny", "voice-tiny"

Model = Annotated[
    str, typer.Option(metavar="MODEL", help="A model that is installed, by name, or a folder that holds one.")
]
AnyVoice = Annotated[str, typer.Option("--model", metavar="VOICE", help="A voice that is installed, or its folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
