"""Slash commands, and the answers to those who use them."""

import re
import time
from dataclasses import replace
from typing import Any

from botconvo.rehearsal import payloads
from botconvo.rehearsal.entities import Interaction, Message
from botconvo.rehearsal.refusal import Refusal, invalid_form, unknown
from botconvo.rehearsal.rest import webhooks
from botconvo.rehearsal.rest.call import Call, Handler, Rule, draft_of
from botconvo.rehearsal.rest.messages import change_message
from botconvo.rehearsal.world import DEFAULT, SLASH_COMMAND

__all__ = ["RULES"]

_NAME = re.compile(r"[-_'\w]{1,32}")
_MOST_OPTIONS = _MOST_CHOICES = 25
_LONGEST_DESCRIPTION = 100
_CHAT_INPUT = 1
_PONG, _MESSAGE, _DEFERRED, _DEFERRED_UPDATE, _UPDATE, _CHOICES, _MODAL = 1, 4, 5, 6, 7, 8, 9
_LOADING, _EPHEMERAL = 1 << 7, 1 << 6


# ---- commands ------------------------------------------------------------------------------


def _guild_of(call: Call) -> str | None:
    """The id of the path's guild; None for global commands."""
    if call.number("application_id") != call.application.id:
        raise Refusal(
            403, 20012, "You are not authorized to perform this action on this application"
        )
    return str(call.guild().id) if "guild_id" in call.parts else None


def commands(call: Call) -> Any:
    guild = _guild_of(call)
    return [c for c in call.application.commands.values() if c.get("guild_id") == guild]


def set_commands(call: Call) -> Any:
    """Replace all of a guild's, or all global ones."""
    guild = _guild_of(call)
    kept = {k: c for k, c in call.application.commands.items() if c.get("guild_id") != guild}
    made = [_command(call, fields, guild) for fields in call.body or []]
    if len({(each["type"], each["name"]) for each in made}) < len(made):
        raise invalid_form(
            "name",
            "APPLICATION_COMMANDS_DUPLICATE_NAME",
            "Application command names must be unique",
        )
    call.application.commands = kept | {int(each["id"]): each for each in made}
    return made


def add_command(call: Call) -> Any:
    guild = _guild_of(call)
    made = _command(call, call.fields, guild)
    for key, old in list(call.application.commands.items()):
        if (old["name"], old["type"], old.get("guild_id")) == (made["name"], made["type"], guild):
            del call.application.commands[key]
    call.application.commands[int(made["id"])] = made
    return made


def read_command(call: Call) -> Any:
    guild = _guild_of(call)
    command = call.application.commands.get(call.number("command_id"))
    if command is None or command.get("guild_id") != guild:
        raise unknown("application command")
    return command


def change_command(call: Call) -> Any:
    command = read_command(call)
    command |= _command(call, {**command, **call.fields}, _guild_of(call)) | {"id": command["id"]}
    return command


def delete_command(call: Call) -> None:
    del call.application.commands[int(read_command(call)["id"])]


def _command(call: Call, fields: dict[str, Any], guild: str | None) -> payloads.Payload:
    kind = fields.get("type", _CHAT_INPUT)
    if kind == _CHAT_INPUT:
        _check_named(fields)
    identifier = str(call.world.new_id())
    command: payloads.Payload = {
        "id": identifier,
        "application_id": str(call.application.id),
        "version": identifier,
        "default_member_permissions": fields.get("default_member_permissions"),
        "type": kind,
        "name": fields["name"],
        "name_localizations": None,
        "description": fields.get("description", ""),
        "description_localizations": None,
        "options": fields.get("options") or [],
        "nsfw": bool(fields.get("nsfw")),
        "contexts": fields.get("contexts"),
        "integration_types": fields.get("integration_types") or [0],
    }
    if guild is None:
        return command | {"dm_permission": fields.get("dm_permission", True) is not False}
    return command | {"guild_id": guild}


