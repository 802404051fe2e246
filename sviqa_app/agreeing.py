"""Asking a person at a terminal whether they agree."""

from __future__ import annotations


def agreed(question: str, sure: bool) -> bool:
    """Whether the person says yes; those who are `sure` are not asked, and where nobody is there it is no."""
    if sure:
        return True
    try:
        answer = input(question)
    except EOFError:  # nobody is there to be asked
        return False
    return answer.strip().casefold() in ("y", "yes")
