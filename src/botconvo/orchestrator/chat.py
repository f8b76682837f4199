"""The loop of a chat in the terminal: reads a line, does what the conversation decides, again.

It decides nothing: ``conversation.chat`` and ``conversation.drafting`` do.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import assert_never

from botconvo.conversation.chat import (
    Answer,
    Chat,
    Deed,
    Leave,
    Offer,
    Save,
    Spoken,
    Tell,
    cast_for,
    heard,
    role,
    saved,
    spelled,
)
from botconvo.conversation.drafting import Drafting, answered
from botconvo.conversation.orders import React
from botconvo.errors import ConfigError, OutputError, VoiceError
from botconvo.messages import Message
from botconvo.orchestrator.playing import Playing, Server, draft, serving
from botconvo.platforms.keyboard import typed
from botconvo.platforms.local import MAX_CHARACTERS, visible, visible_name
from botconvo.platforms.screen import Screen
from botconvo.transcript.grammar import Command
from botconvo.writing import write_whole

__all__ = ["Seat", "chat"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """How the person takes part.

    ``you`` is whom they play (None: they are asked), ``everybody`` lets the model play all others
    and not the clone alone, ``echo`` prints what was typed, for an input that nobody sees.
    """

    you: str | None
    everybody: bool
    suggestions: int
    echo: bool


async def chat(
    playing: Playing,
    seat: Seat,
    screen: Screen,
    lines: Iterable[str],
    stopping: asyncio.Event,
) -> None:
    """Until ``/exit``, the end of ``lines``, or ``stopping`` is set.

    Raises:
        BotConvoError: something that a person has to mend.
    """
    async with serving(playing) as server:
        talking = asyncio.create_task(_Chatting(playing, seat, screen, server).run(lines))
        stopped = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({talking, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if talking.done():
                talking.result()
            else:
                screen.new_line()
        finally:
            for task in (talking, stopped):
                task.cancel()
            await asyncio.gather(talking, stopped, return_exceptions=True)
            screen.clear_typing()


class _Chatting:
    """One chat, its screen and its files."""

    def __init__(self, playing: Playing, seat: Seat, screen: Screen, server: Server) -> None:
        self._playing, self._seat, self._screen, self._server = playing, seat, screen, server
        self._saved: set[Path] = set()

    async def run(self, lines: Iterable[str]) -> None:
        async with aclosing(typed(lines)) as typing:
            chat = await self._seated(typing)
            if chat is None:
                return
            self._screen.notice(_greeting(chat))
            while (line := await self._next(typing, _prompt(chat))) is not None:
                chat, deed = self._hear(chat, line)
                if isinstance(deed, Answer):
                    chat, deed = await self._answer(chat)
                if isinstance(deed, Leave):
                    return
                self._do(chat, deed)

    async def _seated(self, typing: AsyncIterator[str]) -> Chat | None:
        """The chat at its beginning; None where the input has ended before."""
        you, lead, company = self._seat.you, self._playing.member.persona, self._playing.company
        known = [persona.name for persona in (lead, *company)]
        if you is None:
            roles = "  ".join(f"{number} {name}" for number, name in enumerate(known, 1))
            self._screen.notice(f"Whom do you play? {roles}, or type a name of your own")
        while you is None:
            line = await self._next(typing, "Name (Enter: You):")
            if line is None:
                return None
            you = role(visible_name(line) if line.strip() else "You", known)
            if you is None:
                self._screen.notice(f"choose from 1 to {len(known)}, or type a name")
        you = spelled(you, known)
        cast = cast_for(you, lead, company, everybody=self._seat.everybody)
        if not cast:
            raise ConfigError(
                f"nobody is left to talk with: you play {you}, and no one else is known to have "
                "agreed; play somebody else with --as NAME"
            )
        silence = timedelta(seconds=self._playing.member.prompt_format.init_after_s)
        return Chat(you=you, cast=cast, init_after=silence)

    async def _next(self, typing: AsyncIterator[str], prompt: str) -> str | None:
        self._screen.prompt(prompt)
        line = await anext(typing, None)
        if line is None:
            self._screen.new_line()
        return line

    def _hear(self, chat: Chat, line: str) -> tuple[Chat, Deed]:
        text = visible(line.rstrip("\r\n"))
        if len(text) > MAX_CHARACTERS:
            return chat, Tell(text=f"not said: {len(text)} characters; at most {MAX_CHARACTERS}")
        before = len(chat.messages)
        chat, deed = heard(chat, text, _now())
        if self._seat.echo and isinstance(deed, Answer):
            for message in chat.messages[before:]:
                self._screen.message(message)
        return chat, deed

    async def _answer(self, chat: Chat) -> tuple[Chat, Deed]:
        drafting = Drafting(
            chat=chat,
            manners=self._playing.manners,
            seed=self._playing.seed,
            wanted=self._seat.suggestions,
            names_speakers=self._playing.names_speakers,
        )
        speaker = drafting.speaker()
        self._screen.typing("Somebody" if speaker is None else speaker.name)
        try:
            await self._server.until_ready(patient=True)
            drafting = await draft(self._playing, drafting, self._server.address)
        except VoiceError as error:
            if not error.retryable:
                raise
            return chat, Tell(text=f"{error}; an empty line tries again")
        return answered(drafting, _now())

    def _do(self, chat: Chat, deed: Deed) -> None:
        match deed:
            case Spoken():
                self._speak(chat, deed)
            case Offer(lines=lines):
                for number, line in enumerate(lines, 1):
                    reacts = "reacts " if line.command is Command.REACT else ""
                    self._screen.suggestion(number, line.name, f"{reacts}{line.argument}")
            case Tell(text=text):
                self._screen.notice(text)
            case Save(path=path):
                self._screen.notice(self._save(chat, path))
            case Answer() | Leave():
                pass  # done by the loop
            case _:
                assert_never(deed)

    def _speak(self, chat: Chat, spoken: Spoken) -> None:
        known: dict[str, Message] = {message.id: message for message in chat.messages}
        if isinstance(spoken.act, React):
            self._screen.reaction(spoken.name, spoken.act.emoji, known.get(spoken.act.message))
        elif spoken.message is not None:
            replied = spoken.message.reply_to
            self._screen.message(spoken.message, known.get(replied) if replied else None)

    def _save(self, chat: Chat, name: str) -> str:
        """Write it, and say so, or why not."""
        try:
            path = Path(name).expanduser().absolute()
            write_whole(path, saved(chat), force=path in self._saved, advice="take another name")
        except (OutputError, RuntimeError) as error:  # "~nobody"
            return str(error)
        self._saved.add(path)
        self._playing.keep_in_mind(path)
        return f"{path}: {len(chat.messages)} messages"


def _greeting(chat: Chat) -> str:
    *names, last = (persona.name for persona in chat.cast)
    clones = f"{', '.join(names)} and {last} are clones" if names else f"{last} is a clone"
    return f"You play {chat.you}. {clones}. /help lists what you can do."


def _prompt(chat: Chat) -> str:
    return f"{chat.you} (1-{len(chat.offered)} takes one):" if chat.offered else f"{chat.you}:"


def _now() -> datetime:
    return datetime.now(UTC)
