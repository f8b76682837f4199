"""What a clone is trained on, and measured on."""

import hashlib

import pytest
from builders import a_conversation, a_message
from hypothesis import given
from hypothesis import strategies as st

from botconvo.corpus import MIN_OWN_LINES, Corpus, build_corpus
from botconvo.errors import CorpusError
from botconvo.messages import Message
from botconvo.people import People
from botconvo.transcript.cleaning import clean_chat

HOUR = 60.0


def a_talk(sessions: int, *, own: int = 5, start: float = 0.0) -> list[Message]:
    """Sessions an hour apart in which Bort says ``own`` things and Smig answers each."""
    messages: list[Message] = []
    for number in range(sessions):
        said = [(who, f"{who} {number} {n}") for n in range(own) for who in ("bort", "smig")]
        messages += a_conversation(*said, start=start + number * HOUR, every=0.1)
    return messages


def build(messages: list[Message], share: float = 0.1) -> Corpus:
    return build_corpus(messages, People(), "bort", cleaning=clean_chat, held_out_share=share)


def test_the_latest_sessions_are_held_out() -> None:
    corpus = build(a_talk(20))
    assert len(corpus.train) == 18
    assert (corpus.own_train, corpus.own_held_out) == (90, 10)
    assert max(each.started for each in corpus.train) < min(
        each.started for each in corpus.held_out
    )


def test_only_sessions_in_which_the_speaker_says_something_are_in_it() -> None:
    silent = [
        *a_conversation(("smig", "alone"), ("paul", "me too"), start=-200),
        a_message("", author="bort", attachments=["photo"], minutes=-100),
    ]
    corpus = build([*silent, *a_talk(20)])
    assert len(corpus.train) == 18
    assert corpus.speakers == ("bort", "smig")


def test_others_are_context() -> None:
    first = build(a_talk(20)).train[0]
    assert first.text.splitlines()[:3] == ["bort: INIT;", "bort: bort 0 0", "smig: smig 0 0"]


def test_one_endless_session_is_cut_in_time() -> None:
    corpus = build(a_talk(1, own=100))
    assert (corpus.own_train, corpus.own_held_out) == (90, 10)
    assert len(corpus.train) == len(corpus.held_out) == 1
    whole = "\n".join(session.text for session in (*corpus.train, *corpus.held_out))
    assert whole == build(a_talk(1, own=100), share=0.0).train[0].text


def test_a_short_session_at_the_border_is_not_torn_apart() -> None:
    corpus = build(a_talk(9, own=9))
    assert (corpus.own_train, corpus.own_held_out) == (72, 9)


def test_nothing_is_held_out_where_nothing_was_asked_for() -> None:
    corpus = build(a_talk(20), share=0.0)
    assert corpus.held_out == ()
    assert corpus.own_train == 100


def test_too_little_says_how_much_there_is_and_how_much_it_takes() -> None:
    with pytest.raises(CorpusError, match=rf"bort has 9 lines .* needs {MIN_OWN_LINES}"):
        build(a_talk(2))
    with pytest.raises(CorpusError, match="bort has 0 lines"):
        build([])


def test_a_share_that_leaves_nothing_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="held_out_share"):
        build(a_talk(20), share=1.0)


def test_the_digest_is_that_of_the_text() -> None:
    corpus = build(a_talk(20), share=0.0)
    text = "\n\n".join(session.text for session in corpus.train) + "\n\n\n"
    assert corpus.digest() == hashlib.sha256(text.encode()).hexdigest()
    assert corpus.digest() == build(list(reversed(a_talk(20))), share=0.0).digest()
    assert corpus.digest() != build(a_talk(21), share=0.0).digest()
    assert corpus.digest() != build(a_talk(20), share=0.1).digest()


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=15).filter(lambda own: sum(own) >= 120),
    st.floats(0.0, 0.5),
)
def test_the_held_out_part_is_about_as_big_as_asked(own: list[int], share: float) -> None:
    messages = [
        message
        for number, lines in enumerate(own)
        for message in a_talk(1, own=lines, start=number * HOUR)
    ]
    corpus = build(messages, share)
    wanted = round(sum(own) * share)
    assert corpus.own_train + corpus.own_held_out == sum(own)
    assert wanted / 2 <= corpus.own_held_out <= 2 * wanted
