"""What no clone may learn by heart, on labelled lines and on any text."""

from itertools import pairwise

import pytest
import redaction_figures
from hypothesis import given
from hypothesis import strategies as st

from botconvo.corpus import Kind, find_private


def test_most_of_what_is_private_is_found_and_little_else() -> None:
    lines = redaction_figures.read()
    assert len(lines) >= 300
    total = redaction_figures.score(lines)
    assert total.recall >= 0.93
    assert total.precision >= 0.95
    for kind in Kind:
        assert total.found[kind] >= 0.85 * total.labelled[kind], kind


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("write to a.b@c.org now", [(Kind.EMAIL, "a.b@c.org")]),
        ("4111 1111 1111 1111", [(Kind.CARD, "4111 1111 1111 1111")]),
        ("4111 1111 1111 1112", []),
        ("call +49 1512 3456789", [(Kind.PHONE, "+49 1512 3456789")]),
        ("1219000000000000003", []),
        ("v203.0.113.7 is out", []),
        ("at 203.0.113.7", [(Kind.IP, "203.0.113.7")]),
        ("12:30:45", []),
        (
            "b@c.org, 5 Church Lane",
            [(Kind.EMAIL, "b@c.org"), (Kind.STREET, "5 Church Lane")],
        ),
    ],
)
def test_pieces_are_found_where_they_stand(text: str, found: list[tuple[Kind, str]]) -> None:
    assert [(each.kind, text[each.start : each.end]) for each in find_private(text)] == found


@given(st.text(max_size=300) | st.text("0123456789 .:-@+/()abZ", max_size=120))
def test_pieces_of_any_text_are_in_order_and_apart(text: str) -> None:
    found = find_private(text)
    assert all(0 <= each.start < each.end <= len(text) for each in found)
    assert all(one.end <= two.start for one, two in pairwise(found))
