"""``config.json`` of a Hugging Face folder: its values, each asked for by the type it must have.

It knows nothing of what the values mean.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model_server.errors import CheckpointError

__all__ = ["CONFIG_NAME", "Settings", "read_json", "read_settings"]

CONFIG_NAME = "config.json"
_MOST = 2**31 - 1
"""What llama.cpp counts with."""


class Settings:
    """The values of one JSON object; ``path`` is the file, for those who have to mend it.

    A value that is null counts as left out, as it does in transformers.
    """

    def __init__(self, path: Path, values: Mapping[str, Any]) -> None:
        self.path, self._values = path, values

    @property
    def values(self) -> Mapping[str, Any]:
        """All values, as the file has them."""
        return self._values

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def get(self, key: str, default: Any = None) -> Any:
        value = self._values.get(key)
        return default if value is None else value

    def count(self, key: str, default: int | None = None, *, most: int = _MOST) -> int:
        """A whole number from 1 to ``most``."""
        value = self.get(key, default)
        if value is None:
            raise CheckpointError(f"{self.path}: lacks {key}; fetch the model again")
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise CheckpointError(
                f"{self.path}: {key} is {value!r}, not a whole number from 1 to {most}; "
                "fetch the model again"
            )
        return value

    def real(self, key: str, default: float | None = None) -> float:
        value = self.get(key, default)
        if value is None:
            raise CheckpointError(f"{self.path}: lacks {key}; fetch the model again")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise CheckpointError(f"{self.path}: {key} is {value!r}, not a number")
        try:
            real = float(value)
        except OverflowError:
            real = math.inf
        if not math.isfinite(real):
            raise CheckpointError(f"{self.path}: {key} is no finite number; fetch the model again")
        return real

    def flag(self, key: str, default: bool) -> bool:
        return bool(self.get(key, default))

    def expect(self, key: str, default: object, *allowed: object) -> None:
        """Refuse what the engine would silently compute otherwise."""
        value = self.get(key, default)
        if value not in allowed:
            raise CheckpointError(
                f"{self.path}: {key} is {value!r}, which the engine cannot compute; "
                "take a model with the usual settings"
            )

    def over(self, defaults: Mapping[str, Any]) -> "Settings":
        """The same with values for what is left out."""
        return Settings(
            self.path, {**defaults, **{k: v for k, v in self._values.items() if v is not None}}
        )

    def part(self, key: str) -> "Settings":
        """An object within the object; empty where there is none."""
        value = self.get(key, {})
        if not isinstance(value, dict):
            raise CheckpointError(f"{self.path}: {key} is {value!r}, not an object")
        return Settings(self.path, value)


def read_settings(folder: Path) -> Settings:
    """Read ``config.json``.

    Raises:
        CheckpointError: there is none, or it is not JSON.
    """
    path = folder / CONFIG_NAME
    if (folder / "adapter_config.json").is_file() and not path.is_file():
        raise CheckpointError(
            f"{folder}: holds an adapter without its model; merge it into the model "
            "(merge_and_unload in peft) and save that"
        )
    return Settings(path, read_json(path))


def read_json(path: Path) -> dict[str, Any]:
    """A file that holds a JSON object.

    Raises:
        CheckpointError: there is none, or it holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path}: is missing; fetch the model again") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise CheckpointError(f"{path}: is not JSON; fetch the model again") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: is not a JSON object; fetch the model again")
    return values
