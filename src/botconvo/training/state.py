"""Where a run stands, in one file without pickles, so that it can go on after a stop.

It knows nothing of what the tensors are.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from botconvo.errors import TrainingError
from model_server.checkpoint.folder import sync

__all__ = ["Position", "StateFile"]


@dataclass(slots=True, kw_only=True)
class Position:
    """How far a run is.  Losses are means over held-out own tokens, in nats."""

    step: int = 0
    base_loss: float
    """Of the base without an adapter."""
    batch: int = 0
    """Rows that fit into memory at once, where they turned out to be fewer; 0: as many as asked."""
    best_loss: float = float("inf")
    best_step: int = 0
    worse: int = 0
    """Evaluations since the lowest loss among those after the friend's own lines began."""
    losses: list[tuple[int, float]] = field(default_factory=list)
    """(step, held-out loss) of every evaluation."""


class StateFile:
    """One run's state; ``digest`` stands for everything that the run was started with."""

    def __init__(self, path: Path, digest: str) -> None:
        self.path, self._digest = path, digest

    def read(self) -> tuple[Position, dict[str, torch.Tensor]] | None:
        """The saved state; None where there is none, a damaged one, or one of another run."""
        try:
            with safe_open(self.path, framework="pt") as file:
                position = _position(file.metadata(), self._digest)
            return None if position is None else (position, load_file(self.path))
        except (OSError, ValueError, KeyError, TypeError, SafetensorError):
            return None

    def write(self, position: Position, tensors: Mapping[str, torch.Tensor]) -> None:
        """Replace the saved state; the older one stays if that fails.

        Raises:
            TrainingError: the disk refuses.
        """
        text = json.dumps({"digest": self._digest, **asdict(position)})
        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        partial = self.path.with_name(f"{self.path.name}.partial")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            save_file(whole, partial, metadata={"position": text})
            sync(partial)
            partial.replace(self.path)
        except (OSError, SafetensorError) as error:  # the library has an error of its own
            partial.unlink(missing_ok=True)
            reason = getattr(error, "strerror", None) or error
            raise TrainingError(
                f"{self.path}: cannot be written: {reason}; free some space and "
                "repeat the command, it goes on from where it last could save"
            ) from None

    def remove(self) -> None:
        """Forget the run, and its folder if nothing else is in it."""
        self.path.unlink(missing_ok=True)
        if self.path.parent.is_dir() and not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()


def _position(metadata: Mapping[str, str] | None, digest: str) -> Position | None:
    fields: dict[str, Any] = json.loads((metadata or {})["position"])
    if fields.pop("digest") != digest:
        return None
    fields["losses"] = [(int(step), float(loss)) for step, loss in fields["losses"]]
    return Position(**fields)
