"""The flow and each of its parts against the original code's numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sviqa_app.model.config import FlowConfig
from sviqa_app.model.flow import Flow, mel_frames
from sviqa_app.model.flow_encoder import relative_positions
from sviqa_app.model.flow_estimator import sinusoids
from tests.golden import golden, golden_cases, weights

CONFIG = FlowConfig(
    vocab_size=321,
    encoder_dim=64,
    encoder_heads=4,
    encoder_ffn=128,
    encoder_layers=2,
    channels=(32, 32),
    attention_heads=4,
    attention_head_dim=8,
    blocks_per_stage=1,
    mid_blocks=2,
)
Numbers = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def state() -> Numbers:
    return weights(golden("flow_weights"))


@pytest.fixture()
def flow(state: Numbers) -> Flow:
    model = Flow(CONFIG)
    model.load_state_dict(state)
    return model.eval().requires_grad_(False)


def close(got: torch.Tensor, expected: torch.Tensor, within: float) -> None:
    torch.testing.assert_close(got, expected, atol=within, rtol=0)


def listen(module: torch.nn.Module, names: list[str]) -> Numbers:
    heard: Numbers = {}
    for name in names:
        part = module.get_submodule(name)
        part.register_forward_hook(lambda _m, _i, out, name=name: heard.__setitem__(name, out))
    return heard


def activations(gold: Numbers, prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in gold.items() if k.startswith(prefix)}


@pytest.mark.parametrize("case", ["len1", "len23", "len64"])
def test_encoder(flow: Flow, case: str) -> None:
    gold = golden("flow_encoder")
    inside = activations(gold, f"outputs.{case}.act.")
    heard = listen(flow.encoder, list(inside))
    close(flow.encoder(gold[f"inputs.{case}.xs"]), gold[f"outputs.{case}.y"], 1e-4)
    for name, expected in inside.items():
        close(heard[name], expected, 1e-4)


def test_encoder_positions() -> None:
    expected = golden("flow_encoder")["outputs.len23.pos_emb"]
    close(relative_positions(23, 64, torch.device("cpu")), expected, 1e-4)


def test_encoder_of_a_padded_batch(flow: Flow) -> None:
    gold = golden("flow_encoder")
    close(flow.encoder(gold["inputs.batch.xs"], gold["inputs.batch.lens"]), gold["outputs.batch.y"], 1e-4)


@pytest.mark.parametrize("case", ["prompt", "no_prompt", "down", "one"])
def test_length_regulator(flow: Flow, case: str) -> None:
    gold = golden("flow_length_regulator")
    first, second = gold[f"inputs.{case}.mel_len"].tolist()
    got = flow.length_regulator(gold[f"inputs.{case}.x1"], gold[f"inputs.{case}.x2"], (first, second))
    close(got.transpose(1, 2), gold[f"outputs.{case}.y"], 1e-4)


def test_length_regulator_of_a_batch(flow: Flow) -> None:
    gold = golden("flow_length_regulator")
    got = flow.length_regulator.batch(gold["inputs.train.x"], gold["inputs.train.ylens"])
    close(got.transpose(1, 2), gold["outputs.train.y"], 1e-4)


@pytest.mark.parametrize("case", ["even", "odd", "masked", "short"])
def test_estimator(flow: Flow, case: str) -> None:
    gold = golden("flow_estimator")
    inside = activations(gold, f"outputs.{case}.act.")
    if inside:
        times = inside.pop("time_embeddings")
        close(sinusoids(gold[f"inputs.{case}.t"], 320), times, 2e-4)
    heard = listen(flow.decoder.estimator, list(inside))
    given = [gold[f"inputs.{case}.{name}"] for name in ("x", "mask", "mu", "t", "spks", "cond")]
    close(flow.decoder.estimator(*given), gold[f"outputs.{case}.y"], 2e-4)
    for name, expected in inside.items():
        close(heard[name], expected, 2e-4)


@pytest.mark.parametrize(
    ("steps", "guidance", "warmth", "expected"),
    [(10, 0.7, 1.0, "mel"), (4, 0.7, 0.8, "mel_4steps_temperature_0.8"), (10, 0.0, 1.0, "mel_no_cfg")],
)
def test_solver(flow: Flow, steps: int, guidance: float, warmth: float, expected: str) -> None:
    gold = golden("flow_cfm")
    mu, speaker, cond, noise = (gold[f"inputs.{name}"] for name in ("mu", "spks", "cond", "noise"))
    close(flow.decoder(noise * warmth, mu, speaker, cond, steps, guidance), gold[f"outputs.{expected}"], 5e-4)


def test_velocity_at_every_step(flow: Flow) -> None:
    gold = golden("flow_cfm")
    mu, speaker, cond, mask = (gold[f"inputs.{name}"] for name in ("mu", "spks", "cond", "mask"))
    for x, t, (with_it, without) in zip(
        gold["outputs.x_before_step"],
        gold["outputs.t_per_step"],
        gold["outputs.velocity_cond_uncond"],
        strict=True,
    ):
        got = flow.decoder.velocity(x[None], mask, mu, t, speaker, cond, 0.7)
        close(got[0], 1.7 * with_it - 0.7 * without, 5e-4)


@pytest.mark.parametrize("case", ["prompt", "negative_id", "no_prompt", "rate25", "one_token"])
def test_tokens_to_mel(state: Numbers, case: str) -> None:
    gold = golden("flow_inference")
    given = {
        name: gold[f"inputs.{case}.{name}"]
        for name in ("token", "prompt_token", "prompt_feat", "embedding", "noise", "input_frame_rate")
    }
    flow = Flow(replace(CONFIG, token_rate=float(given["input_frame_rate"])))
    flow.load_state_dict(state)
    prompt_mel = given["prompt_feat"].transpose(1, 2)
    with torch.no_grad():
        close(flow.speaker(given["embedding"]), gold[f"outputs.{case}.spks"], 2e-4)
        tokens = torch.cat([given["prompt_token"], given["token"]], 1)
        close(flow.encode(tokens), gold[f"outputs.{case}.encoder_proj"], 2e-4)
        got = flow(given["token"], given["prompt_token"], prompt_mel, given["embedding"], given["noise"])
    close(got, gold[f"outputs.{case}.mel"], 1e-3)


def test_frames_of_tokens() -> None:
    for written, frames in golden_cases("flow_mel_lengths").items():
        top, _, bottom = written.partition("/")
        rate = float(top) / float(bottom or 1)
        assert [mel_frames(tokens, rate) for tokens in range(401)] == frames, written
