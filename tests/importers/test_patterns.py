"""No regular expression that chats go through takes time that grows faster than they do."""

import importlib
import inspect
import pkgutil
import re
import time
from collections.abc import Iterable, Iterator
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType

import pytest

import botconvo.corpus
import botconvo.importers
import botconvo.transcript

_LENGTH = 5_000
_SECONDS_MOST = 0.25
"""Of processor time: a linear pattern takes milliseconds for a text so long, others far more."""
_SIGNS = " 1a(@-"
_SHORT = {"importers.dates._NAMED"}
"""Given texts of 60 characters at most."""


def _modules() -> Iterator[ModuleType]:
    for package in (botconvo.corpus, botconvo.importers, botconvo.transcript):
        for module in pkgutil.iter_modules(package.__path__):
            yield importlib.import_module(f"{package.__name__}.{module.name}")


def _patterns() -> Iterator[tuple[str, re.Pattern[str], bool]]:
    """Each with its name, and whether it is searched for, or only fits at the beginning."""
    for module in _modules():
        source = inspect.getsource(module)
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern):
                used = set(re.findall(rf"\b{name}\.(\w+)", source))
                searched = not used <= {"match", "fullmatch"}
                yield f"{module.__name__.removeprefix('botconvo.')}.{name}", value, searched


_ALL = {name: (value, searched) for name, value, searched in _patterns()}


def _characters(parsed: Iterable[object]) -> Iterator[str]:
    """Those that stand in a pattern."""
    for part in parsed:
        if isinstance(part, tuple) and str(part[0]) in ("LITERAL", "NOT_LITERAL"):
            yield chr(part[1])
        elif isinstance(part, tuple | list | parser.SubPattern):
            yield from _characters(part)


def _pieces(pattern: re.Pattern[str]) -> Iterator[str]:
    """What a text is made of that may fit in many ways: signs of the pattern, and two of them."""
    own = dict.fromkeys(_characters(parser.parse(pattern.pattern, pattern.flags)))
    signs = [sign for sign in own if not sign.isalnum()][:6]
    few = list(dict.fromkeys([*signs, *_SIGNS]))
    yield from few
    yield from (one + other for one in few for other in few if one != other)
    yield from re.findall(r"[a-z]{3,}", pattern.pattern)[:3]


@pytest.mark.parametrize("name", sorted(_ALL.keys() - _SHORT))
def test_a_pattern_is_linear(name: str) -> None:
    pattern, searched = _ALL[name]
    for piece in _pieces(pattern):
        text = (piece * _LENGTH)[:_LENGTH]
        begin = time.process_time()
        if searched:
            pattern.search(text)
        pattern.match(text)
        pattern.match(f"({text}")
        assert time.process_time() - begin < _SECONDS_MOST, (name, piece)


def test_a_pattern_that_is_not_would_be_seen() -> None:
    bad = re.compile(r"(?P<emoji>.+?) \((?P<count>\d+)\)(?:,|\Z)")
    assert " (" in set(_pieces(bad))
    begin = time.process_time()
    bad.search(" (" * _LENGTH)
    assert time.process_time() - begin > _SECONDS_MOST
