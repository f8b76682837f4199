"""BotConvo's ``appsettings.json``: one GPT-2 per person, found in a folder of checkpoints."""

from collections.abc import Mapping
from typing import Any

from botconvo.old_configs.converted import Converted, Keys

__all__ = ["convert", "is_it"]

_SECTION = "BotConvo"
_DEFAULT_FOLDER = "checkpoint"
"""Where gpt-2-simple keeps its runs."""
_CHANNEL = "DiscordChannelId"
_REASONS = {
    "ModelDir": "was never used; a checkpoint needs no model beside it",
    "DiscordBotToken": (
        "is a secret and was not copied; its place is .env, as BOTCONVO_DISCORD_TOKEN"
    ),
}


def is_it(data: Mapping[Any, Any]) -> bool:
    section = Keys(data).take(_SECTION)
    return isinstance(section, Mapping) and any(
        Keys(section).take(name) is not None
        for name in ("Bots", "CheckpointDir", _CHANNEL, *_REASONS)
    )


def convert(data: Mapping[Any, Any]) -> Converted:
    """Every bot becomes a persona of the preset that repeats BotConvo's numbers."""
    converted = Converted(system="BotConvo", preset="classic")
    top = Keys(data)
    section = top.table(_SECTION)
    folder = section.take("CheckpointDir")
    bots = section.take("Bots")
    for number, bot in enumerate(bots if isinstance(bots, list) else []):
        _add(converted, f"{_SECTION}.Bots[{number}]", bot, folder)
    if not converted.personas:
        converted.leave_out(f"{_SECTION}.Bots", "there is none; add a [[personas]] table for each")
    converted.set_discord_channel(section.path(_CHANNEL), section.take(_CHANNEL))
    for name, reason in _REASONS.items():
        if section.take(name) is not None:
            converted.leave_out(section.path(name), reason)
    for key in (*section.left(), *top.left()):
        converted.leave_out(key, "has no equivalent")
    return converted


def _add(converted: Converted, key: str, bot: object, folder: object) -> None:
    if not isinstance(bot, Mapping):
        converted.leave_out(key, "is no bot; add it by hand")
        return
    keys = Keys(bot, key)
    name, run, port = keys.take("name"), keys.take("checkpointName"), keys.take("port")
    if not isinstance(run, str) or not run.strip():
        converted.leave_out(f"{key}.checkpointName", "is missing; add the persona by hand")
    else:
        parent = folder if isinstance(folder, str) and folder.strip() else _DEFAULT_FOLDER
        converted.add_persona(key, name, f"{parent.rstrip('/' + chr(92))}/{run}", port)
    for left in keys.left():
        converted.leave_out(left, "has no equivalent")
