"""The engine of our own model: speech and words in, words and speech out, no transcript on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Self

import torch
from PIL.Image import Image
from tokenizers import Tokenizer
from torch import Tensor
from transformers.initialization import no_init_weights

from ..checkpoints.native import fill, find_voice, read_config
from ..errors import EngineError, ModelError
from ..media.audio import heard_nothing, trim_silence
from ..model.decode import Cache, Grammar, Limits, Stop, Token, answer, never, prefill, rewind
from ..model.interleave import Marks, places
from ..model.mel import whisper_log_mel
from ..model.prompt import ASSISTANT, BEGIN, END, END_OF_TEXT, SPECIAL, USER, encode
from ..model.speech import SpeechFeatures
from ..model.sviqa import Sviqa
from ..turn import AnswerEvent, Done, Heard, Question, Recording, Remark
from .eye import pixels
from .manners import asked_for
from .telling import Speeches, Telling
from .voices import Voices

NOTHING_HEARD = "i heard nothing ."
MOST_TEXT = 120
LEAST_ROOM = 450
_SHORTER = "Ask in fewer words."


@dataclass(frozen=True)
class EndToEnd:
    """Network, words and voice, ready to answer. Build with `load`."""

    name: str
    model: Sviqa
    tokenizer: Tokenizer
    speech: Speeches

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a model folder. Raises ModelError where something is missing, broken or of another shape."""
        config = read_config(folder)
        if config.tokens.rows:
            raise ModelError(
                f"{config.name} was composed of published models and has no voice of its own.",
                "sviqa ask and the window can use it.",
            )
        try:
            with no_init_weights():
                model = Sviqa(config).eval()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"The sizes in {folder / 'config.json'} do not fit together: {error}.") from error
        fill(model, folder / "model.safetensors", assign=True)
        voices = Voices.load(find_voice(folder, config.voice))
        if voices.config.audio != config.audio:
            what = f"The voice {config.voice} speaks other audio tokens than {config.name} writes."
            raise ModelError(what, "Install both again.")
        return cls(config.name, model, load_tokenizer(folder), voices)

    @property
    def sample_rate(self) -> int:
        """Samples a second of the answer's sound."""
        return self.speech.sample_rate

    @property
    def grammar(self) -> Grammar:
        """What this model's answers are made of."""
        words = torch.arange(len(SPECIAL), self.tokenizer.get_vocab_size())
        return Grammar(Marks(text_end=END_OF_TEXT, end=END), words, self.model.config.audio)

    @torch.inference_mode()
    def load_picture(self, picture: Image) -> Talk:
        """Read an upright RGB picture and compute the part of the prompt that every question shares."""
        seen = self.model.picture_embeddings(pixels(picture, self.model.config.vision))
        begin = self.model.embed(torch.tensor([[BEGIN]]))
        _, cache = prefill(self.model, torch.cat([begin, seen], dim=1))
        return Talk(self, cache)

    def mel(self, speech: Recording) -> Tensor:
        """A 16 kHz recording without the silence around it, as the ear takes it: [mels, frames]."""
        samples = torch.from_numpy(trim_silence(speech).samples)
        return whisper_log_mel(samples, self.model.config.speech.mels)

    @torch.inference_mode()
    def hear(self, speech: Recording) -> SpeechFeatures:
        """What the ear makes of a 16 kHz recording."""
        mel = self.mel(speech)
        return self.model.speech_embeddings(mel[None], torch.tensor([mel.shape[-1]]))

    @torch.inference_mode()
    def caption(self, features: SpeechFeatures) -> str:
        """The words heard, in lower case, by the caption head."""
        return self.words(self.model.ear.captions(features)[0])

    def words(self, ids: list[int]) -> str:
        """Text ids as lower-case words."""
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text

    @torch.inference_mode()
    def prompt(self, text: str | None, speech: Tensor | None) -> Tensor:
        """One turn, of words and of speech embeddings [1, S, H], up to where its answer begins: [1, L, H]."""
        words = encode(self.tokenizer, text) if text else []
        before, after = torch.tensor([[USER]]), torch.tensor([[*words, ASSISTANT]])
        middle = [] if speech is None else [speech]
        return torch.cat([self.model.embed(before), *middle, self.model.embed(after)], dim=1)


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer in a model folder. Raises ModelError where it is missing or broken."""
    path = folder / "tokenizer.json"
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise ModelError(f"{path} is missing or broken.", "Install the model again.") from error


class Talk:
    """A conversation about one picture. The cache holds the picture and the words of past turns."""

    def __init__(self, engine: EndToEnd, cache: Cache) -> None:
        self._engine = engine
        self._cache = cache
        self._picture: int = cache.get_seq_length()
        self._length = self._picture
        self._position: int = self._picture

    def restart(self) -> None:
        """Forget every turn, but not the picture."""
        self._length = self._position = self._picture
        rewind(self._cache, self._length)

    def answer(self, question: Question, *, speak: bool = True, stop: Stop = never) -> Iterator[AnswerEvent]:
        """See Conversation.answer. A recording in which nobody speaks is answered by saying so."""
        began = perf_counter()
        engine = self._engine
        asked, words, remark = asked_for(question.text or "", question.manner)
        question = replace(question, text=words or None)
        stream = engine.speech.speaking(asked).stream() if speak else None
        telling = Telling(engine.words, stream, engine.sample_rate, began)
        silent = question.speech is not None and heard_nothing(question.speech)
        heard = engine.hear(question.speech) if question.speech is not None and not silent else None
        prompt = engine.prompt(question.text, None if heard is None else heard.embeddings)
        if self._room(prompt) < LEAST_ROOM:
            self.restart()  # a long talk goes on, without what was said so far
        nothing_asked = heard is None and not question.text
        try:
            if remark and speak:
                yield Remark(remark)
            yield from telling.tell(self._tokens(prompt, NOTHING_HEARD if nothing_asked else "", speak, stop))
            if not stop():
                yield from telling.finish()
            total = perf_counter() - began
            cancelled = stop()
            if engine.model.config.conversational and not (cancelled or nothing_asked):
                self._remember(prompt.shape[1], telling.ids)
            if heard is not None and not cancelled:
                yield Heard(engine.caption(heard))
            seconds = {"first_audio": telling.first_sound.seconds, "total": total}
            yield Done(telling.text, seconds, telling.tokens, cancelled)
        finally:
            rewind(self._cache, self._length)

    def _tokens(self, prompt: Tensor, words: str, speak: bool, stop: Stop) -> Iterator[Token]:
        """The answer's tokens. `words`, where there are any, are said in place of the model's own."""
        model = self._engine.model
        room = self._room(prompt)
        if room < LEAST_ROOM:
            raise EngineError("This question is longer than the model can hold.", _SHORTER)
        start = self._position + prompt.shape[1]
        logits, _ = prefill(model, prompt, self._cache, torch.arange(self._position, start)[None])
        limits = Limits(text=MOST_TEXT, audio=room - MOST_TEXT)
        script = encode(self._engine.tokenizer, words)
        grammar = self._engine.grammar
        return answer(model, logits, self._cache, grammar, start, speak=speak, words=script, limits=limits, stop=stop)

    def _room(self, prompt: Tensor) -> int:
        """How many positions are left for the answer."""
        most: int = self._engine.model.config.text.max_positions
        return most - self._position - prompt.shape[1]

    def _remember(self, prompt_length: int, ids: list[int]) -> None:
        """Keep the question and the words of its answer for the turns to come; the sound is let go."""
        model, grammar = self._engine.model, self._engine.grammar
        rewind(self._cache, self._length + prompt_length)
        said = [*ids, grammar.marks.text_end]
        start = self._position + prompt_length
        positions = start + torch.tensor([places(said, grammar.marks, grammar.audio)])
        prefill(model, model.embed(torch.tensor([said])), self._cache, positions)
        self._length = self._cache.get_seq_length()
        self._position = int(positions[0, -1]) + 1
