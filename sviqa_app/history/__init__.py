"""Conversations, kept on this machine: a question is written down before its answer is computed."""

from .export import Form
from .records import Conversation, Found, State, Turn
from .store import History, history_folder

__all__ = ["Conversation", "Form", "Found", "History", "State", "Turn", "history_folder"]
