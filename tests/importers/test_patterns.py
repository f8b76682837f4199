"""No regular expression that chats go through takes time that grows faster than they do."""

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType

import pytest

import botconvo.corpus
import botconvo.importers
import botconvo.transcript

_LENGTH = 8_000
"""At this length a linear pattern takes a millisecond, a quadratic one seconds."""
_SECONDS_MOST = 1.0
_SIGNS = " 1a(@.-"


def _modules() -> Iterator[ModuleType]:
    for package in (botconvo.corpus, botconvo.importers, botconvo.transcript):
        for module in pkgutil.iter_modules(package.__path__):
            yield importlib.import_module(f"{package.__name__}.{module.name}")


_PATTERNS = {
    f"{module.__name__.removeprefix('botconvo.')}.{name}": value
    for module in _modules()
    for name, value in vars(module).items()
    if isinstance(value, re.Pattern)
}
_SHORT = {"importers.dates._NAMED"}
"""Given texts of 60 characters at most."""
_AT_THE_BEGINNING = {
    "importers.discord_html._LOOKS",
    "importers.twitter._HEAD",
    "importers.ssi_bot._THREAD",
}
"""Never searched for."""


def _characters(parsed: object) -> Iterator[str]:
    """Those that stand in a pattern, and one of each class."""
    for part in parsed:  # type: ignore[attr-defined]
        if isinstance(part, tuple) and str(part[0]) in ("LITERAL", "NOT_LITERAL"):
            yield chr(part[1])
        elif isinstance(part, tuple | list | parser.SubPattern):
            yield from _characters(part)


def _pieces(pattern: re.Pattern[str]) -> Iterator[str]:
    own = list(dict.fromkeys(_characters(parser.parse(pattern.pattern, pattern.flags))))
    own = [sign for sign in own if not sign.isalpha()][:6] + [
        sign for sign in own if sign.isalpha()
    ][:2]
    signs = list(dict.fromkeys([*own, *_SIGNS]))
    yield from signs
    yield from (one + other for one in signs for other in signs if one != other)


@pytest.mark.parametrize("name", sorted(_PATTERNS.keys() - _SHORT))
def test_a_pattern_is_linear(name: str) -> None:
    pattern = _PATTERNS[name]
    tries = [pattern.match]
    if name not in _AT_THE_BEGINNING:
        tries.append(pattern.search)
    for piece in _pieces(pattern):
        text = (piece * _LENGTH)[:_LENGTH]
        for start in ("", "("):
            begin = time.process_time()
            for attempt in tries:
                attempt(start + text)
            assert time.process_time() - begin < _SECONDS_MOST, (name, piece)


def test_a_bad_pattern_would_be_seen() -> None:
    pattern = re.compile(r"(?P<emoji>.+?) \((?P<count>\d+)\)(?:,|\Z)")
    begin = time.process_time()
    pattern.search((" (" * _LENGTH)[:_LENGTH])
    assert time.process_time() - begin > _SECONDS_MOST / 10
