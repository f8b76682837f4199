"""Finds the exports in what somebody names (a file, a folder, a zip), and reads their rows.

The only place that opens exports.  It knows nothing of consent or of the store.
"""

import hashlib
import io
import mimetypes
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from botconvo.errors import ExportEmpty, ImportFailed, printable
from botconvo.importers.formats import ARCHIVES, FORMATS, ArchiveFormat, FileFormat, Origin
from botconvo.importers.nearest import nearest
from botconvo.importers.reading import About, Counting, Opened, as_text
from botconvo.importers.rows import LeftOut, Reason, Row
from botconvo.importers.trees import DAMAGED, Tree, is_zip, tree_of
from botconvo.messages import AuthorId, ChannelId
from botconvo.zones import zone_of

__all__ = ["Export", "Found", "find_exports"]

_HEAD_BYTES = 1 << 16
_ALL: tuple[FileFormat | ArchiveFormat, ...] = (*FORMATS, *ARCHIVES)
_NO_TEXT = "is no text, and no zip either"
_BY_NAME = {each.name: each for each in _ALL}
_KNOWN_BUT_NOT_READ: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\s*<(?:!doctype|html)", re.I), "HTML, but no chat that BotConvo knows"),
    (re.compile(r"\s*window\.YTD\.(?!tweets?\.)"), "a file of a Twitter archive without tweets"),
    (re.compile(r"\s*\[\s*[\[{\"\]]"), "a JSON list, but of no chat that BotConvo knows"),
    (re.compile(r"\s*\{"), "JSON, but of no chat that BotConvo knows"),
)

_PART = re.compile(r" \[(?:part )?(?P<number>\d{1,4})(?: of (?P<all>\d{1,4}))?\]\Z")
"""How DiscordChatExporter numbers the files of one channel: "[part 2]", and "[2 of 3]" in 2.15."""

