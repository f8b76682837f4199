"""Windows hold the live prompt's very text, and every own line is learned once."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest
from builders import a_message, a_reaction
from fakes import FakeExtractor, FakeGenerator
from hypothesis import example, given, settings
from hypothesis import strategies as st

from botconvo.conversation.events import OrderId
from botconvo.conversation.history import History
from botconvo.conversation.orders import Ask, PromptSource
from botconvo.corpus import Session, split_into_sessions
from botconvo.messages import Message
from botconvo.people import People
from botconvo.personas import PersonaName, Sampling
from botconvo.safety.wordlist import WordListFilter
from botconvo.training.examples import (
    Window,
    batch_of,
    cut,
    encode_lines,
    pack,
    windows_of,
)
from botconvo.transcript.cleaning import clean_chat
from botconvo.transcript.grammar import Command, Line, print_line
from botconvo.voices import CloneVoice
from model_server.prompt_format import PromptFormat

FORM = PromptFormat(speaker="Bort")
TALK = [
    a_message("anyone up?", author="Fishvilla", id="1"),
    a_message("REACT: no\nline", author="Bort", minutes=1, id="2"),
    a_message(
        "look <@123> https://example.org 🥔",
        author="Fishvilla",
        minutes=2,
        id="3",
        attachments=["photo"],
        reactions=[a_reaction("💀", by="Bort")],
    ),
    a_message("it's  a potato\\o/", author="Bort", minutes=3, id="4", reply_to="3"),
]


def encode(text: str) -> Sequence[int]:
    """A token for every character: windows do not care what tokens are."""
    return [ord(character) for character in text]


def decode(tokens: Sequence[int]) -> str:
    return "".join(map(chr, tokens))


def session_of(messages: Sequence[Message]) -> Session:
    (session,) = split_into_sessions(messages, People(), clean_chat)
    return session


def windows(
    *sessions: Sequence[Line],
    block: int = 4000,
    overlap: int = 0,
    context_weight: float = 0.0,
    head_weight: float = 0.0,
) -> tuple[Window, ...]:
    return windows_of(
        sessions,
        FORM,
        encode,
        block=block,
        overlap=overlap,
        context_weight=context_weight,
        head_weight=head_weight,
    )


def learned(window: Window, weight: float = 1.0) -> str:
    """The text under a weight."""
    pairs = zip(window.tokens, window.weights, strict=True)
    return decode([token for token, its_weight in pairs if its_weight == weight])


async def live_prompt(messages: Sequence[Message]) -> str:
    """What the orchestrator would send to the model server as Bort's prompt."""
    history = History(People(), timedelta(seconds=FORM.init_after_s), messages)
    generator = FakeGenerator(" ok")
    voice = CloneVoice(FORM, generator, FakeExtractor(), WordListFilter([]))
    ask = Ask(
        id=OrderId("1"),
        persona=PersonaName("Bort"),
        source=PromptSource.CLONE,
        target=None,
        context=history.context(100),
        phrase_from=None,
        open_with_phrase=False,
        avoid=(),
        n=1,
        sampling=Sampling(),
        seed=0,
    )
    return (await voice.draft(ask)).prompt


@pytest.mark.parametrize(
    ("own", "said"), [(1, " \\REACT: no line\n"), (3, " REPLY: it's a potato\\\\o/;\n")]
)
async def test_training_text_is_the_live_prompt_and_its_completion_byte_for_byte(
    own: int, said: str
) -> None:
    (window,) = windows(session_of(TALK[: own + 1]).lines)
    # Live, nobody has reacted to what was not said yet.
    assert decode(window.tokens).encode() == (await live_prompt(TALK[:own]) + said).encode()


def test_the_speakers_words_and_acts_are_learned_and_nothing_else() -> None:
    (window,) = windows(session_of(TALK).lines)
    assert learned(window) == " \\REACT: no line\n REACT: 💀;\n REPLY: it's a potato\\\\o/;\n"
    assert set(window.weights) == {0.0, 1.0}


def test_the_others_words_count_as_much_as_asked_but_names_and_beginnings_never() -> None:
    (window,) = windows(session_of(TALK).lines, context_weight=0.25)
    assert learned(window, 0.25) == " anyone up?\n look 🥔\n"


def test_everybodys_name_is_learned_but_not_from_nothing() -> None:
    (window,) = windows(session_of(TALK).lines, head_weight=0.25)
    assert learned(window, 0.25) == "Fishvilla:Bort:Fishvilla:Fishvilla:Bort:Bort:"
    assert learned(window) == " \\REACT: no line\n REACT: 💀;\n REPLY: it's a potato\\\\o/;\n"


def test_heads_of_lines_that_are_repeated_as_context_are_not_learned_again() -> None:
    lines = [Line(name="Bort", argument=letter * 8) for letter in "abcdef"]
    first, second, third = windows(lines, block=45, overlap=16, head_weight=0.25)
    assert [learned(window, 0.25) for window in (first, second, third)] == [
        "Bort:" * 2,  # the first head of all follows nothing
        "Bort:" * 2,
        "Bort:",
    ]


