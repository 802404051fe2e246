"""The Step1 decoder against the original's numbers; chunked as whole, cached as not, batch as single."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor, nn

from sviqa_app.model.config import Step1Config
from sviqa_app.model.step1 import Bias, Past, Step1, slopes
from tests.golden import golden, golden_cases, weights

CLOSE = {"atol": 2e-5, "rtol": 0.0}  # a tenth of the tolerance the golden set gives
CONFIGS = {
    "step1_lm": Step1Config(300, 96, 128, 3, 6, 2),
    "step1_lm_pow2": Step1Config(120, 64, 96, 2, 8, 4),
}
both = pytest.mark.parametrize("name", CONFIGS)


@cache
def model(name: str) -> Step1:
    step1 = Step1(CONFIGS[name]).eval().requires_grad_(False)
    step1.load_state_dict(weights(golden(name)))
    return step1


def long_ids(rows: int = 1) -> Tensor:
    return torch.randint(120, (rows, 150), generator=torch.Generator().manual_seed(0))


def in_pieces(name: str, ids: Tensor, sizes: list[int]) -> Tensor:
    past = Past()
    pieces = [model(name)(piece, past) for piece in ids.split(sizes, dim=1)]
    assert past.length == ids.shape[1]
    return torch.cat(pieces, dim=1)


@both
def test_prefill_as_the_original(name: str) -> None:
    gold = golden(name)
    got = model(name)(gold["inputs.input_ids"])
    torch.testing.assert_close(got, gold["outputs.logits"], **CLOSE)


@both
def test_step_by_step_as_the_original(name: str) -> None:
    gold = golden(name)
    got = in_pieces(name, gold["inputs.input_ids"], [7] + [1] * 33)
    torch.testing.assert_close(got, gold["outputs.logits_step_by_step"], **CLOSE)


@both
def test_hidden_states_as_the_original(name: str) -> None:
    gold, body = golden(name), model(name).model
    seen: list[Tensor] = []

    def see_input(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0])

    def see_output(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append(output)

    hooks = [layer.register_forward_pre_hook(see_input) for layer in body.layers]
    hooks.append(body.norm.register_forward_hook(see_output))
    model(name)(gold["inputs.input_ids"])
    for hook in hooks:
        hook.remove()
    for number, hidden in enumerate(seen):
        torch.testing.assert_close(hidden, gold[f"outputs.hidden.{number}"], **CLOSE)
    assert len(seen) == len(body.layers) + 1


@both
def test_greedy_ids_as_the_original(name: str) -> None:
    gold = golden(name)
    due, past = gold["outputs.greedy_ids"], Past()
    ids = gold["inputs.input_ids"][:1, :7]
    logits = model(name)(ids, past, last_only=True)
    while ids.shape[1] < due.shape[1]:
        best = logits[:, -1:].argmax(-1)
        ids = torch.cat([ids, best], dim=1)
        logits = model(name)(best, past, last_only=True)
    assert torch.equal(ids, due)


@both
def test_bias_as_the_original(name: str) -> None:
    due = golden(name)["outputs.alibi_bias_T12"][0]
    config = CONFIGS[name]
    got = Bias(config.heads, config.groups)(12, 12).view(config.heads, 12, 12)
    seen = due > torch.finfo(due.dtype).min / 2
    assert torch.equal(seen, got.isfinite())
    torch.testing.assert_close(got[seen], due[seen], **CLOSE)


def test_slopes_as_the_original() -> None:
    for heads, due in golden_cases("sqrt_alibi_slopes").items():
        assert slopes(int(heads)) == pytest.approx(due, rel=1e-6)


@both
@pytest.mark.parametrize("sizes", [[150], [64, 86], [63, 1, 1, 85], [1, 149], [60, 10, 70, 10]])
def test_chunked_as_whole_while_the_past_outgrows_its_room(name: str, sizes: list[int]) -> None:
    ids = long_ids()
    torch.testing.assert_close(in_pieces(name, ids, sizes), model(name)(ids), **CLOSE)


@both
def test_a_batch_as_its_rows_alone(name: str) -> None:
    ids = long_ids(3)
    alone = [in_pieces(name, row[None], [60, 90]) for row in ids]
    torch.testing.assert_close(in_pieces(name, ids, [60, 90]), torch.cat(alone), **CLOSE)


@both
def test_the_last_logits_alone_are_the_last_of_all(name: str) -> None:
    ids = long_ids()
    torch.testing.assert_close(model(name)(ids, last_only=True), model(name)(ids)[:, -1:], **CLOSE)


def test_what_comes_later_changes_nothing_before() -> None:
    ids = long_ids()
    other = ids.clone()
    other[:, 100:] += 1
    one, two = (model("step1_lm")(each)[:, :100] for each in (ids, other))
    torch.testing.assert_close(one, two, **CLOSE)
