"""What people removed is not said again, however it comes."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.conversation.events import Objection
from botconvo.conversation.near_copies import is_near_copy
from botconvo.safety.refusals import Refusals


class OnlyPolite:
    def digest(self) -> str:
        return "onlypolite"

    def objection(self, text: str) -> Objection | None:
        return "unsafe" if "rude" in text else None


@pytest.mark.parametrize(
    "text",
    [
        "Marek ate the whole cake",
        "marek ATE the whole cake!!",
        "Marek ate the whooole cake...",
        "marek ate the whole cakes",
        "marek ate that whole cake",
        "well, marek ate the whole cake and left",
        "Ｍarek ate the whole cake",
        "marek  ate\nthe whole cake",
    ],
)
def test_near_copies_of_a_removed_line_are_known(text: str) -> None:
    assert is_near_copy(text, "Marek ate the whole cake.")


@pytest.mark.parametrize(
    ("text", "removed"),
    [
        ("marek baked a cake for the whole street", "Marek ate the whole cake."),
        ("i like cats and you do not", "i like cats"[:6]),
        ("no", "so"),
        ("ok ok then", "ok"),
        ("🍆", "🍕"),
        ("the cake was nice", "🍆"),
        ("i have a lot of food", "i have a lot of it to do before we go home"),
    ],
)
def test_other_texts_are_not(text: str, removed: str) -> None:
    assert not is_near_copy(text, removed)


def test_an_emoji_that_was_removed_stays_away() -> None:
    assert is_near_copy(" 🍆 ", "🍆")


@given(st.text(min_size=1))
def test_every_text_is_a_copy_of_itself(text: str) -> None:
    assert is_near_copy(text, text)


WORDS = st.lists(st.text("abcdefghij", min_size=2, max_size=8), min_size=5, max_size=12)


@given(WORDS, st.sampled_from([str.upper, str.title]), st.sampled_from("!?.,…"), st.data())
def test_case_signs_and_a_dropped_word_hide_nothing(
    words: list[str], write: Callable[[str], str], sign: str, data: st.DataObject
) -> None:
    dropped = data.draw(st.integers(0, len(words) - 1))
    rest = words[:dropped] + words[dropped + 1 :]
    assert is_near_copy(write(f"{sign} ".join(words)), " ".join(words))
    assert len(words) < 7 or is_near_copy(" ".join(rest), " ".join(words))


def test_a_refusal_can_be_taken_back_and_what_is_unsafe_stays_unsafe() -> None:
    refusals = Refusals(OnlyPolite(), [(1, "the cake is a lie")])
    refusals.refuse(2, "marek snores all night")
    assert refusals.objection("The cake is a lie!") == "unsafe"
    assert refusals.objection("marek snores all night long") == "unsafe"
    assert refusals.objection("rude words") == "unsafe"
    refusals.allow(1)
    refusals.allow(7)
    assert refusals.objection("The cake is a lie!") is None
    assert refusals.objection("marek snores all night") == "unsafe"
