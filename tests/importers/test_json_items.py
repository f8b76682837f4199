"""The moving window over a long JSON list."""

import contextlib
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.importers.json_items import BrokenJsonError, JsonItems

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class Dripping(io.StringIO):
    """Gives one character at a time, as a slow pipe may."""

    def read(self, size: int | None = -1, /) -> str:
        return super().read(1)


def read(stream: io.StringIO) -> tuple[dict[str, Any], list[Any]]:
    export = JsonItems(stream)
    members = dict(export.members("messages"))
    return members, [item for _, item in export.items()]


@given(
    before=st.dictionaries(st.text().filter(lambda key: key != "messages"), JSON, max_size=3),
    items=st.lists(JSON, max_size=4),
    indent=st.sampled_from([None, 2]),
)
def test_what_json_writes_is_read_however_the_text_arrives(
    before: dict[str, Any], items: list[Any], indent: int | None
) -> None:
    text = json.dumps({**before, "messages": items, "messageCount": 2}, indent=indent)
    assert read(io.StringIO(text)) == (before, items)
    assert read(Dripping(text)) == (before, items)


@given(
    items=st.lists(JSON, min_size=1, max_size=12),
    indent=st.sampled_from([None, 2]),
    refused=st.integers(0, 12),
)
def test_many_items_at_a_time_are_the_same_items_on_the_same_lines(
    items: list[Any], indent: int | None, refused: int
) -> None:
    """``refused`` is the number of an item that the decoder does not take."""

    def decode(text: bytes) -> list[Any]:
        found: list[Any] = json.loads(text)
        if any(item["place"] == refused for item in found):
            raise ValueError
        return found

    numbered = [{"place": place, "item": item} for place, item in enumerate(items)]
    text = json.dumps({"messages": numbered}, indent=indent)
    for stream in (io.StringIO(text), Dripping(text)):
        plain, fast = JsonItems(io.StringIO(text)), JsonItems(stream)
        assert [*plain.members("messages"), *fast.members("messages")] == []
        read = [(fast.item_line(), item) for item in fast.decoded(decode)]
        assert read == list(plain.items())


@given(st.text(alphabet='{}[]":,messages \n01eE-.\\u') | st.text())
def test_any_other_text_is_broken_and_never_anything_worse(text: str) -> None:
    with contextlib.suppress(BrokenJsonError):
        read(io.StringIO(text))


def test_a_break_is_named_by_its_line() -> None:
    export = JsonItems(Dripping('{"a": 1,\n"messages": [1,\n\n2 3]}'))
    list(export.members("messages"))
    with pytest.raises(BrokenJsonError, match="'3' instead of ','") as broken:
        list(export.items())
    assert broken.value.line == 4


def test_memory_does_not_grow_with_the_length_of_the_list() -> None:
    export = JsonItems(io.StringIO('{"messages": [' + ",\n".join(["[1, 2, 3]"] * 200_000) + "]}"))
    list(export.members("messages"))
    longest = max(len(export._text) for _ in export.items())
    assert longest <= 2 * (1 << 18)


@pytest.mark.parametrize("bomb", ["[" * 200_000, '{"a":' * 200_000])
def test_a_nesting_bomb_is_broken_json(bomb: str) -> None:
    export = JsonItems(io.StringIO(f'{{"messages": [1, {bomb}'))
    list(export.members("messages"))
    items = export.items()
    assert next(items) == (1, 1)
    with pytest.raises(BrokenJsonError):
        next(items)


def test_a_number_of_endless_digits_is_broken_json() -> None:
    export = JsonItems(io.StringIO('{"messages": [' + "9" * 10_000 + "]}"))
    list(export.members("messages"))
    with pytest.raises(BrokenJsonError):
        list(export.items())
