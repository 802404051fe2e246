"""The list of servers: what may be in it, who agreed to what, and that no key is ever in it."""

from __future__ import annotations

import json
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sviqa_app import servers, vault
from sviqa_app.errors import EngineError, SviqaError
from sviqa_app.servers import (
    Server,
    add_server,
    find_key,
    find_server,
    read_servers,
    remove_server,
    tidy_address,
)

from .test_vault import Ring

pytestmark = pytest.mark.usefixtures("ring")

KEY = "sk-aVerySecretKey123"
MINE = Server("mine", "https://example.org/v1", "gpt", hears=True, voice="alloy", agreed="example.org")


def test_until_one_is_added_there_is_none() -> None:
    assert read_servers() == {}
    with pytest.raises(EngineError, match=r"There is no server mine\. Add it: sviqa servers add mine URL\."):
        find_server("mine")


def test_added_found_and_removed(ring: Ring) -> None:
    other = Server("my-2.server", "http://localhost:8000/v1", "m", transcriber="w", agreed="localhost:8000")
    add_server(MINE, KEY)
    add_server(other)
    assert read_servers() == {"mine": MINE, "my-2.server": other} and find_server("mine") == MINE
    assert find_key(MINE) == KEY and find_key(other) == ""
    assert remove_server("mine") == MINE and ring == {} and list(read_servers()) == ["my-2.server"]
    with pytest.raises(EngineError, match="You added my-2"):
        remove_server("mine")


def test_the_list_is_private_and_holds_no_key() -> None:
    add_server(MINE, KEY)
    path = servers.servers_path()
    assert KEY not in path.read_text() and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KEY not in repr(find_server("mine"))


@pytest.mark.parametrize("agreed", ["", "other.org"])
def test_without_agreement_nothing_is_added(agreed: str, ring: Ring) -> None:
    with pytest.raises(EngineError, match="mine was not added"):
        add_server(Server("mine", "https://example.org/v1", "m", agreed=agreed), KEY)
    assert read_servers() == {} and ring == {}


def test_a_key_goes_to_the_host_it_was_given_for_alone() -> None:
    add_server(MINE, KEY)
    add_server(Server("mine", "https://elsewhere.org/v1", "m", agreed="elsewhere.org"))
    assert find_key(find_server("mine")) == ""
    add_server(MINE)
    assert find_key(find_server("mine")) == KEY


def test_a_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server("my-2.server", "http://localhost/v1", "m", agreed="localhost")
    monkeypatch.setenv("SVIQA_SERVER_KEY_MY_2_SERVER", f" {KEY}\n")
    assert find_key(server) == KEY


@pytest.mark.parametrize("key", ["sk-ключ-ключ", "sk-a b", "sk-a\nb", "sk-\x1b[0m"])
def test_a_key_that_cannot_be_sent(key: str, ring: Ring) -> None:
    with pytest.raises(EngineError, match="characters that no key has") as caught:
        add_server(MINE, key)
    assert key not in str(caught.value) and ring == {} and read_servers() == {}


