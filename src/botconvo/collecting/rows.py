"""A message that Discord itself gives, as the row that an export of the same channel has.

Ids are the same, so that the two are one; reasons why there is no row are as well.  Pure.
"""

from dataclasses import replace

import discord

from botconvo.importers import LeftOut, Reason, Row
from botconvo.importers.discord import DELETED_USER, channel_id
from botconvo.platforms.discord.ids import author_id
from botconvo.platforms.discord.reading import as_written

__all__ = ["row_of"]

_SAID = (discord.MessageType.default, discord.MessageType.reply)
"""The kinds of messages that hold a person's words; exports name the same two."""


def row_of(raw: discord.Message) -> Row:
    """The message, or why it is no person's."""
    reason = _why_not(raw)
    if reason is not None:
        return LeftOut(reason=reason, author=author_id(raw.author.id))
    message = as_written(raw, channel_id(str(raw.channel.id)))
    author = replace(message.author, name=raw.author.display_name, account=str(raw.author))
    return replace(message, author=author)


def _why_not(raw: discord.Message) -> Reason | None:
    if raw.author.bot or raw.webhook_id is not None:
        return Reason.BOT
    if str(raw.author.id) == DELETED_USER:
        return Reason.DELETED
    if raw.type not in _SAID or raw.interaction_metadata is not None:
        return Reason.SYSTEM
    if raw.attachments or raw.content.strip():
        return None
    if raw.message_snapshots:
        return Reason.FORWARD
    return Reason.STICKER if raw.stickers else Reason.EMPTY
