"""JSON files within a folder or zip: long lists item by item, small files at once.

Damage to one file costs what stands behind it in that file, and nothing of the others.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from botconvo.importers.json_items import BrokenJsonError, JsonItems
from botconvo.importers.reading import as_text
from botconvo.importers.rows import LeftOut, Reason
from botconvo.importers.trees import DAMAGED, Tree

__all__ = ["items_in", "list_in", "list_of", "small_json"]

_SMALL_CHARACTERS = 4_000_000
"""Far more than is told of an account."""


_Items = Iterator[tuple[int, Any] | LeftOut]


def items_in(tree: Tree, name: str, parse: Callable[[TextIO, str], _Items]) -> _Items:
    """What ``parse`` finds in a file, each with its line; where it breaks off, ``TORN``."""
    try:
        with as_text(tree.open(name)) as text:
            yield from parse(text, name)
    except DAMAGED:
        yield LeftOut(reason=Reason.TORN, file=name)


def list_in(tree: Tree, name: str) -> _Items:
    """The items of a file that is one list, as ``items_in`` gives them."""
    return items_in(tree, name, list_of)


def list_of(text: TextIO, name: str | None = None) -> _Items:
    """The items of a text that is one list; ``name`` is its file's within an archive."""
    try:
        yield from JsonItems(text).items()
    except BrokenJsonError as broken:
        yield LeftOut(reason=Reason.TORN, line=broken.line, file=name)


def small_json(tree: Tree, name: str) -> Any:
    """What stands in a file; None where that is not JSON, damaged, or beyond reason."""
    try:
        with as_text(tree.open(name)) as text:
            found = text.read(_SMALL_CHARACTERS + 1)
        return None if len(found) > _SMALL_CHARACTERS else json.loads(found)
    except (ValueError, RecursionError, *DAMAGED):
        return None
