"""What every recipe has: presets of how much, stages in an order, and a folder that keeps what they made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch

from ..errors import TrainingError

Report = Callable[[str], None]
Size = TypeVar("Size")


class Recipe(Generic[Size]):
    """The stages of one preset in one folder. Stage NAME is the method `_NAME`."""

    STAGES: ClassVar[tuple[str, ...]]
    COMMAND: ClassVar[str]

    def __init__(self, presets: Mapping[str, Size], preset: str, folder: Path, report: Report) -> None:
        """Raises TrainingError where there is no such preset."""
        if preset not in presets:
            raise TrainingError(f"There is no preset {preset!r}.", f"Choose one of {', '.join(presets)}.")
        self.size = presets[preset]
        self.folder, self.report = folder, report
        folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The stages, in the order they run."""
        return cls.STAGES

    def run(self, stage: str) -> None:
        """Run one stage, or go on with it. Raises TrainingError where an earlier stage is missing."""
        if stage not in self.STAGES:
            raise TrainingError(f"There is no stage {stage!r}.", f"Choose one of {', '.join(self.STAGES)}.")
        torch.manual_seed(self.STAGES.index(stage))
        getattr(self, f"_{stage}")()

    def weights(self, stage: str) -> dict[str, Any]:
        """A stage's weights. Raises TrainingError where it has not run."""
        path = self.folder / f"{stage}.state"
        if not path.exists():
            raise TrainingError(f"The stage {stage} has not run yet.", f"Run: {self.COMMAND} --stage {stage}.")
        weights: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)["model"]
        return weights
