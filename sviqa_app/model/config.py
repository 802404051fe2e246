"""Sizes and names of every part of the network, as frozen dataclasses that refuse unknown keys."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any, ClassVar, Self, get_type_hints

from ..errors import ModelError


@dataclass(frozen=True)
class Section:
    """A part of the configuration that can be written as and read from plain JSON."""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from plain JSON. Raises ModelError on unknown keys and on values of another type."""
        if not isinstance(values, dict):
            raise ModelError(f"The model's configuration has no section where {cls.__name__} was expected.")
        hints = get_type_hints(cls)
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ModelError(
                f"The model's configuration has keys this version does not know: {', '.join(unknown)}.",
                "Update the app, or install the model again.",
            )
        read = {name: _read(hints[name], name, value) for name, value in values.items()}
        return cls(**read)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


def _read(hint: Any, name: str, value: Any) -> Any:
    if is_dataclass(hint):
        return hint.from_dict(value)  # type: ignore[union-attr]
    if isinstance(value, list):
        value = tuple(tuple(v) if isinstance(v, list) else v for v in value)
    kinds: dict[Any, tuple[type, ...]] = {int: (int,), float: (int, float), str: (str,), bool: (bool,)}
    plain = kinds.get(hint)
    if plain and (not isinstance(value, plain) or (isinstance(value, bool) and hint is not bool)):
        raise ModelError(f"The model's configuration gives {name} the value {value!r}.", f"Expected {hint.__name__}.")
    return value


