"""Adding servers: what is asked before that on the command line, which model a server has, and how one is tried out."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from getpass import getpass

from .agreeing import agreed
from .errors import EngineError
from .resources import assets_folder
from .servers import Server, add_server, find_key, find_server, sendable
from .turn import AnswerEvent, AudioChunk, Done, Heard, Question, Remark

AGREEMENT = "Do you agree? [y/N] "
_TRIAL = "What is in this picture?"
_SHOWN = 20


def add_by_hand(server: Server, with_key: bool, sure: bool) -> None:
    """Says what will leave this machine, and adds the server once the person agreed. Raises SviqaError."""
    print(server.leaving)
    server = replace(server, agreed=server.host if agreed(AGREEMENT, sure) else "")
    key = sendable(_key(server)) if with_key and server.agreed else ""
    server = with_model(server, key) if server.agreed else server
    add_server(server, key)
    print(f"{server.name} is added. Try it: sviqa servers test {server.name}")


def with_model(server: Server, key: str) -> Server:
    """The server with its only model, where none is named. Raises EngineError."""
    if server.model:
        return server
    names = _models(server, sendable(key) or find_key(server))
    if len(names) != 1:
        raise EngineError(
            f"{server.host} has {len(names)} models.",
            f"Name the model: {' or '.join(names[:_SHOWN]) or 'none is listed'}.",
        )
    return replace(server, model=names[0])


def try_server(name: str) -> None:
    """Lists its models, then asks about the sample picture, in words and in speech. Raises SviqaError."""
    from .engine.remote import load_server
    from .media.audio import load_recording
    from .media.image import load_picture

    server = find_server(name)
    print(f"Models there: {', '.join(_models(server, find_key(server))[:_SHOWN]) or 'none'}.")
    samples = assets_folder() / "samples"
    conversation = load_server(name).load_picture(load_picture(samples / "scene.png"))
    for question in (Question(text=_TRIAL), Question(speech=load_recording(samples / "question.wav"))):
        _show(conversation.answer(question, speak=bool(server.voice)))


def _show(answer: Iterable[AnswerEvent]) -> None:
    """What comes of a question, line by line, and how long it took."""
    sound = 0.0
    for event in answer:
        match event:
            case Remark(text):
                print(text)
            case Heard(text):
                print(f"Heard: {text}")
            case AudioChunk(samples, rate):
                sound += len(samples) / rate
            case Done(text, seconds):
                spoken = f", with {sound:.1f} seconds of sound" if sound else ""
                print(f"Answered in {seconds['total']:.1f} seconds{spoken}: {text}")


def _models(server: Server, key: str) -> list[str]:
    from .engine.background import Background
    from .engine.chat import Line

    names: list[str] = []
    with Background(Line(server, key).models()) as line:
        while not line.over:
            names += line.ready()
    return names


def _key(server: Server) -> str:
    """Typed without being shown, or the first line of stdin: never an argument, which others can see."""
    if sys.stdin.isatty():
        return getpass(f"The key for {server.host} (not shown): ")
    return sys.stdin.readline()
