"""Messages, reactions and pins of a channel."""

from dataclasses import replace
from itertools import islice
from typing import Any

from botconvo.rehearsal import payloads, refusal
from botconvo.rehearsal.checks import check_content, emoji_of, may, may_post, may_react, may_see
from botconvo.rehearsal.entities import Message
from botconvo.rehearsal.permissions import Permission
from botconvo.rehearsal.refusal import Refusal, invalid_form, unknown
from botconvo.rehearsal.rest.call import Call, Rule, draft_of, files_of, pings_of

__all__ = ["RULES", "change_message", "page"]

_PAGE, _LONGEST_PAGE = 50, 100


def shown(call: Call, message: Message) -> payloads.Payload:
    """A message for the bot that asks; words of others only where the portal allows it."""
    payload = payloads.message_payload(message, call.world.base, call.user.id)
    private = message.channel.guild is None
    mine = message.author is call.user or call.user in message.mentions
    if private or mine or call.application.message_content:
        return payload
    return payloads.redacted(payload)


def create(call: Call) -> Any:
    channel = call.channel()
    may_post(
        channel,
        call.user,
        reply=call.fields.get("message_reference") is not None,
        files=bool(call.uploads),
    )
    draft = draft_of(call, channel, call.user)
    if draft.nonce is not None and call.fields.get("enforce_nonce"):
        before = call.world.sent_before(call.user, draft.nonce)
        if before is not None:
            return shown(call, before)
    message = call.world.post(
        channel, call.user, replace(draft, application_id=call.application.id)
    )
    return shown(call, message)


def read(call: Call) -> Any:
    _see_history(call)
    return shown(call, call.message())


def page(call: Call) -> list[Message]:
    """Messages of a channel, newest first, by ``before``, ``after`` or ``around``."""
    limit = int(call.query.get("limit", _PAGE))
    if not 1 <= limit <= _LONGEST_PAGE:
        raise invalid_form("limit", "NUMBER_TYPE_MAX", f"int value should be 1 to {_LONGEST_PAGE}.")
    messages = call.channel().messages
    if "after" in call.query:
        after = int(call.query["after"])
        return list(islice((m for m in messages.values() if m.id > after), limit))[::-1]
    before = int(call.query.get("before", 1 << 63))
    if "around" in call.query:
        before = int(call.query["around"]) + 1
    return list(islice((m for m in reversed(messages.values()) if m.id < before), limit))


def history(call: Call) -> Any:
    granted = may_see(call.channel(), call.user)
    if not granted & Permission.READ_MESSAGE_HISTORY:
        return []
    return [shown(call, message) for message in page(call)]


def _see_history(call: Call) -> None:
    may(call.channel(), call.user, Permission.READ_MESSAGE_HISTORY)


def edit(call: Call) -> Any:
    may_see(call.channel(), call.user)
    message = call.message()
    if message.author is not call.user:
        raise Refusal(*refusal.NOT_YOURS)
    change_message(call, message)
    return shown(call, message)


def change_message(call: Call, message: Message) -> None:
    """Carry out the body of an edit."""
    fields = call.fields
    changes: dict[str, Any] = {name: fields[name] for name in _EDITED if fields.get(name)}
    if "components" in fields:
        changes["components"] = fields["components"] or []
    if "content" in fields:
        changes["content"] = (fields["content"] or "").strip()
    files = files_of(call)
    if "attachments" in fields or files:
        kept = {str(each.get("id")) for each in fields.get("attachments") or []}
        old = [each for each in message.attachments if str(each.id) in kept]
        changes["attachments"] = old + files
    content = changes.get("content", message.content)
    check_content(content, others=True, embeds=changes.get("embeds", message.embeds))
    author = None if message.webhook is not None else message.author
    call.world.edit(message, pings_of(call, message.channel, author), **changes)


_EDITED = ("embeds", "flags")


def delete(call: Call) -> None:
    channel, message = call.channel(), call.message()
    if message.author is call.user:
        may_see(channel, call.user)
    else:
        may(channel, call.user, Permission.MANAGE_MESSAGES)
    call.world.delete(message)


