"""How fast the published vocoder speaks on two cores: `python -m tests.bench.vocoder`. Takes two minutes.

Full published sizes, random weights, 3 s of speech: with a prompt of 3 s and without. The best of three runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from sviqa_app.model.config import FlowConfig, HiftConfig
from sviqa_app.model.flow import Flow, mel_frames
from sviqa_app.model.hift import Hift
from sviqa_app.model.hift_source import Draws
from sviqa_app.model.int8 import has_int8, to_int8

CORES = 2
TOKENS = 125  # 3 s
RUNS = 3


def timed(make: Callable[[], Tensor]) -> tuple[Tensor, float]:
    """What `make` gives, and the fewest seconds it took."""
    took = []
    for _ in range(RUNS):
        start = time.perf_counter()
        made = make()
        took.append(time.perf_counter() - start)
    return made, min(took)


def speaking(flow: Flow, prompt: int) -> Callable[[], Tensor]:
    """The mel of 3 s after so many tokens of a prompt."""
    generator = torch.Generator().manual_seed(0)
    config = flow.config
    ids = torch.randint(0, config.vocab_size, (1, prompt + TOKENS), generator=generator)
    known, frames = (mel_frames(count, config.token_rate) for count in (prompt, TOKENS))
    mel, vector = (torch.randn(1, n, generator=generator) for n in (config.mels * known, config.speaker_dim))
    noise = torch.randn(1, config.mels, known + frames, generator=generator)
    return lambda: flow(ids[:, prompt:], ids[:, :prompt], mel.view(1, config.mels, known), vector, noise)


@torch.inference_mode()
def main() -> None:
    """Measure, and print a row for each precision."""
    torch.set_num_threads(CORES)
    torch.manual_seed(0)
    flow, hift = (network.eval().requires_grad_(False) for network in (Flow(FlowConfig()), Hift(HiftConfig())))
    whole: dict[int, Tensor] = {}
    print(f"{CORES} cores, 3 s of speech, seconds; in brackets the distance from fp32, RMS, of a mel of RMS 1")
    for precision in ("fp32", "int8") if has_int8() else ("fp32",):
        if precision == "int8":
            to_int8(flow)
        for prompt in (TOKENS, 0):
            mel, took = timed(speaking(flow, prompt))
            far = float((mel - whole.setdefault(prompt, mel)).square().mean().sqrt() / whole[prompt].std())
            print(f"flow {precision}, prompt of {prompt * 0.024:.0f} s: {took:6.2f}  [{far:.4f}]", flush=True)
    draws = Draws.random(1, mel.shape[-1] * hift.hop, hift.config, torch.Generator().manual_seed(0))
    print(f"HiFT fp32:                {timed(lambda: hift(mel, draws)[0])[1]:6.2f}")


if __name__ == "__main__":
    main()
