"""The window. Behaviour is in presenters without Qt; views are thin; only qt.py imports PySide6."""
