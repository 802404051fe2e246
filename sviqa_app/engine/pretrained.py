"""Published models through transformers' own classes: from a folder alone, with nothing in it run, or a plain error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ..checkpoints.fit import Machine
from ..checkpoints.native import CONFIG, check_weights
from ..checkpoints.outside import read_json
from ..errors import ModelError, SviqaError
from .placing import Placement, has, placed

LOCAL = {"local_files_only": True, "trust_remote_code": False}
_PACKAGES = ("torchvision", "timm", "accelerate", "bitsandbytes", "num2words", "sentencepiece")
_AGAIN = "Install the model again, or choose another."


def load_model(folder: Path, auto: Any, machine: Machine, plain: bool = False) -> tuple[Any, Placement]:
    """The model in a folder by one of transformers' auto classes, ready to answer, and where it is.

    `plain`: neither packed nor split. Raises ModelError where it is broken, incomplete, of another kind, in pickles,
    or too large for the machine.
    """
    _hush()
    _refuse_strangers(folder)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ModelError(f"{folder} holds no weights as safetensors.", _AGAIN)
    for file in weights:
        check_weights(file)
    with plainly(folder):
        return placed(folder, machine, partial(_load, folder, auto), plain)


def load_processor(folder: Path) -> Any:
    """What prepares pictures, recordings and words for the model in a folder. Raises ModelError."""
    from transformers import AutoProcessor

    _hush()
    with plainly(folder):
        try:
            processor = AutoProcessor.from_pretrained(folder, **LOCAL)  # type: ignore[no-untyped-call]
        except (ImportError, OSError):
            if (processor := _without_videos(folder)) is None:
                raise
        if getattr(processor, "chat_template", "") is None:  # Phi-4's drops it (transformers 5.24)
            processor.chat_template = processor.get_processor_dict(folder, **LOCAL)[0].get("chat_template")
        return processor


@contextmanager
def plainly(folder: Path) -> Iterator[None]:
    """Whatever goes wrong in the block with the model of a folder is a ModelError of one line."""
    try:
        yield
    except SviqaError:
        raise
    except Exception as error:  # transformers raises almost anything for a broken folder
        lacking = [name for name in _PACKAGES if name in str(error).lower() and not has(name)]
        if lacking:
            what = f"{folder.name} needs {lacking[0]}, which is not installed."
            raise ModelError(what, f"Run: pip install {lacking[0]}") from error
        why = next(iter(str(error).strip().splitlines()), "")[:200].rstrip(".")
        raise ModelError(f"The model in {folder} cannot be loaded: {why}.", _AGAIN) from error


def _refuse_strangers(folder: Path) -> None:
    """What timm builds must be of its own, with no weights of another file; it would fetch a name with ":" in it."""
    for part in read_json(folder / CONFIG).values():
        name = part.get("architecture", "") if isinstance(part, dict) else ""
        if ":" in str(name) or (name and "checkpoint_path" in str(part.get("model_args"))):
            raise ModelError(f"The model in {folder} takes a part of it from elsewhere: {str(name)[:60]}.", _AGAIN)


def _load(folder: Path, auto: Any, placement: Placement) -> Any:
    model, found = auto.from_pretrained(
        folder, use_safetensors=True, output_loading_info=True, **LOCAL, **placement.options
    )
    if missing := sorted(found["missing_keys"]):
        raise ModelError(f"The weights in {folder} have no tensor {missing[0]}.", _AGAIN)
    if placement.device == "gpu" and model.device.type == "cpu":
        model = model.to("cuda")
    return model.eval().requires_grad_(False)


def _without_videos(folder: Path) -> Any:
    """A processor whose part for videos, which we never need, would not load: it takes torchvision. None where it has
    no such part.
    """
    import transformers
    from transformers.models.auto.auto_mappings import PROCESSOR_MAPPING_NAMES
    from transformers.video_processing_utils import VideoProcessorMixin

    name = PROCESSOR_MAPPING_NAMES.get(read_json(folder / CONFIG)["model_type"], "")
    kind = getattr(transformers, name, None)
    if kind is None or "video_processor" not in kind.get_attributes():
        return None

    class NoVideos(VideoProcessorMixin):
        """Stands where the part for videos would."""

        num_frames = fps = size = video_sampling = None

        def __init__(self) -> None:
            pass

    class Pictures(kind):  # type: ignore[misc, valid-type]
        """The processor, which takes that part for what it stands for."""

        def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
            if argument_name == "video_processor":
                return NoVideos
            return super().check_argument_for_proper_class(argument_name, argument)

    loaders: dict[str, Any] = {
        "tokenizer": transformers.AutoTokenizer,
        "image_processor": transformers.AutoImageProcessor,
        "feature_extractor": transformers.AutoFeatureExtractor,
    }
    parts = [
        NoVideos() if part == "video_processor" else loaders[part].from_pretrained(folder, **LOCAL)
        for part in kind.get_attributes()
    ]
    values, _ = kind.get_processor_dict(folder, **LOCAL)
    return Pictures.from_args_and_dict(parts, values)


def _hush() -> None:
    """What transformers has to say while it loads is for its developers."""
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
