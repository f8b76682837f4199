"""What the model server can tell a person about what went wrong.

ModelServerError              one line: what failed, with which value, where, what to do
 ├─ CheckpointError           a folder that is not a checkpoint, or not a whole one
 │   └─ DiskError             it cannot be written
 ├─ EngineError               the engine cannot load or run the weights
 └─ ServingError              the address or the token cannot be used
"""

__all__ = ["CheckpointError", "DiskError", "EngineError", "ModelServerError", "ServingError"]


class ModelServerError(Exception):
    """An expected failure; its text is one line for the person who can mend it."""


class CheckpointError(ModelServerError):
    """The checkpoint is missing, torn, or does not fit together."""


class DiskError(CheckpointError):
    """The disk refuses to take a checkpoint; ``reason`` is the operating system's."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


class EngineError(ModelServerError):
    """The engine cannot load or run this model."""


class ServingError(ModelServerError):
    """The server cannot listen where it was told to, or has no token."""
