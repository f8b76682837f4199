"""One request, read: who calls, about what, with which body and files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from botconvo.rehearsal import refusal
from botconvo.rehearsal.checks import check_content, check_files, check_nonce
from botconvo.rehearsal.entities import (
    Application,
    Attachment,
    Channel,
    Guild,
    Interaction,
    Message,
    User,
    Webhook,
)
from botconvo.rehearsal.permissions import Permission, permissions_in
from botconvo.rehearsal.pings import Pings, allowed
from botconvo.rehearsal.refusal import Refusal, invalid_form, unknown
from botconvo.rehearsal.world import Draft, World

__all__ = ["Call", "Handler", "Rule", "Upload", "draft_of", "files_of", "pings_of"]

_SUPPRESS_EMBEDS, _EPHEMERAL, _SILENT = 1 << 2, 1 << 6, 1 << 12
_SENDABLE = _SUPPRESS_EMBEDS | _SILENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file of a multipart body; ``number`` is the one in its field's name."""

    number: int
    filename: str
    content_type: str | None
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request; the getters raise the ``Refusal`` that Discord would answer with."""

    world: World
    method: str
    path: str
    """Behind ``/api/v10``."""
    route: str
    """The path with names for its variable parts, as the rule says it."""
    parts: dict[str, str]
    query: dict[str, str]
    body: Any = None
    uploads: Sequence[Upload] = field(default_factory=tuple)
    caller: Application | None = None

    @property
    def application(self) -> Application:
        if self.caller is None:
            raise Refusal(*refusal.UNAUTHORIZED)
        return self.caller

    @property
    def user(self) -> User:
        """The bot that calls."""
        return self.application.user

    @property
    def fields(self) -> dict[str, Any]:
        """The body as an object."""
        if self.body is None:
            return {}
        if not isinstance(self.body, dict):
            raise Refusal(400, 50109, "The request body contains invalid JSON.")
        return self.body

    def number(self, name: str) -> int:
        """A variable part of the path as an id."""
        text = self.parts[name]
        if not text.isdigit():
            raise invalid_form(name, "NUMBER_TYPE_COERCE", f'Value "{text}" is not snowflake.')
        return int(text)

    def channel(self) -> Channel:
        channel = self.world.channels.get(self.number("channel_id"))
        if channel is None:
            raise unknown("Channel")
        return channel

    def message(self) -> Message:
        message = self.channel().messages.get(self.number("message_id"))
        if message is None:
            raise unknown("Message")
        return message

    def guild(self) -> Guild:
        """A guild that the bot is in."""
        guild = self.world.guilds.get(self.number("guild_id"))
        if guild is None:
            raise unknown("Guild")
        if self.user.id not in guild.members:
            raise Refusal(*refusal.MISSING_ACCESS)
        return guild

    def webhook(self) -> Webhook:
        webhook = self.world.webhooks.get(self.number("webhook_id"))
        if webhook is None:
            raise unknown("Webhook")
        if self.parts.get("webhook_token", webhook.token) != webhook.token:
            raise Refusal(*refusal.INVALID_WEBHOOK_TOKEN)
        return webhook

    def interaction(self) -> Interaction:
        """The interaction of a callback, or of a follow-up by application and token."""
        wanted = self.parts.get("interaction_id")
        token = self.parts.get("interaction_token") or self.parts.get("webhook_token")
        for interaction in self.world.interactions.values():
            if interaction.token == token and wanted in (None, str(interaction.id)):
                return interaction
        raise unknown("interaction" if wanted else "Webhook")


Handler = Callable[[Call], Any]
"""Carries a call out and gives the body of the answer; None is 204."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which handler answers what.  ``open``: no bot token is needed."""

    method: str
    path: str
    handler: Handler
    status: int = 200
    open: bool = False


def pings_of(call: Call, channel: Channel, user: User | None) -> Pings:
    """Whom a body may ping; ``user`` is None for a webhook, which may ping everyone."""
    pings = allowed(call.fields.get("allowed_mentions"))
    if user is None or permissions_in(channel, user.id) & Permission.MENTION_EVERYONE:
        return pings
    return pings.without_everyone()


def files_of(call: Call) -> list[Attachment]:
    """The uploaded files, with what the body says about them."""
    about = {str(each.get("id")): each for each in call.fields.get("attachments") or []}
    files = []
    for upload in call.uploads:
        said = about.get(str(upload.number), {})
        files.append(
            Attachment(
                id=call.world.new_id(),
                filename=said.get("filename") or upload.filename,
                size=len(upload.content),
                content_type=upload.content_type,
                content=upload.content,
                description=said.get("description"),
            )
        )
    check_files(files)
    return files


def draft_of(call: Call, channel: Channel, user: User | None) -> Draft:
    """The message that a body asks for."""
    fields = call.fields
    content, embeds = fields.get("content") or "", fields.get("embeds") or []
    files = files_of(call)
    components = fields.get("components") or []
    check_content(content, others=bool(files or components), embeds=embeds)
    check_nonce(fields.get("nonce"))
    return Draft(
        content=content.strip(),
        embeds=[{"type": "rich", **embed} for embed in embeds],
        components=components,
        attachments=files,
        pings=pings_of(call, channel, user),
        nonce=fields.get("nonce"),
        tts=bool(fields.get("tts")),
        flags=int(fields.get("flags") or 0) & (_SENDABLE | _EPHEMERAL),
        reply_to=_reply_to(fields, channel),
    )


def _reply_to(fields: dict[str, Any], channel: Channel) -> int | None:
    reference = fields.get("message_reference")
    if reference is None:
        return None
    about = int(reference["message_id"])
    if about in channel.messages:
        return about
    if reference.get("fail_if_not_exists", True):
        raise invalid_form(
            "message_reference", "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message"
        )
    return None
