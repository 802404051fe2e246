"""The command `sviqa`: every verb parses, calls and prints. What is heavy is imported where it is used."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from . import __version__
from .errors import DeviceError, SviqaError
from .manner import Manner, Rate, Style
from .verbs.batching import Batch, batch
from .verbs.evaluating import evaluate
from .verbs.modelling import models
from .verbs.options import SHIPPED, VOICE, Answerer, AnyVoice, AsJson, Model
from .verbs.serving import servers
from .verbs.training import train

app = typer.Typer(
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(evaluate, name="evaluate")
app.add_typer(train, name="train")
app.add_typer(models, name="models")
app.add_typer(servers, name="servers")

Speaker = Annotated[str, typer.Option("--voice", metavar="NAME", help="Who speaks: see sviqa voices.")]
HowFast = Annotated[Rate, typer.Option("--rate", help="How fast it is spoken.")]
HowStyled = Annotated[Style, typer.Option("--style", help="The manner of speaking.")]


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
        typer.Option(
            metavar="NAME|FOLDER|server:NAME|best", help="Who answers, in place of the model in the preferences."
        ),
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
    model: Answerer = SHIPPED,
    voice: Speaker = "",
    style: HowStyled = "plain",
    rate: HowFast = "plain",
    mute: Annotated[bool, typer.Option("--mute", help="Answer in words alone.")] = False,
) -> None:
    """Ask PICTURE one question or several, and print and speak the answers.

    Each --speech and each --text is a turn of one conversation about the picture: first the recordings, then
    the words. Given equally often they pair up, and each turn has both. The answer plays on the loudspeaker
    where there is one; elsewhere it is written to answer.wav in this folder. With several turns, --out
    answer.wav gives answer-1.wav, answer-2.wav and so on.
    """
    from .asking import ask_picture

    manner = Manner(voice, style, rate)
    ask_picture(picture, speech or [], text or [], out, model, manner, as_json=as_json, mute=mute)


@app.command()
def say(
    text: Annotated[str, typer.Argument(metavar="TEXT", help='May begin with tags: "(whisper) do not wake the cat".')],
    out: Annotated[Path | None, typer.Option(metavar="WAV", help="Write the speech to this WAV file.")] = None,
    voice: Speaker = "",
    style: HowStyled = "plain",
    rate: HowFast = "plain",
    clone: Annotated[
        Path | None, typer.Option(metavar="RECORDING", help="Speak like the person in 3 to 10 seconds of speech.")
    ] = None,
    clone_text: Annotated[
        str, typer.Option(metavar="WORDS", help="What is said in that recording; the published voice needs it.")
    ] = "",
    agreed: Annotated[
        bool, typer.Option("--agreed", help="The person in the recording agreed, so that nothing is asked.")
    ] = False,
    model: AnyVoice = VOICE,
) -> None:
    """Say TEXT aloud, or into a WAV file where there is no loudspeaker."""
    from .saying import say_text, to_clone

    imitated = None if clone is None else to_clone(clone, clone_text, agreed)
    say_text(text, Manner(voice, style, rate), out, model, imitated)


@app.command()
def voices(
    model: AnyVoice = VOICE,
) -> None:
    """List who can speak, and what each can do."""
    from .saying import list_voices

    for line in list_voices(model):
        print(line)


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


app.command(cls=Batch)(batch)


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
