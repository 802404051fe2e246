"""The engine: turn after turn about one picture, each mode, cancelled, silent, too long."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from sviqa_app.checkpoints.native import save_weights, write_config
from sviqa_app.engine.base import Conversation, Engine
from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.errors import EngineError, ModelError
from sviqa_app.manner import USUAL, Manner
from sviqa_app.model.config import AudioTokenConfig
from sviqa_app.model.decode import TextToken, answer, prefill
from sviqa_app.model.prompt import END_OF_TEXT
from sviqa_app.turn import AnswerEvent, AudioChunk, Done, Heard, Question, Remark, TextDelta

from ..small_voice import SMALL_VOICE, write_voice
from ..toy import CONFIG, HumVoice, silence, speech, tokenizer

RED = Image.new("RGB", (50, 40), "red")
HOW_MANY = Question(text="How many dogs are there?")


def said(events: list[AnswerEvent]) -> str:
    return "".join(e.text for e in events if isinstance(e, TextDelta))


def test_it_is_an_engine(engine: EndToEnd) -> None:
    as_engine: Engine = engine
    talk: Conversation = as_engine.load_picture(RED)
    talk.restart()


@pytest.mark.parametrize(
    ("question", "hears"),
    [(HOW_MANY, False), (Question(speech()), True), (Question(speech(), "two"), True)],
)
def test_events_of_an_answer(engine: EndToEnd, question: Question, hears: bool) -> None:
    events = list(engine.load_picture(RED).answer(question))
    done = events[-1]
    assert isinstance(done, Done) and not done.cancelled
    assert said(events) == done.text and done.text
    assert any(isinstance(e, AudioChunk) for e in events)
    assert [i for i, e in enumerate(events) if isinstance(e, Heard)] == ([len(events) - 2] if hears else [])
    first, total = done.seconds["first_audio"], done.seconds["total"]
    assert first is not None and total is not None and 0 < first <= total


def test_in_words_alone(engine: EndToEnd) -> None:
    events = list(engine.load_picture(RED).answer(HOW_MANY, speak=False))
    assert not any(isinstance(e, AudioChunk) for e in events)
    assert isinstance(events[-1], Done) and events[-1].seconds["first_audio"] is None


def test_restart_forgets_the_turns_but_not_the_picture(engine: EndToEnd) -> None:
    talk = engine.load_picture(RED)
    first = said(list(talk.answer(HOW_MANY)))
    length = talk._cache.get_seq_length()
    list(talk.answer(Question(text="red")))
    assert talk._cache.get_seq_length() > length
    talk.restart()
    assert talk._cache.get_seq_length() == 1 + 4
    assert said(list(talk.answer(HOW_MANY))) == first


def test_history_is_the_words_that_were_said_without_their_sound(engine: EndToEnd) -> None:
    prompt = engine.prompt(HOW_MANY.text, None)
    talk, other = engine.load_picture(RED), engine.load_picture(RED)
    logits, cache = prefill(engine.model, prompt, other._cache)
    tokens = answer(engine.model, logits, cache, engine.grammar, cache.get_seq_length())
    said = [*(t.id for t in tokens if isinstance(t, TextToken)), END_OF_TEXT]
    picture = engine.load_picture(RED)._cache
    history = torch.cat([prompt, engine.model.embed(torch.tensor([said]))], dim=1)
    asked, audio = prompt.shape[1], engine.model.config.audio
    spread = [n + n // audio.text_per_turn * audio.audio_per_turn for n in range(len(said))]
    positions = 5 + torch.tensor([[*range(asked), *(asked + p for p in spread)]])
    prefill(engine.model, history, picture, positions)
    list(talk.answer(HOW_MANY))
    torch.testing.assert_close(talk._cache.layers[-1].keys, picture.layers[-1].keys, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("after", [0, 1, 3, 5])
def test_cancelled_at_once_and_forgotten(engine: EndToEnd, after: int) -> None:
    talk = engine.load_picture(RED)
    before = talk._cache.get_seq_length()
    events: list[AnswerEvent] = []
    for event in talk.answer(HOW_MANY, stop=lambda: len(events) >= after):
        events.append(event)
    assert isinstance(events[-1], Done) and events[-1].cancelled
    assert len(events) == after + 1
    assert talk._cache.get_seq_length() == before


def test_closed_early_and_forgotten(engine: EndToEnd) -> None:
    talk = engine.load_picture(RED)
    before = talk._cache.get_seq_length()
    events = talk.answer(HOW_MANY)
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert talk._cache.get_seq_length() == before


def test_silence_is_not_answered_with_an_invention(engine: EndToEnd) -> None:
    talk = engine.load_picture(RED)
    before = talk._cache.get_seq_length()
    events = list(talk.answer(Question(silence())))
    assert said(events) == "I heard nothing."
    assert not any(isinstance(e, Heard) for e in events)
    assert talk._cache.get_seq_length() == before


def test_a_manner_alone_asks_nothing(engine: EndToEnd) -> None:
    assert said(list(engine.load_picture(RED).answer(Question(text="(whisper)")))) == "I heard nothing."


def test_silence_with_words_is_a_question_in_words(engine: EndToEnd) -> None:
    mixed = list(engine.load_picture(RED).answer(Question(silence(), HOW_MANY.text)))
    text = list(engine.load_picture(RED).answer(HOW_MANY))
    assert said(mixed) == said(text)


def test_a_talk_never_becomes_too_long(engine: EndToEnd) -> None:
    talk = engine.load_picture(RED)
    first = said(list(talk.answer(HOW_MANY, speak=False)))
    for _ in range(3):
        list(talk.answer(Question(text="dogs " * 700), speak=False))  # two fill the model
    talk.restart()
    assert said(list(talk.answer(HOW_MANY, speak=False))) == first


def test_too_long_is_refused_and_the_conversation_goes_on(engine: EndToEnd) -> None:
    talk = engine.load_picture(RED)
    with pytest.raises(EngineError, match="longer than the model can hold"):
        list(talk.answer(Question(text="dogs " * 3000)))
    assert said(list(talk.answer(HOW_MANY)))


@pytest.mark.parametrize(
    ("text", "usual", "manner"),
    [
        ("How many dogs are there?", Manner("bob", "low"), Manner("bob", "low")),
        ("(whisper) How many dogs are there?", Manner("bob", rate="slow"), Manner("bob", "whisper", "slow")),
        ("How many dogs are there? Speak slowly.", USUAL, Manner(rate="slow")),
    ],
)
def test_how_to_speak_is_asked_of_the_voice_and_not_of_the_model(
    engine: EndToEnd, text: str, usual: Manner, manner: Manner
) -> None:
    events = list(engine.load_picture(RED).answer(Question(text=text, manner=usual)))
    assert isinstance(engine.speech, HumVoice) and engine.speech.manners[-1] == manner
    assert said(events) == said(list(engine.load_picture(RED).answer(HOW_MANY)))


def test_a_tag_that_the_voice_has_not_is_remarked_where_it_is_spoken(engine: EndToEnd) -> None:
    asked = Question(text="(rap) How many dogs are there?")
    first, *rest = engine.load_picture(RED).answer(asked)
    assert isinstance(first, Remark) and first.text.startswith("This voice has no rap;")
    assert not any(isinstance(e, Remark) for e in rest)
    silent = list(engine.load_picture(RED).answer(asked, speak=False))
    assert not any(isinstance(e, Remark) for e in silent) and said(rest)


def test_a_spoken_question_may_come_with_nothing_but_a_manner(engine: EndToEnd) -> None:
    alone = list(engine.load_picture(RED).answer(Question(speech())))
    whispered = list(engine.load_picture(RED).answer(Question(speech(), "(whisper)")))
    assert isinstance(engine.speech, HumVoice) and engine.speech.manners[-1].style == "whisper"
    assert said(whispered) == said(alone)


def model_folder(folder: Path, engine: EndToEnd, audio: AudioTokenConfig) -> Path:
    """The toy in a folder, and a small voice with these audio tokens in one beside it."""
    model = folder / "toy"
    model.mkdir()
    config = replace(CONFIG, voice=SMALL_VOICE.name)
    write_config(model, config)
    save_weights(model / "model.safetensors", engine.model.state_dict())
    tokenizer().save(str(model / "tokenizer.json"))
    write_voice(folder / SMALL_VOICE.name, replace(SMALL_VOICE, audio=audio))
    return model


def test_a_model_speaks_through_the_voice_beside_it(engine: EndToEnd, tmp_path: Path) -> None:
    loaded = EndToEnd.load(model_folder(tmp_path, engine, CONFIG.audio))
    assert loaded.sample_rate == 22050
    events = list(loaded.load_picture(RED).answer(replace(HOW_MANY, manner=Manner("bob", "high", "faster"))))
    assert said(events) == said(list(engine.load_picture(RED).answer(HOW_MANY)))
    assert sum(len(e.samples) for e in events if isinstance(e, AudioChunk)) > 0
    with pytest.raises(EngineError, match="Choose one of ann, bob"):
        list(loaded.load_picture(RED).answer(replace(HOW_MANY, manner=Manner("eve"))))


def test_a_voice_with_other_audio_tokens_is_refused(engine: EndToEnd, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="toy-voice speaks other audio tokens than toy writes"):
        EndToEnd.load(model_folder(tmp_path, engine, replace(CONFIG.audio, base=40)))


def test_a_voice_that_is_not_there_is_said(engine: EndToEnd, tmp_path: Path) -> None:
    model = model_folder(tmp_path, engine, CONFIG.audio)
    (tmp_path / "toy-voice").rename(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="no model toy-voice"):
        EndToEnd.load(model)
