"""Where a base comes from: a folder, or a model on the hub, which is fetched once.

The hub's own library does the fetching, of no more than a conversion reads.  What other programs
have fetched with it is used too.  It knows nothing of what the files mean.
"""

import errno
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from botconvo.errors import TrainingError
from model_server.checkpoint.tokens import sha256_of

__all__ = ["Source", "named_folder", "needed_files", "resolve_base"]

_ID = re.compile(r"(?P<id>(?:\w[\w.-]*/)?\w[\w.-]*)(?:@(?P<revision>\w[\w./-]*))?", re.ASCII)
_SMALL = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""The better form first; whichever is there is taken alone."""
_COMPLETE = ".complete"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SPARE = 100_000_000
"""Bytes that are left free on the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A folder with a model, and the name that its owner knows it by."""

    folder: Path
    name: str


def named_folder(text: str) -> Path | None:
    """The folder that is there; None where ``text`` is the id of a model on the hub.

    Raises:
        TrainingError: it is neither.
    """
    try:
        path = Path(text).expanduser()
        if text and path.exists():
            return path
    except (OSError, RuntimeError):  # a name that is too long, or the home of nobody
        pass
    if _ID.fullmatch(text) is None:
        raise TrainingError(
            f"base {text}: there is no such folder; name one with --base FOLDER, or a model of the "
            "hub by its id, such as gpt2 or HuggingFaceTB/SmolLM2-135M"
        )
    return None


def resolve_base(text: str, *, say: Callable[[str], None], bars: bool = False) -> Source:
    """A folder that is there, else a model of this id on the hub (``owner/name@revision``).

    ``say`` is told what is fetched; ``bars`` shows its progress on stderr.

    Raises:
        TrainingError: there is neither, or it cannot be fetched.
    """
    folder = named_folder(text)
    if folder is not None:
        return Source(folder=folder, name=folder.resolve().name)
    found = _ID.fullmatch(text)
    assert found is not None
    return Source(folder=_fetch(found["id"], found["revision"], say, bars), name=found["id"])


def needed_files(sizes: Mapping[str, int]) -> Mapping[str, int]:
    """Of a repository's files those that a conversion reads, with their sizes."""
    needed = {name: sizes[name] for name in _SMALL if name in sizes}
    for whole in _WEIGHTS:
        stem, _, ending = whole.rpartition(".")
        shard = re.compile(rf"{re.escape(stem)}-\d+-of-\d+\.{ending}")
        if whole in sizes:
            return needed | {whole: sizes[whole]}
        if f"{whole}.index.json" in sizes:
            shards = [name for name in sizes if shard.fullmatch(name)]
            return needed | {name: sizes[name] for name in (f"{whole}.index.json", *shards)}
    return needed


def _fetch(model: str, revision: str | None, say: Callable[[str], None], bars: bool) -> Path:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

    if not bars:
        disable_progress_bars()
    kept = _Kept(model, revision or "main")
    try:
        info = HfApi().model_info(model, revision=revision, files_metadata=True)
    except (HTTPError, OSError, ValueError) as error:
        reason = _refusal(model, revision, error)
        if reason is not None:
            raise TrainingError(reason) from None
        return _without_network(kept, error, say)
    assert info.sha is not None
    folder = kept.folder(info.sha) or _cached(model, info.sha)
    if folder is not None:
        return folder
    digests = {f.rfilename: f.lfs.sha256 if f.lfs else None for f in info.siblings or ()}
    needed = needed_files({f.rfilename: f.size or 0 for f in info.siblings or ()})
    _check_room(model, sum(needed.values()))
    say(f"{model}: fetching {_megabytes(sum(needed.values()))} in {len(needed)} files")
    try:
        return kept.fetch(info.sha, needed, digests)
    except (HTTPError, OSError) as error:
        raise _broke_off(model, error) from None


