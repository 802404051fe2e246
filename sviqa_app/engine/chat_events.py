"""What servers that speak OpenAI's protocol say: the events of an answer, and complaints."""

from __future__ import annotations

import base64
import json
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class Delta:
    """One event of a streamed answer: more words, more sound as the server sends it, whether the answer is whole, and
    what the server says went wrong."""

    text: str = ""
    sound: bytes = b""
    last: bool = False
    fault: str = ""


def parse_delta(data: str) -> Delta:
    """One event of a streamed answer. Raises ValueError where it is none.

    Sound comes as delta.audio.data (OpenAI), or as the content of an event whose modality is audio (vLLM-Omni).
    """
    try:
        event = json.loads(data)
        if event.get("error"):
            return Delta(fault=_message(event["error"]) or "no reason given")
        if not event.get("choices"):
            return Delta()
        choice = event["choices"][0]
        delta = choice.get("delta") or {}
        audio, content = delta.get("audio") or {}, delta.get("content") or ""
        if event.get("modality") == "audio":
            audio, content = {"data": content}, ""
        sound = base64.b64decode(audio.get("data") or "", validate=True)
        text = plain(content or audio.get("transcript") or "")
        return Delta(text, sound, choice.get("finish_reason") is not None)
    except (TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise ValueError("not an event of an answer") from error


def plain(text: str) -> str:
    """Text without what could steer a terminal or not be stored. Raises TypeError where it is no text."""
    if not isinstance(text, str):
        raise TypeError("not a text")
    kept = (c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs") else " " for c in text)
    return "".join(kept)


def complaint(content: bytes) -> str:
    """What a server says is wrong, in one of the shapes that servers use; "" where it is in none."""
    try:
        reply = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(reply, dict):
        return ""
    return _message(reply.get("error") or reply.get("detail") or reply.get("message"))


def _message(error: object) -> str:
    words = error.get("message") if isinstance(error, dict) else error
    return words if isinstance(words, str) else ""
