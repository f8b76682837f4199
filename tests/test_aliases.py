"""Which authors may be one person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.aliases import alike
from botconvo.messages import AuthorId


def groups(**names: str) -> list[tuple[str, ...]]:
    """Groups of ids; ``discord_1="Bort"`` is the author ``discord:1``."""
    shown = {AuthorId(key.replace("_", ":", 1)): (name,) for key, name in names.items()}
    return [tuple(map(str, group)) for group in alike(shown)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bort", "bort"),
        ("Bort", "Bort 🛹"),
        ("Bort", "bort_42"),
        ("Bort#1234", "bort"),
        ("Zoë", "zoe"),
        ("John Doe", "john-doe"),
        ("Fishvilla", "Fishvila"),
        ("Jane", "Jane Doe"),
    ],
)
def test_similar_names_on_two_platforms_may_be_one_person(one: str, other: str) -> None:
    assert groups(discord_1=one, whatsapp_2=other) == [("discord:1", "whatsapp:2")]


@pytest.mark.parametrize(
    ("one", "other"), [("Ann", "Anna"), ("Bort", "Bert"), ("🐝", "🐱"), ("+44 7700", "+49 170")]
)
def test_short_or_different_names_say_nothing(one: str, other: str) -> None:
    assert groups(discord_1=one, whatsapp_2=other) == []


def test_digits_tell_two_accounts_of_one_platform_apart() -> None:
    assert groups(irc_1="guest39715", irc_2="guest68383", irc_3="guest") == []


def test_a_slip_of_the_pen_does_not_join_two_accounts_of_one_platform() -> None:
    assert groups(discord_1="Fishvilla", discord_2="Fishvila") == []


def test_a_first_name_that_two_share_says_nothing() -> None:
    assert groups(whatsapp_1="Jane", meta_2="Jane Doe", meta_3="Jane Roe") == []


def test_a_name_of_everybody_says_nothing() -> None:
    assert groups(**{f"irc{number}_1": "guest" for number in range(50)}) == []


@given(st.dictionaries(st.from_regex(r"(irc|meta):\d{1,3}", fullmatch=True), st.lists(st.text())))
def test_nobody_is_in_two_groups(names: dict[str, list[str]]) -> None:
    found = alike({AuthorId(key): tuple(shown) for key, shown in names.items()})
    authors = [author for group in found for author in group]
    assert len(authors) == len(set(authors))
    assert all(len(group) > 1 for group in found)
