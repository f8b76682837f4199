"""The archive that comes back: a checkpoint's two files, and the id of the pack.

Read as what it is, a file from another computer: three members by name, none larger than the
archive, no paths, no links, and weights only as GGUF, which holds no code.
A folder with the same files is taken too, as some browsers unpack what they download.
"""

import re
import shutil
import stat
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from pydantic import BaseModel, ConfigDict, ValidationError

from botconvo.errors import PackError
from botconvo.packing.pack import PACK_NAME, PackId
from model_server.checkpoint.manifest import MANIFEST_NAME, Manifest

__all__ = ["Result", "read_result", "write_result"]

_RESULT_NAME = "result.json"
_WEIGHTS = re.compile(r"[a-z]{4,20}\.gguf")
"""Four letters, as Windows keeps names of three for its devices."""
_SMALL = 1_000_000
"""Most bytes of a JSON file in it."""
_TORN = (BadZipFile, EOFError, RuntimeError, ValueError, OverflowError, zlib.error, struct.error)
"""What zipfile raises, by what is wrong with a file."""
_AGAIN = "download it again from the notebook"


class _Description(BaseModel):
    """``result.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["botconvo-result"] = "botconvo-result"
    version: Literal[1] = 1
    pack: PackId


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came back, well-formed and otherwise believed nothing."""

    pack: str
    manifest: Manifest
    weights: Path
    """The GGUF file, copied out, under the manifest's name for it."""


def write_result(path: Path, pack: str, checkpoint: Path) -> None:
    """Write the archive of a whole checkpoint folder; what stands beside its two files stays.

    Raises:
        OSError: the disk refuses; nothing is left.
    """
    manifest = Manifest.model_validate_json((checkpoint / MANIFEST_NAME).read_bytes())
    partial = path.with_name(f"{path.name}.partial")
    try:
        with ZipFile(partial, "w", ZIP_STORED) as archive:
            archive.writestr(_RESULT_NAME, _Description(pack=pack).model_dump_json() + "\n")
            for name in (MANIFEST_NAME, manifest.weights.file):
                archive.write(checkpoint / name, name)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_result(path: Path, scratch: Path) -> Result:
    """Copy the files of an archive, or of the folder that it was unpacked into, to ``scratch``.

    Raises:
        PackError: it is no such archive, or not a whole one.
    """
    if not path.exists():
        raise PackError(f"there is no {path}; give the archive that the notebook made")
    try:
        if path.is_dir():
            files = _copy_folder(path, scratch)
        else:
            with ZipFile(path) as archive:
                files = _copy_members(path, archive, scratch)
        description = _Description.model_validate_json(files[_RESULT_NAME].read_bytes())
        manifest = Manifest.model_validate_json(files[MANIFEST_NAME].read_bytes())
    except ValidationError as error:  # a ValueError too
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, fault["loc"])) or "a file in it"
        raise PackError(f"{path}: {where}: {fault['msg']}; {_AGAIN}") from None
    except _TORN as error:
        raise PackError(f"{path}: is torn, or no zip file ({error}); {_AGAIN}") from None
    except OSError as error:
        raise PackError(
            f"{path}: cannot be read and copied to {scratch}: {error.strerror or error}; "
            f"make room, or {_AGAIN}"
        ) from None
    weights = next(file for name, file in files.items() if _WEIGHTS.fullmatch(name))
    if manifest.weights.file != weights.name:
        raise PackError(f"{path}: holds {weights.name} and describes another file; {_AGAIN}")
    return Result(pack=description.pack, manifest=manifest, weights=weights)


def _copy_folder(folder: Path, scratch: Path) -> dict[str, Path]:
    found = {file.name: file for file in folder.iterdir() if not file.name.startswith(".")}
    _check_names(folder, found)
    for name, file in found.items():
        if file.is_symlink() or not file.is_file():
            raise PackError(f"{folder}: {name} is no file; {_AGAIN}")
        _check_size(folder, name, file.stat().st_size)
        shutil.copyfile(file, scratch / name)
    return {name: scratch / name for name in found}


def _copy_members(path: Path, archive: ZipFile, scratch: Path) -> dict[str, Path]:
    members = {member.filename: member for member in archive.infolist()}
    _check_names(path, members)
    if len(members) != len(archive.infolist()):
        raise PackError(f"{path}: holds a file twice; {_AGAIN}")
    for name, member in members.items():
        _check_member(path, member)
        with archive.open(member) as source, (scratch / name).open("xb") as target:
            shutil.copyfileobj(source, target)
    return {name: scratch / name for name in members}


def _check_names(path: Path, names: Mapping[str, object]) -> None:
    """Three plain names: nothing else is unpacked, so nothing gets out of the folder."""
    if PACK_NAME in names:
        raise PackError(
            f"{path} is the pack that goes out; adopt what the notebook made of it, "
            "the archive whose name ends in -trained.zip"
        )
    weights = [name for name in names if _WEIGHTS.fullmatch(name)]
    if len(names) != 3 or len(weights) != 1 or not {_RESULT_NAME, MANIFEST_NAME} <= names.keys():
        raise PackError(
            f"{path}: does not hold {_RESULT_NAME}, {MANIFEST_NAME}, one GGUF file and nothing "
            "else; give the archive that the notebook made"
        )


def _check_member(path: Path, member: ZipInfo) -> None:
    name = member.filename
    mode = member.external_attr >> 16
    if member.is_dir() or (stat.S_IFMT(mode) and not stat.S_ISREG(mode)):
        raise PackError(f"{path}: {name} is no file; {_AGAIN}")
    if member.compress_type != ZIP_STORED:  # so that it is no larger than the archive
        raise PackError(f"{path}: {name} was compressed, which no notebook does; {_AGAIN}")
    _check_size(path, name, member.file_size)


def _check_size(path: Path, name: str, size: int) -> None:
    if not _WEIGHTS.fullmatch(name) and size > _SMALL:
        raise PackError(f"{path}: {name} has {size} bytes, far too many; {_AGAIN}")