@dataclass(frozen=True)
class VisionConfig(Section):
    """The picture's encoder, as transformers' SigLIP or CLIP vision module.

    `feature_select` is "default" where the first position, CLIP's class token, is left out, else "full". `fit` says how
    a picture becomes a square: "squeeze", or "pad" with the mean colour.
    """

    model_type: str = "sviqa_stem_vision"
    image_size: int = 128
    patch_size: int = 16
    hidden_size: int = 192
    intermediate_size: int = 768
    layers: int = 4
    heads: int = 6
    feature_layer: int = -1
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    hidden_act: str = "gelu_pytorch_tanh"
    layer_norm_eps: float = 1e-6
    feature_select: str = "full"
    fit: str = "squeeze"

    @property
    def patches(self) -> int:
        """How many patches a picture has."""
        return (self.image_size // self.patch_size) ** 2


@dataclass(frozen=True)
class TextConfig(Section):
    """The language model, as transformers' Llama or Qwen2; `tied` where it reads and writes with the same vectors."""

    vocab_size: int = 3072
    hidden_size: int = 256
    intermediate_size: int = 704
    layers: int = 6
    heads: int = 4
    kv_heads: int = 4
    max_positions: int = 2048
    rope_theta: float = 1e6
    model_type: str = "llama"
    rms_norm_eps: float = 1e-6
    tied: bool = False


@dataclass(frozen=True)
class SpeechConfig(Section):
    """The Whisper-type encoder of the question and its projector into the language model.

    With `captions`, a head beside them writes down what was heard.
    """

    mels: int = 80
    width: int = 256
    layers: int = 4
    heads: int = 4
    intermediate_size: int = 1024
    max_positions: int = 1500
    concat: int = 5
    projector_hidden: int = 512
    captions: bool = True

    # Whisper's published encoders: width, layers, heads, mel bins (openai/whisper model card).
    WHISPER: ClassVar[dict[str, tuple[int, int, int, int]]] = {
        "tiny": (384, 4, 6, 80),
        "base": (512, 6, 8, 80),
        "small": (768, 12, 12, 80),
        "medium": (1024, 24, 16, 80),
        "large-v2": (1280, 32, 20, 80),
        "large-v3": (1280, 32, 20, 128),
    }

    @classmethod
    def whisper(cls, size: str) -> SpeechConfig:
        """The encoder of a published Whisper, with LLaMA-Omni's projector width of 2048."""
        width, layers, heads, mels = cls.WHISPER[size]
        return cls(mels, width, layers, heads, 4 * width, 1500, 5, 2048)

    def embeddings(self, frames: int) -> int:
        """How many embeddings so many mel frames become: the encoder halves them, the projector joins `concat`."""
        return -(-((frames + 1) // 2) // self.concat)


@dataclass(frozen=True)
class AudioTokenConfig(Section):
    """The dual codebook and how text and audio alternate (Step-Audio-AQAA: 10 text, 15 audio)."""

    linguistic: int = 1024
    semantic: int = 1024
    base: int = 1024
    text_per_turn: int = 10
    audio_per_turn: int = 15

    @property
    def size(self) -> int:
        """How many ids the two codebooks take."""
        return self.linguistic + self.semantic


@dataclass(frozen=True)
class FlowConfig(Section):
    """Audio tokens → mel: the sizes of CosyVoice 1 / Step-Audio's `flow.pt`; `temperature` scales the noise."""

    vocab_size: int = 5120
    encoder_dim: int = 512
    encoder_heads: int = 8
    encoder_ffn: int = 2048
    encoder_layers: int = 6
    mels: int = 80
    speaker_dim: int = 192
    token_rate: float = 125 / 3
    channels: tuple[int, ...] = (256, 256)
    attention_heads: int = 8
    attention_head_dim: int = 64
    blocks_per_stage: int = 4
    mid_blocks: int = 12
    guidance: float = 0.7
    temperature: float = 1.0
    steps: int = 10

    @classmethod
    def tiny(cls) -> FlowConfig:
        """The shipped voice's widths: faster than speech many times over on one processor core."""
        return cls(
            encoder_dim=128,
            encoder_heads=4,
            encoder_ffn=512,
            encoder_layers=4,
            channels=(192, 192),
            attention_heads=4,
            attention_head_dim=32,
            blocks_per_stage=1,
            mid_blocks=4,
            guidance=0.0,
            temperature=0.0,
            steps=1,
        )


@dataclass(frozen=True)
class HiftConfig(Section):
    """Mel → waveform: the sizes of CosyVoice 1 / Step-Audio's `hift.pt`."""

    sample_rate: int = 22050
    mels: int = 80
    channels: int = 512
    harmonics: int = 8
    upsample_rates: tuple[int, ...] = (8, 8)
    upsample_kernels: tuple[int, ...] = (16, 16)
    istft_size: int = 16
    istft_hop: int = 4
    resblock_kernels: tuple[int, ...] = (3, 7, 11)
    resblock_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    source_kernels: tuple[int, ...] = (7, 11)
    source_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5))
    f0_channels: int = 512

    @classmethod
    def tiny(cls) -> HiftConfig:
        """The shipped voice's widths: forty times faster than speech on one processor core."""
        return cls(
            channels=128,
            harmonics=31,
            resblock_kernels=(3, 7),
            resblock_dilations=((1, 3), (1, 3)),
            source_kernels=(3, 5),
            source_dilations=((1, 3), (1, 3)),
            f0_channels=96,
        )


@dataclass(frozen=True)
class Step1Config(Section):
    """The decoder that writes audio tokens: the sizes of Step-Audio-TTS-3B."""

    vocab_size: int = 74752
    hidden_size: int = 3072
    intermediate_size: int = 8192
    layers: int = 32
    heads: int = 48
    groups: int = 4
    epsilon: float = 1e-5


@dataclass(frozen=True)
class VoiceConfig(Section):
    """A voice: who speaks, the audio tokens it reads, what makes sound of them, and what writes them for words."""

    name: str = "voice-tiny"
    speakers: tuple[str, ...] = ("rms", "slt", "kal", "max")
    audio: AudioTokenConfig = field(default_factory=AudioTokenConfig)
    flow: FlowConfig = field(default_factory=FlowConfig)
    hift: HiftConfig = field(default_factory=HiftConfig)
    writer: Step1Config = field(default_factory=Step1Config)

    @classmethod
    def tiny(cls) -> VoiceConfig:
        """The voice that ships."""
        audio = AudioTokenConfig()
        flow = replace(FlowConfig.tiny(), vocab_size=audio.size)
        writer = Step1Config(128 + audio.size, hidden_size=256, intermediate_size=768, layers=4, heads=4, groups=2)
        return cls(audio=audio, flow=flow, hift=HiftConfig.tiny(), writer=writer)


@dataclass(frozen=True)
class TokenConfig(Section):
    """The ids of the marks in the tokenizer, -1 for one that it has not: our own, or those a published LLaVA brought.

    `rows` is how many ids the published LLaVA knew before `<speech>` and audio tokens came in; 0 for our own.
    """

    pad: int = 0
    begin: int = 1
    end: int = 2
    image: int = 6
    speech: int = 7
    rows: int = 0


@dataclass(frozen=True)
class SviqaConfig(Section):
    """The whole model. Where it is not `conversational`, it was not taught to read earlier turns, and sees none.

    `voice` names the folder, beside the model's or among those that ship, of what speaks its audio tokens.
    """

    name: str = "sviqa-tiny"
    conversational: bool = True
    vision: VisionConfig = field(default_factory=VisionConfig)
    text: TextConfig = field(default_factory=TextConfig)
    speech: SpeechConfig = field(default_factory=SpeechConfig)
    audio: AudioTokenConfig = field(default_factory=AudioTokenConfig)
    voice: str = "voice-tiny"
    tokens: TokenConfig = field(default_factory=TokenConfig)
    projector_act: str = "gelu"

    @classmethod
    def tiny(cls) -> SviqaConfig:
        """The model that ships."""
        return cls(conversational=False)
