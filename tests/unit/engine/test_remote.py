"""The remote engine: what is sent, what comes of the answer, and that every failure is one line without a secret."""

from __future__ import annotations

import base64
import io
import logging
import socket
import subprocess
import wave
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sviqa_app.engine import chat, remote
from sviqa_app.engine.ears import Ear
from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.engine.remote import Remote, load_server, packed, wav
from sviqa_app.errors import EngineError, SviqaError
from sviqa_app.manner import Manner
from sviqa_app.servers import Server, add_server
from sviqa_app.turn import AnswerEvent, AudioChunk, Done, Heard, Question, Recording, Remark, TextDelta
from tests.unit.toy import HumVoice, silence, speech

from .chat_server import JSON, PATIENCE, FakeServer, Reply, event, refusal, serving, sound, sse, words

KEY = "sk-aVerySecretKey123"
PICTURE = Image.new("RGB", (64, 48), "red")
WHAT = Question(text="what is this")


class Noting:
    """Stands for a Narrator: a group of audio tokens for every word."""

    def sounds(self, word: str) -> tuple[int, ...]:
        return (len(word),)

    def speech(self, sounds: Iterable[int], rate: str) -> Iterator[list[int]]:
        for _ in sounds:
            yield [0, 1, 16, 17, 18]


class HumVoices:
    """Stands for Voices: everybody hums."""

    def __init__(self) -> None:
        self.narrator = Noting()
        self.asked: list[str] = []

    def speaker(self, name: str) -> str:
        return name

    def voice(self, speaker: str, style: str) -> HumVoice:
        self.asked.append(f"{speaker} {style}")
        return HumVoice()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving() as fake:
        yield fake


def engine_for(fake: FakeServer, key: str = KEY, **what: Any) -> Remote:
    made = Remote(Server("mine", fake.url, "toy-llava", agreed=fake.host, **what), key)
    made.__dict__ |= {"voices": HumVoices(), "sample_rate": 1000}
    return made


def ask(engine: Remote, question: Question = WHAT, speak: bool = False) -> list[AnswerEvent]:
    return list(engine.load_picture(PICTURE).answer(question, speak=speak))


def told(events: list[AnswerEvent]) -> str:
    return "".join(e.text for e in events if isinstance(e, TextDelta))


def heard_sound(events: list[AnswerEvent]) -> np.ndarray:
    return np.concatenate([e.samples for e in events if isinstance(e, AudioChunk)] or [np.zeros(0)])


def failure(engine: Remote, question: Question = WHAT, speak: bool = False) -> str:
    """The one line that a failed question comes to, with no piece of the key in it."""
    with pytest.raises(SviqaError) as caught:
        ask(engine, question, speak)
    line = str(caught.value)
    assert "\n" not in line and "Traceback" not in line and caught.value.next
    assert not any(KEY[at : at + 6] in line for at in range(len(KEY) - 5))
    return line


def test_the_picture_and_the_words_go_there_and_the_answer_streams_back(server: FakeServer) -> None:
    server.replies.append(words(" A red", " circle", "."))
    events = ask(engine_for(server))
    assert [e.text for e in events if isinstance(e, TextDelta)] == ["A red", " circle", "."]
    assert events[0] == Remark(f"Sent to {server.host}: the picture and what you typed.")
    done = events[-1]
    assert isinstance(done, Done) and done.text == "A red circle." and not done.cancelled and done.tokens == 3
    (asked,) = server.asked
    assert asked.path == "/v1/chat/completions" and asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.json["stream"] is True and asked.json["model"] == "toy-llava" and "modalities" not in asked.json
    picture, text = asked.json["messages"][0]["content"]
    assert text == {"type": "text", "text": "what is this"}
    assert unpacked(picture).size == (64, 48)


def test_without_a_key_none_is_sent(server: FakeServer) -> None:
    ask(engine_for(server, key=""))
    assert "authorization" not in server.asked[0].headers


def test_our_voice_speaks_the_first_sentence_before_the_second_is_there(server: FakeServer) -> None:
    server.replies.append(words("It is a dog. ", "And", ending="stall"))
    engine = engine_for(server)
    answer = engine.load_picture(PICTURE).answer(Question(text="(whisper) what is it", manner=Manner("rms")))
    assert [next(e for e in answer if isinstance(e, kind)) for kind in (TextDelta, AudioChunk)]
    answer.close()  # type: ignore[attr-defined]
    assert server.left.wait(PATIENCE)
    assert engine.voices.asked == ["rms whisper"]
    assert server.asked[0].json["messages"][0]["content"][1]["text"] == "what is it"


