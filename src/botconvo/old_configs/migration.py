"""From an old configuration's file to a config.toml beside it, whole or not at all."""

import os
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from types import ModuleType

from botconvo.errors import ConfigError
from botconvo.old_configs import botconvo, friend_simulator, hot_shot
from botconvo.old_configs.converted import Converted, OldPersona
from botconvo.old_configs.parsing import LARGEST_BYTES, parse
from botconvo.training.persona_table import persona_table, quoted

__all__ = ["migrate"]

_SYSTEMS: tuple[ModuleType, ...] = (botconvo, friend_simulator, hot_shot)


def migrate(source: Path, target: Path) -> Converted:
    """Write ``target``, which must not be there yet; what became of ``source``.

    Raises:
        ConfigError: ``source`` cannot be read or is of no system that is known, or ``target`` is
            there already or cannot be written; nothing was changed.
    """
    if os.path.lexists(target):
        raise ConfigError(f"{target} is there already; name another file with --output")
    try:
        converted = _convert(_read(source))
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None
    _write(target, _text(converted, source, target))
    return converted


def _read(source: Path) -> bytes:
    try:
        with source.open("rb") as file:
            return file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}") from None
    except ValueError:  # a name that no file can have
        raise ConfigError("cannot be read: there is no such file") from None


def _convert(data: bytes) -> Converted:
    values = parse(data)
    if isinstance(values, Mapping):
        for system in _SYSTEMS:
            if system.is_it(values):
                converted = system.convert(values)
                assert isinstance(converted, Converted)
                return converted
    raise ConfigError(
        "is no configuration of BotConvo (appsettings.json), FriendSimulator (config.yaml) "
        "or Hot-Shot Bots (YAML)"
    )


def _text(converted: Converted, source: Path, target: Path) -> str:
    words = converted.bad_words
    rows = [
        f"# Made from {quoted(source.name)} of {converted.system}.",
        "# 'botconvo init --project DIR' writes a config.toml in which every setting is explained.",
        "",
        "[conversation]",
        f"preset = {quoted(converted.preset)}",
        *(f"{name} = {_value(value)}" for name, value in converted.numbers.items()),
        *([f"bad_words = [{', '.join(map(quoted, words))}]"] if words else []),
    ]
    if converted.discord_channel is not None:
        rows += ["", "[platforms.discord]", f"channels = [{converted.discord_channel}]"]
    rows += [
        "",
        "# Once for each, after asking: botconvo consent grant NAME --adult --checkpoint PATH",
    ]
    for persona in converted.personas:
        rows += ["", *_table(persona, source, target)]
    if converted.sketch is not None:
        rows += ["", "# A table like this for every friend who agreed to be cloned:"]
        rows += [f"# {row}" for row in _table(converted.sketch, source, target)]
    return "\n".join(rows) + "\n"


def _value(value: object) -> str:
    return str(list(value)) if isinstance(value, tuple) else repr(value)


def _table(persona: OldPersona, source: Path, target: Path) -> list[str]:
    where = _seen_from(target.parent, source.parent, persona.checkpoint)
    port = [] if persona.port is None else [f"port = {persona.port}"]
    return [*persona_table(persona.name, where).splitlines(), *port]


def _seen_from(new: Path, old: Path, path: str) -> str:
    """A path of the old file as config.toml has to have it: seen from its own folder."""
    path = path.replace("\\", "/")
    if PureWindowsPath(path).drive or path.startswith(("/", "~")) or old.resolve() == new.resolve():
        return path
    whole = old.resolve() / path
    try:
        return Path(os.path.relpath(whole, new.resolve())).as_posix()
    except ValueError:  # another drive of Windows
        return whole.as_posix()


def _write(target: Path, text: str) -> None:
    made = False
    try:
        with target.open("x", encoding="utf-8", newline="\n") as file:
            made = True
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{target} is there already; name another file with --output") from None
    except OSError as error:
        if made:
            target.unlink(missing_ok=True)
        raise ConfigError(f"{target}: cannot be written: {error.strerror}") from None
