"""Puts models/ and assets/, which lie at the top of the project, inside the package when a wheel is built.

`sviqa_app/resources.py` finds them in both places. Everything else is said in pyproject.toml.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ("models", "assets")


class BuildWithData(build_py):
    """The usual build, then the data. An editable install reads the data where it lies."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for name in SHIPPED:
            target = Path(self.build_lib) / "sviqa_app" / f"_{name}"
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(name, target)


setup(cmdclass={"build_py": BuildWithData})