def test_all_is_spoken_whatever_pieces_it_came_in(server: FakeServer) -> None:
    text = "It is a dog. It barks! Does it?\nYes"
    spoken = []
    for pieces in ([text], list(text), [text[:20], text[20:]]):
        server.replies.append(words(*pieces))
        events = ask(engine_for(server), speak=True)
        assert told(events) == text
        spoken.append(heard_sound(events))
        assert isinstance(events[-1], Done) and events[-1].seconds["first_audio"] is not None
    assert len(spoken[0]) == 500 * (9 + 4)  # a group for each word, and one for the end of each sentence
    assert all(np.array_equal(sound, spoken[0]) for sound in spoken)


def test_what_our_voice_cannot_say_is_remarked_on(server: FakeServer) -> None:
    server.replies.append(words("Это собака."))
    remarks = [e.text for e in ask(engine_for(server), speak=True) if isinstance(e, Remark)]
    assert "English only" in remarks[-1]


def test_a_server_that_speaks_is_heard(server: FakeServer) -> None:
    tone = (np.sin(np.arange(24_000) / 10) * 20_000).astype("<i2")
    data = tone.tobytes()
    begun = event({"audio": {"id": "a", "transcript": "A red circle."}})
    pieces = (begun, sound(data[:9_999]), sound(data[9_999:]), event({}, "stop"), sse("[DONE]"))
    server.replies.append(Reply(pieces))
    events = ask(engine_for(server, voice="alloy"), speak=True)
    assert told(events) == "A red circle." and server.asked[0].json["audio"] == {"voice": "alloy", "format": "pcm16"}
    assert server.asked[0].json["modalities"] == ["text", "audio"]
    chunks = [e for e in events if isinstance(e, AudioChunk)]
    assert sum(len(e.samples) for e in chunks) == 1000 and {e.rate for e in chunks} == {1000}


def test_the_sound_of_vllm_comes_after_the_words_and_as_wav(server: FakeServer) -> None:
    spoken = base64.b64encode(wav(speech(1.0))).decode()
    pieces = (event({"content": "Hi."}), event({}, "stop"), event({"content": spoken}, "stop", modality="audio"))
    server.replies.append(Reply(pieces))
    events = ask(engine_for(server, voice="Chelsie"), speak=True)
    assert told(events) == "Hi." and 900 < len(heard_sound(events)) <= 1000


def test_our_voice_speaks_for_a_server_that_should_have(server: FakeServer) -> None:
    server.replies.append(words("A red circle."))
    events = ask(engine_for(server, voice="alloy"), speak=True)
    assert len(heard_sound(events)) and any("sent no sound" in e.text for e in events if isinstance(e, Remark))


def test_sound_that_was_not_asked_for_is_left(server: FakeServer) -> None:
    server.replies.append(Reply((sound(b"RIFF junk"), event({"content": "Hi."}, "stop"))))
    assert told(ask(engine_for(server))) == "Hi."


