"""Webhooks: made by bots with the permission, used by whoever has the token."""

from dataclasses import replace
from typing import Any

from botconvo.rehearsal import payloads, refusal
from botconvo.rehearsal.checks import check_webhook_name, may
from botconvo.rehearsal.entities import Channel, ChannelType, Message, Webhook
from botconvo.rehearsal.permissions import Permission, permissions_in
from botconvo.rehearsal.refusal import Refusal, invalid_form, unknown
from botconvo.rehearsal.rest.call import Call, Rule, draft_of
from botconvo.rehearsal.rest.messages import change_message
from botconvo.rehearsal.world import webhook_author

__all__ = ["RULES", "delete_message", "edit_message", "execute", "read_message"]

MOST = 15
_WITH_WEBHOOKS = (ChannelType.TEXT, ChannelType.NEWS, ChannelType.VOICE, ChannelType.FORUM)
_NOT_FOR_WEBHOOKS = ("nonce", "message_reference")
"""Discord takes no notice of them."""


def _shown(call: Call, webhook: Webhook, *, with_user: bool = True) -> payloads.Payload:
    application = call.caller.id if call.caller else webhook.application_id
    return payloads.webhook_payload(webhook, application, call.world.base, with_user=with_user)


def _managed(call: Call) -> Channel:
    """A channel whose webhooks the bot may manage."""
    channel = call.channel()
    may(channel, call.user, Permission.MANAGE_WEBHOOKS)
    if channel.type not in _WITH_WEBHOOKS:
        raise Refusal(*refusal.WRONG_CHANNEL_TYPE)
    return channel


def create(call: Call) -> Any:
    channel = _managed(call)
    name = str(call.fields.get("name") or "")
    check_webhook_name(name, "name")
    avatar = call.world.picture(call.fields.get("avatar"))
    if len(channel.webhooks) >= MOST:
        raise Refusal(*refusal.TOO_MANY_WEBHOOKS)
    webhook = call.world.add_webhook(
        channel, name.strip(), call.user, avatar=avatar, application=call.application
    )
    return _shown(call, webhook)


def in_channel(call: Call) -> Any:
    return [_shown(call, webhook) for webhook in _managed(call).webhooks.values()]


def in_guild(call: Call) -> Any:
    channels = [c for c in call.guild().channels.values() if c.webhooks]
    mine = [c for c in channels if permissions_in(c, call.user.id) & Permission.MANAGE_WEBHOOKS]
    return [_shown(call, webhook) for c in mine for webhook in c.webhooks.values()]


def read(call: Call) -> Any:
    webhook = call.webhook()
    if "webhook_token" in call.parts:
        return _shown(call, webhook, with_user=False)
    may(webhook.channel, call.user, Permission.MANAGE_WEBHOOKS)
    return _shown(call, webhook)


def change(call: Call) -> Any:
    """Its name and picture; its channel too where a bot asks by its own token."""
    webhook = call.webhook()
    by_bot = "webhook_token" not in call.parts
    if by_bot:
        may(webhook.channel, call.user, Permission.MANAGE_WEBHOOKS)
    if call.fields.get("name"):
        check_webhook_name(call.fields["name"], "name")
        webhook.name = call.fields["name"]
    if "avatar" in call.fields:
        webhook.avatar = call.world.picture(call.fields["avatar"])
    if by_bot and call.fields.get("channel_id"):
        _move(call, webhook)
    call.world.tell_webhooks(webhook.channel)
    return _shown(call, webhook, with_user=by_bot)


def _move(call: Call, webhook: Webhook) -> None:
    channel = call.world.channels.get(int(call.fields["channel_id"]))
    if channel is None:
        raise unknown("Channel")
    may(channel, call.user, Permission.MANAGE_WEBHOOKS)
    del webhook.channel.webhooks[webhook.id]
    webhook.channel = channel
    channel.webhooks[webhook.id] = webhook


def delete(call: Call) -> None:
    webhook = call.webhook()
    if "webhook_token" not in call.parts:
        may(webhook.channel, call.user, Permission.MANAGE_WEBHOOKS)
    call.world.delete_webhook(webhook)


# ---- its messages --------------------------------------------------------------------------


def place_of(call: Call, webhook: Webhook) -> Channel:
    """The webhook's channel, or one of its threads."""
    wanted = call.query.get("thread_id")
    if wanted is None:
        return webhook.channel
    thread = call.world.channels.get(int(wanted))
    if thread is None or not thread.is_thread or thread.parent is not webhook.channel:
        raise unknown("Channel")
    return thread


def execute(call: Call) -> Any:
    """Post as the webhook; without ``wait`` nothing comes back."""
    webhook = call.webhook()
    place = place_of(call, webhook)
    name = call.fields.get("username")
    if name is not None:
        check_webhook_name(name, "username")
    if place.locked:
        raise Refusal(*refusal.THREAD_ARCHIVED)
    if webhook.channel.type == ChannelType.FORUM and place is webhook.channel:
        raise invalid_form("thread_name", "220001", "Webhooks posted to forums need a thread")
    fields = {key: value for key, value in call.fields.items() if key not in _NOT_FOR_WEBHOOKS}
    draft = draft_of(replace(call, body=fields), place, None)
    author = webhook_author(webhook, name, call.fields.get("avatar_url"))
    message = call.world.post(place, author, draft, webhook)
    if call.query.get("wait", "").lower() not in ("1", "true"):
        return None
    return payloads.message_payload(message, call.world.base)


def _message(call: Call) -> Message:
    webhook = call.webhook()
    message = place_of(call, webhook).messages.get(call.number("message_id"))
    if message is None or message.webhook is not webhook:
        raise unknown("Message")
    return message


def read_message(call: Call) -> Any:
    return payloads.message_payload(_message(call), call.world.base)


def edit_message(call: Call) -> Any:
    message = _message(call)
    change_message(call, message)
    return payloads.message_payload(message, call.world.base)


def delete_message(call: Call) -> None:
    call.world.delete(_message(call))


_HOOK = "/webhooks/{webhook_id}"
_OPEN = _HOOK + "/{webhook_token}"
RULES = (
    Rule(method="POST", path="/channels/{channel_id}/webhooks", handler=create),
    Rule(method="GET", path="/channels/{channel_id}/webhooks", handler=in_channel),
    Rule(method="GET", path="/guilds/{guild_id}/webhooks", handler=in_guild),
    Rule(method="GET", path=_HOOK, handler=read),
    Rule(method="PATCH", path=_HOOK, handler=change),
    Rule(method="DELETE", path=_HOOK, handler=delete),
    Rule(method="GET", path=_OPEN, handler=read, open=True),
    Rule(method="PATCH", path=_OPEN, handler=change, open=True),
    Rule(method="DELETE", path=_OPEN, handler=delete, open=True),
)
