"""What becomes of an old configuration: settings of ours, and what has no place among them.

Every setting is checked here by the rules of ``config``; what breaks one is left out and told, so
that the result always loads.  Values are never part of what is told: they may be secret.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from botconvo.config import ConversationSettings, DiscordSettings, PersonaSettings
from botconvo.errors import ConfigError
from botconvo.people import speaker_name

__all__ = ["Converted", "Keys", "LeftOut", "OldPersona"]

_LONGEST_KEY = 120
_NAME = re.compile(r"<[^<>]+>")
_LONGEST_COMPLETION = 256
"""Tokens; more would leave a talk no room in the default context of 512."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A key of the old file that config.toml has no place for, and what to do instead."""

    key: str
    reason: str

    def __str__(self) -> str:
        shown = "".join(c if c.isprintable() else "?" for c in self.key)
        return f"{shown[:_LONGEST_KEY]}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OldPersona:
    """``checkpoint`` is a path as the old file has it."""

    name: str
    checkpoint: str
    port: int | None = None


@dataclass(slots=True)
class Converted:
    """A config.toml in the making.

    ``numbers`` replace the preset's, ``bad_words`` are never said.  ``sketch`` is a persona that
    the owner has to complete.
    """

    system: str
    preset: str
    numbers: dict[str, Any] = field(default_factory=dict)
    bad_words: list[str] = field(default_factory=list)
    personas: list[OldPersona] = field(default_factory=list)
    sketch: OldPersona | None = None
    discord_channel: int | None = None
    left_out: list[LeftOut] = field(default_factory=list)

    def leave_out(self, key: str, reason: str) -> None:
        self.left_out.append(LeftOut(key=key, reason=reason))

    def set_number(self, key: str, name: str, value: object, *, pair: bool = False) -> None:
        """Set ``conversation.NAME``, to [value, value] with ``pair``; ``key`` is the old one."""
        number = _number(value)
        try:
            if number is None:
                raise ConfigError("no number")
            self.numbers[name] = _checked(self.preset, name, [number] * 2 if pair else number)
        except (ConfigError, ValidationError):
            self.leave_out(key, f"its value is none that conversation.{name} can have")

    def set_tokens(self, key: str, value: object) -> None:
        """Set how many tokens a reply may have."""
        number = _number(value)
        if number is not None and number > _LONGEST_COMPLETION:
            self.leave_out(key, f"a reply has at most {_LONGEST_COMPLETION} tokens here")
        else:
            self.set_number(key, "max_tokens", value, pair=True)

    def forbid(self, key: str, words: object) -> None:
        """Let these words never be said; names between angle brackets are no words."""
        listed = words if isinstance(words, list) else [words]
        fit = [word for word in listed if isinstance(word, str) and word.strip()]
        names = [word for word in fit if _NAME.fullmatch(word.strip())]
        if len(fit) < len(listed):
            self.leave_out(key, "holds something that is no word; only its words were taken")
        if names:
            self.leave_out(key, "a clone never speaks as somebody else here; names need no ban")
        new = [word.strip() for word in fit if word not in names]
        self.bad_words.extend(word for word in dict.fromkeys(new) if word not in self.bad_words)

    def add_persona(self, key: str, name: object, checkpoint: str, port: object) -> None:
        """Add a persona; ``key`` is where the old file has it."""
        if not isinstance(name, str) or not name.strip():
            self.leave_out(f"{key}.name", "is missing; add the persona by hand")
            return
        fit = speaker_name(name)
        if fit.casefold() in (persona.name.casefold() for persona in self.personas):
            self.leave_out(key, f"there is a persona {fit!r} already; add it under another name")
            return
        if fit != name:
            self.leave_out(f"{key}.name", f"is {fit!r} here, so that it fits a transcript")
        self.personas.append(
            OldPersona(name=fit, checkpoint=checkpoint, port=self._port(f"{key}.port", port, fit))
        )

    def set_discord_channel(self, key: str, value: object) -> None:
        """Let them talk in this channel of Discord, if it is a channel's number at all."""
        # Not by way of a float, which would round so long a number.
        number = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
        try:
            settings = DiscordSettings.model_validate({"channels": [number]})
            self.discord_channel = settings.channels[0].id
        except ValidationError:
            if value is not None:
                self.leave_out(key, "is no number of a channel; put it under [platforms.discord]")

    def _port(self, key: str, port: object, name: str) -> int | None:
        if port is None:
            return None
        try:
            number = PersonaSettings.model_validate(
                {"name": name, "checkpoint": "x", "port": port}
            ).port
        except ValidationError:
            self.leave_out(key, "is no port; a free one is taken")
            return None
        if number in (persona.port for persona in self.personas):
            self.leave_out(key, "another persona has it already; a free one is taken")
            return None
        return number


class Keys:
    """A mapping of an old file whose keys are taken one by one, whatever their case."""

    def __init__(self, mapping: Mapping[Any, Any], path: str = "") -> None:
        self._path = path
        self._left = {str(key): value for key, value in mapping.items()}

    def path(self, key: str) -> str:
        """The key as it is told, with what it stands in."""
        return f"{self._path}.{key}" if self._path else key

    def take(self, name: str) -> Any:
        """The value, or None; it is not left afterwards."""
        for key in self._left:
            if key.casefold() == name.casefold():
                return self._left.pop(key)
        return None

    def table(self, name: str) -> "Keys":
        """A mapping within, empty where there is none; something else of that name is left."""
        value = self.take(name)
        if value is not None and not isinstance(value, Mapping):
            self._left[name] = value
        return Keys(value if isinstance(value, Mapping) else {}, self.path(name))

    def left(self) -> Iterator[str]:
        """The keys that nobody took; those of mappings one by one."""
        for key, value in self._left.items():
            if isinstance(value, Mapping) and value:
                yield from Keys(value, self.path(key)).left()
            else:
                yield self.path(key)


def _number(value: object) -> int | float | None:
    """A number, also one in quotes."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _checked(preset: str, name: str, value: object) -> Any:
    """The value as config.toml would take it.

    Raises:
        ConfigError, ValidationError: it would not.
    """
    settings = ConversationSettings.model_validate({"preset": preset, name: value})
    settings.manners()
    return getattr(settings, name)
