import asyncio
import io
import os
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TextIO

import pytest
from builders import a_message, an_author
from fakes import FakeControls

from botconvo.conversation import events as ev
from botconvo.conversation.events import (
    Candidate,
    Event,
    Heard,
    Opened,
    Pause,
    Resume,
    SetSpeed,
    SetTemperature,
    Steer,
    Step,
)
from botconvo.conversation.orders import PromptSource, React, Say, Trace
from botconvo.errors import PlatformError
from botconvo.messages import ChannelId, Message, MessageId
from botconvo.personas import PersonaName
from botconvo.platforms.console import CHANNEL, ConsolePlatform, terminal_lines
from botconvo.ports import (
    Answer,
    Lines,
    Query,
    Removed,
    ShownDraft,
    ShownMessage,
    ShownState,
    Status,
    Who,
)

JUNO, MAREK = PersonaName("Juno"), PersonaName("Marek")
ESCAPES = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e"


class Keyboard:
    """A real standard input: a pipe, and the end that a person types into."""

    def __init__(self) -> None:
        read, self._write = os.pipe()
        self.stdin = os.fdopen(read, encoding="utf-8")

    def type(self, *lines: str) -> None:
        self.press("".join(f"{line}\n" for line in lines).encode())

    def press(self, data: bytes) -> None:
        os.write(self._write, data)

    def end(self) -> None:
        """Ctrl-D."""
        if self._write >= 0:
            os.close(self._write)
            self._write = -1

    def close(self) -> None:
        self.end()
        for thread in readers():
            thread.join(10)
        self.stdin.close()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "console input"]


@pytest.fixture
def keyboard() -> Iterator[Keyboard]:
    keyboard = Keyboard()
    yield keyboard
    keyboard.close()


@asynccontextmanager
async def a_console(
    keyboard: Keyboard | None = None, out: TextIO | None = None, **options: Any
) -> AsyncIterator[tuple[ConsolePlatform, TextIO, AsyncIterator[tuple[ChannelId, Event]]]]:
    """An open console whose ``Opened`` has been taken; without colours unless asked."""
    out = out or io.StringIO()
    lines = terminal_lines(keyboard.stdin) if keyboard else ()
    options = {"colour": "never", "now": lambda: datetime(2025, 1, 1, tzinfo=UTC), **options}
    async with asyncio.timeout(20):
        async with ConsolePlatform(out=out, lines=lines, **options) as console:
            events = console.events()
            assert await anext(events) == (CHANNEL, Opened())
            yield console, out, events


def printed(out: TextIO) -> str:
    assert isinstance(out, io.StringIO)
    return out.getvalue()


async def say(console: ConsolePlatform, text: str, *, by: PersonaName = JUNO) -> Message:
    act = Say(text=text)
    message = await console.post(CHANNEL, by, act, f"{by}/{text}")
    assert message is not None
    return message


async def hear(events: AsyncIterator[tuple[ChannelId, Event]]) -> Message:
    channel, event = await anext(events)
    assert channel == CHANNEL
    assert isinstance(event, Heard)
    return event.message


def a_trace() -> Trace:
    return Trace(
        source=PromptSource.PERSON,
        target=None,
        prompt="You: dumplings?\nJuno:",
        phrase="the dumplings",
        candidates=(
            Candidate(completion=" yes", line=None, verdict="ok", score=1.5),
            Candidate(completion=" yes yes", line=None, verdict="repeated"),
        ),
        chosen=0,
        reason="a person asked",
        latency_ms=412.4,
        seed=7,
    )


async def test_a_clone_is_printed_with_name_badge_and_words() -> None:
    async with a_console() as (console, out, _):
        message = await say(console, "the 14 tram again")
    assert printed(out) == "Juno  BOT  the 14 tram again\n"
    assert (message.author.kind, message.author.name) == ("clone", "Juno")
    assert message.id.startswith(f"{CHANNEL}/")


