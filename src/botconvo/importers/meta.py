"""Messenger's and Instagram's JSON: ``message_1.json`` and on, the parts of one thread.

Both apps write the same; nothing in a file says which one it was.  People are known by their shown
names alone.  Letters are broken in it (every byte of UTF-8 as a character of its own), and are
mended.  Messenger's own backup ("end-to-end encrypted") is the second dialect.  It knows nothing
of files.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, TextIO

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, ValidationError

from botconvo.errors import ImportFailed
from botconvo.importers.discord import attachment
from botconvo.importers.ids import RowIds, channel_of_words, name_id
from botconvo.importers.json_items import BrokenJsonError, JsonItems
from botconvo.importers.rows import LeftOut, Reason, Row
from botconvo.messages import Attachment, Author, ChannelId, Message, Reaction

__all__ = ["looks_like", "mended", "parse", "thread_of"]

_NOTICE_TYPES = frozenset({"Call", "Subscribe", "Unsubscribe"})
_DELETED_USERS = frozenset(
    {
        "facebook user",
        "instagram user",
        "facebook-nutzer",
        "facebook-nutzer*in",
        "instagram-nutzer",
        "usuario de facebook",
        "usuario de instagram",
        "usuário do facebook",
        "usuário do instagram",
        "utilisateur de facebook",
        "utilisateur facebook",
        "utilisateur instagram",
        "utente di facebook",
        "utente di instagram",
        "facebook-gebruiker",
        "instagram-gebruiker",
    }
)
_REACTION_NOTICE = re.compile(
    r"(?:reacted .{1,20} to your message|liked a message"
    r"|(?:hat )?mit .{1,20} auf deine nachricht reagiert|gefällt eine nachricht"
    r"|reaccionó con .{1,20} a tu mensaje|le gustó un mensaje|indicó que le gusta un mensaje"
    r"|reagiu com .{1,20} à sua mensagem|curtiu uma mensagem"
    r"|a réagi avec .{1,20} à votre message|a aimé un message"
    r"|ha reagito con .{1,20} al tuo messaggio|ha messo mi piace a un messaggio"
    r"|heeft met .{1,20} op je bericht gereageerd|vond een bericht leuk)[ .]*\Z",
    re.IGNORECASE,
)
"""Instagram writes reactions as messages too."""
_CONNECTED = re.compile(
    r"(?:you (?:are now connected|can now message)|du kannst jetzt|ihr seid jetzt"
    r"|ahora tú y|agora você|vous pouvez maintenant|ora puoi|je kunt nu) ?.{0,200}[.!]\Z",
    re.IGNORECASE,
)


class _File(BaseModel):
    uri: str = ""


_Files = Annotated[list[_File], BeforeValidator(lambda value: [] if value is None else value)]


class _Reacted(BaseModel):
    reaction: str
    actor: str = ""


class _Said(BaseModel):
    sender: Annotated[str, Field(validation_alias=AliasChoices("sender_name", "senderName"))]
    ms: Annotated[int, Field(validation_alias=AliasChoices("timestamp_ms", "timestamp"))]
    content: Annotated[str | None, Field(validation_alias=AliasChoices("content", "text"))] = None
    type: str = ""
    unsent: Annotated[bool, Field(validation_alias=AliasChoices("is_unsent", "isUnsent"))] = False
    photos: _Files = []
    videos: _Files = []
    gifs: _Files = []
    audio_files: _Files = []
    files: _Files = []
    media: _Files = []
    sticker: Any = None
    share: Any = None
    call_duration: int | None = None
    reactions: Annotated[
        list[_Reacted], BeforeValidator(lambda value: [] if value is None else value)
    ] = []


def looks_like(head: str) -> bool:
    """Whether the first characters of a file are this format's."""
    if not head.lstrip().startswith("{"):
        return False
    return ('"sender_name"' in head and '"timestamp_ms"' in head) or (
        '"senderName"' in head and '"timestamp"' in head
    )


