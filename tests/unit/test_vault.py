"""Secrets: kept by the keyring, and none without one."""

from __future__ import annotations

from typing import Any

import pytest

from sviqa_app import vault
from sviqa_app.errors import SviqaError


class Ring(dict[tuple[str, str], str]):
    """A keyring in memory."""

    def get_password(self, service: str, name: str) -> str | None:
        return self.get((service, name))

    def set_password(self, service: str, name: str, secret: str) -> None:
        self[service, name] = secret

    def delete_password(self, service: str, name: str) -> None:
        del self[service, name]


def use(ring: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "import_module", lambda name: ring)


def test_kept_read_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    use(ring := Ring(), monkeypatch)
    vault.keep_secret("huggingface", "s3cret")
    assert vault.read_secret("huggingface") == "s3cret" and vault.read_secret("other") is None
    vault.keep_secret("huggingface", "")
    vault.keep_secret("huggingface", "")
    assert vault.read_secret("huggingface") is None and ring == {}


def test_a_keyring_that_fails_has_no_secrets_and_says_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Locked:
        def get_password(self, *arguments: str) -> str:
            raise RuntimeError("s3cret")

        set_password = delete_password = get_password

    use(Locked(), monkeypatch)
    assert vault.read_secret("x") is None
    with pytest.raises(SviqaError, match="keyring of this system cannot be used") as caught:
        vault.keep_secret("x", "s3cret")
    assert "s3cret" not in str(caught.value) and caught.value.__cause__ is None


def test_without_the_library_there_are_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(vault, "import_module", missing)
    assert vault.read_secret("x") is None
    with pytest.raises(SviqaError, match="ModuleNotFoundError"):
        vault.keep_secret("x", "s3cret")
