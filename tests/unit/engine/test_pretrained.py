"""Folders of strangers: what is broken, incomplete or a trap is one plain line, and nothing in them runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from sviqa_app.checkpoints.fit import Machine
from sviqa_app.engine.eyes import Eye
from sviqa_app.engine.omni import Omni
from sviqa_app.engine.placing import has
from sviqa_app.engine.pretrained import load_processor
from sviqa_app.errors import ModelError

from . import published

MACHINE = Machine(10**11, 0, 10**11, 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return published.llava(tmp_path / "llava")


def refused(folder: Path, kind: type[Eye] = Eye) -> str:
    with pytest.raises(ModelError) as caught:
        kind.load(folder, MACHINE)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_no_weights_or_cut_off_or_pickles(folder: Path) -> None:
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-100])
    assert "cut off or damaged" in refused(folder)
    weights.write_bytes(b"\x80\x04cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    assert "model.safetensors" in refused(folder)
    weights.rename(folder / "pytorch_model.bin")
    assert "holds no weights as safetensors" in refused(folder)


def test_a_tensor_that_is_missing_or_of_another_shape(folder: Path) -> None:
    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    norm = next(name for name in tensors if name.endswith("model.norm.weight"))
    save_file({name: t for name, t in tensors.items() if name != norm}, weights, {"format": "pt"})
    assert "have no tensor" in refused(folder) and "norm.weight" in refused(folder)
    save_file({**tensors, norm: tensors[norm][:3].clone()}, weights, {"format": "pt"})
    assert "cannot be loaded" in refused(folder)


def test_a_model_that_cannot_be_talked_to(folder: Path) -> None:
    (folder / "chat_template.json").unlink()
    assert "no chat template" in refused(folder)


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "processor_config.json"])
def test_broken_files(file: str, folder: Path) -> None:
    (folder / file).write_text("{")
    refused(folder)


def test_code_in_the_folder_does_not_run(folder: Path, tmp_path: Path) -> None:
    owned = tmp_path / "owned"
    (folder / "trap.py").write_text(f"open({str(owned)!r}, 'w')\nclass Trap: pass\n")
    trap = {"AutoConfig": "trap.Trap", "AutoModelForImageTextToText": "trap.Trap", "AutoProcessor": "trap.Trap"}
    for file in ("config.json", "processor_config.json", "tokenizer_config.json"):
        edit(folder / file, auto_map=trap)
    Eye.load(folder, MACHINE)
    edit(folder / "config.json", model_type="trap")
    refused(folder)
    assert not owned.exists()


@pytest.mark.parametrize(
    "part",
    [
        {"architecture": "hf-hub:some/one"},
        {"architecture": "local-dir:/tmp"},
        {"architecture": "resnet10t", "model_args": {"checkpoint_path": "/tmp/trap.pth"}},
    ],
)
def test_a_part_from_elsewhere_is_not_fetched(part: dict[str, object], folder: Path) -> None:
    edit(folder / "config.json", vision_config={"model_type": "timm_wrapper", **part})
    assert "takes a part of it from elsewhere" in refused(folder)


@pytest.mark.parametrize(
    ("kind", "name", "pictures", "package"),
    [
        ("phi4_multimodal", "Phi4Multimodal", "Phi4MultimodalImageProcessor", "torchvision"),
        ("gemma4_unified", "Gemma4Unified", "Gemma4UnifiedImageProcessor", "torchvision"),
        ("gemma3n", "Gemma3n", "SiglipImageProcessor", "timm"),
    ],
)
def test_what_takes_a_package_says_so(kind: str, name: str, pictures: str, package: str, tmp_path: Path) -> None:
    if has(package):
        pytest.skip(f"{package} is installed")
    folder = published.gemma4(tmp_path / "folder")
    parts = {f"{part}_config": {"model_type": f"{kind}_{part}"} for part in ("text", "vision", "audio")}
    edit(folder / "config.json", model_type=kind, **parts)
    edit(
        folder / "processor_config.json",
        processor_class=f"{name}Processor",
        image_processor={"image_processor_type": pictures},
        feature_extractor={"feature_extractor_type": f"{name}AudioFeatureExtractor"},
    )
    assert f"folder needs {package}, which is not installed. Run: pip install {package}" in refused(folder, Omni)


def test_a_processor_of_pictures_and_videos_prepares_pictures(tmp_path: Path) -> None:
    processor = load_processor(published.smolvlm(tmp_path / "smolvlm"))
    assert type(processor.image_processor).__name__.startswith("SmolVLMImageProcessor")


def test_too_large_for_the_machine(folder: Path) -> None:
    small = Machine(10**6, 0, 10**6, 0)
    with pytest.raises(ModelError, match=r"needs about 0\.5 GB of memory, and 0\.0 GB are free"):
        Eye.load(folder, small)