def mended(text: str) -> str:
    """Text whose UTF-8 was read as Latin-1; any other text stays as it is."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def thread_of(stream: TextIO) -> ChannelId:
    """The thread that a part belongs to, which stands behind its messages.

    Where none is named, it is the one of its participants, or of everybody who wrote in it.

    Raises:
        ImportFailed: there are no messages in it.
    """
    export = JsonItems(stream)
    senders: set[str] = set()
    participants: set[str] = set()
    thread = ""
    messages = False
    try:
        for key in export.walk():
            if key == "messages" and export.next_sign() == "[":
                messages = True
                items = export.items()
                for _, item in items:
                    name = _sender(item)
                    if name and len(senders) < 1000:
                        senders.add(name)
            elif key in ("thread_path", "threadName"):
                found = export.value()
                thread = found if isinstance(found, str) else ""
            elif key == "participants":
                participants.update(_participants(export.value()))
    except BrokenJsonError as broken:
        if not messages:
            raise ImportFailed(
                f"line {broken.line}: {broken}, before the first message; export it again"
            ) from None
    last = PurePosixPath(mended(thread)).name
    if last:
        return ChannelId(name_id("meta", last))
    return channel_of_words("meta", *sorted(participants or senders))


def parse(stream: TextIO, channel: ChannelId) -> Iterator[Row]:
    """Messages in file order, which is the newest first.

    Raises:
        ImportFailed: there are no messages in it.
    """
    export = JsonItems(stream)
    ids = RowIds(channel)
    try:
        for _ in export.members("messages"):
            pass
    except BrokenJsonError as broken:
        raise ImportFailed(
            f"line {broken.line}: {broken}, before the first message; export it again"
        ) from None
    try:
        for line, item in export.items():
            yield _row(item, ids, line)
    except BrokenJsonError as broken:
        yield LeftOut(reason=Reason.TORN, line=broken.line)


def _row(item: object, ids: RowIds, line: int) -> Row:
    try:
        said = _Said.model_validate(item)
    except ValidationError:
        return LeftOut(reason=Reason.MALFORMED, line=line)
    name, text, at = mended(said.sender).strip(), mended(said.content or ""), _time(said.ms)
    if not name or name.casefold() in _DELETED_USERS:
        return LeftOut(reason=Reason.DELETED, line=line)
    author = Author(id=name_id("meta", name), name=name)
    files = tuple(_files(said))
    reason = Reason.DATE if at is None else _why_not(said, name, text, files)
    if reason is not None or at is None:
        by = None if reason is Reason.SYSTEM else author.id
        return LeftOut(reason=reason or Reason.DATE, author=by, line=line)
    names = (file.name for file in files)
    return Message(
        id=ids.of(author.id, str(said.ms), "\0".join((text, *names))),
        channel=ids.channel,
        author=author,
        text=text,
        at=at,
        attachments=files,
        reactions=tuple(_reactions(said.reactions)),
    )


def _why_not(said: _Said, name: str, text: str, files: tuple[Attachment, ...]) -> Reason | None:
    if said.unsent:
        return Reason.REMOVED
    if said.type in _NOTICE_TYPES or said.call_duration is not None:
        return Reason.SYSTEM
    if text.strip():
        return Reason.SYSTEM if _is_notice(name, text.strip()) else None
    if any(file.kind != "file" for file in files):
        return None
    if said.sticker:
        return Reason.STICKER
    if said.share:
        return Reason.FORWARD
    return Reason.MEDIA if files else Reason.EMPTY


def _is_notice(name: str, text: str) -> bool:
    """Notices of both apps are sentences about the one who "sent" them, in every language."""
    of_themselves = text.startswith(f"{name} ") and text.endswith(".")
    return of_themselves or bool(_REACTION_NOTICE.match(text) or _CONNECTED.match(text))


def _files(said: _Said) -> Iterator[Attachment]:
    for file in said.photos:
        yield Attachment(kind="photo", name=attachment(file.uri).name)
    for file in (*said.videos, *said.gifs):
        yield Attachment(kind="video", name=attachment(file.uri).name)
    for file in (*said.audio_files, *said.files):
        yield Attachment(kind="file", name=attachment(file.uri).name)
    yield from (attachment(file.uri) for file in said.media)


def _reactions(found: list[_Reacted]) -> Iterator[Reaction]:
    for each in found:
        emoji, name = mended(each.reaction), mended(each.actor).strip()
        if emoji:
            by = Author(id=name_id("meta", name), name=name) if name else None
            yield Reaction(emoji=emoji, author=by)


def _time(ms: int) -> datetime | None:
    """Facebook's messages opened in 2004."""
    try:
        at = datetime.fromtimestamp(ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return at if 2004 <= at.year < 2100 else None


def _sender(item: object) -> str | None:
    name = item.get("sender_name", item.get("senderName")) if isinstance(item, dict) else None
    return name if isinstance(name, str) else None


def _participants(found: object) -> Iterator[str]:
    for each in found if isinstance(found, list) else []:
        name = each.get("name") if isinstance(each, dict) else each
        if isinstance(name, str):
            yield name
