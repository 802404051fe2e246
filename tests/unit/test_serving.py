"""Servers from the command line: nothing is added unasked, keys are never shown, and a trial says what came of it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from sviqa_app import serving
from sviqa_app.errors import EngineError, SviqaError
from sviqa_app.servers import Server, find_key, find_server, read_servers
from sviqa_app.verbs import serving as verbs

from .engine.chat_server import JSON, FakeServer, Reply
from .engine.chat_server import serving as serving_chat
from .test_vault import Ring

pytestmark = pytest.mark.usefixtures("ring")

KEY = "sk-aVerySecretKey123"
MODELS = Reply((b'{"object": "list", "data": [{"id": "toy"}]}',), kind=JSON)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving_chat() as fake:
        yield fake


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(verbs.servers, list(arguments), input=typed)


def test_without_one_nothing_leaves_this_machine() -> None:
    assert run().output == "No server was added: nothing leaves this machine.\n"
    assert json.loads(run("--json").output) == {}


def test_added_once_it_is_agreed_to(server: FakeServer, ring: Ring) -> None:
    added = run("add", "mine", server.url, "--model", "toy", "--hears", typed="y\n")
    assert added.exit_code == 0 and read_servers()["mine"].agreed == server.host and server.asked == []
    assert (
        f"Every question sends your picture, the recordings of what you say, and what you type to {server.host}."
        in (added.output)
    )
    assert f"mine: toy at {server.url}" in run().output
    assert json.loads(run("--json").output)["mine"]["hears"] is True
    assert "Nothing is sent to" in run("remove", "mine").output and read_servers() == {}


@pytest.mark.parametrize("typed", ["", "n\n", "\n", "yess\n"])
def test_not_added_unasked(typed: str, server: FakeServer, ring: Ring) -> None:
    refused = run("add", "mine", server.url, "--key", typed=f"{typed}{KEY}\n" if typed else "")
    assert isinstance(refused.exception, EngineError) and "was not added" in str(refused.exception)
    assert read_servers() == {} and server.asked == [] and ring == {}


def test_the_only_model_is_taken_and_the_key_is_read(server: FakeServer) -> None:
    server.replies.append(MODELS)
    added = run("add", "mine", server.url, "--key", "--yes", typed=f"{KEY}\n")
    assert added.exit_code == 0 and find_server("mine").model == "toy" and find_key(find_server("mine")) == KEY
    assert server.asked[0].path == "/v1/models" and server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in added.output + run().output + run("--json").output


@pytest.mark.parametrize(
    ("names", "words"),
    [([], "0 models. Name the model: none is listed."), (["a", "b"], "2 models. Name the model: a or b.")],
)
def test_which_model_is_not_guessed(names: list[str], words: str, server: FakeServer) -> None:
    body = json.dumps({"data": [{"id": name} for name in names]}).encode()
    server.replies.append(Reply((body,), kind=JSON))
    refused = run("add", "mine", server.url, "--yes")
    assert words in str(refused.exception) and read_servers() == {}


@pytest.mark.parametrize("body", [b"", b"[]", b'{"data": 3}', b'{"data": [3]}', b'{"data": [{"id": 3}]}'])
def test_a_list_of_models_that_is_none(body: bytes, server: FakeServer) -> None:
    server.replies.append(Reply((body,), kind=JSON))
    refused = run("add", "mine", server.url, "--yes")
    assert isinstance(refused.exception, SviqaError) and read_servers() == {}


def test_a_key_is_typed_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(serving, "getpass", lambda prompt: KEY)
    serving.add_by_hand(Server("mine", "https://example.org/v1", "m"), with_key=True, sure=True)
    assert find_key(find_server("mine")) == KEY and KEY not in "".join(capsys.readouterr())


def test_a_trial_asks_in_words_and_in_speech(server: FakeServer) -> None:
    run("add", "mine", server.url, "--model", "toy", "--hears", "--yes")
    server.replies.append(MODELS)
    tried = run("test", "mine").output
    assert "Models there: toy." in tried and tried.count(": A red circle.") == 2
    assert f"Sent to {server.host}: the picture and your recording." not in tried  # the first turn goes along
    assert f"Sent to {server.host}: the picture, your recording and what was said before." in tried
    assert len(server.asked) == 3


def test_a_trial_of_none() -> None:
    assert "There is no server mine" in str(run("test", "mine").exception)


def test_the_list_needs_nothing_heavy() -> None:
    code = (
        "import sys, sviqa_app.verbs.serving, sviqa_app.servers, sviqa_app.serving;"
        "print([m for m in ('torch', 'httpx2', 'PIL') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
