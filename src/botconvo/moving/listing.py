"""What an archive of a project says of itself, and which names its files may have.  Pure."""

from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from botconvo.errors import PackError

__all__ = ["LISTING", "LISTING_MOST", "Listing", "PackedFile", "fault_of_name", "read_listing"]

LISTING = "botconvo-project.json"
LISTING_MOST = 20_000_000
"""Bytes; a project of a hundred thousand files needs less."""
_FORBIDDEN = frozenset('<>:"|?*\\') | {chr(code) for code in range(32)}
"""What no name may hold on Windows; a project is packed on one system and unpacked on another."""
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PackedFile(_Strict):
    """One file: where it belongs, seen from the project's folder, its size and SHA-256."""

    name: Annotated[str, Field(min_length=1, max_length=1000)]
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Listing(_Strict):
    """``botconvo-project.json``, the last file of the archive."""

    format: Literal["botconvo-project"] = "botconvo-project"
    version: Literal[1] = 1
    botconvo: str
    """The version that packed it."""
    created: AwareDatetime
    store: str
    """Which of the files is the store."""
    files: tuple[PackedFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def made(files: tuple[PackedFile, ...], store: str, botconvo: str, now: datetime) -> Listing:
    """The listing of an archive that is made now."""
    return Listing(botconvo=botconvo, created=now, store=store, files=files)


def read_listing(data: bytes) -> Listing:
    """
    Raises:
        PackError: it is no listing, or names what no project holds.
    """
    try:
        listing = Listing.model_validate_json(data)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, fault["loc"])) or LISTING
        raise PackError(
            f"{where}: {fault['msg']}; a newer BotConvo may have packed it, or it was changed"
        ) from None
    names = [file.name for file in listing.files]
    for name in names:
        if (fault_text := fault_of_name(name)) is not None:
            raise PackError(f"{name!r}: {fault_text}; such a file is in no project")
    if len({name.casefold() for name in names}) < len(names):
        raise PackError("two of its files have the same name; such an archive is of no project")
    if listing.store not in names:
        raise PackError("it holds no store; pack the project again")
    return listing


def fault_of_name(name: str) -> str | None:
    """What is wrong with a file's name in an archive, on any system; None if nothing is."""
    if name.startswith("/") or str(PurePosixPath(name)) != name:
        return "is no plain path within a folder"
    for part in name.split("/"):
        if part in ("", ".", ".."):
            return "leads out of the folder"
        if _FORBIDDEN & set(part) or part.endswith((".", " ")):
            return "holds signs that not every system allows"
        if part.partition(".")[0].casefold() in _DEVICES:
            return "is a name that Windows keeps for itself"
    if name.casefold().split("/")[-1].startswith(".env"):
        return "would hold secrets"
    return None