def test_a_recording_goes_to_a_model_that_hears(server: FakeServer) -> None:
    events = ask(engine_for(server, hears=True), Question(speech(), "and why"))
    assert events[0] == Remark(f"Sent to {server.host}: the picture, your recording and what you typed.")
    _, audio, text = server.asked[0].json["messages"][0]["content"]
    assert audio["type"] == "input_audio" and audio["input_audio"]["format"] == "wav" and text["text"] == "and why"
    with wave.open(io.BytesIO(base64.b64decode(audio["input_audio"]["data"]))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        assert 0.5 < file.getnframes() / 16_000 <= 1.0


def test_the_server_writes_it_down_where_it_can(server: FakeServer) -> None:
    server.replies += [Reply((b'{"text": " What is this? "}',), kind=JSON), words("A dog.")]
    events = ask(engine_for(server, transcriber="whisper-1"), Question(speech(), "and why"))
    assert Heard("What is this?") in events and "which it writes down first" in str(events[0])
    transcribed, asked = server.asked
    assert transcribed.path == "/v1/audio/transcriptions" and b"whisper-1" in transcribed.body
    assert b"RIFF" in transcribed.body and transcribed.headers["authorization"] == f"Bearer {KEY}"
    assert asked.json["messages"][0]["content"][1:] == [{"type": "text", "text": "What is this? and why"}]


def test_this_machine_writes_it_down_where_the_server_cannot(
    server: FakeServer, engine: EndToEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "best_ear", lambda machine: None)
    monkeypatch.setattr(EndToEnd, "load", lambda folder: engine)
    events = ask(engine_for(server), Question(speech(), "red"))
    assert "as this machine wrote it down" in str(events[0])
    heard = engine.caption(engine.hear(speech()))
    assert [e.text for e in events if isinstance(e, Heard)] == ([heard] if heard else [])
    assert len(server.asked) == 1 and b"input_audio" not in server.asked[0].body


def test_an_ear_that_is_installed_writes_it_down_better(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Whisper:
        def hear(self, speech: Recording, put: Any, stop: Any) -> None:
            put("What is this?")

    monkeypatch.setattr(remote, "best_ear", lambda machine: tmp_path)
    monkeypatch.setattr(Ear, "load", lambda folder, machine: Whisper())
    assert Heard("What is this?") in ask(engine_for(server), Question(speech()))
    assert server.asked[0].json["messages"][0]["content"][1]["text"] == "What is this?"


@pytest.mark.parametrize("question", [Question(), Question(text="  "), Question(silence())])
def test_where_nothing_is_asked_nothing_is_sent(question: Question, server: FakeServer) -> None:
    for voice in ("", "alloy"):
        events = ask(engine_for(server, hears=True, voice=voice), question, speak=True)
        assert told(events) == "I heard nothing." and server.asked == [] and len(heard_sound(events))
        assert not any(isinstance(e, Remark) for e in events)


def test_each_question_takes_the_turns_before_it_along(server: FakeServer) -> None:
    talk = engine_for(server).load_picture(PICTURE)
    for text in ("one", "two", "three"):
        events = list(talk.answer(Question(text=text), speak=False))
    assert events[0] == Remark(f"Sent to {server.host}: the picture, what you typed and what was said before.")
    messages = server.asked[-1].json["messages"]
    assert [m["role"] for m in messages] == ["user", "assistant", "user", "assistant", "user"]
    assert [len(m["content"]) for m in messages[::2]] == [2, 1, 1] and messages[1]["content"] == "A red circle."
    talk.restart()
    list(talk.answer(WHAT, speak=False))
    assert len(server.asked[-1].json["messages"]) == 1


def test_a_long_talk_goes_on_with_its_latest_turns(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "TURNS", 2)
    talk = engine_for(server).load_picture(PICTURE)
    for number in range(5):
        list(talk.answer(Question(text=str(number)), speak=False))
    messages = server.asked[-1].json["messages"]
    assert [m["content"][-1]["text"] for m in messages[::2]] == ["2", "3", "4"]
    assert messages[0]["content"][0]["type"] == "image_url"


@pytest.mark.parametrize("pieces", [[], ["It is a dog. "]])
@pytest.mark.parametrize("speak", [True, False])
def test_a_question_is_stopped_though_the_server_says_nothing(
    pieces: list[str], speak: bool, server: FakeServer
) -> None:
    server.replies.append(words(*pieces, ending="stall") if pieces else Reply(ending="stall"))
    talk = engine_for(server).load_picture(PICTURE)
    events = list(talk.answer(WHAT, speak=speak, stop=server.stalling.is_set))
    assert isinstance(events[-1], Done) and events[-1].cancelled
    assert server.left.wait(PATIENCE)
    list(talk.answer(WHAT, speak=False))
    assert len(server.asked[-1].json["messages"]) == 1  # what was stopped is forgotten


def test_stopped_while_it_is_written_down(server: FakeServer) -> None:
    server.replies.append(Reply(ending="stall"))
    talk = engine_for(server, transcriber="whisper-1").load_picture(PICTURE)
    events = list(talk.answer(Question(speech()), stop=server.stalling.is_set))
    assert isinstance(events[-1], Done) and events[-1].cancelled and server.left.wait(PATIENCE)
    assert len(server.asked) == 1


def test_a_question_that_failed_is_forgotten(server: FakeServer) -> None:
    talk = engine_for(server).load_picture(PICTURE)
    server.replies.append(words("It is", ending="cut"))
    with pytest.raises(EngineError):
        list(talk.answer(WHAT))
    list(talk.answer(WHAT, speak=False))
    assert len(server.asked[-1].json["messages"]) == 1


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (refusal(401, f"Incorrect API key provided: {KEY}"), "does not accept the key. Run sviqa servers add again"),
        (refusal(403), "does not accept the key"),
        (refusal(404, "The model `toy-llava` does not exist."), "has no model toy-llava, or nothing at this address"),
        (refusal(400, "At most 0 image(s)\nmay be given."), "with the error 400 (At most 0 image(s) may be given)"),
        (refusal(400, f"bad header Bearer {KEY[:8]}..."), "with the error 400. Check"),
        (Reply((b'{"detail": "no audio"}',), 422, JSON), "(no audio)"),
        (Reply((b"\xff\xfe<html>",), 502, "text/html"), "failed with the error 502. Ask again"),
        (Reply((b"[" * 100_000,), 500, JSON), "failed with the error 500. Ask"),
        (Reply((b"x" * 3_000_000,), 500, JSON), "failed with the error 500. Ask"),
        (refusal(413), "takes no picture or recording as large"),
        (refusal(429, "quota", retry_after="7"), "Ask again in 7 seconds"),
        (refusal(429, retry_after="Mon, 1 Jan"), "Ask again later"),
        (refusal(503, "loading", retry_after="3"), "Ask again in 3 seconds"),
        (refusal(500, "CUDA out of memory"), "failed with the error 500 (CUDA out of memory)"),
        (refusal(418, "I am\x1b[2J a\ud800 teapot"), "(I am [2J a teapot)"),
        (Reply(status=307, headers={"location": "http://127.0.0.1:1/v1"}), "sends on to another address"),
        (Reply((b"<html>",), kind="text/html"), "answers with text/html in place of text/event-stream"),
        (Reply((b"{}",), kind=JSON), "application/json in place of"),
        (Reply((b"x",), kind="x\x1b[31m" + "y" * 99), "in place of text/event-stream"),
        (Reply((b"x",), headers={"content-encoding": "gzip"}), "in place of text/event-stream"),
        (Reply((sse("nonsense"),)), "is not understood"),
        (Reply((sse('{"choices": 3}'),)), "is not understood"),
        (Reply((sse("[" * 100_000),)), "is not understood"),
        (Reply((event({"audio": {"data": "*"}}),)), "is not understood"),
        (Reply((event({"content": "It"}), sse('{"error": {"message": "out of memory"}}'))), "(out of memory)"),
        (Reply((sse('{"error": "out of memory"}'),)), "could not answer (out of memory)"),
        (Reply((sse(f'{{"error": "{KEY}"}}'),)), "could not answer. Ask"),
        (Reply((event({"content": "It is"}),)), "stopped in the middle of the answer"),
        (Reply(()), "stopped in the middle of the answer"),
        (Reply((event({}, "stop"),)), "answered with nothing"),
        (words("It is", ending="cut"), "The line to 127.0.0.1"),
        (words("It is", ending="reset"), "The line to 127.0.0.1"),
    ],
)
def test_every_failure_is_one_line(reply: Reply, line: str, server: FakeServer) -> None:
    server.replies.append(reply)
    assert line in failure(engine_for(server))


