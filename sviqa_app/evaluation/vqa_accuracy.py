"""The official VQA accuracy: how many of ten people gave the answer, after everybody's spelling is levelled.

The rule of GT-Vision-Lab/VQA (`vqaEval.py`), its quirks included, so that numbers compare with published ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from ..errors import SviqaError

ENOUGH = 3
"""An answer that so many others gave is fully right."""

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
# The original means to keep periods inside numbers, but looks only ahead, and by a slip removes at most 32.
_PERIOD = re.compile(r"\.(?!\d)")
_MOST_PERIODS = 32
_ARTICLES = {"a", "an", "the"}
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_DIGITS = {"none": "0"} | {word: str(n) for n, word in enumerate(_NUMBERS)}
# Each stands for all that is spelled like it with one apostrophe missing: "couldntve" is not among them,
# "couldnt've" and "couldn'tve" are. "hasnt" is, "shes" is not.
_CONTRACTED = re.findall(
    r"\S+",
    """
    ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've
    he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've needn't not've
    o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's
    someone'd someone'd've someone'll someone's something'd something'd've something'll that's there'd there'd've
    there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's
    what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't would've
    wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've
    """,
)
_CONTRACTIONS = {
    word[:at] + word[at + 1 :]: word for word in _CONTRACTED for at, letter in enumerate(word) if letter == "'"
} | {"somebody'd": "somebodyd"}


@dataclass(frozen=True)
class Reference:
    """What one person answered. `id` tells people apart: two who are alike in everything count as one."""

    answer: str
    confidence: str = "yes"
    id: int | None = None


@dataclass(frozen=True)
class Accuracy:
    """Accuracies in percent with two digits, as the original reports them; questions by their id."""

    overall: float
    by_question_type: dict[str, float]
    by_answer_type: dict[str, float]
    by_question: dict[int, float]


def people(answers: Sequence[str]) -> list[Reference]:
    """References of people who are told apart by their order."""
    return [Reference(answer, id=n) for n, answer in enumerate(answers, 1)]


def accuracy(answer: str, references: Sequence[Reference]) -> float:
    """0 to 1: for each person, whether `ENOUGH` of the others agree with `answer`; the mean of that.

    Where all people said the very same, `answer` must be that to the letter.
    """
    answer = _plain(answer)
    references = [replace(r, answer=_plain(r.answer)) for r in references]
    if len({r.answer for r in references}) > 1:
        answer = normalise(answer)
        references = [replace(r, answer=normalise(r.answer)) for r in references]
    agreeing = [sum(other.answer == answer for other in references if other != one) for one in references]
    return fmean(min(1.0, count / ENOUGH) for count in agreeing) if agreeing else 0.0


def accepted(answer: str, truths: Iterable[str]) -> float:
    """1 where `answer` is one of the `truths` once both are normalised, else 0: for lists that name right answers."""
    return float(normalise(_plain(answer)) in {normalise(_plain(truth)) for truth in truths})


def normalise(text: str) -> str:
    """Without punctuation, articles and capitals; numbers to ten as digits; the known contractions spelled right."""
    return level_words(strip_punctuation(text))


def strip_punctuation(text: str) -> str:
    """Each mark becomes a space, or nothing where it stands beside a space or the text has a number like 1,000."""
    out, in_number = text, _COMMA_IN_NUMBER.search(text) is not None
    for mark in _PUNCTUATION:
        beside_space = f"{mark} " in text or f" {mark}" in text
        out = out.replace(mark, "" if beside_space or in_number else " ")
    return _PERIOD.sub("", out, count=_MOST_PERIODS)


def level_words(text: str) -> str:
    """Lower case, number words as digits, no articles, contractions with their apostrophes."""
    words = (_DIGITS.get(word, word) for word in text.lower().split())
    return " ".join(_CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)


def evaluate(annotations: Iterable[Mapping[str, Any]], results: Iterable[Mapping[str, Any]]) -> Accuracy:
    """The accuracy of a results file ({question_id, answer} …) against the `annotations` of an annotations file.

    Every question that has a result counts. Raises SviqaError where a result is of no annotated question, or
    there is none.
    """
    asked = {annotation["question_id"]: annotation for annotation in annotations}
    scores: dict[int, float] = {}
    for result in results:
        question = result["question_id"]
        if question not in asked:
            raise SviqaError(f"There is an answer to question {question}, which has no annotation.")
        scores[question] = accuracy(result["answer"], _references(asked[question]))
    if not scores:
        raise SviqaError("There are no answers to evaluate.")
    return Accuracy(
        _percent(scores.values()),
        _by(scores, {q: asked[q]["question_type"] for q in scores}),
        _by(scores, {q: asked[q]["answer_type"] for q in scores}),
        {q: _percent([score]) for q, score in scores.items()},
    )


def _references(annotation: Mapping[str, Any]) -> list[Reference]:
    return [
        Reference(a["answer"], a.get("answer_confidence", "yes"), a.get("answer_id")) for a in annotation["answers"]
    ]


def _by(scores: Mapping[int, float], types: Mapping[int, str]) -> dict[str, float]:
    groups: dict[str, list[float]] = {}
    for question, score in scores.items():
        groups.setdefault(types[question], []).append(score)
    return {name: _percent(group) for name, group in groups.items()}


def _percent(scores: Iterable[float]) -> float:
    shares = list(scores)
    return round(100 * (float(sum(shares)) / len(shares)), 2)


def _plain(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()
