"""HyperPyYAML files, which name Python classes to build, read as data: nothing in them is imported, built or called."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from ..errors import ModelError

MAX_BYTES = 100_000

_AGAIN = "Install the model again."
_REFERENCE = re.compile(r"<(\w+)>")


class _Data(yaml.SafeLoader):  # type: ignore[misc]
    """Leaves out tags, and aliases too, by which a small file could fill the memory."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias")
        return super().compose_node(parent, index)


def _untagged(loader: Any, _: str, node: Any) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


for _start in ("!", "tag:"):
    _Data.add_multi_constructor(_start, _untagged)


class Recipe:
    """The table in a YAML file, without its tags (`!new:package.Class`)."""

    def __init__(self, path: Path) -> None:
        """Read `path`. Raises ModelError where it is missing, broken or no table."""
        self.path = path
        try:
            if path.stat().st_size > MAX_BYTES:
                raise ModelError(f"{path} is too large to be read.", _AGAIN)
            self._top = yaml.load(path.read_bytes(), _Data)
        except FileNotFoundError as error:
            raise ModelError(f"{path.parent} holds no {path.name}.", _AGAIN) from error
        except OSError as error:
            raise ModelError(f"{path} cannot be read.", "Check that you may read it.") from error
        except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
            raise ModelError(f"{path} is not valid YAML.", _AGAIN) from error
        if not isinstance(self._top, dict):
            raise ModelError(f"{path} is not a table of names and values.", _AGAIN)

    def find(self, place: str) -> Any:
        """What stands at a place such as "flow.encoder.num_blocks"; None where there is nothing.

        `!ref <name>` gives what stands at `name`.
        """
        value: Any = self._top
        for key in place.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        named = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        return self._top.get(named[1]) if named else value
