"""Single lines and whole conversations that nobody plays in, given out as they are written.

A conversation is a chat in which nobody types anything.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

from botconvo.conversation.chat import Chat, Spoken, gone_on
from botconvo.conversation.drafting import Drafting, answered
from botconvo.conversation.events import Candidate
from botconvo.conversation.orders import React
from botconvo.orchestrator.playing import Playing, Server, draft, serving
from botconvo.transcript.grammar import Command, Line

__all__ = ["conversations", "single_lines"]


async def single_lines(
    playing: Playing,
    chat: Chat,
    *,
    n: int,
    opening: str,
    put: Callable[[Candidate, str], None],
) -> Drafting:
    """Up to ``n`` different lines that may follow ``chat``, each ``put`` with its prompt.

    Raises:
        BotConvoError: something that a person has to mend.
    """
    count = 0

    def progress(drafting: Drafting) -> None:
        nonlocal count
        for candidate in drafting.found[count:]:
            put(candidate, drafting.prompt)
        count = len(drafting.found)

    async with serving(playing) as server:
        await server.until_ready(patient=False)
        drafting = Drafting(
            chat=gone_on(chat),
            manners=playing.manners,
            seed=playing.seed,
            wanted=n,
            opening=opening,
        )
        return await draft(playing, drafting, server.address, progress)


async def conversations(
    playing: Playing,
    chat: Chat,
    *,
    n: int,
    lines: int,
    opening: str,
    put: Callable[[int, Line], None],
) -> Sequence[str]:
    """``n`` conversations that follow ``chat``, each line ``put`` with the conversation's number.

    One ends early where nothing fit to be said comes any more.  The result is whom the model let
    speak, and who may not.

    Raises:
        BotConvoError: something that a person has to mend.
    """
    strangers: dict[str, None] = {}
    async with serving(playing) as server:
        await server.until_ready(patient=False)
        for number in range(1, n + 1):
            seed = Random(f"{playing.seed}/{number}").getrandbits(32)
            now, one, words = chat, replace(playing, seed=seed), opening
            for _ in range(lines):
                now, line, others = await _next_line(one, now, words, server)
                strangers.update(dict.fromkeys(others))
                if line is None:
                    break
                put(number, line)
                words = ""
    return tuple(strangers)


async def _next_line(
    playing: Playing, chat: Chat, opening: str, server: Server
) -> tuple[Chat, Line | None, Sequence[str]]:
    drafting = Drafting(
        chat=gone_on(chat),
        manners=playing.manners,
        seed=playing.seed,
        opening=opening,
        names_speakers=playing.names_speakers,
    )
    drafting = await draft(playing, drafting, server.address)
    chat, deed = answered(drafting, datetime.now(UTC))
    return chat, _line(deed) if isinstance(deed, Spoken) else None, drafting.strangers


def _line(spoken: Spoken) -> Line:
    act = spoken.act
    if isinstance(act, React):
        return Line(name=spoken.name, command=Command.REACT, argument=act.emoji)
    command = Command.REPLY if act.reply_to is not None else None
    return Line(name=spoken.name, command=command, argument=act.text)