def _cached(model: str, commit: str) -> Path | None:
    """What another program fetched of the same version, if it is all that is needed."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    for weights in _WEIGHTS:
        patterns = [*_SMALL, weights, f"{weights}.index.json", weights.replace(".", "-*-of-*.")]
        try:
            folder = Path(
                snapshot_download(
                    model, revision=commit, local_files_only=True, allow_patterns=patterns
                )
            )
        except LocalEntryNotFoundError:
            continue
        if any(path.name.startswith(weights.partition(".")[0]) for path in folder.iterdir()):
            return folder
    return None


def _without_network(kept: "_Kept", error: Exception, say: Callable[[str], None]) -> Path:
    folder = kept.newest()
    if folder is not None:
        say(f"{kept.model}: the hub cannot be reached, so what was fetched earlier is used")
        return folder
    raise TrainingError(
        f"base {kept.model}: there is no such folder, and the hub cannot be reached "
        f"({type(error).__name__}); look at the network, or give a folder with --base FOLDER"
    ) from None


class _Kept:
    """Where the files of one model are kept: a folder for every version of it.

    The hub's library begins a file anew in each process, and some are gigabytes in one piece;
    here the part that has come stays, and the library is asked for the rest.
    """

    def __init__(self, model: str, revision: str) -> None:
        from huggingface_hub.constants import HF_HOME

        self.model = model
        self._home = Path(HF_HOME) / "botconvo" / model.replace("/", "--")
        self._reference = self._home / f"{revision.replace('/', '--')}.ref"

    def folder(self, commit: str) -> Path | None:
        """The folder of a version, if all of it is there."""
        folder = self._home / commit
        return folder if (folder / _COMPLETE).is_file() else None

    def newest(self) -> Path | None:
        """The last version that was fetched as this revision."""
        try:
            return self.folder(self._reference.read_text(encoding="utf-8"))
        except OSError:
            return None

    def fetch(
        self, commit: str, sizes: Mapping[str, int], digests: Mapping[str, str | None]
    ) -> Path:
        """Fetch a version's files, going on with what is there of them.

        Raises:
            TrainingError: another process is at it, or a file arrived damaged.
            OSError: the disk refuses.
            HTTPError: the hub does not answer, or no longer.
        """
        from filelock import FileLock, Timeout

        folder = self._home / commit
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder.with_suffix(".lock"), timeout=0):
                for name, size in sizes.items():
                    self._fetch_file(commit, folder / name, size, digests.get(name))
                (folder / _COMPLETE).touch()
                self._reference.write_text(commit, encoding="utf-8")
        except Timeout:
            raise TrainingError(
                f"base {self.model}: is being fetched by another botconvo; wait for that"
            ) from None
        return folder

    def _fetch_file(self, commit: str, path: Path, size: int, digest: str | None) -> None:
        from huggingface_hub import hf_hub_url
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

        if path.is_file():
            return
        partial = path.with_name(f"{path.name}.partial")
        with partial.open("ab") as file:
            http_get(
                hf_hub_url(self.model, path.name, revision=commit),
                file,
                resume_size=file.tell(),
                headers=build_hf_headers(),
                expected_size=size,
                displayed_filename=path.name,
            )
        if partial.stat().st_size != size or digest not in (None, sha256_of(partial)):
            partial.unlink()
            raise TrainingError(
                f"base {self.model}: {path.name} arrived damaged; repeat the command"
            )
        partial.replace(path)


def _refusal(model: str, revision: str | None, error: Exception) -> str | None:
    """Why the hub does not give a model; None if it did not answer."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, GatedRepoError):
        return (
            f"base {model}: its makers want to be asked first; accept their terms on the model's "
            "page, then run hf auth login"
        )
    if isinstance(error, RepositoryNotFoundError | HFValidationError):
        return (
            f"base {model}: there is no such folder, and no such model on the hub; look at the "
            "spelling (a private one needs hf auth login)"
        )
    if isinstance(error, RevisionNotFoundError):
        return f"base {model}: has no revision {revision}; look at the spelling, or leave it out"
    if isinstance(error, HfHubHTTPError) and error.response.status_code < 500:
        return f"base {model}: the hub refuses with status {error.response.status_code}"
    return None


def _check_room(model: str, needed: int) -> None:
    from huggingface_hub.constants import HF_HOME

    home = Path(HF_HOME)
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if free < needed + _SPARE:
        raise TrainingError(
            f"base {model}: needs {_megabytes(needed)} in {home}, where {_megabytes(free)} are "
            "free; make room, or set HF_HOME to another disk"
        )


def _broke_off(model: str, error: Exception) -> TrainingError:
    if isinstance(error, OSError) and error.errno in _FULL:
        return TrainingError(
            f"base {model}: the disk is full; make room, or set HF_HOME to another disk, and "
            "repeat the command, it goes on where it stopped"
        )
    return TrainingError(
        f"base {model}: the download broke off ({type(error).__name__}); repeat the command, it "
        "goes on where it stopped"
    )


def _megabytes(size: int) -> str:
    return f"{max(1, round(size / 1e6))} MB"