def test_who_wants_a_key(server: FakeServer) -> None:
    server.replies.append(refusal(401))
    assert "wants a key. Run sviqa servers add again with --key, or set SVIQA_SERVER_KEY_MINE." in failure(
        engine_for(server, key="")
    )


def test_sound_that_is_none(server: FakeServer) -> None:
    server.replies.append(Reply((sound(b"RIFF, and then something else"), event({}, "stop"))))
    assert "is not understood. Add the server again without --voice" in failure(
        engine_for(server, voice="alloy"), speak=True
    )


@pytest.mark.parametrize("content", [b"", b"[]", b'{"text": 3}', b"x" * 2_000_000, b"[" * 100_000])
def test_a_transcript_that_is_none(content: bytes, server: FakeServer) -> None:
    server.replies.append(Reply((content,), kind=JSON))
    assert "is not understood" in failure(engine_for(server, transcriber="w"), Question(speech()))


def test_answers_without_end(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "MAX_TEXT", 10)
    server.replies.append(words("eleven char", "s"))
    assert "does not end" in failure(engine_for(server))
    monkeypatch.setattr(chat, "MAX_SOUND", 10)
    server.replies.append(Reply((sound(bytes(11)),)))
    assert "does not end" in failure(engine_for(server, voice="x"), speak=True)
    monkeypatch.setattr(chat, "MAX_EVENT", 1000)
    server.replies.append(Reply((b"data: " + b"x" * 2000, b"x" * 2000)))
    assert "The line to" in failure(engine_for(server))
    monkeypatch.setattr(chat, "LONGEST", 0.2)
    server.replies.append(words("It is", ending="stall"))
    assert "does not end" in failure(engine_for(server))


