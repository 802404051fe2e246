"""The stepper gives the decoder's own numbers, from the start each time, and keeps to itself."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sviqa_app.model.config import Step1Config
from sviqa_app.model.step1 import Step1
from sviqa_app.model.stepper import ROOM, Folded, Stepper
from tests.golden import golden, weights
from tests.unit.small_voice import WRITES, random_step1

CONFIGS = {
    "small": WRITES,
    "three groups": Step1Config(90, hidden_size=48, intermediate_size=40, layers=3, heads=6, groups=3),
    "one group": Step1Config(90, hidden_size=32, intermediate_size=40, layers=1, heads=2, groups=1),
}


def some_ids(count: int, seed: int = 0) -> list[int]:
    return torch.randint(90, (count,), generator=torch.Generator().manual_seed(seed)).tolist()


def whole(model: Step1, ids: list[int]) -> Tensor:
    """Logits of what follows all the ids, by the decoder itself."""
    with torch.inference_mode():
        return model(torch.tensor([ids]), last_only=True)[0, -1]


def close(one: Tensor, two: Tensor) -> None:
    """Within 1e-5 of the logits' size."""
    torch.testing.assert_close(one, two, atol=1e-5 * max(1.0, float(two.abs().max())), rtol=0)


@pytest.mark.parametrize("name", CONFIGS)
def test_one_by_one_as_the_decoder(name: str) -> None:
    config = CONFIGS[name]
    model, ids = random_step1(config, spread=0.1), some_ids(40)
    stepper = Stepper(Folded(model))
    for n, token in enumerate(ids, 1):
        close(stepper.read([token], 0, config.vocab_size), whole(model, ids[:n]))
    assert stepper.length == 40


@pytest.mark.parametrize("name", ["step1_lm", "step1_lm_pow2"])
def test_as_the_original(name: str) -> None:
    gold = golden(name)
    sizes = {"step1_lm": (300, 96, 128, 3, 6, 2), "step1_lm_pow2": (120, 64, 96, 2, 8, 4)}[name]
    model = Step1(Step1Config(*sizes)).eval()
    model.load_state_dict(weights(gold))
    stepper = Stepper(Folded(model))
    for row, expected in zip(gold["inputs.input_ids"], gold["outputs.logits"], strict=True):
        stepper.restart()
        got = torch.stack([stepper.read([int(token)], 0, sizes[0]) for token in row])
        torch.testing.assert_close(got, expected, atol=2e-5, rtol=0)


def test_several_at_once_and_a_stretch_of_the_vocabulary() -> None:
    model, ids = random_step1(spread=0.1), some_ids(12)
    stepper = Stepper(Folded(model))
    stepper.read(ids[:5], 0, 1)
    close(stepper.read(ids[5:], 20, 50), whole(model, ids)[20:50])


def test_restart_forgets() -> None:
    model = random_step1(spread=0.1)
    stepper = Stepper(Folded(model))
    first = stepper.read(some_ids(30), 0, 50)
    stepper.restart()
    stepper.read(some_ids(9, seed=1), 0, 50)
    stepper.restart()
    assert stepper.length == 0
    assert torch.equal(stepper.read(some_ids(30), 0, 50), first)


def test_two_of_one_model_do_not_disturb_each_other() -> None:
    folded = Folded(random_step1(spread=0.1))
    one, two, alone = Stepper(folded), Stepper(folded), Stepper(folded)
    for mine, others in zip(some_ids(20), some_ids(20, seed=1), strict=True):
        got = one.read([mine], 0, 50)
        two.read([others, others], 0, 50)
        assert torch.equal(got, alone.read([mine], 0, 50))


def test_the_last_place_is_as_good_as_the_first() -> None:
    model, ids = random_step1(spread=0.1), some_ids(ROOM)
    stepper = Stepper(Folded(model))
    close(stepper.read(ids, 0, WRITES.vocab_size), whole(model, ids))


def test_folding_leaves_the_model_as_it_was() -> None:
    model = random_step1()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    Stepper(Folded(model)).read(some_ids(5), 0, 50)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