async def test_every_persona_has_one_colour_of_its_own() -> None:
    cast = [JUNO, MAREK, PersonaName("Tilly"), PersonaName("Dex")]
    colours = []
    for names in (cast, cast[::-1]):
        async with a_console(colour="always", personas=cast) as (console, out, _):
            for name in names:
                await say(console, "hi", by=name)
        found = re.findall(r"\x1b\[1;(\d+)m(\w+)", printed(out))
        colours.append({name: colour for colour, name in found})
    assert colours[0] == colours[1]
    assert len(set(colours[0].values())) == len(cast)


async def test_no_words_or_names_reach_the_terminal_as_escapes() -> None:
    async with a_console(out=Terminal()) as (console, out, _):
        target = await say(console, f"a{ESCAPES}b", by=PersonaName(f"Ju{ESCAPES}no"))
        await console.post(CHANNEL, MAREK, React(emoji=f"😂{ESCAPES}", message=target.id), "2")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", printed(out))
    assert "a[2J]0;title31mb" in printed(out)


async def test_words_are_no_markup() -> None:
    async with a_console() as (console, out, _):
        await say(console, "[bold red]x[/] :smile: [link=http://a]b")
    assert "[bold red]x[/] :smile: [link=http://a]b" in printed(out)


async def test_a_second_line_cannot_pass_for_another_speaker() -> None:
    async with a_console() as (console, out, _):
        await say(console, "hm\nMarek  BOT  I agree\r\nMarek  BOT  fully")
    assert [line[:5] for line in printed(out).splitlines()] == ["Juno ", "    M", "    M"]


async def test_replies_and_reactions_name_their_target() -> None:
    async with a_console() as (console, out, _):
        target = await say(console, "who moved my starter")
        act = Say(text="I did", reply_to=target.id)
        reply = await console.post(CHANNEL, MAREK, act, "2")
        nothing = await console.post(CHANNEL, MAREK, React(emoji="🍞", message=target.id), "3")
    assert reply is not None
    assert reply.reply_to == target.id
    assert nothing is None
    assert printed(out).splitlines()[1:] == [
        "Marek  BOT  → Juno  I did",
        "  Marek reacted 🍞 to Juno: who moved my starter",
    ]


async def test_a_reaction_to_an_unknown_message_is_still_shown() -> None:
    async with a_console() as (console, out, _):
        await console.post(CHANNEL, JUNO, React(emoji="🍞", message=MessageId("x")), "1")
    assert printed(out) == "  Juno reacted 🍞\n"


async def test_the_same_nonce_is_printed_once() -> None:
    async with a_console() as (console, out, _):
        first = await console.post(CHANNEL, JUNO, Say(text="hi"), "run/1")
        again = await console.post(CHANNEL, JUNO, Say(text="hi"), "run/1")
    assert again == first
    assert printed(out).count("hi") == 1


async def test_what_cannot_be_posted_is_an_error_and_prints_nothing() -> None:
    async with a_console() as (console, out, _):
        with pytest.raises(PlatformError, match="no channel web:general"):
            await console.post(ChannelId("web:general"), JUNO, Say(text="hi"), "1")
        with pytest.raises(PlatformError, match="2001 characters"):
            await console.post(CHANNEL, JUNO, Say(text="x" * 2001), "2")
    assert printed(out) == ""


async def test_a_typed_line_is_heard(keyboard: Keyboard) -> None:
    async with a_console(keyboard) as (_, out, events):
        keyboard.type("has anyone tried the wall?", "", "   ", "second")
        message = await hear(events)
        assert message.text == "has anyone tried the wall?"
        assert (message.author.name, message.author.kind) == ("You", "person")
        assert (await hear(events)).text == "second"
    assert printed(out) == ""


async def test_a_typed_line_is_printed_where_nobody_saw_it(keyboard: Keyboard) -> None:
    async with a_console(keyboard, echo=True) as (_, out, events):
        keyboard.type("hello")
        await hear(events)
    assert printed(out) == "You  hello\n"


