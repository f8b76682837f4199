"""From what was typed to the words that a transcript keeps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.transcript.cleaning import PROFILES, clean_chat

PLAIN = st.text(alphabet="abcXYZ 019.,!?'-()😂é", max_size=800)
MARKUP = st.lists(
    st.text(max_size=8)
    | st.sampled_from(
        ["<@1>", "<:x:1>", "```", "\n> ", "https://a.b/c", "<t:1:R>", "<|endoftext|>"]
    )
).map("".join)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  two   words \n\n", "two words"),
        ("look https://example.org/a?b=c now", "look now"),
        ("<https://example.org>", ""),
        ("hey <@123> and <@!4> in <#5> <@&6>", "hey and in"),
        ("<:blob:123> <a:dance:4>", ":blob: :dance:"),
        ("at <t:1700000000:R> ok", "at ok"),
        ("> what you said\nmy answer", "my answer"),
        ("see ```py\nprint(1)\n``` there", "see there"),
        ("an open ```block", "an open"),
        ("a\u200bb\u2066", "a b\u2066"),
        ("end<|endoftext|>less", "end less"),
        ("2 > 1 and :) stays", "2 > 1 and :) stays"),
        ("family 👨\u200d👩\u200d👧", "family 👨\u200d👩\u200d👧"),
    ],
)
def test_markup_goes_and_words_stay(typed: str, kept: str) -> None:
    assert clean_chat(typed) == kept


def test_a_long_text_is_cut_at_a_word() -> None:
    cleaned = clean_chat("word " * 200)
    assert len(cleaned) <= 500
    assert cleaned.endswith("word")


@given(PLAIN)
def test_plain_text_is_clean_after_one_cleaning(text: str) -> None:
    for clean in PROFILES.values():
        assert clean(clean(text)) == clean(text)


@given(st.text() | MARKUP)
def test_every_text_becomes_one_short_line(text: str) -> None:
    cleaned = clean_chat(text)
    assert len(cleaned) <= 500
    assert cleaned == cleaned.strip()
    assert len(cleaned.splitlines()) <= 1
    assert "<|endoftext|>" not in cleaned
