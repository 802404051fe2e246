"""From a question to a stream of answer events."""