def _check_named(fields: dict[str, Any], *, within: str = "") -> None:
    """Names and descriptions of a command, its subcommands and options."""
    name, description = fields.get("name", ""), fields.get("description", "")
    if not _NAME.fullmatch(name) or name != name.lower():
        raise invalid_form(
            f"{within}name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid"
        )
    if not 1 <= len(description) <= _LONGEST_DESCRIPTION:
        raise invalid_form(
            f"{within}description", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length."
        )
    options, choices = fields.get("options") or [], fields.get("choices") or []
    if len(options) > _MOST_OPTIONS or len(choices) > _MOST_CHOICES:
        raise invalid_form(
            f"{within}options", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length."
        )
    for number, option in enumerate(options):
        _check_named(option, within=f"{within}options.{number}.")


# ---- answers -------------------------------------------------------------------------------


def answer(call: Call) -> Any:
    """The first answer to an interaction: a message, a promise of one, or completions."""
    interaction = call.interaction()
    if time.monotonic() - interaction.asked_at > call.world.answer_within_s:
        raise unknown("interaction")
    if interaction.acknowledged:
        raise Refusal(400, 40060, "Interaction has already been acknowledged.")
    kind = int(call.fields["type"])
    data = call.fields.get("data") or {}
    inner = replace(call, body=data)
    if kind == _MESSAGE:
        interaction.original = _say(inner, interaction, SLASH_COMMAND)
    elif kind == _CHOICES:
        interaction.choices = _choices(data)
    elif kind == _MODAL:
        interaction.modal = data
    elif kind == _DEFERRED:
        interaction.deferred = True
    elif kind in (_DEFERRED_UPDATE, _UPDATE) and interaction.message is not None:
        interaction.original = interaction.message
        if kind == _UPDATE:
            change_message(inner, interaction.message)
    elif kind != _PONG:
        raise invalid_form("type", "BASE_TYPE_CHOICES", "Value must be a known type.")
    interaction.acknowledged = True
    interaction.ephemeral = interaction.message is not None or bool(
        int(data.get("flags") or 0) & _EPHEMERAL
    )
    call.world.note()
    return _acknowledgement(call, interaction, kind)


def _acknowledgement(call: Call, interaction: Interaction, kind: int) -> Any:
    if call.query.get("with_response", "").lower() not in ("1", "true"):
        return None
    about: payloads.Payload = {
        "id": str(interaction.id),
        "type": interaction.kind,
        "response_message_loading": interaction.deferred,
        "response_message_ephemeral": interaction.ephemeral,
        "channel_id": str(interaction.channel.id),
    }
    if interaction.original is None:
        return {"interaction": about}
    message = payloads.message_payload(interaction.original, call.world.base)
    about["response_message_id"] = message["id"]
    return {"interaction": about, "resource": {"type": kind, "message": message}}


