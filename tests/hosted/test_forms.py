"""What a service is trained on is what it will be asked with."""

import json
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from botconvo.corpus import Session
from botconvo.hosted.forms import FORMS, count_tokens, examples, print_jsonl, prompt
from botconvo.transcript.grammar import Command, Line, parse_line

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WORDS = st.text(min_size=1, max_size=12).map(str.strip).filter(bool)


def talk(*rows: str) -> Session:
    lines = tuple(line for row in rows if (line := parse_line(row)) is not None)
    assert len(lines) == len(rows)
    return Session(lines=lines, started=NOON)


@st.composite
def sessions(draw: st.DrawFn) -> Session:
    said = st.builds(Line, name=st.sampled_from(["Bort", "Juno", "Dex"]), argument=WORDS)
    acts = st.builds(
        Line, name=st.sampled_from(["Bort", "Juno"]), argument=WORDS, command=st.just(Command.REACT)
    )
    first = Line(name=draw(st.sampled_from(["Bort", "Juno"])), command=Command.INIT)
    rest = draw(st.lists(said | acts, max_size=60))
    end = draw(st.lists(st.just(Line(name="Dex", command=Command.INIT)), max_size=1))
    return Session(lines=(first, *rest, *end), started=NOON)


def test_a_chat_has_the_friend_as_assistant_and_everybody_else_by_name() -> None:
    session = talk(
        "Juno: INIT;",
        "Juno: anyone up?",
        "Dex: no",
        "Bort: me",
        "Bort: REACT: 😂;",
        "Juno: REPLY: lies;",
        "Bort: REPLY: never;",
        "Dex: bye",
        "Dex: INIT;",
    )
    (row,) = examples("chat", "Bort", [session])
    system, *messages = row["messages"]
    assert system["role"] == "system"
    assert "Bort" in system["content"]
    assert messages == [
        {"role": "user", "content": "Juno: INIT;\nJuno: anyone up?\nDex: no"},
        {"role": "assistant", "content": "me\nREACT: 😂;"},
        {"role": "user", "content": "Juno: REPLY: lies;"},
        {"role": "assistant", "content": "REPLY: never;"},
    ]


def test_nobody_learns_to_say_that_a_talk_begins() -> None:
    session = talk("Bort: INIT;", "Bort: hello", "Juno: hi", "Bort: INIT;")
    (row,) = examples("chat", "Bort", [session])
    assert [m["role"] for m in row["messages"]] == ["system", "user", "assistant"]
    (only,) = examples("completions", "Bort", [session])
    assert only == {"prompt": "Bort: INIT;\nBort:", "completion": " hello\n"}


def test_the_window_is_eight_lines_and_the_ninth_whoever_says_it() -> None:
    first = talk("Juno: INIT;", *(f"Juno: line {n}" for n in range(1, 6)), "Bort: INIT;")
    second = talk("Bort: INIT;", "Bort: six", "Juno: seven", "Bort: eight")
    rows = examples("window", "Bort", [first, second])
    assert [row["completion"] for row in rows] == [" Juno: seven\n", " Bort: eight\n"]
    assert rows[0]["prompt"] == (
        "Juno: INIT;\nJuno: line 1\nJuno: line 2\nJuno: line 3\nJuno: line 4\nJuno: line 5\n"
        "Bort: INIT;\nBort: six\n\n"
    )


@settings(max_examples=30)
@given(st.lists(sessions(), max_size=3))
def test_a_line_is_learned_with_the_prompt_that_a_live_talk_gives(given: list[Session]) -> None:
    """Every own line is learned once, and what precedes it is what the clone will be asked with."""
    own = [
        (session.lines[:place], line)
        for session in given
        for place, line in enumerate(session.lines)
        if line.name == "Bort" and line.command is not Command.INIT
    ]
    rows = examples("completions", "Bort", given)
    assert [row["prompt"] for row in rows] == [
        prompt("completions", "Bort", b).text for b, _ in own
    ]
    assert [parse_line(f"Bort:{row['completion']}") for row in rows] == [line for _, line in own]
    chats = [row["messages"] for row in examples("chat", "Bort", given)]
    learned = [
        parse_line(f"Bort: {row}")
        for messages in chats
        for message in messages
        if message["role"] == "assistant"
        for row in message["content"].split("\n")
    ]
    assert learned == [line for _, line in own]
    for messages in chats:
        roles = [message["role"] for message in messages]
        assert roles[0] == "system"
        assert roles[-1] == "assistant"
        assert all(a != b for a, b in pairwise(roles))


@settings(max_examples=30)
@given(sessions())
def test_a_chat_of_one_piece_begins_as_the_live_prompt_for_its_last_lines(session: Session) -> None:
    lines = session.lines[:40]
    own = [p for p, x in enumerate(lines) if x.name == "Bort" and x.command is not Command.INIT]
    if not own:
        return
    first = own[-1]
    while first - 1 in own:
        first -= 1
    asked = prompt("chat", "Bort", lines[:first]).messages
    row = examples("chat", "Bort", [Session(lines=lines, started=NOON)])[0]
    assert tuple(row["messages"][:-1]) == asked


@settings(max_examples=30)
@given(sessions())
def test_the_window_is_asked_with_the_rows_that_it_learned(session: Session) -> None:
    for row in examples("window", "Bort", [session]):
        before = [parse_line(text) for text in row["prompt"].removesuffix("\n\n").split("\n")]
        known = [line for line in before if line is not None]
        assert len(known) == 8
        asked = prompt("window", "Bort", known).text
        assert asked == row["prompt"] + " Bort:"


@settings(max_examples=30)
@given(st.lists(sessions(), max_size=2), st.sampled_from(FORMS))
def test_a_file_has_one_row_a_line_and_some_tokens(given: list[Session], form: str) -> None:
    rows = examples(form, "Bort", given)  # type: ignore[arg-type]
    text = print_jsonl(rows)
    assert [json.loads(row) for row in text.split("\n")[:-1]] == list(rows)
    assert (count_tokens(rows) > 0) == bool(rows)