async def test_a_line_may_come_in_pieces_and_with_escapes(keyboard: Keyboard) -> None:
    async with a_console(keyboard) as (_, _, events):
        whole = "café 🧗\x1b[2J\r\n".encode()
        keyboard.press(whole[:5])
        keyboard.press(whole[5:8])
        keyboard.press(whole[8:])
        assert (await hear(events)).text == "café 🧗[2J"


async def test_too_long_a_line_is_not_sent(keyboard: Keyboard) -> None:
    async with a_console(keyboard) as (_, out, events):
        keyboard.type("x" * 2001, "short")
        assert (await hear(events)).text == "short"
    assert printed(out) == "· not sent: 2001 characters; at most 2000\n"


@pytest.mark.parametrize(
    ("typed", "steer"),
    [
        ("/pause", Pause()),
        ("/RESUME", Resume()),
        ("/step", Step()),
        ("/speed 2.5", SetSpeed(factor=2.5)),
        ("/temperature 0.7", SetTemperature(value=0.7)),
        ("/temperature", SetTemperature(value=None)),
    ],
)
async def test_commands_pull_the_reins(keyboard: Keyboard, typed: str, steer: Steer) -> None:
    controls = FakeControls(CHANNEL)
    async with a_console(keyboard, controls=controls) as (_, out, events):
        keyboard.type(typed, "next")
        await hear(events)
    assert [(each.steer, each.by) for each in controls.steered] == [(steer, "the console")]
    assert printed(out) == f"· {type(steer).__name__} done.\n"


LINE = a_message("yes", author=an_author("Juno", kind="clone"), channel=CHANNEL)


@pytest.mark.parametrize(
    ("typed", "steer"),
    [
        ("/mute juno", ev.Mute(persona=JUNO)),
        ("/unmute Juno", ev.Unmute(persona=JUNO)),
        ("/reset", ev.Reset()),
        ("/delete", ev.Delete(message=LINE.id)),
        ("/star", ev.Star(message=LINE.id)),
        ("/allow 3", ev.Allow(number=3)),
        ("/approve", ev.Approve(order=ev.OrderId("x"))),
        ("/reject", ev.Reject(order=ev.OrderId("x"))),
        ("/ask marek", ev.AskPersona(persona=MAREK)),
    ],
)
async def test_people_and_lines_are_named_as_the_talk_knows_them(
    keyboard: Keyboard, typed: str, steer: Steer | ev.Ruling
) -> None:
    controls = FakeControls(CHANNEL, personas=[(JUNO, "ready"), (MAREK, "ready")])
    draft = ShownDraft(order=ev.OrderId("x"), persona=JUNO, text=f"soup{ESCAPES}")
    async with a_console(keyboard, controls=controls) as (console, out, events):
        await console.show_typing(CHANNEL, JUNO)
        await controls.has_watchers(CHANNEL, 1)
        controls.show(CHANNEL, replace(controls.state(CHANNEL), draft=draft))
        controls.show(CHANNEL, ShownMessage(message=LINE, trace=a_trace()))
        while "/approve" not in printed(out):
            await asyncio.sleep(0)
        keyboard.type(typed, "next")
        await hear(events)
    assert [each.steer for each in controls.steered] == [steer]
    assert "\x1b" not in printed(out)


async def test_a_question_to_one_of_them_and_a_topic_are_the_owners_words(
    keyboard: Keyboard,
) -> None:
    controls = FakeControls(CHANNEL, personas=[(JUNO, "ready"), (MAREK, "ready")])
    async with a_console(keyboard, controls=controls) as (console, _, events):
        await console.show_typing(CHANNEL, JUNO)
        await controls.has_watchers(CHANNEL, 1)
        await asyncio.sleep(0)
        keyboard.type("/ask juno  who moved it", "/topic the soup war", "next")
        await hear(events)
    ask, topic = (each.steer for each in controls.steered)
    assert isinstance(ask, ev.AskPersona)
    assert ask.message is not None
    assert (ask.persona, ask.message.text) == (JUNO, "who moved it")
    assert isinstance(topic, ev.SetTopic)
    assert (topic.message.text, topic.message.author.name) == ("the soup war", "You")


