"""The tokenizer of a published LLaVA, as tokenizer.json or SentencePiece, and the marks that SViQA adds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import AddedToken, Tokenizer, decoders, normalizers
from tokenizers.models import BPE

from ..errors import ModelError
from .outside import inside, read_json

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

TOKENIZER, PIECES, ADDED = "tokenizer.json", "tokenizer.model", "added_tokens.json"
IMAGE, SPEECH = "<image>", "<speech>"
MAX_BYTES = 100_000_000

_AGAIN = "Give the whole folder of the model, as it was published."


def read_vocabulary(folder: Path) -> Tokenizer:
    """The tokenizer in `folder`. Raises ModelError where it is missing, broken or of a kind that is not known."""
    name = next((name for name in (TOKENIZER, PIECES) if (folder / name).is_file()), None)
    if name is None:
        raise ModelError(f"{folder} holds no tokenizer.", _AGAIN)
    path = inside(folder, name)
    if path.stat().st_size > MAX_BYTES:
        raise ModelError(f"{path} is too large to be a tokenizer.", _AGAIN)
    try:
        tokenizer = Tokenizer.from_file(str(path)) if name == TOKENIZER else _from_pieces(path)
    except ModelError:
        raise
    except Exception as error:  # tokenizers raises bare Exception
        raise ModelError(f"{path} is broken.", _AGAIN) from error
    if name == PIECES and (folder / ADDED).is_file():
        _add(tokenizer, inside(folder, ADDED))
    return tokenizer


def with_mark(tokenizer: Tokenizer, mark: str) -> int:
    """The id of `mark`, which is never spelled: as it is, or the first free one."""
    if tokenizer.token_to_id(mark) is None:
        tokenizer.add_special_tokens([AddedToken(mark, special=True, normalized=False)])
    id = tokenizer.token_to_id(mark)
    assert id is not None
    return id


def with_image(tokenizer: Tokenizer, rows: int) -> int:
    """The id of `<image>`, which comes behind all `rows` that a LLaVA of the original code has."""
    for free in range(tokenizer.get_vocab_size(), rows):
        with_mark(tokenizer, f"<unused_{free}>")
    return with_mark(tokenizer, IMAGE)


def with_audio(tokenizer: Tokenizer, count: int) -> int:
    """Adds `<audio_0>` … and gives the first id, which the others follow. Raises ModelError where they cannot."""
    names = [f"<audio_{number}>" for number in range(count)]
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in names])
    base = with_mark(tokenizer, names[0])
    if [tokenizer.token_to_id(name) for name in names] != list(range(base, base + count)):
        raise ModelError("The tokenizer has some of the audio tokens already.", "Give a LLaVA without them.")
    return base


def without_marks(tokenizer: Tokenizer) -> Tokenizer:
    """A copy without the marks of SViQA, which are the last; others keep their ids."""
    values = json.loads(tokenizer.to_str())
    while values["added_tokens"] and re.fullmatch(rf"{SPEECH}|<audio_\d+>", values["added_tokens"][-1]["content"]):
        values["added_tokens"].pop()
    return Tokenizer.from_str(json.dumps(values))


def _add(tokenizer: Tokenizer, path: Path) -> None:
    """The marks that were added to a SentencePiece model, by the ids they were trained with."""
    added = read_json(path)
    for mark, id in sorted(added.items(), key=lambda entry: str(entry[1]).rjust(20)):
        if with_mark(tokenizer, mark) != id:
            raise ModelError(f"{path} gives {mark[:40]} the id {id}, which does not follow.", _AGAIN)


def _from_pieces(path: Path) -> Tokenizer:
    """A SentencePiece BPE model as a tokenizer: two pieces are joined in the order of what they make.

    No mark of the beginning is added to a text.
    """
    try:
        from sentencepiece import SentencePieceProcessor
    except ImportError as error:
        raise ModelError(
            f"Reading {path.name} needs the package sentencepiece, which is not installed.",
            "Install it: pip install sentencepiece.",
        ) from error
    model = SentencePieceProcessor()
    model.LoadFromSerializedProto(path.read_bytes())
    pieces: list[str] = [model.IdToPiece(id) for id in range(model.GetPieceSize())]
    ids = {piece: id for id, piece in enumerate(pieces)}
    unknown = pieces[model.unk_id()]
    has_bytes = any(model.IsByte(id) for id in range(len(pieces)))
    tokenizer = Tokenizer(BPE(ids, _merges(model, ids), unk_token=unknown, fuse_unk=True, byte_fallback=has_bytes))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    controls = [piece for piece, id in ids.items() if model.IsControl(id) or model.IsUnknown(id)]
    tokenizer.add_special_tokens([AddedToken(piece, special=True, normalized=False) for piece in controls])
    return tokenizer


def _merges(model: SentencePieceProcessor, ids: dict[str, int]) -> list[tuple[str, str]]:
    def plain(id: int) -> bool:
        return not (model.IsControl(id) or model.IsUnknown(id) or model.IsByte(id))

    pairs = []
    for piece, id in ids.items():
        if plain(id):
            halves = [(piece[:at], piece[at:]) for at in range(1, len(piece))]
            known = [pair for pair in halves if pair[0] in ids and pair[1] in ids]
            pairs += [(-model.GetScore(id), id, ids[left], ids[right], left, right) for left, right in known]
    return [(left, right) for *_, left, right in sorted(pairs)]
