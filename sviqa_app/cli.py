"""The command `sviqa`: every verb parses, calls and prints. What is heavy is imported where it is used."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from . import __version__
from .errors import DeviceError, SviqaError

SHIPPED = "sviqa-tiny"

app = typer.Typer(
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
evaluate = typer.Typer(help="Measure how often the answers are right.", no_args_is_help=True)
app.add_typer(evaluate, name="evaluate")

Model = Annotated[
    str, typer.Option(metavar="MODEL", help="A model that is installed, by name, or a folder that holds one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _version(asked: bool) -> None:
    if asked:
        print(f"sviqa {__version__}")
        raise typer.Exit


@app.callback()
def sviqa(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Ask a picture anything, out loud, and hear the answer, privately, on your own machine.

    Without a command, the window opens.
    """
    if context.invoked_subcommand is None:
        raise typer.Exit(_window())


def _window(picture: Path | None = None, model: str | None = None) -> int:
    try:
        from .gui.app import main
    except ImportError as error:  # a system library that Qt needs
        remedy = "On Debian or Ubuntu: packaging/install-debian.sh --window."
        raise DeviceError(f"The window cannot be opened here: {error}.", remedy) from error
    return main(picture, model)


@app.command()
def window(
    picture: Annotated[Path | None, typer.Argument(metavar="PICTURE", help="A picture to begin with.")] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="A model, by name or folder, in place of the one in the preferences."),
    ] = None,
) -> None:
    """Open the window, as sviqa alone does."""
    raise typer.Exit(_window(picture, model))


@app.command()
def ask(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="A picture: JPEG, PNG, WebP, GIF, BMP or TIFF.")],
    speech: Annotated[
        list[Path] | None,
        typer.Option(metavar="RECORDING", help="A recording of a question. May be repeated."),
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(metavar="WORDS", help="A question in words. May be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="WAV", help="Write the spoken answer to this WAV file.")] = None,
    as_json: AsJson = False,
    model: Model = SHIPPED,
    mute: Annotated[bool, typer.Option("--mute", help="Answer in words alone.")] = False,
) -> None:
    """Ask PICTURE one question or several, and print and speak the answers.

    Each --speech and each --text is a turn of one conversation about the picture: first the recordings, then
    the words. Given equally often they pair up, and each turn has both. The answer plays on the loudspeaker
    where there is one; elsewhere it is written to answer.wav in this folder. With several turns, --out
    answer.wav gives answer-1.wav, answer-2.wav and so on.
    """
    from .asking import ask_picture

    ask_picture(picture, speech or [], text or [], out, model, as_json=as_json, mute=mute)


@app.command()
def doctor(model: Model = SHIPPED) -> None:
    """Say what works on this machine, and how to mend what does not."""
    from .doctor import examine, healthy

    findings = examine(model)
    for finding in findings:
        mark = "ok" if finding.ok else "--" if finding.optional else "no"
        print(f"{mark}  {finding.name}: {finding.detail}")
        if finding.remedy:
            print(f"    {finding.remedy}")
    if not healthy(findings):
        raise typer.Exit(1)


@app.command()
def bench(
    model: Model = SHIPPED,
    questions: Annotated[int, typer.Option(min=1, help="How many spoken questions are timed.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Time this machine, beside a cascade of the same parts."""
    from .bench import measure, show

    show(measure(model, questions), as_json)


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
    from .evaluation.scenes import Plan, measure, show

    show(measure(model, Plan(mode, questions, seed, Plan.decibels(snr), voices)), as_json)


@evaluate.command()
def spoken(
    questions: Annotated[int, typer.Option(min=1, help="How many spoken answers are listened to.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Another seed asks other questions.")] = 0,
    model: Model = SHIPPED,
    as_json: AsJson = False,
) -> None:
    """Have an independent recogniser listen to the answers, and to the voice they were learned from."""
    from .evaluation.spoken import measure, show

    show(measure(model, questions, seed), as_json)


@app.command()
def train(
    preset: Annotated[
        str,
        typer.Argument(metavar="PRESET", help="smoke (seconds), tiny (hours on two cores) or base (a large GPU)."),
    ],
    stage: Annotated[list[str] | None, typer.Option(metavar="STAGE", help="Only this stage. May be repeated.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the run is kept, runs/PRESET unless given.")
    ] = None,
) -> None:
    """Train the model that ships, from nothing; a run that was stopped goes on where it was."""
    from .training.stages import Stages

    stages = Stages(preset, out or Path("runs") / preset, print)
    for name in stage or stages.names():
        stages.run(name)


def main() -> None:
    """Run the command. A failure is one plain line on stderr; what nobody foresaw is kept in a file."""
    try:
        app()
    except SviqaError as error:
        _fail(str(error))
    except MemoryError:
        _fail("There is not enough memory.", "Close other programs, or give a smaller picture.")
    except Exception:
        _fail("Something went wrong inside sviqa.", f"Details: {_keep_details()}")


def _fail(*sentences: str) -> None:
    sys.stdout.flush()
    print("sviqa:", *sentences, file=sys.stderr)
    sys.exit(1)


def _keep_details() -> Path:
    """Write the traceback at hand to a file of its own."""
    import tempfile
    import time
    import traceback

    from platformdirs import user_log_path

    name = f"error-{time.strftime('%Y%m%d-%H%M%S')}.txt"
    details = f"sviqa {__version__}\n{' '.join(sys.argv)}\n\n{traceback.format_exc()}"
    for folder in (user_log_path("sviqa"), Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(details, encoding="utf-8")
            return folder / name
        except OSError:
            continue
    return Path("none could be written")
