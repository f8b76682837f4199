"""People of the rehearsal, who say and do things as members of a server would.

What Discord would not let them do raises ``Refusal``; a command that is not there ``KeyError``.
"""

import mimetypes
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from botconvo.rehearsal import payloads
from botconvo.rehearsal.checks import (
    check_content,
    emoji_of,
    may,
    may_post,
    may_react,
    may_see,
)
from botconvo.rehearsal.entities import (
    Application,
    Attachment,
    Channel,
    Interaction,
    Message,
    User,
)
from botconvo.rehearsal.permissions import Permission, permissions_in
from botconvo.rehearsal.pings import ALL
from botconvo.rehearsal.refusal import MISSING_PERMISSIONS, NOT_YOURS, Refusal
from botconvo.rehearsal.world import Draft, World

__all__ = ["File", "Person"]

_SUBCOMMAND, _GROUP, _STRING, _INTEGER, _BOOLEAN, _USER, _CHANNEL = 1, 2, 3, 4, 5, 6, 7
_NUMBER = 10
_TYPED, _OF_A_MESSAGE = 1, 3
_COMMAND, _PRESSED, _COMPLETION, _SUBMITTED = 2, 3, 4, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file to send; ``size`` may say more bytes than there are."""

    name: str
    content: bytes = b""
    size: int | None = None


class Person:
    """Somebody with an account.  ``mention`` is what pings them."""

    def __init__(self, user: User, world: World, wait_for: Callable[..., Awaitable[Any]]) -> None:
        self.user, self._world, self._wait_for = user, world, wait_for
        self._said: dict[int, int] = {}

    @property
    def id(self) -> int:
        return self.user.id

    @property
    def name(self) -> str:
        return self.user.name

    @property
    def mention(self) -> str:
        return self.user.mention

    # ---- doing ---------------------------------------------------------------------------

    def says(
        self,
        channel: Channel,
        text: str,
        *,
        reply_to: Message | None = None,
        files: Sequence[File] = (),
    ) -> Message:
        """Write into a channel, thread or DM."""
        may_post(channel, self.user, reply=reply_to is not None, files=bool(files))
        check_content(text, others=bool(files))
        everyone = permissions_in(channel, self.user.id) & Permission.MENTION_EVERYONE
        draft = Draft(
            content=text,
            reply_to=reply_to.id if reply_to else None,
            pings=ALL if everyone else ALL.without_everyone(),
            attachments=[self._attachment(file) for file in files],
        )
        message = self._world.post(channel, self.user, draft)
        self._said[channel.id] = message.id
        return message

    def _attachment(self, file: File) -> Attachment:
        return Attachment(
            id=self._world.new_id(),
            filename=file.name,
            size=len(file.content) if file.size is None else file.size,
            content_type=mimetypes.guess_type(file.name)[0],
            content=file.content,
        )

    def types(self, channel: Channel) -> None:
        """Show the typing indicator (for about ten seconds, as clients do)."""
        may_post(channel, self.user)
        self._world.type_in(channel, self.user)

    def reacts(self, message: Message, emoji: str) -> None:
        may_react(message, self.user, emoji_of(emoji))
        self._world.react(message, self.user, emoji)

    def unreacts(self, message: Message, emoji: str) -> None:
        """Take one's reaction back."""
        self._world.unreact(message, self.user, emoji)

    def edits(self, message: Message, text: str) -> None:
        """Give one's own message other words."""
        if message.author is not self.user:
            raise Refusal(*NOT_YOURS)
        check_content(text)
        self._world.edit(message, ALL.without_everyone(), content=text)

    def deletes(self, message: Message) -> None:
        """Delete one's own message, or anybody's with the permission to manage messages."""
        if message.author is not self.user:
            may(message.channel, self.user, Permission.MANAGE_MESSAGES)
        self._world.delete(message)

    def starts_thread(self, channel: Channel, name: str, about: Message | None = None) -> Channel:
        may(channel, self.user, Permission.CREATE_PUBLIC_THREADS)
        return self._world.add_thread(channel, name, self.user, about)

    def dm(self, other: "Person | Application | User") -> Channel:
        """The DM with somebody."""
        user = other if isinstance(other, User) else other.user
        return self._world.open_dm(self.user, user)

    def goes(self, status: str) -> None:
        """Be ``online``, ``idle``, ``dnd`` or ``offline``."""
        self._world.set_presence(self.user, status, [])

    # ---- commands ------------------------------------------------------------------------

    async def runs(
        self, channel: Channel, command: str, *, timeout_s: float = 10.0, **options: Any
    ) -> Interaction:
        """Use a slash command (``"/persona mute"``) and wait for the answer.

        Raises:
            KeyError: there is no such command or option, or an option is missing.
            Refusal: this person may not use it.
            TimeoutError: no answer came.
        """
        interaction = self._ask(channel, command, options, _COMMAND)
        return await self._answered(
            interaction,
            lambda: interaction.original is not None or interaction.modal is not None,
            command,
            timeout_s,
        )

    async def picks(
        self, message: Message, command: str, *, timeout_s: float = 10.0
    ) -> Interaction:
        """Use a command of a message's menu, under "Apps", and wait for the answer.

        Raises:
            KeyError: there is no such command.
            Refusal: this person may not use it.
            TimeoutError: no answer came.
        """
        channel = message.channel
        application, found = self._command(channel, command, _OF_A_MESSAGE)
        self._check_allowed(channel, found)
        shown = payloads.message_payload(message, self._world.base)
        data: payloads.Payload = {
            "id": found["id"],
            "name": found["name"],
            "type": found["type"],
            "target_id": str(message.id),
            "resolved": {"messages": {str(message.id): shown}},
        }
        interaction = self._world.add_interaction(application, self.user, channel, _COMMAND, data)
        return await self._answered(
            interaction, lambda: interaction.original is not None, command, timeout_s
        )

    async def presses(
        self, shown: Interaction, label: str, *, timeout_s: float = 10.0
    ) -> Interaction:
        """Press the button of that label on an answer, and wait until the bot takes note.

        Raises:
            KeyError: there is no such button.
            Refusal: the answer was shown to somebody else alone.
            TimeoutError: the bot took no note.
        """
        part = _part(shown, "label", label)
        data = {"custom_id": part["custom_id"], "component_type": part["type"]}
        return await self._used(shown, data, label, timeout_s)

    async def chooses(
        self, shown: Interaction, menu: str, value: str, *, timeout_s: float = 10.0
    ) -> Interaction:
        """Choose from the menu with that custom id; errors as those of ``presses``."""
        part = _part(shown, "custom_id", menu)
        if value not in [option["value"] for option in part["options"]]:
            raise KeyError(f"{menu} does not offer {value!r}")
        data = {"custom_id": menu, "component_type": part["type"], "values": [value]}
        return await self._used(shown, data, menu, timeout_s)

    async def submits(self, asked: Interaction, *, timeout_s: float = 10.0, **texts: str) -> Any:
        """Fill the form that an interaction was answered with, by its fields' first words.

        Raises:
            KeyError: there is no form, or it has no such field.
            TimeoutError: the bot took no note.
        """
        if asked.modal is None:
            raise KeyError("no form was shown")
        rows, left = [], dict(texts)
        for row in asked.modal["components"]:
            (field,) = row["components"]
            name = next((each for each in left if field["label"].startswith(each)), "")
            typed = left.pop(name) if name else field.get("value") or ""
            answer = {"type": field["type"], "custom_id": field["custom_id"], "value": typed}
            rows.append({"type": row["type"], "components": [answer]})
        if left:
            raise KeyError(f"the form has no {', '.join(left)}")
        data = {"custom_id": asked.modal["custom_id"], "components": rows}
        interaction = self._world.add_interaction(
            asked.application, self.user, asked.channel, _SUBMITTED, data, asked.message
        )
        return await self._answered(
            interaction, lambda: interaction.acknowledged, "a form", timeout_s
        )

    async def _used(
        self, shown: Interaction, data: dict[str, Any], what: str, timeout_s: float
    ) -> Interaction:
        message = shown.original
        assert message is not None
        if shown.user is not self.user and shown.ephemeral:
            raise Refusal(404, 10008, "Unknown Message")
        interaction = self._world.add_interaction(
            shown.application, self.user, shown.channel, _PRESSED, data, message
        )
        return await self._answered(interaction, lambda: interaction.acknowledged, what, timeout_s)

    async def completes(
        self,
        channel: Channel,
        command: str,
        option: str,
        typed: str = "",
        *,
        timeout_s: float = 10.0,
        **others: Any,
    ) -> list[dict[str, Any]]:
        """Type into an option and see what is offered: ``{"name": …, "value": …}`` each."""
        interaction = self._ask(
            channel, command, {**others, option: typed}, _COMPLETION, focused=option
        )
        await self._answered(
            interaction, lambda: interaction.choices is not None, command, timeout_s
        )
        return interaction.choices or []

    async def _answered(
        self, interaction: Interaction, look: Callable[[], bool], command: str, timeout_s: float
    ) -> Interaction:
        await self._wait_for(look, timeout_s=timeout_s, what=f"an answer to {command}")
        return interaction

    def _ask(
        self,
        channel: Channel,
        command: str,
        options: dict[str, Any],
        kind: int,
        focused: str | None = None,
    ) -> Interaction:
        words = command.removeprefix("/").split()
        application, found = self._command(channel, words[0], _TYPED)
        self._check_allowed(channel, found)
        data: payloads.Payload = {
            "id": found["id"],
            "name": found["name"],
            "type": found["type"],
            "resolved": {},
        }
        if "guild_id" in found:
            data["guild_id"] = found["guild_id"]
        reading = _Options(channel, options, data["resolved"], focused)
        data["options"] = reading.read(found, words[1:])
        return self._world.add_interaction(application, self.user, channel, kind, data)

    def _check_allowed(self, channel: Channel, command: payloads.Payload) -> None:
        granted = may_see(channel, self.user)
        needed = command.get("default_member_permissions")
        allowed = granted & (int(needed or 0) | Permission.ADMINISTRATOR)
        if not granted & Permission.USE_APPLICATION_COMMANDS or (
            needed is not None and not allowed
        ):
            raise Refusal(*MISSING_PERMISSIONS)

    def _command(
        self, channel: Channel, name: str, kind: int
    ) -> tuple[Application, payloads.Payload]:
        """A command of a bot that is there; the guild's own before global ones."""
        guild = None if channel.guild is None else str(channel.guild.id)
        for own in (guild, None):
            for application in self._world.applications.values():
                there = channel.guild is None or application.user.id in channel.guild.members
                for command in application.commands.values():
                    is_it = (command["name"], command["type"]) == (name, kind)
                    if there and is_it and command.get("guild_id") == own:
                        return application, command
        raise KeyError(f"no bot here has a command {'/' * (kind == _TYPED)}{name}")

    # ---- waiting -------------------------------------------------------------------------

    async def wait_for_reply(
        self, channel: Channel, *, after: Message | None = None, timeout_s: float = 10.0
    ) -> Message:
        """The first message of a bot or webhook after ``after``, or after one's own last one.

        Raises:
            TimeoutError: none came.
        """
        since = after.id if after else self._said.get(channel.id, 0)

        def look() -> Message | None:
            later = takewhile(lambda m: m.id > since, reversed(channel.messages.values()))
            return next((m for m in reversed(list(later)) if m.by_machine), None)

        found = await self._wait_for(
            look, timeout_s=timeout_s, what=f"a reply to {self.name} in #{channel.name}"
        )
        assert isinstance(found, Message)
        return found


