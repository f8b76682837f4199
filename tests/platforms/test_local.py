import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.conversation.orders import Say
from botconvo.errors import PlatformError
from botconvo.messages import ChannelId
from botconvo.personas import PersonaName
from botconvo.platforms.local import MAX_CHARACTERS, Mint, folded_name, visible, visible_name

ANY_TEXT = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from("\x1b\x9b\x00\r\n\t\u202e\u2066\ud800\u2028"),
        st.just("🧗"),
    )
)


@given(ANY_TEXT)
def test_nothing_that_acts_on_a_terminal_is_left(text: str) -> None:
    seen = visible(text)
    assert not [
        each for each in seen if unicodedata.category(each) in ("Cc", "Cs") and each != "\n"
    ]
    assert not set(seen) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
    assert visible(seen) == seen
    seen.encode()


def test_words_emoji_and_line_breaks_stay() -> None:
    text = "déjà vu 🧗‍♀️ ✉️\nfin"
    assert visible(text) == text
    assert visible("one\r\ntwo\rthree\u2028four\tfive") == "one\ntwo\nthree\nfour five"


@given(ANY_TEXT)
def test_a_name_is_one_visible_line(name: str) -> None:
    shown = visible_name(name)
    assert shown
    assert len(shown) <= 32
    assert not set(shown) & set("\n\r:;\\\u200b\u200d")


@pytest.mark.parametrize("name", ["juno", " JUNO ", "Ju\u200bno", "ＪＵＮＯ", "ju\x1bno"])
def test_names_that_look_alike_fold_to_one(name: str) -> None:
    assert folded_name(name) == folded_name("Juno")


def a_mint() -> Mint:
    numbers = iter("123456789")
    return Mint(
        ChannelId("web:general"),
        now=lambda: datetime(2025, 1, 1, tzinfo=UTC),
        new_id=lambda: next(numbers),
    )


def test_a_nonce_that_comes_again_makes_no_second_message() -> None:
    mint = a_mint()
    first = mint.posted(PersonaName("Juno"), Say(text="hi"), "run/1")
    assert mint.posted(PersonaName("Juno"), Say(text="hi"), "run/1") is first
    assert mint.posted(PersonaName("Juno"), Say(text="hi"), "run/2").id == "web:general/2"


def test_too_long_a_message_is_refused_with_its_length() -> None:
    mint = a_mint()
    mint.posted(PersonaName("Juno"), Say(text="🧗" * MAX_CHARACTERS), "a")
    with pytest.raises(PlatformError, match="2001 characters by Juno"):
        mint.posted(PersonaName("Juno"), Say(text="🧗" * (MAX_CHARACTERS + 1)), "b")
