"""The remote engine against the real `transformers serve`, with a small LLaVA of random weights.

Runs where fastapi, uvicorn and openai are installed beside transformers.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep

import httpx2
import pytest
from PIL import Image

from sviqa_app.engine.background import Background
from sviqa_app.engine.base import Conversation
from sviqa_app.engine.remote import Remote
from sviqa_app.errors import EngineError
from sviqa_app.servers import Server
from sviqa_app.turn import AnswerEvent, Done, Question, TextDelta
from tests.unit.checkpoints.models import CLIP, llava_of, vocabulary
from tests.unit.toy import speech

MISSING = [name for name in ("fastapi", "uvicorn", "openai") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"transformers serve needs {', '.join(MISSING)}")

STARTS = 240.0  # seconds that a busy machine is given to start it
PICTURE = Image.new("RGB", (40, 30), "red")
TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %} {% endfor %}"
)


def write_llava(folder: Path) -> Path:
    """A LLaVA that knows sixty words and does not come to an end soon."""
    from transformers import CLIPImageProcessorPil, LlavaProcessor, PreTrainedTokenizerFast

    model = llava_of()
    model.generation_config.eos_token_id = None
    model.generation_config.max_new_tokens = 10_000
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=vocabulary(image=True), pad_token="w0", eos_token="w2")
    size = CLIP["image_size"]
    seeing = CLIPImageProcessorPil(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
    processor = LlavaProcessor(seeing, tokenizer, patch_size=CLIP["patch_size"], chat_template=TEMPLATE)
    processor.vision_feature_select_strategy, processor.num_additional_image_tokens = "default", 1
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    folder = write_llava(tmp_path_factory.mktemp("serve") / "llava")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder)]
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    home = tmp_path_factory.mktemp("home")
    (home / "hub").mkdir()
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(home)}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([*command, *options], env=environment, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(f"{url}/health", process, home / "log")
            made = Remote(Server("serve", f"{url}/v1", str(folder), agreed=f"127.0.0.1:{port}"))
            made.__dict__["sample_rate"] = 22_050
            yield made
        finally:
            process.terminate()
            process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = monotonic() + STARTS
    while monotonic() < until and process.poll() is None:
        try:
            if httpx2.get(url, trust_env=False).status_code == 200:
                return
        except httpx2.HTTPError:
            sleep(0.1)
    pytest.skip(f"transformers serve does not start here: {log.read_text()[-500:]}")


def after(pieces: int, talk: Conversation, question: Question) -> list[AnswerEvent]:
    """The events of an answer that is stopped once so many pieces of text are there."""
    events: list[AnswerEvent] = []

    def stop() -> bool:
        return sum(isinstance(event, TextDelta) for event in events) >= pieces

    for event in talk.answer(question, speak=False, stop=stop):
        events.append(event)
    return events


def test_text_streams_until_it_is_stopped_and_so_does_the_next(engine: Remote) -> None:
    talk = engine.load_picture(PICTURE)
    for words in ("w1 w2 w3", "w4"):
        events = after(10, talk, Question(text=words))
        done = events[-1]
        assert isinstance(done, Done) and done.cancelled
        assert done.text.startswith("w") and len(events) == 1 + 10 + 1


def test_its_models_are_listed(engine: Remote) -> None:
    with Background(engine.line.models()) as line:
        while not line.over:
            assert all(line.ready())


def test_a_model_that_is_not_there_is_one_line(engine: Remote) -> None:
    server = replace(engine.server, model="no/model")
    with pytest.raises(EngineError, match="no/model") as caught:
        list(Remote(server).load_picture(PICTURE).answer(Question(text="w1"), speak=False))
    assert "\n" not in str(caught.value)


def test_a_recording_for_a_model_that_takes_none_does_no_harm(engine: Remote) -> None:
    made = Remote(replace(engine.server, hears=True))
    made.__dict__["sample_rate"] = 22_050
    assert isinstance(after(3, made.load_picture(PICTURE), Question(speech(), "w1"))[-1], Done)
