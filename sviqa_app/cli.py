"""The command `sviqa`: every verb parses, calls and prints. What is heavy is imported where it is used."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from . import __version__
from .errors import DeviceError, SviqaError
from .manner import Manner, Rate, Style

SHIPPED, VOICE = "sviqa-tiny", "voice-tiny"

app = typer.Typer(
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
evaluate = typer.Typer(help="Measure how often the answers are right.", no_args_is_help=True)
app.add_typer(evaluate, name="evaluate")
train = typer.Typer(help="Train what ships again, from nothing.", no_args_is_help=True)
app.add_typer(train, name="train")
models = typer.Typer(invoke_without_command=True)
app.add_typer(models, name="models")

Model = Annotated[
    str, typer.Option(metavar="MODEL", help="A model that is installed, by name, or a folder that holds one.")
]
Speaker = Annotated[str, typer.Option("--voice", metavar="NAME", help="Who speaks: see sviqa voices.")]
HowFast = Annotated[Rate, typer.Option("--rate", help="How fast it is spoken.")]
HowStyled = Annotated[Style, typer.Option("--style", help="The manner of speaking.")]
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
    model: Annotated[str, typer.Option(metavar="VOICE", help="A voice that is installed, or its folder.")] = VOICE,
) -> None:
    """Say TEXT aloud, or into a WAV file where there is no loudspeaker."""
    from .saying import say_text, to_clone

    imitated = None if clone is None else to_clone(clone, clone_text, agreed)
    say_text(text, Manner(voice, style, rate), out, model, imitated)


@app.command()
def voices(
    model: Annotated[str, typer.Option(metavar="VOICE", help="A voice that is installed, or its folder.")] = VOICE,
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


@evaluate.command("voice")
def evaluate_voice(
    sentences: Annotated[int, typer.Option(min=1, max=200, help="How many sentences are listened to.")] = 200,
    per_tag: Annotated[int, typer.Option(min=1, max=200, help="How many sentences each tag is tried on.")] = 100,
    clones: Annotated[int, typer.Option(min=1, max=50, help="How often each held-out voice is cloned.")] = 10,
    model: Annotated[str, typer.Option(metavar="VOICE", help="A voice that is installed, or its folder.")] = VOICE,
    as_json: AsJson = False,
) -> None:
    """Measure the voice: how well it is understood, how fast it is, whether tags and clones do what they say."""
    from .evaluation.voice import measure, show

    show(measure(model, sentences, per_tag, clones), as_json)


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


ModelName = Annotated[str, typer.Argument(metavar="NAME", help="A model of the list that sviqa models prints.")]


@models.callback()
def list_models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the models: what is installed, what fits this machine, licences, and what each is good for."""
    if context.invoked_subcommand is None:
        from .managing import show_models

        show_models(as_json)


@models.command()
def install(
    name: ModelName,
    folder: Annotated[
        Path | None, typer.Option("--from", metavar="FOLDER", help="Take it from this folder, without a network.")
    ] = None,
) -> None:
    """Fetch a model, or go on with a fetch that was stopped, and prove every file. Repairs one that is damaged."""
    from .managing import install_model

    install_model(name, folder)


@models.command()
def verify(name: ModelName) -> None:
    """Hash every file of an installed model again."""
    from .managing import verify_model

    verify_model(name)


@models.command()
def remove(name: ModelName) -> None:
    """Delete an installed model."""
    from .managing import remove_model

    remove_model(name)


Base = Annotated[
    str | None, typer.Option(metavar="MODEL", help="The language model, where the folder is a projector or LoRA alone.")
]
Tower = Annotated[str | None, typer.Option(metavar="MODEL", help="The vision tower, where the folder has none.")]


def _place(name: str) -> Path:
    from .checkpoints.native import find_model

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
    from .checkpoints.compose import compose

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
    from .checkpoints.convert import convert

    parts = {name: _place(value) if value else None for name, value in (("base", base), ("tower", tower))}
    made = convert(_place(source), out, to, **parts)
    print(*made.notes, f"{made.folder}: {made.tensors} tensors, {made.bytes / 1e9:.1f} GB.", sep="\n")


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
    from .checkpoints.native import find_model
    from .training.stages import Stages

    stages = Stages(preset, out or Path("runs") / preset, print, find_model(voice))
    for name in stage or stages.names():
        stages.run(name)


@train.command("voice")
def train_voice(preset: Preset, stage: OnlyStages = None, out: Run = None) -> None:
    """Train the voice that ships, from nothing; a run that was stopped goes on where it was."""
    from .training.voice_stages import VoiceStages

    stages = VoiceStages(preset, out or Path("runs") / f"voice-{preset}", print)
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
