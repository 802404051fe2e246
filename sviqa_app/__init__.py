"""SViQA desktop: ask a picture anything, out loud, and hear the answer."""

__version__ = "0.1.0"
