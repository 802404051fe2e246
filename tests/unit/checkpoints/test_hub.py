"""The hub: what it says is believed only where it fits; tokens go where they may; errors are one line."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants, hf_hub_download, snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from hypothesis import given
from hypothesis import strategies as st

from sviqa_app.checkpoints import hub as hub_module
from sviqa_app.checkpoints.hub import Hub, parse_listing
from sviqa_app.checkpoints.install import install
from sviqa_app.checkpoints.installed import verify
from sviqa_app.checkpoints.source import Listing, is_safe
from sviqa_app.errors import ModelError

from .conftest import ENTRY, FILES, WANTED
from .hub_server import COMMIT, FakeHub, sibling

TOKEN = "hf_aVerySecretToken"


def listing_of(names: dict[str, bytes], **changes: Any) -> bytes:
    data = {"sha": COMMIT, "siblings": [sibling(name, content) for name, content in names.items()]}
    return json.dumps(data | changes).encode()


def test_this_hub_is_one_to_the_hubs_own_client(hub: FakeHub, tmp_path: Path) -> None:
    path = hf_hub_download("o/toy", "model-1.safetensors", endpoint=hub.url, cache_dir=tmp_path / "a", token=False)
    assert Path(path).read_bytes() == FILES["model-1.safetensors"]
    folder = Path(snapshot_download("o/toy", endpoint=hub.url, cache_dir=tmp_path / "b", token=False))
    assert all((folder / name).read_bytes() == content for name, content in FILES.items())
    with pytest.raises(HfHubHTTPError):
        hf_hub_download("o/none", "config.json", endpoint=hub.url, cache_dir=tmp_path / "a", token=False)


def test_the_listing_is_of_one_commit_and_of_what_is_wanted() -> None:
    listing = parse_listing(listing_of(FILES), ENTRY, "here")
    assert listing.commit == COMMIT and sorted(file.name for file in listing.files) == WANTED
    assert {len(file.digest) for file in listing.files} == {40, 64}


@pytest.mark.parametrize(
    "name",
    [
        "../config.json",
        "sub/../../config.json",
        "/etc/config.json",
        "sub//config.json",
        "C:/config.json",
        "sub\\config.json",
        "con.json",
        "sub/aux.safetensors",
        "config.json ",
        "con\nfig.json",
        "x" * 300 + ".json",
        "a/b/c/d/e/f/g/h/config.json",
        "..",
    ],
)
def test_names_that_leave_the_folder_are_refused(name: str) -> None:
    assert not is_safe(name)
    everything = replace(ENTRY, files=("*", "*/*", "*/*/*", "*/*/*/*", "*/*/*/*/*/*/*/*/*"))
    with pytest.raises(ModelError, match=r"not safe to write"):
        parse_listing(listing_of({name: b"x", "model.safetensors": b"y"}), everything, "here")


def test_names_of_models_are_safe() -> None:
    deep = "dengcunqin/speech_paraformer-large_asr_nat-zh-cantonese-en-16k-vocab8501-online/am.mvn"
    assert not is_safe("")
    assert all(map(is_safe, [*WANTED, deep, ".gitattributes", "model-00001-of-00003.safetensors", "1_Pooling/x"]))


def test_names_that_differ_in_capitals_alone_are_refused() -> None:
    with pytest.raises(ModelError, match="capitals"):
        parse_listing(listing_of({"config.json": b"1", "Config.json": b"2"}), ENTRY, "here")


def test_an_entry_that_wants_nothing_of_it() -> None:
    with pytest.raises(ModelError, match="here/o/toy holds none of the files of toy"):
        parse_listing(listing_of({"README.md": b""}), ENTRY, "here")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        listing_of(FILES, sha="main"),
        listing_of(FILES, sha=None),
        listing_of(FILES, siblings=[{"rfilename": "config.json"}]),
        listing_of(FILES, siblings=[{"rfilename": "config.json", "size": -1, "blobId": "a" * 40}]),
        listing_of(FILES, siblings=[{"rfilename": "config.json", "size": 1, "blobId": "a" * 39}]),
        listing_of(FILES, siblings=[{"rfilename": "config.json", "size": 1, "blobId": "../" + "a" * 37}]),
        listing_of(FILES, siblings=[{"rfilename": "config.json", "size": 1, "blobId": None}]),
        listing_of(FILES, siblings=[{"rfilename": "a.json", "lfs": {"size": 1, "sha256": "a" * 40}}]),
        listing_of(FILES, siblings=[{"rfilename": 3}]),
        listing_of(FILES, siblings="config.json"),
    ],
)
def test_a_listing_that_is_none(content: bytes) -> None:
    with pytest.raises(ModelError):
        parse_listing(content, ENTRY, "here")


@given(st.data())
def test_any_bytes_are_a_listing_or_one_plain_line(data: st.DataObject) -> None:
    content = bytearray(listing_of({name: FILES[name] for name in ("config.json", "sub/more.safetensors")}))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    try:
        listing = parse_listing(bytes(content), ENTRY, "here")
    except ModelError as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(listing, Listing) and all(is_safe(file.name) for file in listing.files)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"repo": "o/none"}, "has no model o/none"),
        ({"revision": "v9"}, "o/toy has no revision v9"),
        ({"files": ("nothing",)}, "holds none of the files"),
    ],
)
def test_what_the_hub_does_not_have(change: dict[str, Any], words: str, hub: FakeHub, home: Path) -> None:
    with pytest.raises(ModelError, match=words):
        install(replace(ENTRY, **change), Hub(hub.url), home=home)


def test_a_listing_without_end_is_not_read(hub: FakeHub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MAX_LISTING", 100)
    with pytest.raises(ModelError, match="too long"):
        install(ENTRY, Hub(hub.url), home=home)


def test_a_hub_that_is_not_there(hub: FakeHub, home: Path) -> None:
    with pytest.raises(ModelError, match=r"127\.0\.0\.1 cannot be reached") as caught:
        install(ENTRY, Hub("http://127.0.0.1:1"), home=home)
    assert "HTTPS_PROXY" in caught.value.next
    with pytest.raises(ModelError, match="leads nowhere"):
        install(ENTRY, Hub("gopher://127.0.0.1"), home=home)


def test_offline_is_offline(hub: FakeHub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set") as caught:
        install(ENTRY, Hub(hub.url), home=home)
    assert "folder" in caught.value.next and hub.headers == []


def test_a_proxy_is_used(hub: FakeHub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", hub.url)
    install(replace(ENTRY, files=("config.json",)), Hub("http://hub.invalid"), home=home)
    assert {sent["Host"] for _, sent in hub.headers} == {"hub.invalid"}


def test_the_token_opens_what_is_locked_and_stays_secret(
    hub: FakeHub, home: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    hub.token = TOKEN
    with pytest.raises(ModelError, match="only to those who accepted its licence") as caught:
        install(ENTRY, Hub(hub.url, "hf_wrong"), home=home)
    hub.misdeeds.extend(["drop", "500"])
    install(ENTRY, Hub(hub.url, TOKEN), home=home)
    verify("toy", home=home)
    kept = "".join(path.read_text("latin-1") for path in home.rglob("*.json"))
    assert "hf_" not in caplog.text + "".join(capfd.readouterr()) + kept + str(caught.value)


def test_the_token_is_not_sent_elsewhere(hub: FakeHub, home: Path) -> None:
    """The large files lie elsewhere: on the same port, but under another name."""
    hub.elsewhere = hub.url.replace("127.0.0.1", "localhost")
    install(ENTRY, Hub(hub.url, TOKEN), home=home)
    sent = {path: headers for path, headers in hub.headers if path.startswith("/elsewhere")}
    assert sent and all("localhost" in headers["Host"] for headers in sent.values())
    assert not any(TOKEN in str(headers) for headers in sent.values())


def test_the_token_is_not_sent_in_the_clear() -> None:
    assert Hub("https://hub.example", TOKEN)._token == TOKEN
    assert Hub("http://127.0.0.1:8000", TOKEN)._token == TOKEN
    assert Hub("http://hub.example", TOKEN)._token == ""


@pytest.mark.parametrize("token", ["hf_a\nb", "hf_é", "hf_\x00"])
def test_a_token_that_is_none_is_refused_unsaid(token: str) -> None:
    with pytest.raises(ModelError) as caught:
        Hub("https://hub.example", token)
    assert token not in str(caught.value)


def test_where_the_token_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "get_token", lambda: "file")
    monkeypatch.setattr(hub_module, "read_secret", lambda name: None)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    assert hub_module.find_token() == "file"
    monkeypatch.setattr(hub_module, "read_secret", {"huggingface": "keyring"}.get)
    assert hub_module.find_token() == "keyring"
    monkeypatch.setenv("HF_TOKEN", "environment")
    assert hub_module.find_token() == "environment"


def test_the_mirror_of_the_environment_is_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "find_token", lambda: None)
    monkeypatch.setattr(constants, "ENDPOINT", "https://mirror.example/")
    assert Hub().endpoint == "https://mirror.example"


def test_a_session_is_closed(hub: FakeHub) -> None:
    async def ask() -> bool:
        source = Hub(hub.url)
        source.open()
        await source.listing(ENTRY)
        await source.close()
        return source._session.is_closed

    assert asyncio.run(ask())
