"""Raw exports: files of the owner's that the store only knows the way to."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from botconvo.errors import BotConvoError
from botconvo.forgetting.clones import remove
from botconvo.messages import AuthorId
from botconvo.store import Source, Store
from botconvo.taking import export_of

__all__ = ["Raw", "delete_raw", "raw_exports"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A file or folder that was imported, with everything that was read from it.

    ``others`` counts the authors in it besides those asked about.
    """

    path: Path
    sources: tuple[Source, ...]
    others: int

    @property
    def whole(self) -> str:
        return f"{self.path}" + (f" (others wrote in it too: {self.others})" if self.others else "")


def raw_exports(store: Store, authors: Collection[AuthorId]) -> tuple[Raw, ...]:
    """The exports that are still there in which these authors wrote."""
    found: dict[Path, list[Source]] = {}
    for source in store.sources(authors):
        if source.path.exists():
            found.setdefault(source.path, []).append(source)
    return tuple(
        Raw(path=path, sources=tuple(sources), others=store.others_in(path, authors))
        for path, sources in found.items()
    )


def unchanged(raw: Raw) -> bool:
    """Whether it is what was imported, byte for byte."""
    try:
        return all(export_of(source).digest() == source.sha256 for source in raw.sources)
    except (BotConvoError, OSError):
        return False


def delete_raw(exports: Iterable[Raw]) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Delete those that are as they were imported; which were, and which were changed and stay.

    Of a folder only the files go that were imported from it.

    Raises:
        OutputError: one of them cannot be deleted.
    """
    gone: list[Path] = []
    kept: list[Path] = []
    for raw in exports:
        if not unchanged(raw):
            kept.append(raw.path)
            continue
        if raw.path.is_dir() and all(source.member for source in raw.sources):
            for source in raw.sources:
                path = (raw.path / source.member).resolve()
                if path.is_relative_to(raw.path.resolve()) and path.is_file():
                    remove(path)
        else:
            remove(raw.path)
        gone.append(raw.path)
    return tuple(gone), tuple(kept)
