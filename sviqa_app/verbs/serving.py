"""`sviqa servers`: the models of others that may answer, and what is sent to them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from .options import AsJson

servers = typer.Typer(invoke_without_command=True)
ServerName = Annotated[str, typer.Argument(metavar="NAME", help="What you call the server.")]


@servers.callback()
def list_servers(context: typer.Context, as_json: AsJson = False) -> None:
    """List the servers you added, and what is sent to them. Without one, nothing leaves this machine."""
    if context.invoked_subcommand is not None:
        return
    from ..servers import read_servers

    found = read_servers()
    if as_json:
        print(json.dumps({name: asdict(server) for name, server in found.items()}, indent=2))
        return
    for name, server in found.items():
        print(f"{name}: {server.model} at {server.url}\n    {server.leaving}")
    print("Ask one with --model server:NAME." if found else "No server was added: nothing leaves this machine.")


@servers.command()
def add(
    name: ServerName,
    url: Annotated[str, typer.Argument(metavar="URL", help="Its address, as https://example.org/v1.")],
    model: Annotated[
        str, typer.Option(metavar="MODEL", help="The model to ask; the one that is there unless given.")
    ] = "",
    hears: Annotated[bool, typer.Option("--hears", help="The model takes recordings.")] = False,
    transcriber: Annotated[
        str, typer.Option(metavar="MODEL", help="The model there that writes down recordings, such as whisper-1.")
    ] = "",
    voice: Annotated[
        str, typer.Option(metavar="VOICE", help="The model speaks, in this voice of its own, such as alloy.")
    ] = "",
    key: Annotated[bool, typer.Option("--key", help="It wants a key, which is asked for, or read from stdin.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Agree to what is sent there, so that nothing is asked.")] = False,
) -> None:
    """Add a server that speaks OpenAI's protocol: vLLM, llama.cpp, transformers serve, or a hosted one.

    Where the model takes no recordings, what you say is written down first: by --transcriber, else by this machine.
    """
    from ..servers import Server, tidy_address
    from ..serving import add_by_hand

    add_by_hand(Server(name, tidy_address(url), model, hears, transcriber, voice), key, yes)


@servers.command()
def remove(name: ServerName) -> None:
    """Take a server off the list, and its key out of the keyring."""
    from ..servers import remove_server

    server = remove_server(name)
    print(f"{name} is removed. Nothing is sent to {server.host} any more.")


@servers.command()
def test(name: ServerName) -> None:
    """Ask a server about the sample picture, in words and in speech, and say how long it takes."""
    from ..serving import try_server

    try_server(name)
