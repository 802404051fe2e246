"""One training loop for every stage: seeded batches by step, one-cycle rate, checkpoints, resume, progress."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ..errors import TrainingError
from ..files import replacing

TELL_EVERY = 30.0  # seconds, where fifty steps take longer

Losses = dict[str, Tensor]


@dataclass(frozen=True)
class Plan:
    """How long and how fast a stage trains. `rate` is the peak; `save_every` seconds between checkpoints."""

    steps: int
    rate: float
    warmup: float = 0.05
    decay: float = 0.02
    clip: float = 1.0
    save_every: float = 60.0
    workers: int = 1
    seed: int = 0


class Batches(Dataset[Any]):
    """Batch number `step` made by `make(step)`: the same batch whenever it is asked for, so runs resume exactly."""

    def __init__(self, make: Callable[[int], Any]) -> None:
        self.make = make

    def __getitem__(self, step: int) -> Any:
        return self.make(step)


def one_cycle(step: int, plan: Plan) -> float:
    """The rate at `step`: linear warm-up to the peak, then cosine to a hundredth."""
    import math

    rise = max(1, int(plan.steps * plan.warmup))
    if step < rise:
        return plan.rate * (step + 1) / rise
    through = min(1.0, (step - rise) / max(1, plan.steps - rise))
    return plan.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * through)))


@cache
def fastest_precision() -> str:
    """ "bf16" where this processor or device multiplies matrices faster in bfloat16 than in float32, else "no"."""
    if torch.cuda.is_available():
        return "bf16"
    seconds = []
    for dtype in (torch.float32, torch.bfloat16):
        left, right = torch.ones(512, 512, dtype=dtype), torch.ones(512, 512, dtype=dtype)
        left @ right
        start = time.perf_counter()
        for _ in range(10):
            left @ right
        seconds.append(time.perf_counter() - start)
    return "bf16" if seconds[1] < 0.8 * seconds[0] else "no"


def train(
    name: str,
    model: nn.Module,
    plan: Plan,
    make_batch: Callable[[int], Any],
    loss: Callable[[nn.Module, Any], Losses],
    folder: Path,
    report: Callable[[str], None],
    measure: Callable[[nn.Module], dict[str, float]] | None = None,
    measure_every: int = 1000,
) -> None:
    """Train the parameters of `model` that require gradients; go on from `folder`/NAME.state where there is one.

    `loss` returns named losses; their sum is minimised. Raises TrainingError on a loss that is not finite or a state
    that is not of this run, OutputError where the state cannot be written.
    """
    accelerator = Accelerator(mixed_precision=fastest_precision())
    trained = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in trained if p.ndim > 1]
    rest = [p for p in trained if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": plan.decay}, {"params": rest, "weight_decay": 0.0}],
        lr=plan.rate,
        betas=(0.9, 0.98),
    )
    state = folder / f"{name}.state"
    done = _resume(state, model, optimizer)
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    running: dict[str, float] = {}
    started = saved = told = time.time()
    first = done
    for step, batch in _steps(make_batch, done, plan):
        for group in optimizer.param_groups:
            group["lr"] = one_cycle(step, plan)
        with accelerator.autocast():
            losses = loss(wrapped, batch)
        total = torch.stack(list(losses.values())).sum()
        if not torch.isfinite(total):
            raise TrainingError(f"The {name} stage's loss is not a finite number at step {step}.", "Lower the rate.")
        accelerator.backward(total)
        accelerator.clip_grad_norm_(trained, plan.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        for key, value in losses.items():
            running[key] = 0.98 * running.get(key, value.item()) + 0.02 * value.item()
        done = step + 1
        if done % 50 == 0 or done == plan.steps or time.time() - told > TELL_EVERY:
            told = time.time()
            pace = (done - first) / (time.time() - started)
            parts = " ".join(f"{k} {v:.3f}" for k, v in running.items())
            left = f"{pace:.2f} steps/s, {(plan.steps - done) / pace / 60:.0f} min left"
            report(f"{name} {done}/{plan.steps} {parts} | {left}")
        if measure and (done % measure_every == 0 or done == plan.steps):
            model.eval()
            with torch.no_grad():
                report(f"{name} {done} " + " ".join(f"{k} {v:.4f}" for k, v in measure(model).items()))
            model.train()
        if time.time() - saved > plan.save_every or done == plan.steps:
            _save(state, model, optimizer, done)
            saved = time.time()


def _steps(make_batch: Callable[[int], Any], start: int, plan: Plan) -> Iterator[tuple[int, Any]]:
    order = range(start, plan.steps)
    loader = DataLoader(
        Batches(make_batch),
        batch_size=None,
        sampler=order,
        num_workers=plan.workers,
        prefetch_factor=4 if plan.workers else None,
    )
    yield from zip(order, loader, strict=True)


def _save(path: Path, model: nn.Module, optimizer: Any, step: int) -> None:
    state = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, state)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temp:
        temp.write_bytes(state.getbuffer())


def _resume(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    if not path.exists():
        return 0
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        return int(state["step"])
    except Exception as error:  # whatever else lies under that name
        raise TrainingError(f"{path} is damaged, or of another run.", "Delete it to begin anew.") from error
