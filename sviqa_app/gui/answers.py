"""Answers: asked of the worker, shown and said while they are written, and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..engine.worker import Answering, Died, Failed, Worker
from ..errors import EngineError
from ..history import History
from ..manner import Manner
from ..media.audio import write_wav
from ..settings import Settings
from ..turn import AnswerEvent, AudioChunk, Done, Heard, Remark, TextDelta
from .exchange import Exchange, Fate, State
from .operations import Operations
from .situation import Situation
from .view import Player, View

DIED = "The model stopped in the middle of the answer."


class Answers:
    """Every question that was sent, until its answer has been heard. One at a time is shown and said."""

    def __init__(
        self,
        view: View,
        show: Callable[[Exchange], None],
        worker: Worker,
        player: Player,
        history: History,
        operations: Operations,
        situation: Situation,
    ) -> None:
        """`show` shows an exchange, where it belongs to the conversation on the screen."""
        self._view, self._show = view, show
        self._worker, self._player, self._history = worker, player, history
        self._operations, self._situation = operations, situation
        self._open: dict[int, Exchange] = {}  # by the worker's turn, until its Done, failure or death
        self._turn: int | None = None  # the one that is being answered, shown and said
        self._spoken: Exchange | None = None  # the one whose sound is in memory
        self.sample_rate = 0  # of the answers' sound, once the model is loaded

    def send(self, exchange: Exchange, settings: Settings) -> None:
        """Have a question answered, in place of the one before."""
        self._hush()
        exchange.fate, exchange.answer, exchange.why, exchange.chunks = Fate.WAITING, "", "", []
        exchange.question = replace(exchange.question, manner=Manner(settings.voice, settings.style))
        exchange.read_out = settings.who_speaks != "app"
        speak = settings.who_speaks != "screen-reader"
        self._turn = self._worker.ask(exchange.question, speak)
        self._open[self._turn] = exchange
        if speak and self.sample_rate:  # opening the device takes time that the model needs as well
            self._player.play(AudioChunk(np.zeros(0, np.float32), self.sample_rate))
        self._show(exchange)
        self._situation.enter(State.THINKING)

    def stop(self) -> None:
        """Silence, and no more of this answer."""
        self._hush()
        if self._situation.state in (State.THINKING, State.SPEAKING):
            self._situation.enter(State.READY)

    def _hush(self) -> None:
        self._player.stop()
        if self._turn is not None:
            self._worker.stop(self._turn)
            self._turn = None  # its Done still comes, and is kept

    def give_up(self) -> None:
        """The app ends: what is not answered yet is not asked again at the next start."""
        self.stop()
        for exchange in self._open.values():
            self.drop(exchange)

    def drop(self, exchange: Exchange) -> None:
        """Keep that the answer was not wanted any more."""
        exchange.fate = Fate.STOPPED
        self._keep(exchange)
        self._show(exchange)

    def replay(self) -> None:
        """Say the last answer again."""
        if self._spoken is None:
            self._view.announce("There is no answer to say again.")
            return
        self.stop()
        self._situation.enter(State.SPEAKING)
        for chunk in self._spoken.chunks:
            self._player.play(AudioChunk(chunk, self._spoken.rate))
        self._player.end()

    def save(self, path: Path) -> None:
        """Write the last spoken answer to a WAV file."""
        if self._spoken is None:
            self._view.announce("There is no answer to save.")
            return
        sound, rate = self._spoken.sound, self._spoken.rate
        self._operations.run(
            lambda: write_wav(path, sound, rate), lambda _: self._view.announce(f"Saved as {path.name}.")
        )

    def silent(self) -> None:
        """The last sound of an answer was heard, or none ever will be."""
        if self._situation.state is State.SPEAKING and self._turn is None:
            self._situation.enter(State.READY)
        if self._player.failed is not None:
            self._situation.complain(self._player.failed)

    # --- from the worker ---------------------------------------------------------------------------------------

    def on_answer(self, event: Answering) -> None:
        """More of an answer."""
        exchange = self._open.get(event.turn)
        if exchange is None:
            return
        self._add(exchange, event.event, current=event.turn == self._turn)
        if isinstance(event.event, Done):
            del self._open[event.turn]
            self._end(exchange, event.event, current=event.turn == self._turn)
        self._show(exchange)

    def _add(self, exchange: Exchange, event: AnswerEvent, current: bool) -> None:
        match event:
            case TextDelta(text):
                exchange.answer += text
            case Heard(text):
                exchange.heard = text
            case Remark(text):
                self._view.announce(text)
            case AudioChunk(samples, rate):
                self._hold(exchange)
                exchange.chunks.append(samples)
                exchange.rate = rate
                if current and self._player.failed is None:
                    self._player.play(event)
                    self._situation.enter(State.SPEAKING)

    def _hold(self, exchange: Exchange) -> None:
        """Only the last answer's sound stays in memory, however long the session."""
        if self._spoken is not None and self._spoken is not exchange:
            self._spoken.chunks = []
        self._spoken = exchange

    def _end(self, exchange: Exchange, done: Done, current: bool) -> None:
        exchange.answer, exchange.seconds = done.text or exchange.answer, done.seconds
        if done.cancelled or not current:
            self.drop(exchange)
            return
        self._turn = None
        exchange.fate = Fate.ANSWERED
        self._keep(exchange)
        exchange.question = replace(exchange.question, speech=None)  # it is on the disk, and not asked again
        if (first := done.seconds.get("first_audio")) is not None:
            self._view.show_latency(first)
        if exchange.read_out:
            self._view.announce(exchange.answer)
        if exchange.chunks and self._player.failed is None:
            self._player.end()
        else:
            self.stop()

    def _keep(self, exchange: Exchange) -> None:
        """Bring the history up to date. Where it cannot be, the answer stays on the screen."""
        if exchange.row is not None:
            self._operations.run(_keeping(self._history, exchange, exchange.row))

    def on_failure(self, event: Failed) -> None:
        """A question cannot be answered, or the engine cannot be used at all."""
        exchange = self._open.pop(event.turn, None) if event.turn is not None else None
        if exchange is not None:
            exchange.fate, exchange.why = Fate.FAILED, f"{event.what} {event.next}".strip()
            self._keep(exchange)
            self._show(exchange)
        if event.turn == self._turn:
            self._turn = None
            self.stop()
        self._situation.complain(EngineError(event.what, event.next))

    def on_death(self, event: Died) -> Exchange | None:
        """The worker is gone. Gives the question to offer again, which stays pending in the history."""
        lost = self._open.get(event.turn) if event.turn is not None and event.turn == self._turn else None
        self._open.clear()
        self.stop()
        if lost is not None:
            lost.fate, lost.why = Fate.FAILED, DIED
            self._show(lost)
        return lost


def _keeping(history: History, exchange: Exchange, row: int) -> Callable[[], None]:
    """What brings the history up to date with the exchange as it is now. Raises SviqaError when called."""
    if exchange.fate is Fate.ANSWERED:
        heard, answer, sound, rate = exchange.heard, exchange.answer, exchange.sound, exchange.rate
        seconds = exchange.seconds
        return lambda: history.finish_turn(row, heard, answer, sound, rate, seconds)
    if exchange.fate is Fate.STOPPED:
        return lambda: history.cancel_turn(row)
    why = exchange.why
    return lambda: history.fail_turn(row, why)
