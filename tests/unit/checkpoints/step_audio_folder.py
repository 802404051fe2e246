"""A `Step-Audio-Tokenizer/` folder with the published names, and small random networks of the published kinds.

Made by the libraries of the extra sviqa[step-audio] and by onnx; what needs them skips where they are missing.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sviqa_app.checkpoints.native import save_weights
from sviqa_app.checkpoints.step_audio_tokenizer import CENTRES, CODEBOOK, PARAFORMER, SEMANTIC, WIDTH
from sviqa_app.model.linguistic import WIDTH as FEATURES

BLOCKS = 3
CONFIG = f"""
model: ParaformerStreaming
encoder: SANMEncoderChunkOpt
encoder_conf:
    output_size: {WIDTH}
    attention_heads: 4
    linear_units: 64
    num_blocks: {BLOCKS}
    dropout_rate: 0.1
    input_layer: pe_online
    pos_enc_class: SinusoidalPositionEncoder
    normalize_before: true
    kernel_size: 11
    sanm_shfit: 0
    selfattention_layer_type: sanm
    chunk_size: [12, 15]
frontend: WavFrontendOnline
frontend_conf:
    fs: 16000
    window: hamming
    n_mels: 80
    frame_length: 25
    frame_shift: 10
    lfr_m: 7
    lfr_n: 6
"""


def needs(*libraries: str) -> None:
    """Skips a test where the extra is not installed."""
    for name in libraries:
        if find_spec(name) is None:
            pytest.skip(f"{name}, of the extra sviqa[step-audio] or to make files for it, is not installed")


def encoder_shapes(blocks: int = BLOCKS, units: int = 64) -> dict[str, tuple[int, ...]]:
    """The published names of a Paraformer's encoder, and their shapes at width 512."""
    shapes: dict[str, tuple[int, ...]] = {"after_norm.weight": (WIDTH,), "after_norm.bias": (WIDTH,)}
    for block in range(blocks):
        head, given = ("encoders0.0", FEATURES) if block == 0 else (f"encoders.{block - 1}", WIDTH)
        for name, size in (("norm1", given), ("norm2", WIDTH)):
            shapes |= {f"{head}.{name}.weight": (size,), f"{head}.{name}.bias": (size,)}
        linear = {"self_attn.linear_q_k_v": (3 * WIDTH, given), "self_attn.linear_out": (WIDTH, WIDTH)}
        linear |= {"feed_forward.w_1": (units, WIDTH), "feed_forward.w_2": (WIDTH, units)}
        for name, (rows, columns) in linear.items():
            shapes |= {f"{head}.{name}.weight": (rows, columns), f"{head}.{name}.bias": (rows,)}
        shapes[f"{head}.self_attn.fsmn_block.weight"] = (WIDTH, 1, 11)
    return shapes


def encoder_weights() -> dict[str, torch.Tensor]:
    """Random weights of a whole model.pt: the encoder's, and a tensor of the decoder that nobody needs."""
    noise = torch.Generator().manual_seed(0)
    weights = {"decoder.embed.0.weight": torch.zeros(4, 2)}
    for name, shape in encoder_shapes().items():
        drawn = torch.randn(shape, generator=noise)
        norm = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        weights[f"encoder.{name}"] = drawn / shape[-1] ** 0.5 if len(shape) > 1 else norm + drawn / 10
    return weights


def write_normalisation(path: Path, shift: float = -8.0, scale: float = 0.25) -> None:
    """Kaldi's text form of 560 shifts and scales."""
    rows = (("AddShift", shift), ("Rescale", scale))
    body = "".join(
        f"<{name}> {FEATURES} {FEATURES}\n<LearnRateCoef> 0 [ {f'{value} ' * FEATURES}]\n" for name, value in rows
    )
    path.write_text(f"<Nnet>\n<Splice> {FEATURES} {FEATURES}\n[ 0 ]\n{body}</Nnet>\n")


def write_paraformer(folder: Path) -> None:
    """The Paraformer's folder, its weights converted already."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(CONFIG)
    write_normalisation(folder / "am.mvn")
    save_weights(folder / "model.safetensors", encoder_weights())


def write_codebook(path: Path) -> np.ndarray[Any, Any]:
    """1024 random centres."""
    centres = np.random.default_rng(0).standard_normal((CENTRES, WIDTH)).astype(np.float32)
    np.save(path, centres)
    return centres


def write_semantic(path: Path, codes: int = 4096, every: int = 4) -> None:
    """An ONNX file with the published inputs: the loudest band of each `every` frames, as a code below `codes`."""
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("MaxPool", ["feats"], ["loudest"], kernel_shape=[every], strides=[every], ceil_mode=1),
        helper.make_node("ReduceSum", ["loudest", "bands"], ["level"], keepdims=0),
        helper.make_node("Mul", ["level", "many"], ["spread"]),
        helper.make_node("Cast", ["spread"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Mod", ["whole", "codes"], ["code"]),
        helper.make_node("Cast", ["code"], ["indices"], to=TensorProto.INT32),
    ]
    constants = [
        helper.make_tensor("bands", TensorProto.INT64, [1], [1]),
        helper.make_tensor("many", TensorProto.FLOAT, [], [997.0]),
        helper.make_tensor("codes", TensorProto.INT64, [], [codes]),
    ]
    inputs = [
        helper.make_tensor_value_info("feats", TensorProto.FLOAT, [1, 128, "T"]),
        helper.make_tensor_value_info("feats_length", TensorProto.INT32, [1]),
    ]
    write_network(path, nodes, constants, inputs, helper.make_tensor_value_info("indices", TensorProto.INT32, None))


def write_campplus(path: Path, width: int = 192) -> None:
    """An ONNX file with the published input: the mean over time, mapped to `width` numbers."""
    from onnx import TensorProto, helper

    matrix = np.random.default_rng(0).standard_normal((80, width)).astype(np.float32)
    nodes = [
        helper.make_node("Abs", ["input"], ["size"]),
        helper.make_node("ReduceMean", ["size", "time"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "matrix"], ["output"]),
    ]
    constants = [
        helper.make_tensor("time", TensorProto.INT64, [1], [1]),
        helper.make_tensor("matrix", TensorProto.FLOAT, matrix.shape, matrix.reshape(-1)),
    ]
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["B", "T", 80])]
    write_network(path, nodes, constants, inputs, helper.make_tensor_value_info("output", TensorProto.FLOAT, None))


def write_network(path: Path, nodes: list[Any], constants: list[Any], inputs: list[Any], output: Any) -> None:
    """An ONNX file that every onnxruntime of today reads."""
    from onnx import helper, save

    graph = helper.make_graph(nodes, "small", inputs, [output], constants)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)


def write_tokenizer(folder: Path) -> Path:
    """The whole folder."""
    write_paraformer(folder / PARAFORMER)
    write_codebook(folder / CODEBOOK)
    write_semantic(folder / SEMANTIC)
    return folder
