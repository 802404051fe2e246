"""Words to ids and back, and the order of a conversation: picture, then turns of question and answer."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import WordPiece

SPECIAL = ("<pad>", "<s>", "</s>", "</t>", "<|user|>", "<|assistant|>", "<image>", "<speech>", "[UNK]")
PAD, BEGIN, END, END_OF_TEXT, USER, ASSISTANT, IMAGE, SPEECH, UNKNOWN = range(len(SPECIAL))
_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,?!'-:;()/&%$+\"@#*"


def build_tokenizer(words: Iterable[str]) -> Tokenizer:
    """A tokenizer that has each of `words` whole and spells every other word letter by letter.

    Text is put in lower case without accents first. Nothing is lost but what no letter here spells.
    """
    pieces = list(SPECIAL)
    pieces += sorted(set(words) - set(_CHARACTERS))
    pieces += list(_CHARACTERS) + [f"##{c}" for c in _CHARACTERS]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=64))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKD(), normalizers.Lowercase(), normalizers.StripAccents()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    return tokenizer


def encode(tokenizer: Tokenizer, text: str) -> list[int]:
    """Ids of plain text. A question's closing mark is dropped: speech has none, and both should read alike."""
    ids: list[int] = tokenizer.encode(text.strip().rstrip("?!. ")).ids
    return ids


def question_ids(speech_slots: int, words: list[int]) -> list[int]:
    """One turn's question: `<|user|>`, a `<speech>` placeholder for each speech embedding, words, `<|assistant|>`."""
    return [USER, *([SPEECH] * speech_slots), *words, ASSISTANT]