def test_a_silence_behind_a_talk_is_learned_as_its_end_by_whoever_ends_it() -> None:
    later = [a_message("morning", author="Bort", minutes=600, id="5")]
    first, second = split_into_sessions([*TALK, *later], People(), clean_chat)
    (window,) = windows(first.lines)
    assert decode(window.tokens).endswith("o/;\nBort: INIT;\n")
    assert learned(window).endswith("o/;\n INIT;\n")
    (window,) = windows(second.lines)
    assert learned(window) == " morning\n"  # a beginning is given


def test_a_session_begins_with_init() -> None:
    (window,) = windows(session_of(TALK).lines)
    assert decode(window.tokens).startswith("Fishvilla: INIT;\nFishvilla: anyone up?\n")


def test_what_follows_the_last_own_line_is_left_out() -> None:
    lines = [Line(name="Bort", argument="hi"), Line(name="Fishvilla", argument="bye")]
    (window,) = windows(lines)
    assert decode(window.tokens) == "Bort: hi\n"


def test_a_stretch_with_nothing_to_learn_makes_no_window() -> None:
    assert windows([Line(name="Fishvilla", argument="bye")]) == ()


def test_a_line_longer_than_a_window_loses_its_end_alone() -> None:
    lines = [Line(name="Bort", argument="x" * 99), Line(name="Bort", argument="hi")]
    first, second = windows(lines, block=40, overlap=20)
    assert decode(first.tokens) == "Bort: " + "x" * 34
    assert decode(second.tokens) == "Bort: hi\n"


LONGEST = len("Fishvilla: REPLY: ") + 30 + len(";\n")
"""Tokens of the longest line below; a longer one than a window would lose its end."""
LINES = st.lists(
    st.builds(
        Line,
        name=st.sampled_from(["Bort", "Fishvilla", "Al"]),
        argument=st.text("ab ", min_size=1, max_size=30).filter(str.strip),
        command=st.sampled_from([None, None, None, Command.REPLY, Command.INIT]),
    ),
    max_size=40,
)


@given(LINES, st.integers(LONGEST, 120), st.integers(0, LONGEST))
@settings(deadline=None)
def test_every_own_line_is_a_target_exactly_once(
    lines: list[Line], block: int, overlap: int
) -> None:
    found = Counter("".join(map(learned, windows(lines, block=block, overlap=overlap))).split("\n"))
    del found[""]
    own = [
        print_line(line).removeprefix("Bort:")
        for place, line in enumerate(lines)
        if line.name == "Bort" and (place > 0 or line.command is not Command.INIT)
    ]
    assert found == Counter(own)


@given(LINES, st.integers(LONGEST, 120), st.integers(0, LONGEST))
@example([Line(name="Fishvilla", argument="a" * 30, command=Command.REPLY)], LONGEST, 0)
@settings(deadline=None)
def test_windows_are_whole_lines_that_fit_and_stand_in_the_session(
    lines: list[Line], block: int, overlap: int
) -> None:
    text = "".join(f"{print_line(line)}\n" for line in lines)
    for window in windows(lines, block=block, overlap=overlap, context_weight=0.5):
        stretch = decode(window.tokens)
        assert len(window.tokens) <= block
        assert stretch in text
        assert stretch.endswith("\n")
        assert text.startswith(stretch) or f"\n{stretch}" in text
        assert window.weights[0] == 0.0


def test_a_later_window_brings_context_along() -> None:
    lines = [Line(name="Bort", argument=letter * 8) for letter in "abcdef"]
    first, second, *_ = windows(lines, block=45, overlap=16)
    assert decode(first.tokens) == "".join(f"Bort: {letter * 8}\n" for letter in "abc")
    assert decode(second.tokens).startswith("Bort: cccccccc\nBort: dddd")
    assert learned(second).startswith(" dddddddd")


def test_cutting_needs_no_more_tokens_than_the_lines_have() -> None:
    lines = [Line(name="Bort", argument="hi")] * 10
    pieces = encode_lines(lines, FORM, encode)
    made = cut(pieces, block=30, overlap=0, context_weight=0.0)
    assert sum(len(window.tokens) for window in made) == sum(len(p.tokens) for p in pieces)


@given(st.lists(st.integers(1, 50), max_size=40))
@settings(deadline=None)
def test_packing_keeps_every_window_and_overfills_no_row(lengths: list[int]) -> None:
    made = [Window(tokens=(n,) * n, weights=(1.0,) * n) for n in lengths]
    rows = pack(made, 50)
    assert Counter(window for row in rows for window in row) == Counter(made)
    assert all(sum(len(window.tokens) for window in row) <= 50 for row in rows)
    # First fit: no two rows are half empty.
    assert sum(sum(len(window.tokens) for window in row) <= 25 for row in rows) <= 1


def test_a_batch_counts_positions_anew_for_every_window() -> None:
    long = Window(tokens=(7, 8, 9), weights=(0.0, 1.0, 1.0))
    short = Window(tokens=(5, 6), weights=(0.0, 0.5))
    batch = batch_of([(long, short), (short,)], pad=3)
    assert batch.tokens.tolist() == [[7, 8, 9, 5, 6], [5, 6, 3, 3, 3]]
    assert batch.positions.tolist() == [[0, 1, 2, 0, 1], [0, 1, 0, 1, 2]]
    assert batch.weights.tolist() == [[0.0, 1.0, 1.0, 0.0, 0.5], [0.0, 0.5, 0.0, 0.0, 0.0]]
