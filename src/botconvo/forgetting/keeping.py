"""What a keeper is: one place of a project in which something of a person may stand."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from botconvo.store import STORE_NAME, Somebody, Store

__all__ = ["Found", "Keeper", "Project"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """An owner's folder, its store, its config.toml, and the user's cache (None: not looked at)."""

    folder: Path
    store: Path
    config: Path
    cache: Path | None = None

    @classmethod
    def at(cls, folder: Path, cache: Path | None = None) -> "Project":
        """With everything where it is by default."""
        folder = folder.absolute()
        return cls(
            folder=folder,
            store=folder / STORE_NAME,
            config=folder / "config.toml",
            cache=cache,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Something of a person.  ``shown`` is for the screen and may name them; the rest may not.

    ``what`` says what it is ("a clone"), ``digests`` are SHA-256 of files.
    """

    what: str
    count: int
    shown: str = ""
    digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """One place.  ``holds`` says what of a person stands there, in plain words.

    ``find`` changes nothing.  ``erase`` may be called again after it was interrupted, and finds
    then what is left.  Both raise a BotConvoError in one line where a file cannot be used.
    """

    name: str
    holds: str
    find: Callable[[Project, Store, Somebody], tuple[Found, ...]]
    erase: Callable[[Project, Store, Somebody], None]
