"""Models of others: asked one by one, by the same runner, and named in the tables."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from sviqa_app.batch.choosing import choose
from sviqa_app.batch.command import BatchOptions, batch
from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.errors import SviqaError
from sviqa_app.servers import Server, add_server

from ..engine.chat_server import FakeServer, refusal, serving, words
from ..toy import CONFIG
from .standins import Batch, lay_out


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    monkeypatch.setattr("sviqa_app.servers.settings_path", lambda: tmp_path / "settings.json")
    monkeypatch.setattr("sviqa_app.vault.import_module", lambda name: None)
    with serving() as fake:
        add_server(Server("mine", fake.url, "m", hears=True, agreed=fake.host))
        yield fake


def options(tmp_path: Path, **more: object) -> BatchOptions:
    plain = {"folder": tmp_path / "in", "question": "what is this", "model": "server:mine"}
    return BatchOptions(tmp_path / "out", **{**plain, **more})  # type: ignore[arg-type]


def answers(tmp_path: Path) -> list[str]:
    with (tmp_path / "out" / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        return [row["answer"] or row["error"] for row in csv.DictReader(file)]


def test_a_server_answers_row_by_row_and_it_is_said_what_it_gets(
    tmp_path: Path, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    lay_out(tmp_path / "in", 2)
    server.replies.extend([words("A red circle."), refusal(400, "no")])
    assert batch(options(tmp_path)) == 3
    assert (
        f"Every question sends your picture, the recordings of what you say, and what you type to {server.host}."
        in (capsys.readouterr().out)
    )
    first, second = answers(tmp_path)
    assert first == "A red circle." and "no" in second
    assert f"Model: m at {server.host}." in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    server.replies.append(words("A blue one."))
    assert batch(options(tmp_path, retry_failed=True)) == 0
    assert answers(tmp_path) == ["A red circle.", "A blue one."]


def test_a_server_is_not_asked_on_a_cluster(
    tmp_path: Path, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    lay_out(tmp_path / "in", 1)
    assert batch(options(tmp_path, ray="local")) == 2
    assert "cannot be asked on a cluster" in capsys.readouterr().err
    assert not server.asked


def test_a_model_that_is_not_there(tmp_path: Path, server: FakeServer) -> None:
    for name in ("server:other", str(tmp_path / "nothing"), "no-such-model"):
        with pytest.raises(SviqaError):
            choose(name, False)


def test_an_engine_that_answers_one_at_a_time(engine: EndToEnd, tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "in", 3)
    together = Batch(engine, folder, tmp_path / "together", speak=True)
    together.run()

    class Alone:
        """The toy engine, as one that has no batches."""

        name, sample_rate, load_picture = CONFIG.name, engine.sample_rate, engine.load_picture

    alone = Batch(engine, folder, tmp_path / "alone", speak=True)
    alone.engine = Alone  # type: ignore[assignment]
    alone.run()
    assert alone.answers() == together.answers()
    results = [line.result for line in alone.lines() if line.result]
    assert [one.heard for one in results] == [line.result.heard for line in together.lines() if line.result]
    assert any(one.sound for one in results)
    together.close()
    alone.close()
