"""The environment, with what a ``.env`` file adds to it."""

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from botconvo.errors import ConfigError

__all__ = ["read_environment"]


def read_environment(folder: Path) -> Mapping[str, str]:
    """The environment, above what ``folder/.env`` adds to it.

    Raises:
        ConfigError: there is a ``.env``, and it cannot be read.
    """
    path = folder / ".env"
    try:
        added = dotenv_values(path, encoding="utf-8-sig")  # Windows' Notepad may write a BOM
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{path}: cannot be read: {reason}") from None
    return {name: value for name, value in added.items() if value is not None} | os.environ