Progress = Callable[[int], None]
"""Told the bytes read so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One export whose format is known.

    ``member`` is its name within the folder or zip ``path``, of an archive the folder in which it
    begins; empty where ``path`` itself is the export.  The rest is what the export does not say
    itself, see ``About``.
    """

    path: Path
    format: str
    member: str = ""
    author: str | None = None
    zone: str = "UTC"
    channel: ChannelId | None = None
    accounts: Mapping[str, AuthorId] = field(default_factory=dict)
    without: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """How it is called in messages to people."""
        path = f"{self.path}/{self.member.rstrip('/')}" if self.member else str(self.path)
        return printable(path)

    @property
    def origin(self) -> Origin:
        return _BY_NAME[self.format].origin

    @property
    def guesses_channel(self) -> bool:
        """Whether its rows do not tell where they belong; ``channel`` may say so then."""
        found = _BY_NAME[self.format]
        return isinstance(found, FileFormat) and found.guesses_channel(self._about())

    @property
    def names_only(self) -> bool:
        """Whether it tells authors by the names of their accounts alone; ``accounts`` helps."""
        found = _BY_NAME[self.format]
        return isinstance(found, FileFormat) and found.names_only

    def rows(self, progress: Progress | None = None) -> Iterator[Row]:
        """The rows in order; where the file turns out to be damaged the last one is ``torn``.

        Raises:
            ImportFailed: the file went away, or turns out to be something else.
        """
        try:
            yield from self._rows(progress)
        except OSError as error:
            raise _cannot_open(self.path, error) from None
        except DAMAGED:
            yield LeftOut(reason=Reason.TORN, file=self.member or None)
        except ImportFailed as failed:
            raise ImportFailed(f"{self.label}: {failed}") from None

    def first_part(self) -> "Export | None":
        """The first of the parts that a channel was divided into, where this is a later one."""
        name = PurePosixPath(self.member) if self.member else PurePosixPath(self.path.name)
        part = _PART.search(name.stem)
        if part is None or part["number"] == "1":
            return None
        tail = f" [1 of {part['all']}]" if part["all"] else ""
        first = name.with_name(f"{name.stem[: part.start()]}{tail}{name.suffix}")
        if self.member:
            there = str(first) in tree_of(self.path).names()
            return replace(self, member=str(first)) if there else None
        path = self.path.with_name(first.name)
        return replace(self, path=path) if path.is_file() else None

    def digest(self) -> str:
        """SHA-256 of everything it is read from, in hexadecimal.

        Raises:
            ImportFailed: it cannot be read.
        """
        try:
            if isinstance(_BY_NAME[self.format], ArchiveFormat):
                # A zip is what it is; to a folder files may be added that are no part of it.
                if self.member or self.path.is_dir():
                    return _digest_of(*self._files())
                with self.path.open("rb") as whole:
                    return hashlib.file_digest(whole, "sha256").hexdigest()
            with self._open() as raw:
                return hashlib.file_digest(raw, "sha256").hexdigest()  # type: ignore[arg-type]
        except OSError as error:
            raise _cannot_open(self.path, error) from None
        except DAMAGED as broken:
            raise ImportFailed(f"{self.label} is damaged ({broken}); copy it again") from None
        except KeyError:
            raise ImportFailed(f"{self.path} holds no {self.member!r} any more") from None

    def size(self) -> int:
        """Bytes that ``rows`` will read, as far as that is known before."""
        if isinstance(_BY_NAME[self.format], ArchiveFormat) or self.member:
            tree, names = self._files()
            return sum(tree.size(name) for name in names)
        return self.path.stat().st_size

    def _files(self) -> tuple[Tree, tuple[str, ...]]:
        """Those that it is read from, and the tree in which they stand."""
        tree, found = tree_of(self.path), _BY_NAME[self.format]
        if isinstance(found, ArchiveFormat):
            return tree, found.own(self._root(found, tree), tree.names())
        return tree, (self.member,)

    def _root(self, found: ArchiveFormat, tree: Tree) -> str:
        roots = found.roots(tree.names())
        if self.member in roots:
            return self.member
        if self.member or not roots:
            raise ImportFailed(f"it is no {found.what} any more")
        return roots[0]

    def stamp(self) -> tuple[int, int]:
        """Size and time of its file; another one says that somebody wrote in between.

        Raises:
            ImportFailed: the file went away.
        """
        try:
            state = self.path.joinpath(self.member if self.path.is_dir() else "").stat()
        except OSError as error:
            raise _cannot_open(self.path, error) from None
        return state.st_size, state.st_mtime_ns

    def _rows(self, progress: Progress | None) -> Iterator[Row]:
        found = _BY_NAME[self.format]
        if isinstance(found, ArchiveFormat):
            tree = tree_of(self.path)
            yield from found.parse(tree, self._root(found, tree), self._about())
            return
        with self._open() as raw:
            counting = cast(BinaryIO, Counting(raw, progress))
            yield from found.parse(Opened(counting, self._about()))

    def _open(self) -> BinaryIO:
        return tree_of(self.path).open(self.member) if self.member else self.path.open("rb")

    def _about(self) -> About:
        member = PurePosixPath(self.member)
        within = member.parent.name or self.path.name if self.member else self.path.parent.name
        return About(
            name=member.name or self.path.name,
            within=within,
            author=self.author,
            zone=zone_of(self.zone),
            channel=self.channel,
            accounts=self.accounts,
            without=self.without,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is in a file, folder or zip: exports, and files that are none, with the reason."""

    exports: tuple[Export, ...]
    others: dict[str, str] = field(default_factory=dict)
    """Exports that cannot be read."""
    unknown: dict[str, str] = field(default_factory=dict)
    """Files that are something else; pictures and the like are not told."""
    empty: tuple[str, ...] = ()
    """Files with nothing in them: older exporters write them for empty channels."""


class _Unknown(str):
    """Why a file is no export at all."""

    __slots__ = ()


class _NoExports(ImportFailed):
    """A zip of other things: documents of office programs are zips too."""


def find_exports(path: Path, *, author: str | None = None, zone: str = "UTC") -> Found:
    """What somebody means by ``path``, from its content alone; nothing is parsed yet.

    ``author`` names the person for formats that name nobody, ``zone`` (an IANA name) is whose
    clock times without a time zone are read by.

    Raises:
        ExportEmpty: the file has nothing in it.
        ImportFailed: there is no such file or time zone, or nothing in it is an export that can be
            read.
    """
    try:
        zone_of(zone)
    except ValueError as error:
        raise ImportFailed(str(error)) from None
    try:
        if path.is_dir():
            return _in_tree(path, author, zone)
        if path.exists() and not path.is_file():
            raise ImportFailed(
                f"{path} is a pipe or a device; write what it gives to a file, and import that"
            )
        with path.open("rb") as raw:
            head = raw.read(_HEAD_BYTES)
        if is_zip(head):
            return _in_tree(path, author, zone)
    except OSError as error:
        raise _cannot_open(path, error) from None
    text = _text_of(head)
    if not text.strip():
        raise ExportEmpty(f"{path} is empty; export the channel again")
    found = _format(text, author)
    if isinstance(found, str):
        raise ImportFailed(f"{path} {found}")
    return Found(exports=(Export(path=path, format=found.name, author=author, zone=zone),))


def _in_tree(path: Path, author: str | None, zone: str) -> Found:
    """Archives of many files, and besides them every file that is an export by itself."""
    tree = tree_of(path)
    names = tree.names()
    archives = [(each, root) for each in ARCHIVES for root in each.roots(names)]
    own = {name for each, root in archives for name in each.own(root, names)}
    # In a zip nothing can be added beside an archive: the only one there needs no other name.
    alone = len(archives) == 1 and not path.is_dir()
    about = partial(Export, path=path, author=author, zone=zone)
    exports = [about(format=each.name, member="" if alone else root) for each, root in archives]
    others: dict[str, str] = {}
    unknown: dict[str, str] = {}
    empty: list[str] = []
    for name in names:
        if name in own:
            continue
        try:
            with tree.open(name) as raw:
                head = raw.read(_HEAD_BYTES)
            if is_zip(head):
                inner = _nested(path, name, author, zone)
                exports += inner.exports
                others |= {f"{name}/{below}": why for below, why in inner.others.items()}
                unknown |= {f"{name}/{below}": why for below, why in inner.unknown.items()}
                empty += [f"{name}/{below}" for below in inner.empty]
                continue
            text = _text_of(head)
            if not text.strip():
                empty.append(name)
                continue
            found = _format(text, author)
        except _NoExports as failed:
            found = _Unknown(str(failed).removeprefix(f"{path / name} "))
        except ImportFailed as failed:
            found = str(failed).removeprefix(f"{path / name} ")
        except OSError as error:
            found = f"cannot be read: {error.strerror or error}"
        except DAMAGED as error:
            found = f"cannot be read: {error}"
        if isinstance(found, FileFormat):
            exports.append(about(format=found.name, member=name))
        elif isinstance(found, _Unknown):
            unknown[name] = found
        else:
            others[name] = found
    if not exports:
        failure = ImportFailed if others or not unknown else _NoExports
        raise failure(f"{path} {_nothing_in(others | unknown, empty)}")
    # An archive is full of files that are no chats.
    inside = tuple(root for _, root in archives)
    told = {
        name: why
        for name, why in unknown.items()
        if not (why == _NO_TEXT and _is_media(name)) and not name.startswith(inside)
    }
    return Found(exports=tuple(exports), others=others, unknown=told, empty=tuple(empty))


def _nested(path: Path, name: str, author: str | None, zone: str) -> Found:
    """What is in a zip that lies in the folder ``path``."""
    if path.is_dir():
        return find_exports(path / name, author=author, zone=zone)
    failure = ImportFailed if name.lower().endswith(".zip") else _NoExports
    raise failure(f"is a zip within a zip; unpack {path} and import the folder")


def _is_media(name: str) -> bool:
    """Whether a file is a picture and the like, which exports of chats bring along."""
    kind = mimetypes.guess_type(name, strict=False)[0] or ""
    return kind.startswith(("image/", "video/", "audio/"))


def _nothing_in(others: dict[str, str], empty: Sequence[str]) -> str:
    """The end of a sentence that begins with the folder's or zip's name."""
    if empty and not others:
        return f"holds only empty files ({len(empty)}); export the channels again"
    if not others:
        return "holds no files; name the export files, or the folder that they are in"
    name, why = next(iter(others.items()))
    return f"holds no export that can be read among its files ({len(others)}); {name} {why}"


def _format(text: str, author: str | None) -> FileFormat | str:
    """The format of a file that begins so, or the end of a sentence that says why not."""
    for each in FORMATS:
        if each.names_authors and each.looks_like(text):
            if author is not None and each.names_owner:
                return f"names its own authors; import it without --author {author!r}"
            return each
    if "\0" in text or any(pattern.match(text) for pattern, _ in _KNOWN_BUT_NOT_READ):
        return _what_else(text)
    for each in FORMATS:
        if not each.names_authors and each.looks_like(text):
            if author is None:
                return (
                    f"names no authors (its first line is {_first_line(text)!r}); if it is one "
                    f"person's lines as {each.what}, say whose: --author NAME{_nearest(text)}"
                )
            return each
    return _what_else(text)


def _text_of(head: bytes) -> str:
    return as_text(cast(BinaryIO, io.BytesIO(head))).read()


def _what_else(head: str) -> _Unknown:
    """The end of a sentence that begins with the file's name."""
    if "\0" in head:
        return _Unknown(_NO_TEXT)
    for pattern, what in _KNOWN_BUT_NOT_READ:
        if pattern.match(head):
            return _Unknown(f"is {what}{_nearest(head)}")
    known = ", ".join(each.what for each in _ALL)
    return _Unknown(
        f"is no export that BotConvo reads (it begins with {_first_line(head)!r}){_nearest(head)}; "
        f"it reads {known}"
    )


def _nearest(head: str) -> str:
    """What an unknown file may have been meant to be."""
    found = nearest(head)
    if found is None:
        return ""
    what = _BY_NAME[found.name].what
    if not found.missing:
        return f"; it has the words of {what}, but not its form: export it again"
    return f"; the nearest is {what}, but {', '.join(found.missing)} are missing in its beginning"


def _first_line(head: str) -> str:
    line = head.strip().split("\n", 1)[0].strip()
    return line if len(line) <= 40 else f"{line[:40]}…"


def _digest_of(tree: Tree, names: Sequence[str]) -> str:
    whole = hashlib.sha256()
    for name in names:
        with tree.open(name) as raw:
            digest = hashlib.file_digest(raw, "sha256").hexdigest()  # type: ignore[arg-type]
        whole.update(f"{digest} {name}\n".encode(errors="replace"))
    return whole.hexdigest()


def _cannot_open(path: Path, error: OSError) -> ImportFailed:
    if isinstance(error, FileNotFoundError):
        return ImportFailed(f"there is no file {path}; check its name")
    return ImportFailed(f"{path} cannot be read: {error.strerror or error}")