@pytest.mark.parametrize(
    ("typed", "query"),
    [
        ("/who", Who()),
        ("/status", Status()),
        ("/favourites", Lines(kind="favourite")),
        ("/saved", Lines(kind="saved")),
        ("/removed", Removed(everywhere=True)),
    ],
)
async def test_questions_are_answered_line_by_line(
    keyboard: Keyboard, typed: str, query: Query
) -> None:
    controls = FakeControls(CHANNEL)
    controls.answers[type(query)] = Answer(text="one\ntwo")
    async with a_console(keyboard, controls=controls) as (_, out, events):
        keyboard.type(typed, "next")
        await hear(events)
    assert controls.queries == [query]
    assert printed(out) == "· one\n· two\n"


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("/spede 2", "there is no command /spede; /help lists them"),
        ("/speed fast", "/speed takes a number, such as /speed 1.5"),
        ("/speed", "/speed takes a number, such as /speed 1.5"),
        ("/speed nan", "/speed takes a number, such as /speed 1.5"),
        ("/temperature -1", "/temperature takes a number, such as /temperature 1.5"),
        ("/why", "nothing to explain yet"),
        ("/mute", "/mute takes a name: there is nobody yet"),
        ("/ask", "/ask takes a name: there is nobody yet"),
        ("/topic", "/topic takes a few words, such as /topic the soup war"),
        ("/allow it", "/allow takes a number of the list that /removed shows"),
        ("/delete", "nothing was said yet"),
        ("/star", "nothing was said yet"),
        ("/approve", "no line waits for approval"),
    ],
)
async def test_a_wrong_command_is_answered_in_one_line(
    keyboard: Keyboard, typed: str, answer: str
) -> None:
    controls = FakeControls(CHANNEL)
    async with a_console(keyboard, controls=controls) as (_, out, events):
        keyboard.type(typed, "next")
        await hear(events)
    assert printed(out) == f"· {answer}\n"
    assert controls.steered == []


async def test_before_the_talk_has_begun_the_reins_say_so(keyboard: Keyboard) -> None:
    async with a_console(keyboard) as (console, out, events):
        keyboard.type("/pause", "next")
        await hear(events)
        assert "has not begun" in printed(out)
        console.attach(controls := FakeControls(CHANNEL))
        keyboard.type("/pause", "next")
        await hear(events)
    assert len(controls.steered) == 1


async def test_help_lists_every_command(keyboard: Keyboard) -> None:
    async with a_console(keyboard) as (_, out, events):
        keyboard.type("/help", "next")
        await hear(events)
    for word in ("pause", "resume", "step", "speed", "temperature", "why", "quit"):
        assert f"/{word}" in printed(out)


async def test_why_explains_the_last_message(keyboard: Keyboard) -> None:
    controls = FakeControls(CHANNEL)
    async with a_console(keyboard, controls=controls) as (console, out, events):
        await console.show_typing(CHANNEL, JUNO)
        message = a_message("yes", author=an_author("Juno", kind="clone"), channel=CHANNEL)
        controls.show(CHANNEL, ShownMessage(message=message, trace=a_trace()))
        controls.show(CHANNEL, ShownMessage(message=a_message("hm", channel=CHANNEL), trace=None))
        await controls.has_watchers(CHANNEL, 1)
        keyboard.type("/why", "next")
        await hear(events)
    for part in (
        "Juno: yes",
        "a person asked",
        "taken up: person, phrase 'the dumplings'",
        "→ [ok 1.50] yes",
        "  [repeated] yes yes",
        "412 ms, seed 7",
        "    You: dumplings?",
    ):
        assert part in printed(out)