def delete_many(call: Call) -> None:
    channel = call.channel()
    may(channel, call.user, Permission.MANAGE_MESSAGES)
    wanted = [int(message) for message in call.fields.get("messages", [])]
    if not 2 <= len(wanted) <= _LONGEST_PAGE:
        raise Refusal(400, 50016, "Provided too few or too many messages to delete.")
    found = [channel.messages[each] for each in wanted if each in channel.messages]
    call.world.delete_many(channel, found)


def show_typing(call: Call) -> None:
    channel = call.channel()
    may_post(channel, call.user)
    call.world.type_in(channel, call.user)


# ---- reactions -----------------------------------------------------------------------------


def react(call: Call) -> None:
    emoji = emoji_of(call.parts["emoji_name"])
    may_see(call.channel(), call.user)
    message = call.message()
    may_react(message, call.user, emoji)
    call.world.react(message, call.user, emoji)


def unreact(call: Call) -> None:
    """One's own reaction, or somebody's with the permission to manage messages."""
    emoji = emoji_of(call.parts["emoji_name"])
    wanted = call.parts.get("user_id")
    user = call.user if wanted is None else call.world.users.get(int(wanted))
    if user is None:
        raise unknown("User")
    if user is not call.user:
        may(call.channel(), call.user, Permission.MANAGE_MESSAGES)
    message = call.message()
    if user not in message.reactions.get(emoji, []):
        raise Refusal(400, 10014, "Unknown Emoji")
    call.world.unreact(message, user, emoji)


def reactors(call: Call) -> Any:
    _see_history(call)
    limit, after = int(call.query.get("limit", 25)), int(call.query.get("after", 0))
    users = call.message().reactions.get(emoji_of(call.parts["emoji_name"]), [])
    found = sorted((user for user in users if user.id > after), key=lambda user: user.id)
    return [payloads.user_payload(user) for user in found[:limit]]


def clear_reactions(call: Call) -> None:
    may(call.channel(), call.user, Permission.MANAGE_MESSAGES)
    call.world.clear_reactions(call.message())


# ---- pins ----------------------------------------------------------------------------------


def pin(call: Call) -> None:
    _may_pin(call)
    call.world.pin(call.message(), pinned=True)


def unpin(call: Call) -> None:
    _may_pin(call)
    call.world.pin(call.message(), pinned=False)


def _may_pin(call: Call) -> None:
    may(call.channel(), call.user, Permission.PIN_MESSAGES | Permission.MANAGE_MESSAGES)


def pins(call: Call) -> Any:
    _see_history(call)
    found = [message for message in call.channel().messages.values() if message.pinned]
    items = [
        {"pinned_at": payloads.time_text(message.at), "message": shown(call, message)}
        for message in reversed(found)
    ]
    return {"items": items, "has_more": False}


_MESSAGES = "/channels/{channel_id}/messages"
_MESSAGE = _MESSAGES + "/{message_id}"
_EMOJI = _MESSAGE + "/reactions/{emoji_name}"
RULES = (
    Rule(method="POST", path=_MESSAGES, handler=create),
    Rule(method="GET", path=_MESSAGES, handler=history),
    Rule(method="POST", path=_MESSAGES + "/bulk-delete", handler=delete_many),
    Rule(method="GET", path=_MESSAGES + "/pins", handler=pins),
    Rule(method="PUT", path=_MESSAGES + "/pins/{message_id}", handler=pin),
    Rule(method="DELETE", path=_MESSAGES + "/pins/{message_id}", handler=unpin),
    Rule(method="GET", path=_MESSAGE, handler=read),
    Rule(method="PATCH", path=_MESSAGE, handler=edit),
    Rule(method="DELETE", path=_MESSAGE, handler=delete),
    Rule(method="PUT", path=_EMOJI + "/@me", handler=react),
    Rule(method="DELETE", path=_EMOJI + "/@me", handler=unreact),
    Rule(method="DELETE", path=_EMOJI + "/{user_id}", handler=unreact),
    Rule(method="GET", path=_EMOJI, handler=reactors),
    Rule(method="DELETE", path=_MESSAGE + "/reactions", handler=clear_reactions),
    Rule(method="POST", path="/channels/{channel_id}/typing", handler=show_typing),
)
