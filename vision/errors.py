"""Everything that can go wrong for a user, as one tree. Each message says what, the value, and the remedy.

LogicFlowError
├── ImageError        a picture that cannot be used: empty, damaged, too large, of no known format
├── ModelError        a model that cannot be loaded: missing, gated, of the wrong kind, too large
├── SettingsError     a setting with an impossible value or an unknown name
├── PromptError       a question that is empty or too long for the model
├── GenerationError   an engine that failed while answering
└── ConversationError a kept or exported conversation that cannot be read
"""

from __future__ import annotations


class LogicFlowError(Exception):
    """Base of all errors that are meant for the user: ``str(error)`` is one clear sentence."""


class ImageError(LogicFlowError):
    """A picture cannot be used."""


class ModelError(LogicFlowError):
    """A model or an adapter cannot be loaded."""


class SettingsError(LogicFlowError):
    """A setting is impossible or unknown."""


class PromptError(LogicFlowError):
    """A question cannot be asked as it stands."""


class GenerationError(LogicFlowError):
    """An engine failed while it was answering."""


class ConversationError(LogicFlowError):
    """A kept or exported conversation cannot be read."""


def first_line(exc: BaseException) -> str:
    """What ``exc`` says first, its kind where it says nothing."""
    lines = str(exc).strip().splitlines()
    return (lines[0] if lines else type(exc).__name__)[:200]
