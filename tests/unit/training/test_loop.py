"""A run that is stopped and resumed ends where an uninterrupted one does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sviqa_app.errors import TrainingError
from sviqa_app.training.loop import Plan, one_cycle, train


def batch(step: int) -> Tensor:
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(step))


def loss(model: nn.Module, rows: Tensor) -> dict[str, Tensor]:
    return {"square": ((model(rows) - rows.sum(1, keepdim=True)) ** 2).mean()}


def run(folder: Path, stop_at: int | None = None) -> Tensor:
    torch.manual_seed(0)
    model = nn.Linear(3, 1)

    def make(step: int) -> Tensor:
        if step == stop_at:
            raise KeyboardInterrupt
        return batch(step)

    train("line", model, Plan(12, 0.1, save_every=0, workers=0), make, loss, folder, lambda line: None)
    return model.weight.detach().clone()


def test_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", stop_at=5)
    assert torch.equal(run(tmp_path / "stopped"), whole)


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not a finite number"):
        train(
            "nan", nn.Linear(3, 1), Plan(2, 0.1, workers=0), batch,
            lambda model, rows: {"bad": model(rows).sum() * float("nan")}, tmp_path, lambda line: None,
        )  # fmt: skip


def test_the_rate_rises_then_falls() -> None:
    plan = Plan(100, 1.0, warmup=0.1)
    rates = [one_cycle(step, plan) for step in range(100)]
    assert max(rates) == pytest.approx(1.0, abs=0.01) and rates.index(max(rates)) in (9, 10)
    assert rates[-1] < 0.02


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04"])
def test_a_state_that_is_none_is_said(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "line.state").write_bytes(content)
    with pytest.raises(TrainingError, match=r"line\.state is damaged, or of another run\. Delete it"):
        run(tmp_path)


def test_a_state_of_another_model_is_said(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(TrainingError, match="of another run"):
        train("line", nn.Linear(4, 1), Plan(12, 0.1, workers=0), batch, loss, tmp_path, lambda line: None)
