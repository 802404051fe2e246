"""The protocol: any bytes are an answer or one plain line, and how they are cut makes no difference."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sviqa_app.engine.chat import Line
from sviqa_app.engine.chat_events import Delta, parse_delta, plain
from sviqa_app.errors import EngineError
from sviqa_app.servers import Server

from .chat_server import event, sound, sse

SERVER = Server("mine", "http://localhost/v1", "m", agreed="localhost")
ANSWER = b"".join([
    b": a comment\r\n\r\n",
    event({"role": "assistant", "content": None}),
    event({"content": "A réd \N{DOG}"}).replace(b"\n", b"\r\n"),
    sound(b"\x01\x02\x03"),
    sse('{"choices": [], "usage": {"total_tokens": 3}}'),
    event({"reasoning_content": "hm", "tool_calls": None}, None, modality="text"),
    event({"content": " circle."}, "stop"),
    sse("[DONE]"),
])  # fmt: skip
PIECES: list[str | bytes] = ["A réd \N{DOG}", b"\x01\x02\x03", " circle."]


def answered(pieces: list[bytes]) -> list[str | bytes]:
    """What `Line` makes of a reply with such a body. Raises EngineError."""

    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    def reply(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream; charset=utf-16"}, content=body())

    async def gathered() -> list[str | bytes]:
        line = Line(SERVER, "")
        line._client = lambda: httpx2.AsyncClient(transport=httpx2.MockTransport(reply))  # type: ignore[method-assign]
        return [piece async for piece in line.chat([], speak=False)]

    return asyncio.run(gathered())


def test_an_answer() -> None:
    assert answered([ANSWER]) == PIECES


@settings(deadline=None)
@given(st.sets(st.integers(0, len(ANSWER))))
def test_however_it_is_cut(at: set[int]) -> None:
    cuts = sorted(at)
    assert answered([ANSWER[a:b] for a, b in zip([0, *cuts], [*cuts, len(ANSWER)], strict=True)]) == PIECES


@settings(deadline=None)
@given(st.data())
def test_any_bytes_are_an_answer_or_one_plain_line(data: st.DataObject) -> None:
    content = bytearray(ANSWER)
    for _ in range(data.draw(st.integers(0, 5))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=6))
    try:
        pieces = answered([bytes(content)])
    except EngineError as error:
        assert "\n" not in str(error) and error.next
    else:
        assert all(piece for piece in pieces)
        "".join(piece for piece in pieces if isinstance(piece, str)).encode()


NAMES = st.sampled_from(["choices", "delta", "content", "audio", "data", "transcript", "error", "message", "modality"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | NAMES, inner, max_size=4),
)


@settings(deadline=None)
@given(st.text() | JSON.map(json.dumps))
def test_any_text_is_an_event_or_refused(data: str) -> None:
    try:
        delta = parse_delta(data)
    except ValueError:
        return
    assert isinstance(delta, Delta)
    assert plain(delta.text) == delta.text and isinstance(delta.sound, bytes) and isinstance(delta.fault, str)


@settings(deadline=None)
@given(st.fixed_dictionaries({"choices": st.lists(st.fixed_dictionaries({"delta": JSON}), max_size=2) | JSON}))
def test_events_of_almost_the_right_shape(data: dict[str, Any]) -> None:
    test_any_text_is_an_event_or_refused.hypothesis.inner_test(json.dumps(data))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("event", "delta"),
    [
        ({"choices": []}, Delta()),
        ({"choices": [{}]}, Delta()),
        ({"choices": [{"delta": None, "finish_reason": "length"}]}, Delta(last=True)),
        ({"choices": [{"delta": {"content": "a\x00\x1b]b\n"}}]}, Delta("a  ]b\n")),
        ({"choices": [{"delta": {"audio": {"transcript": "a"}}}]}, Delta("a")),
        (
            {"choices": [{"delta": {"content": base64.b64encode(b"ab").decode()}}], "modality": "audio"},
            Delta(sound=b"ab"),
        ),
        ({"error": {"code": 500}}, Delta(fault="no reason given")),
    ],
)
def test_events(event: dict[str, Any], delta: Delta) -> None:
    assert parse_delta(json.dumps(event)) == delta


@settings(deadline=None)
@given(st.text(alphabet=st.characters()))
def test_plain_text_can_be_stored_and_shown(text: str) -> None:
    plain(text + "\ud800\x9b").encode()
    assert not any(c in plain(text) for c in "\x00\x1b\x7f\x9b")
