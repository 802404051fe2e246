"""`sviqa evaluate`: how often the answers are right, how good the voice is."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from .options import SHIPPED, VOICE, AnyVoice, AsJson, Model

evaluate = typer.Typer(help="Measure how often the answers are right.", no_args_is_help=True)


@evaluate.command()
def scenes(
    mode: Annotated[Literal["speech", "text", "mixed"], typer.Option(help="How the questions are put.")] = "speech",
    questions: Annotated[int, typer.Option(min=1, help="How many questions, each about a picture of its own.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed asks other questions.")] = 0,
    snr: Annotated[
        str | None, typer.Option(metavar="DB", help="Noise in the speech: its distance in dB, 5 or 0-5.")
    ] = None,
    voices: Annotated[Literal["held-out", "train"], typer.Option(help="Who speaks the questions.")] = "held-out",
    model: Model = SHIPPED,
    as_json: AsJson = False,
) -> None:
    """Ask about drawn scenes and in phrasings that training never saw."""
    from ..evaluation.scenes import Plan, measure, show

    show(measure(model, Plan(mode, questions, seed, Plan.decibels(snr), voices)), as_json)


@evaluate.command("voice")
def evaluate_voice(
    sentences: Annotated[int, typer.Option(min=1, max=200, help="How many sentences are listened to.")] = 200,
    per_tag: Annotated[int, typer.Option(min=1, max=200, help="How many sentences each tag is tried on.")] = 100,
    clones: Annotated[int, typer.Option(min=1, max=50, help="How often each held-out voice is cloned.")] = 10,
    model: AnyVoice = VOICE,
    as_json: AsJson = False,
) -> None:
    """Measure the voice: how well it is understood, how fast it is, whether tags and clones do what they say."""
    from ..evaluation.voice import measure, show

    show(measure(model, sentences, per_tag, clones), as_json)


@evaluate.command()
def spoken(
    questions: Annotated[int, typer.Option(min=1, help="How many spoken answers are listened to.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Another seed asks other questions.")] = 0,
    model: Model = SHIPPED,
    as_json: AsJson = False,
) -> None:
    """Have an independent recogniser listen to the answers, and to the voice they were learned from."""
    from ..evaluation.spoken import measure, show

    show(measure(model, questions, seed), as_json)
