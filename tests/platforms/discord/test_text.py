"""What goes to Discord is words and nothing else, whatever a model wrote."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from botconvo.platforms.discord.text import (
    LIMIT,
    fitted,
    harmless,
    named,
    plain,
    quote,
    units,
    unnamed,
    unquoted,
)

LINK = "https://discord.com/channels/11/22/33"
PIECES = """
@everyone @here <@123> <@&4> <#5> <id:home> </go:6> <t:7:R> **a** __b__ ~~c~~ ||d|| `e` ``` every
[x](https://y.z) discord.gg/abc https://discord.com/invite/q dis\u200bcord.gg/w @\u200ceveryone one
\u202eevil\u202c # > >>> -# - * + 1. \\ < \u200b :pog: a b é 👩‍👩‍👧 🇨🇿 שלום :// http www.x.y
"""
TRICKY = st.lists(st.sampled_from([*PIECES.split(), *" @\n\r\u2028\u00a0"]), max_size=20).map(
    "".join
)
ANYTHING = st.one_of(st.text(max_size=300), TRICKY)


def unescaped(shown: str) -> str:
    """What Discord still takes for markup: everything that no backslash stands before."""
    return re.sub(r"\\[\\*_~|`\[\]<#>+.-]", "x", shown)  # a character like any other


@given(ANYTHING)
@example("0DISCORD.GG/0")
@example("<> 0")
def test_nothing_in_it_pings_formats_links_or_invites(text: str) -> None:
    shown = harmless(text)
    left = unescaped(shown)
    assert not re.search(r"[*_~|`\[\]<]", left)
    assert not re.search(r"^\s*(#{1,6}|-#|>{1,3}|[-+]|\d+\.)\s", left, re.MULTILINE)
    assert not re.search(r"@(everyone|here|\w)", shown)
    assert not re.search(r"discord(app)?\.(gg|com/invite)/\S", shown, re.IGNORECASE)
    assert not re.search(r"https?://", shown, re.IGNORECASE)


@given(ANYTHING)
def test_nothing_in_it_is_unseen_but_what_joins_characters(text: str) -> None:
    hidden = {c for c in harmless(text) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co")}
    assert hidden <= {"\n", "\u200b", "\u200c", "\u200d"}


@given(st.text(st.characters(categories=("L", "N", "Zs")), max_size=200))
def test_plain_words_stay_as_they_are(text: str) -> None:
    assert harmless(text) == " ".join(text.split())


@given(st.text(st.sampled_from("ab *_~|`[]<>#@.!-+1\\"), max_size=60))
def test_the_words_can_be_told_again(text: str) -> None:
    assert plain(harmless(text)) == " ".join(text.split())


@given(ANYTHING, st.integers(min_value=10, max_value=LIMIT), st.integers(min_value=1, max_value=8))
def test_it_always_fits(text: str, limit: int, times: int) -> None:
    assert units(fitted(text * times, limit)) <= limit


def test_four_thousand_emoji_are_cut_between_two_of_them() -> None:
    family = "👩‍👩‍👧"
    shown = fitted(family * 4000)
    assert shown.endswith(f"{family}…")
    assert units(shown) <= LIMIT
    assert shown[:-1] == family * (len(shown[:-1]) // len(family))


@pytest.mark.parametrize("character", ["é", "👍🏽", "🇨🇿", "न्", "❤️"])
def test_no_character_is_cut_in_two(character: str) -> None:
    for limit in range(12, 40):
        shown = fitted(character * 40, limit)
        assert shown[:-1] == character * (len(shown[:-1]) // len(character))


def test_it_is_cut_where_a_sentence_ends_else_a_word() -> None:
    sentences = "the goblin is here. " * 200
    assert fitted(sentences).endswith("the goblin is here.")
    assert units(fitted(sentences)) > LIMIT * 0.9
    assert fitted("goblins " * 400).endswith("goblins…")


def test_a_long_run_of_markup_is_shortened_until_its_guarded_form_fits() -> None:
    shown = fitted("*" * 5000)
    assert units(shown) <= LIMIT
    assert plain(shown).startswith("*" * 500)


def test_fifty_mentions_ping_nobody() -> None:
    shown = harmless(" ".join(f"<@{number}>" for number in range(50)))
    assert shown.count("\\<@\u200b") == 50


def test_right_to_left_words_stay_and_overrides_go() -> None:
    assert harmless("\u202eשלום עולם\u202c") == "שלום עולם"


def test_a_text_of_nothing_but_links_and_unseen_signs_is_empty() -> None:
    assert fitted("https://evil.example \u200b\u200f discord.gg/abc \u2060") == ""


def test_the_servers_own_emoji_are_shown_as_such() -> None:
    emojis = {"pog_champ": "<:pog_champ:123>"}
    assert harmless("so :pog_champ: and :other_one:", emojis) == (
        "so <:pog_champ:123> and :other\\_one:"
    )


@given(ANYTHING, st.integers(1, 2**63), st.integers(1, 2**63))
def test_a_reply_tells_what_it_replies_to(text: str, channel: int, message: int) -> None:
    link = f"https://discord.com/channels/1/{channel}/{message}"
    said = harmless(text)
    assert unquoted(quote("Bort *the* goblin", text, link) + said) == ((channel, message), said)


def test_a_quotation_is_one_short_line() -> None:
    line = quote("Bort", "first\nsecond " + "and more " * 50, LINK)
    assert line.startswith("> **Bort**: first second and more")
    assert line.count("\n") == 1
    assert units(line) < 200


def test_a_quotation_of_a_picture_names_only_who_sent_it() -> None:
    assert quote("Bort", "https://pictures.example/a.png", LINK) == f"> **Bort** {LINK}\n"


def test_somebodys_own_quotation_is_no_reply() -> None:
    assert unquoted("> so he said\nindeed") == (None, "> so he said\nindeed")


@given(st.sampled_from(["Bort", "Dr. *Foo*", "a_b"]), ANYTHING)
def test_a_name_in_front_is_told_from_the_words(name: str, text: str) -> None:
    assert unnamed(named(name, harmless(text))) == (name, harmless(text))


def test_words_without_a_name_in_front_are_nobodys() -> None:
    assert unnamed("**bold** words") == (None, "**bold** words")
