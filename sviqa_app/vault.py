"""Secrets in the keyring of the system, never in a file of ours, never in a log. Without a keyring there are none."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .errors import SviqaError

_SERVICE = "sviqa"


def read_secret(name: str) -> str | None:
    """The secret kept under a name, such as "huggingface"; None where there is none, or no keyring."""
    try:
        secret = _keyring().get_password(_SERVICE, name)
    except Exception:  # no library, no keyring on this system, or one that stays locked: all mean no secret
        return None
    return secret or None


def keep_secret(name: str, secret: str) -> None:
    """Keeps a secret under a name; "" forgets it. Raises SviqaError where there is no keyring to keep it in."""
    try:
        if secret:
            _keyring().set_password(_SERVICE, name, secret)
        elif read_secret(name):
            _keyring().delete_password(_SERVICE, name)
    except Exception as error:
        # The cause is named, not quoted: what a keyring says might hold the secret.
        raise SviqaError(
            f"The keyring of this system cannot be used ({type(error).__name__}).",
            "Install the keyring library (pip install keyring), and unlock the keyring.",
        ) from None


def _keyring() -> Any:
    return import_module("keyring")
