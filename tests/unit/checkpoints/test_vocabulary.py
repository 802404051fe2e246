"""Tokenizers of published models: SentencePiece's own ids come out, and marks follow in order."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from sviqa_app.checkpoints.vocabulary import read_vocabulary, with_audio, with_image, with_mark, without_marks
from sviqa_app.errors import ModelError

from .models import vocabulary, write

sentencepiece = pytest.importorskip("sentencepiece")


@pytest.fixture(scope="module")
def pieces() -> bytes:
    """A tokenizer of the kind that Llama has: BPE, letters that are not known spelled in bytes."""
    text = "what colour is the car on the left of the street and how many people are there waiting for a bus in rain"
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([text, text.title(), text[::-1]] * 20),
        model_writer=model,
        model_type="bpe",
        vocab_size=400,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        minloglevel=2,
    )
    return model.getvalue()


@pytest.fixture(scope="module")
def both(pieces: bytes, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tokenizer, object]:
    folder = tmp_path_factory.mktemp("m")
    (folder / "tokenizer.model").write_bytes(pieces)
    return read_vocabulary(folder), sentencepiece.SentencePieceProcessor(model_proto=pieces)


@given(st.text(st.sampled_from("what is the colour\n\tÖ語😀.,ABC  ▁"), max_size=40))
@settings(max_examples=300, deadline=None)
def test_ids_and_words_are_sentencepieces(both: tuple[Tokenizer, object], text: str) -> None:
    ours, theirs = both
    ids = ours.encode(text, add_special_tokens=False).ids
    assert ids == theirs.encode(text)
    assert ours.decode(ids) == theirs.decode(ids)


def test_marks_that_were_added_keep_their_ids(pieces: bytes, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(pieces)
    added = tmp_path / "added_tokens.json"
    added.write_text(json.dumps({"<im_end>": 402, "<im_patch>": 400, "<im_start>": 401}))
    words = read_vocabulary(tmp_path)
    assert words.token_to_id("<im_end>") == 402 and words.encode("<im_patch>").ids[-1:] == [400]
    added.write_text(json.dumps({"<im_patch>": 500}))
    with pytest.raises(ModelError, match="gives <im_patch> the id 500"):
        read_vocabulary(tmp_path)


@pytest.mark.parametrize("name", ["tokenizer.model", "tokenizer.json"])
def test_broken_tokenizers(name: str, pieces: bytes, tmp_path: Path) -> None:
    for data in (b"", b"{}", b"\x00" * 50, pieces[: len(pieces) // 2] + b"\xff" * 9):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ModelError, match="is broken"):
            read_vocabulary(tmp_path)
    with (tmp_path / name).open("wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(ModelError, match="too large"):
        read_vocabulary(tmp_path)


def test_marks() -> None:
    words = vocabulary(10)
    assert with_image(words, 20) == 20 and words.get_vocab_size() == 21
    assert with_mark(words, "<speech>") == 21 and with_mark(words, "<speech>") == 21
    assert with_audio(words, 5) == 22 and words.token_to_id("<audio_4>") == 26
    plain = without_marks(words)
    assert plain.token_to_id("<speech>") is None and plain.token_to_id("<audio_0>") is None
    assert plain.token_to_id("<image>") == 20
    brought = vocabulary(10)
    with_mark(brought, "<speech>")
    with_mark(brought, "<image>")
    assert without_marks(brought).token_to_id("<image>") == 11
    odd = vocabulary(10)
    with_mark(odd, "<audio_3>")
    with pytest.raises(ModelError, match="some of the audio tokens already"):
        with_audio(odd, 5)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    vocabulary().save(str(tmp_path / "secret.json"))
    folder = write(tmp_path / "m", {}, {})
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(ModelError, match="outside"):
        read_vocabulary(folder)
