"""The tree of errors: one line each, and every branch under SviqaError."""

from __future__ import annotations

import inspect

from sviqa_app import errors
from sviqa_app.errors import MediaError, PictureError, SviqaError


def test_message_is_one_line_of_what_and_next() -> None:
    error = PictureError("The picture is\n  broken.", "Give\tanother.")
    assert str(error) == "The picture is broken. Give another."
    assert (error.what, error.next) == ("The picture is broken.", "Give another.")


def test_message_without_next_has_no_trailing_space() -> None:
    assert str(SviqaError("Broken.")) == "Broken."


def test_every_error_hangs_on_the_tree_drawn_in_the_docstring() -> None:
    classes = [c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__]
    assert all(issubclass(c, SviqaError) for c in classes)
    assert all(c.__name__ in (errors.__doc__ or "") for c in classes)
    assert issubclass(PictureError, MediaError)
