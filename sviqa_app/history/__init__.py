"""Conversations, kept on this machine: a question is written down before its answer is computed."""

from .records import Conversation, Found, State, Turn
from .store import History, history_folder

__all__ = ["Conversation", "Found", "History", "State", "Turn", "history_folder"]