def test_without_a_keyring_another_way_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "import_module", lambda name: None)
    with pytest.raises(SviqaError, match=r"keyring.*Or set SVIQA_SERVER_KEY_MINE instead\.") as caught:
        add_server(MINE, KEY)
    assert KEY not in str(caught.value) and read_servers() == {}
    add_server(MINE)
    assert remove_server("mine") == MINE


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("https://Example.org", "https://example.org/v1"),
        ("HTTPS://example.org/", "https://example.org/v1"),
        ("https://example.org:8443/api/V2/", "https://example.org:8443/api/V2"),
        (" http://127.0.0.1:8000/v1/chat/completions ", "http://127.0.0.1:8000/v1"),
        ("http://localhost:1234", "http://localhost:1234/v1"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
        ("http://127.9.9.9", "http://127.9.9.9/v1"),
    ],
)
def test_addresses_as_people_type_them(typed: str, kept: str) -> None:
    assert Server("mine", tidy_address(typed), "m").url == kept


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/v1",
        "http://192.168.0.2/v1",
        "http://localhost.example.org/v1",
        "http://127.0.0.1.example.org/v1",
        "http://0.0.0.0/v1",
        "http://2130706433/v1",
        "http://[::2]/v1",
        "http://localhost@example.org/v1",
        "http://localhost\\@example.org/v1",
        "http://localhost#@example.org/v1",
        "http://localhost%2eexample.org/v1",
        f"https://user:{KEY}@example.org/v1",
        f"https://example.org/v1?key={KEY}",
        f"https://example.org/v1#{KEY}",
        "https://example.org:99999/v1",
        "https://example.org:0/v1",
        "https://пример.рф/v1",
        "ftp://example.org/v1",
        "file:///etc/passwd",
        "example.org",
        "https://",
        "https://exa mple.org/v1",
        "https://example.org/v1\n",
        "",
    ],
)
def test_addresses_that_are_none_or_that_others_could_read(url: str) -> None:
    for address in (url, tidy_address(url.strip("\n")) if "\n" not in url else url):
        with pytest.raises(EngineError) as caught:
            Server("mine", address, "m")
        assert KEY not in str(caught.value) and "\n" not in str(caught.value)


@settings(deadline=None)
@given(st.text(max_size=30) | st.text(alphabet="htps:/@[]1270.localex#?%\\", max_size=30))
def test_any_address_is_safe_or_refused(url: str) -> None:
    try:
        server = Server("mine", tidy_address(url), "m")
    except EngineError:
        return
    assert server.url.startswith("https://") or server.local


@pytest.mark.parametrize("name", ["", "Mine", "a b", "../a", "a/b", "-a", "x" * 41, "é"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(EngineError, match="no name for a server"):
        Server(name, MINE.url, "m")


def test_models_that_cannot_be_printed() -> None:
    with pytest.raises(EngineError, match="cannot be printed"):
        Server("mine", MINE.url, "m\x1b[2J")


def test_what_leaves_this_machine_is_said() -> None:
    assert MINE.leaving == (
        "Every question sends your picture, the recordings of what you say, and what you type to example.org."
    )
    assert "what you say, written down" in Server("mine", MINE.url, "m").leaving
    assert "the recordings" in Server("mine", MINE.url, "m", transcriber="w").leaving


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"mine": 3}',
        b'{"mine": {}}',
        b'{"mine": {"url": "https://a.b/v1"}}',
        b'{"mine": {"url": "http://a.b/v1", "model": "m"}}',
        b'{"mine": {"url": "https://a.b/v1", "model": "m", "hears": "yes"}}',
        b'{"mine": {"url": "https://a.b/v1", "model": null}}',
        b'{"Mine!": {"url": "https://a.b/v1", "model": "m"}}',
        b"[" * 100_000,
        b"\xff" * 10,
        b" " * 2_000_000,
    ],
)
def test_a_list_that_is_broken(content: bytes) -> None:
    path = servers.servers_path()
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(EngineError, match=r"list of servers .*servers\.json") as caught:
        read_servers()
    assert "\n" not in str(caught.value) and caught.value.next
    with pytest.raises(EngineError):
        add_server(MINE)
    assert path.read_bytes() == content


@settings(deadline=None)
@given(st.data())
def test_any_bytes_are_a_list_or_one_plain_line(data: st.DataObject) -> None:
    content = bytearray(json.dumps({"mine": {"url": MINE.url, "model": "m", "hears": True}}).encode())
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    path = servers.servers_path()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    try:
        assert all(isinstance(server, Server) for server in read_servers().values())
    except EngineError as error:
        assert "\n" not in str(error)


def test_what_a_newer_version_wrote_is_let_be() -> None:
    path = servers.servers_path()
    path.parent.mkdir()
    path.write_text(json.dumps({"mine": {"url": MINE.url, "model": "m", "colour": "red", "name": "x"}}))
    assert read_servers() == {"mine": Server("mine", MINE.url, "m")}
