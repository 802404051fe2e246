"""`python -m sviqa_app` is the command `sviqa`."""

from .cli import main

main()
