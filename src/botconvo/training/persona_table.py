"""One more ``[[personas]]`` table at the end of config.toml, as text: comments stay.

It knows nothing of what the settings mean.
"""

import json
import tomllib
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from botconvo.errors import ConfigError
from botconvo.writing import rewrite

__all__ = ["add_persona", "add_table", "hosted_table", "persona_table", "point_elsewhere", "quoted"]


def persona_table(name: str, checkpoint: str) -> str:
    """The table as text.  ``checkpoint`` is a path as config.toml has it."""
    return f"[[personas]]\nname = {quoted(name)}\ncheckpoint = {quoted(checkpoint)}\n"


def hosted_table(name: str, *, endpoint: str, model: str, form: str, processor: str | None) -> str:
    """The tables of a clone that speaks through a service."""
    rows = {"endpoint": endpoint, "model": model, "form": form, "processor": processor}
    values = (f"{key} = {quoted(value)}" for key, value in rows.items() if value is not None)
    return "\n".join([f"[[personas]]\nname = {quoted(name)}", "[personas.hosted]", *values]) + "\n"


def add_persona(config: Path, name: str, checkpoint: str) -> bool:
    """The same as ``add_table``, of a clone that is here."""
    return add_table(config, name, persona_table(name, checkpoint))


def add_table(config: Path, name: str, table: str) -> bool:
    """Append the table, unless a persona of that name is there; whether it was appended.

    Raises:
        ConfigError: the file cannot be read, changed or written, or is no TOML; it is as it was.
    """
    path = config.resolve()  # behind a link the link stays
    try:
        text = path.read_bytes().decode("utf-8")
        personas = tomllib.loads(text).get("personas", [])
    except OSError as error:
        raise ConfigError(f"{config}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # torn TOML or text
        raise ConfigError(f"{config}: {error}") from None
    if any(_folded(persona) == name.casefold() for persona in personas):
        return False
    longer = _appended(text, table)
    try:
        tomllib.loads(longer)
    except ValueError:
        raise ConfigError(
            f"{config}: no table can be put behind its last one; add the persona by hand"
        ) from None
    _write(path, longer)
    return True


def point_elsewhere(config: Path, name: str, table: str) -> bool:
    """Let a hosted persona speak through what ``table`` has; False where none so named is hosted.

    Raises:
        ConfigError: the file cannot be read or written; it is as it was.
    """
    path = config.resolve()
    try:
        document = tomlkit.parse(path.read_bytes().decode("utf-8"))
    except (OSError, ValueError, TOMLKitError) as error:
        raise ConfigError(f"{config}: cannot be read: {error}") from None
    for persona in document.get("personas", []):
        if _folded(dict(persona)) == name.casefold() and "hosted" in persona:
            persona["hosted"] = tomlkit.parse(table)["personas"][0]["hosted"]
            _write(path, tomlkit.dumps(document))
            return True
    return False


def _folded(persona: object) -> str | None:
    name = persona.get("name") if isinstance(persona, dict) else None
    return name.casefold() if isinstance(name, str) else None


def _appended(text: str, table: str) -> str:
    line_break = "\r\n" if "\r\n" in text else "\n"
    gap = "" if not text.strip() else line_break if text.endswith("\n") else line_break * 2
    return text + gap + table.replace("\n", line_break)


def _write(path: Path, text: str) -> None:
    try:
        rewrite(path, text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from None


def quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are TOML's, but for the delete character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