def test_a_server_that_falls_silent(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "QUIET", 0.2)
    server.replies.append(words("It is", ending="stall"))
    assert "does not answer" in failure(engine_for(server))


def test_a_server_that_is_not_there() -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        assert "cannot be reached (Connection refused)" in failure(engine_for(FakeServer(url)))


def test_redirects_are_not_followed(server: FakeServer) -> None:
    with serving() as other:
        server.replies.append(Reply(status=308, headers={"location": f"{other.url}/chat/completions"}))
        failure(engine_for(server))
        assert other.asked == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody signed, and its key."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    try:
        made = subprocess.run([*command.split(), "-keyout", "-", "-out", "-"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("openssl is not there to make a certificate")
    path.write_bytes(made.stdout)
    return path


def test_a_certificate_that_nobody_signed(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(certificate) as fake:
        assert "cannot prove who it is, so nothing was sent" in failure(engine_for(fake))
        assert fake.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        chat._trusted.cache_clear()
        assert told(ask(engine_for(fake))) == "A red circle."
    chat._trusted.cache_clear()


def test_tls_to_a_server_that_has_none(server: FakeServer) -> None:
    server.url = server.url.replace("http:", "https:")
    assert "cannot prove who it is, so nothing was sent" in failure(engine_for(server))


def test_what_stays_on_this_machine_goes_through_no_proxy(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        monkeypatch.setenv("NO_PROXY", "")
        assert told(ask(engine_for(server))) == "A red circle."
        assert proxy.asked == []


@pytest.mark.parametrize("proxy", ["socks5://secret@127.0.0.1:1", "nonsense://x", "http://127.0.0.1:1"])
def test_a_proxy_that_is_none(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("https_proxy", proxy)
    line = failure(engine_for(FakeServer("https://example.invalid/v1")))
    assert ("The proxy" in line or "cannot be reached" in line) and "secret" not in line


def test_the_key_is_in_no_log_and_no_repr(
    server: FakeServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    made = engine_for(server)
    talk = made.load_picture(PICTURE)
    list(talk.answer(WHAT, speak=False))
    server.replies.append(refusal(401, KEY))
    with pytest.raises(EngineError) as caught:
        list(talk.answer(WHAT, speak=False))
    shown = [caplog.text, *capfd.readouterr(), *map(repr, (made, talk, made.line, made.server, caught.value))]
    assert not any(KEY in text for text in shown)


def test_only_what_was_added_and_agreed_to_is_loaded(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sviqa_app.servers.settings_path", lambda: tmp_path / "settings.json")
    monkeypatch.setattr("sviqa_app.vault.import_module", lambda name: None)
    with pytest.raises(EngineError, match="There is no server mine"):
        load_server("mine")
    add_server(Server("mine", server.url, "m", hears=True, voice="alloy", agreed=server.host))
    assert load_server("mine").name == f"m at {server.host}"
    listed = tmp_path / "servers.json"
    listed.write_text(listed.read_text().replace(f'"agreed": "{server.host}"', '"agreed": "elsewhere"'))
    with pytest.raises(EngineError, match="You have not agreed to send anything"):
        load_server("mine")


def test_ours_is_loaded_before_the_first_question() -> None:
    made = Remote(Server("mine", "http://localhost/v1", "m", transcriber="w", agreed="localhost")).prepared()
    assert "voices" in made.__dict__ and "ear" not in made.__dict__
    assert made.sample_rate == made.voices.sample_rate


def unpacked(part: dict[str, Any]) -> Image.Image:
    header, _, data = part["image_url"]["url"].partition(",")
    assert part["type"] == "image_url" and header == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_picture_is_packed_small_and_bare(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    Image.new("RGB", (5000, 100), "blue").save(tmp_path / "a.jpg", exif=exif, comment=b"mine", icc_profile=b"profile")
    with Image.open(tmp_path / "a.jpg") as picture:
        small = unpacked(packed(picture))
    assert small.size == (2048, 41) and not small.getexif()
    assert not {"comment", "icc_profile", "exif"} & set(small.info)


def test_a_picture_of_noise_is_packed_smaller() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2048, 2048, 3), np.uint8)
    small = unpacked(packed(Image.fromarray(noise)))
    assert max(small.size) < 2048


def test_thin_pictures_stay_pictures() -> None:
    assert unpacked(packed(Image.new("L", (1, 9000)))).size == (1, 2048)
