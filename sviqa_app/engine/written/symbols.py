"""Lay-out and symbols as they are said, or as the pauses they stand for."""

from __future__ import annotations

from .rules import rule

_NAMES = {
    "&": "and", "@": "at", "+": "plus", "=": "equals", "%": "percent", "°": "degrees", "$": "dollar", "€": "euro",
    "£": "pound", "₹": "rupee", "¥": "yen",
}  # fmt: skip

LAYOUT = (
    rule(r"\n[> ]*(?:[-*+;] +|(?=\d{1,3}[.)] ))", ". "),
    rule(r"\n\s*\n", ". "),
    rule(r"\n>?", " "),
)
"""A new paragraph or list item is a new sentence, any other line goes on."""

SYMBOLS = (
    rule(r"\(s\)", "s"),
    rule(r"(?<=\w) +'s\b", "'s"),
    rule(r"[-=]>", " to "),
    rule(r"(?<=[a-z] )/ ?(?=(?:second|minute|hour|day|night|week|month|year|person)\b)", " per "),
    rule(r"(?<=[A-Z])/(?=[A-Z])", " "),
    rule(r"(?<=\S)/(?=\S)", " slash "),
    rule(r"\b([CF])#", r"\1 sharp "),
    rule(r"#(?=[A-Za-z])", " hashtag "),
    rule(r"(?<=\w) +< +(?=\w)", " less than "),
    rule(r"(?<=\w) +> +(?=\w)", " greater than "),
    rule(r"(?<!\S)-+(?!\S)|--+|={2,}|[()\[\]{}:|]", ", "),
    rule(r"(?<!\.)\.{2,}+(?=\s*[a-z])", ", "),
    rule(r"(?<!\.)\.(?=[a-z])", " dot "),
    rule(rf"[{''.join(_NAMES)}]", lambda m: f" {_NAMES[m[0]]} "),
)
"""To be applied to text without digits. What is not named here (quotes, asterisks, ...) says nothing."""