def _part(shown: Interaction, key: str, value: str) -> dict[str, Any]:
    """The button or menu of an answer in which ``key`` has that value."""
    rows = [] if shown.original is None else shown.original.components
    parts: list[dict[str, Any]] = [part for row in rows for part in row.get("components", ())]
    for part in parts:
        if part.get(key) == value:
            return part
    raise KeyError(f"nothing here has {key} = {value!r}; there are {[p.get(key) for p in parts]}")


class _Options:
    """Turns keyword arguments into the options of an interaction, by the command's own words."""

    def __init__(
        self,
        channel: Channel,
        given: dict[str, Any],
        resolved: dict[str, Any],
        focused: str | None,
    ) -> None:
        self._channel, self._given, self._resolved = channel, given, resolved
        self._focused = focused

    def read(self, command: payloads.Payload, words: Sequence[str]) -> list[payloads.Payload]:
        known = {option["name"]: option for option in command.get("options") or []}
        if words:
            option = known[words[0]]
            inner = self.read(option, words[1:])
            return [{"name": option["name"], "type": option["type"], "options": inner}]
        if any(option["type"] in (_SUBCOMMAND, _GROUP) for option in known.values()):
            raise KeyError(f"/{command['name']} needs one of {', '.join(known)}")
        strange = self._given.keys() - known.keys()
        needed = {n for n, o in known.items() if o.get("required")} - self._given.keys()
        if strange or (needed and self._focused is None):
            raise KeyError(
                f"/{command['name']}: unknown {sorted(strange)}, missing {sorted(needed)}"
            )
        return [self._option(known[name], value) for name, value in self._given.items()]

    def _option(self, option: payloads.Payload, value: Any) -> payloads.Payload:
        read: payloads.Payload = {"name": option["name"], "type": option["type"]}
        if option["name"] == self._focused:
            return read | {"value": str(value), "focused": True}
        choices = [choice["value"] for choice in option.get("choices") or []]
        if choices and value not in choices:
            raise KeyError(f"{option['name']}: {value!r} is none of {choices}")
        return read | {"value": self._value(option["type"], value)}

    def _value(self, kind: int, value: Any) -> Any:
        match kind:
            case 6 if isinstance(value, Person | User | Application):
                return self._user(value if isinstance(value, User) else value.user)
            case 7 if isinstance(value, Channel):
                found = payloads.channel_payload(value) | {"permissions": "0"}
                self._resolved.setdefault("channels", {})[str(value.id)] = found
                return str(value.id)
            case 4:
                return int(value)
            case 5:
                return bool(value)
            case 10:
                return float(value)
            case _:
                return str(value)

    def _user(self, user: User) -> str:
        self._resolved.setdefault("users", {})[str(user.id)] = payloads.user_payload(user)
        guild = self._channel.guild
        if guild is not None and user.id in guild.members:
            member = payloads.member_payload(guild.members[user.id], with_user=False)
            member["permissions"] = "0"
            self._resolved.setdefault("members", {})[str(user.id)] = member
        return str(user.id)