def _choices(data: dict[str, Any]) -> list[dict[str, Any]]:
    choices: list[dict[str, Any]] = data.get("choices") or []
    if len(choices) > _MOST_CHOICES:
        raise invalid_form("data.choices", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    for number, choice in enumerate(choices):
        for field in ("name", "value"):
            if not 1 <= len(str(choice.get(field, ""))) <= _LONGEST_DESCRIPTION:
                raise invalid_form(
                    f"data.choices.{number}.{field}",
                    "BASE_TYPE_BAD_LENGTH",
                    "Must be between 1 and 100 in length.",
                )
    return choices


def _say(call: Call, interaction: Interaction, kind: int) -> Message:
    """Put an answer into the channel, or show it to the one who asked alone."""
    channel, bot = interaction.channel, interaction.application.user
    draft = replace(
        draft_of(call, channel, bot),
        kind=kind,
        application_id=interaction.application.id,
        interaction=_metadata(interaction),
    )
    if draft.flags & _EPHEMERAL:
        return call.world.compose(channel, bot, draft)
    return call.world.post(channel, bot, draft)


def _metadata(interaction: Interaction) -> payloads.Payload:
    owners: payloads.Payload = {}
    if interaction.channel.guild is not None:
        owners = {"0": str(interaction.channel.guild.id)}
    return {
        "id": str(interaction.id),
        "type": interaction.kind,
        "user": payloads.user_payload(interaction.user),
        "authorizing_integration_owners": owners,
    }


# ---- what follows --------------------------------------------------------------------------


def follow_up(call: Call) -> Any:
    """A further message; the first after a deferral is the answer itself."""
    interaction = call.interaction()
    if not interaction.acknowledged:
        raise unknown("Webhook")
    message = _say(call, interaction, DEFAULT)
    if interaction.deferred and interaction.original is None:
        interaction.original = message
    else:
        interaction.followups.append(message)
    call.world.note()
    return payloads.message_payload(message, call.world.base)


def _answered(call: Call) -> tuple[Interaction, Message]:
    interaction = call.interaction()
    wanted = call.parts["message_id"]
    said = [m for m in (interaction.original, *interaction.followups) if m is not None]
    for message in said:
        first = wanted == "@original" and message is interaction.original
        if (first or str(message.id) == wanted) and not message.deleted:
            return interaction, message
    raise unknown("Message")


def read_answer(call: Call) -> Any:
    return payloads.message_payload(_answered(call)[1], call.world.base)


def edit_answer(call: Call) -> Any:
    """Editing the answer that was deferred says it."""
    interaction = call.interaction()
    if interaction.original is None and call.parts["message_id"] == "@original":
        flags = _EPHEMERAL if interaction.ephemeral else 0
        body = {**call.fields, "flags": int(call.fields.get("flags") or 0) | flags}
        interaction.original = _say(replace(call, body=body), interaction, SLASH_COMMAND)
        message = interaction.original
    else:
        message = _answered(call)[1]
        change_message(call, message)
    call.world.note()
    return payloads.message_payload(message, call.world.base)


def delete_answer(call: Call) -> None:
    call.world.delete(_answered(call)[1])
    call.world.note()


def _either(of_interaction: Handler, of_webhook: Handler) -> Handler:
    """Follow-ups share the paths of webhooks, with the application's id for the webhook's."""

    def handler(call: Call) -> Any:
        is_application = call.number("webhook_id") in call.world.applications
        return (of_interaction if is_application else of_webhook)(call)

    return handler


_APPLICATION = "/applications/{application_id}"
_HOOK = "/webhooks/{webhook_id}/{webhook_token}"
_SAID = _HOOK + "/messages/{message_id}"
RULES = (
    *(
        rule
        for path in (f"{_APPLICATION}/commands", f"{_APPLICATION}/guilds/{{guild_id}}/commands")
        for rule in (
            Rule(method="GET", path=path, handler=commands),
            Rule(method="PUT", path=path, handler=set_commands),
            Rule(method="POST", path=path, handler=add_command, status=201),
            Rule(method="GET", path=path + "/{command_id}", handler=read_command),
            Rule(method="PATCH", path=path + "/{command_id}", handler=change_command),
            Rule(method="DELETE", path=path + "/{command_id}", handler=delete_command),
        )
    ),
    Rule(
        method="POST",
        path="/interactions/{interaction_id}/{interaction_token}/callback",
        handler=answer,
        open=True,
    ),
    Rule(method="POST", path=_HOOK, handler=_either(follow_up, webhooks.execute), open=True),
    Rule(method="GET", path=_SAID, handler=_either(read_answer, webhooks.read_message), open=True),
    Rule(
        method="PATCH", path=_SAID, handler=_either(edit_answer, webhooks.edit_message), open=True
    ),
    Rule(
        method="DELETE",
        path=_SAID,
        handler=_either(delete_answer, webhooks.delete_message),
        open=True,
    ),
)