async def test_quit_ends_the_events_and_the_run(keyboard: Keyboard) -> None:
    ended: list[str] = []
    async with a_console(keyboard, quit=lambda: ended.append("run")) as (_, _, events):
        keyboard.type("bye", "/quit")
        assert (await hear(events)).text == "bye"
        assert [event async for event in events] == []
    assert ended == ["run"]


async def test_the_end_of_the_input_is_not_the_end_of_the_run(keyboard: Keyboard) -> None:
    async with a_console(keyboard) as (console, out, events):
        keyboard.press(b"last words")
        keyboard.end()
        assert (await hear(events)).text == "last words"
        following = asyncio.ensure_future(anext(events))
        for thread in readers():
            await asyncio.to_thread(thread.join)
        await say(console, "still here")
        assert not following.done()
        following.cancel()
    assert "still here" in printed(out)


async def test_quiet_prints_nothing_at_all(keyboard: Keyboard) -> None:
    controls = FakeControls(CHANNEL, personas=[(JUNO, "starting")])
    async with a_console(keyboard, Terminal(), quiet=True, echo=True, controls=controls) as (
        console,
        out,
        events,
    ):
        await console.show_typing(CHANNEL, JUNO)
        message = await say(console, "hi")
        await console.post(CHANNEL, MAREK, React(emoji="🍞", message=message.id), "2")
        keyboard.type("/help", "/pause", "/nonsense", "next")
        assert (await hear(events)).text == "next"
        assert controls.steered
    assert printed(out) == ""


async def test_typing_is_shown_on_a_terminal_until_the_next_line() -> None:
    async with a_console(out=Terminal()) as (console, out, _):
        await console.show_typing(CHANNEL, JUNO)
        assert printed(out) == "Juno is typing…"
        await say(console, "hi")
    assert printed(out).endswith("\r\x1b[2KJuno  BOT  hi\n")


async def test_typing_is_not_written_into_a_file() -> None:
    async with a_console() as (console, out, _):
        await console.show_typing(CHANNEL, JUNO)
        await say(console, "hi")
    assert printed(out) == "Juno  BOT  hi\n"


async def test_who_is_ready_and_what_is_wrong_is_left_to_the_log(keyboard: Keyboard) -> None:
    controls = FakeControls(CHANNEL, personas=[(JUNO, "starting"), (MAREK, "ready")])
    async with a_console(keyboard, controls=controls) as (console, out, events):
        await console.show_typing(CHANNEL, JUNO)
        await controls.has_watchers(CHANNEL, 1)
        draft = ShownDraft(order=ev.OrderId("x"), persona=JUNO, text="hi")
        state = ShownState(
            paused=False,
            speed=1.0,
            temperature=None,
            personas=((JUNO, "ready"), (MAREK, "backing off")),
            note="Marek's server stopped",
            draft=draft,
        )
        controls.show(CHANNEL, state, state)
        keyboard.type("next")
        await hear(events)
    assert printed(out).splitlines() == ["· Juno waits for /approve or /reject: hi"]


async def test_a_stream_that_knows_no_emoji_gets_a_mark() -> None:
    data = io.BytesIO()
    out = io.TextIOWrapper(data, encoding="cp1252")
    async with a_console(out=out) as (console, _, _):
        await say(console, "café 🧗")
    assert data.getvalue().decode("cp1252").split() == ["Juno", "BOT", "café", "?"]


def test_a_process_ends_at_once_although_nobody_typed() -> None:
    program = """
        import asyncio
        from botconvo.conversation.orders import Say
        from botconvo.platforms.console import CHANNEL, ConsolePlatform

        async def main():
            async with ConsolePlatform() as console:
                await console.post(CHANNEL, "Juno", Say(text="goodbye"), "1")

        asyncio.run(main())
    """
    process = subprocess.Popen(
        [sys.executable, "-X", "utf8", "-c", textwrap.dedent(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    with process:
        assert process.wait(30) == 0
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read().split() == ["Juno", "BOT", "goodbye"]
        assert process.stderr.read() == ""
