"""A configuration file of any of the earlier systems as plain values: JSON or YAML.

Knows no system.  Error texts name a line and never repeat it: it may hold a secret.
"""

import json
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from typing import Any

from botconvo.errors import ConfigError

__all__ = ["LARGEST_BYTES", "parse"]

LARGEST_BYTES = 65_536
_STRING = r'"(?:[^"\\]|\\.)*"'
_COMMENT = re.compile(rf"{_STRING}|//[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_LAST_COMMA = re.compile(rf"{_STRING}|,(?=\s*[}}\]])", re.DOTALL)


def parse(data: bytes) -> Any:
    """
    Raises:
        ConfigError: it is neither JSON nor YAML; a reason without the file's name.
    """
    if len(data) > LARGEST_BYTES:
        raise ConfigError(f"has more than {LARGEST_BYTES} bytes, as no such configuration has")
    text = _text(data)
    if not text.strip():
        raise ConfigError("is empty")
    try:
        bare = _without(_COMMENT, text)
        return _json(bare) if bare.lstrip()[:1] in ("{", "[") else _yaml(text)
    except RecursionError:
        raise ConfigError("is nested too deeply") from None


def _text(data: bytes) -> str:
    wide = data.startswith((BOM_UTF16_LE, BOM_UTF16_BE))  # what Windows' Notepad calls Unicode
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("is not text") from None
    if "\0" in text:
        raise ConfigError("is not text")
    return text


def _json(text: str) -> Any:
    """JSON as .NET reads it: a comma may stand behind the last item, comments are gone already."""
    try:
        value = json.loads(_without(_LAST_COMMA, text))
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise ConfigError(f"is no whole JSON: line {error.lineno}: {error.msg}") from None
    except ValueError:  # half of a surrogate pair, or thousands of digits
        raise ConfigError("is no JSON: it holds a value that no text can have") from None
    return value


def _without(pattern: re.Pattern[str], text: str) -> str:
    """The text with what matches blanked out, strings excepted; line numbers stay."""

    def blank(match: re.Match[str]) -> str:
        found = match[0]
        return found if found.startswith('"') else re.sub(r"[^\n]", " ", found)

    return pattern.sub(blank, text)


def _yaml(text: str) -> Any:
    import yaml

    try:
        # Aliases let a small file stand for an endless one.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            raise ConfigError("is YAML with aliases (*name); write out what they stand for")
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        where = "" if error.problem_mark is None else f"line {error.problem_mark.line + 1}: "
        raise ConfigError(f"is no whole YAML: {where}{error.problem or 'torn'}") from None
    except (yaml.YAMLError, ValueError, OverflowError):
        raise ConfigError("is no YAML: it holds characters or values that YAML has not") from None
