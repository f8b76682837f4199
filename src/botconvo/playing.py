"""``chat`` and ``generate`` from the command line: the ledger, stdin and stdout, and the exit.

Nothing that is said in them is kept, unless ``/save`` asks for it.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import httpx

from botconvo.build import CONVERSING, PlayOptions, build_playing
from botconvo.config import Settings, load_settings
from botconvo.conversation.chat import Chat, cast_for, remembered
from botconvo.conversation.events import Candidate
from botconvo.errors import ConfigError, VoiceError
from botconvo.live import put_out, raised, stop_on_signals
from botconvo.orchestrator import chat as chat_loop
from botconvo.orchestrator.chat import Seat
from botconvo.orchestrator.generate import conversations, single_lines
from botconvo.orchestrator.playing import Playing
from botconvo.platforms.console import terminal_lines
from botconvo.platforms.local import visible, visible_name
from botconvo.platforms.screen import Screen
from botconvo.store import Store
from botconvo.transcript.grammar import Line, parse_line, print_line

__all__ = ["LONGEST_LINE", "Wish", "chat", "generate"]

logger = logging.getLogger(__name__)

LONGEST_LINE = 256
"""Tokens of a single line, as in FriendSimulator's mode for prompts."""
_SAMPLES = 2
"""Single lines where nobody says how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be generated: ``n`` single lines, or ``n`` conversations of ``lines`` lines.

    ``prompt`` are the words that the first line begins with, ``context`` printed lines before it.
    """

    n: int | None
    prompt: str
    context: Sequence[str]
    lines: int | None
    as_json: bool


def chat(
    config: Path | None,
    options: PlayOptions,
    *,
    you: str | None,
    everybody: bool,
    suggestions: int,
) -> None:
    """Chat in the terminal until ``/exit``, the end of the input, or Ctrl-C.

    Raises:
        BotConvoError, ModelServerError: something that a person has to mend.
    """
    settings = _settings(config)
    on_terminal = _is_terminal(sys.stdin)
    asked = None if on_terminal else "You"
    seat = Seat(
        you=asked if you is None else visible_name(you),
        everybody=everybody,
        suggestions=suggestions,
        echo=not on_terminal,
    )
    with _ledger(settings) as store, _quiet_start(), raised():
        asyncio.run(_chat(settings, options, seat, store))


async def _chat(settings: Settings, options: PlayOptions, seat: Seat, store: Store) -> None:
    stopping = asyncio.Event()
    async with httpx.AsyncClient(trust_env=False) as http:
        playing = build_playing(settings, options, store, http)
        if seat.everybody:
            _needs_speakers(playing, "--everybody")
        console = settings.platforms.console
        screen = Screen(
            sys.stdout,
            colour="auto" if console is None else console.colour,
            quiet=False,
            personas=[each.name for each in (playing.member.persona, *playing.company)],
        )
        with stop_on_signals(stopping):
            await chat_loop.chat(playing, seat, screen, terminal_lines(sys.stdin), stopping)


def generate(config: Path | None, options: PlayOptions, wish: Wish) -> None:
    """Print what a clone may write.

    Raises:
        BotConvoError, ModelServerError: something that a person has to mend.
    """
    settings = _settings(config)
    with _ledger(settings) as store, _quiet_start(), raised():
        asyncio.run(_generate(settings, options, wish, store))


async def _generate(settings: Settings, options: PlayOptions, wish: Wish, store: Store) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        playing = build_playing(settings, options, store, http)
        if wish.context:
            _needs_context(playing)
        if wish.lines:
            _needs_speakers(playing, "--lines")
        chat = _begun(playing, wish.context, everybody=wish.lines is not None)
        if options.seed is None:
            logger.info("seed %d (give it to --seed to get this again)", playing.seed)
        if wish.lines is None:
            await _single_lines(playing, chat, wish)
        else:
            await _conversations(playing, chat, wish, wish.lines)


async def _single_lines(playing: Playing, chat: Chat, wish: Wish) -> None:
    n = wish.n or _SAMPLES

    def put(candidate: Candidate, prompt: str) -> None:
        assert candidate.line is not None
        put_out(_single_json(candidate, prompt) if wish.as_json else _shown(candidate.line))

    opening = " ".join(visible(wish.prompt).split())
    drafting = await single_lines(playing, chat, n=n, opening=opening, put=put)
    if not drafting.found:
        raise VoiceError(
            f"{playing.member.persona.name}: nothing fit to be printed came; "
            "try another prompt or a higher temperature",
            retryable=False,
        )
    if len(drafting.found) < n:
        logger.warning("%d of %d: nothing new that is fit came any more", len(drafting.found), n)


async def _conversations(playing: Playing, chat: Chat, wish: Wish, lines: int) -> None:
    told: dict[int, int] = {}

    def put(number: int, line: Line) -> None:
        if not wish.as_json and told and number not in told:
            put_out("")
        told[number] = told.get(number, 0) + 1
        put_out(_line_json(number, line) if wish.as_json else print_line(line))

    strangers = await conversations(
        playing,
        chat,
        n=wish.n or 1,
        lines=lines,
        opening=" ".join(visible(wish.prompt).split()),
        put=put,
    )
    if strangers:
        names = ", ".join(visible_name(name) for name in strangers[:8])
        more = f" and {len(strangers) - 8} more" if len(strangers) > 8 else ""
        logger.info("left out: lines of %s%s, who are not known to have agreed", names, more)
    for number in range(1, (wish.n or 1) + 1):
        if told.get(number, 0) < lines:
            logger.warning(
                "conversation %d ended after %d lines: nothing fit came any more",
                number,
                told.get(number, 0),
            )


def _begun(playing: Playing, context: Sequence[str], *, everybody: bool) -> Chat:
    cast = cast_for(None, playing.member.persona, playing.company, everybody=everybody)
    chat = Chat(you=None, cast=cast)
    for row in context:
        line = parse_line(visible(row))
        if line is None or not line.says:
            raise ConfigError(f"--context {row!r}: it takes a line such as 'Juno: who is in?'")
        chat = remembered(chat, line, datetime.now(UTC))
    return chat


def _needs_context(playing: Playing) -> None:
    member = playing.member
    if member.prompt_format.kind == "plain":
        raise ConfigError(
            f"{member.persona.name}: was trained on single texts and "
            "hears nothing of what was said before; leave --context out"
        )


def _needs_speakers(playing: Playing, option: str) -> None:
    member = playing.member
    if member.prompt_format.kind not in CONVERSING:
        raise ConfigError(
            f"{member.persona.name}: was trained on texts without the names of those who speak, "
            f"and cannot speak as others; leave {option} out"
        )


def _shown(line: Line) -> str:
    """What is said, without the name; an act as the grammar has it."""
    return line.argument if line.command is None else print_line(line).partition(": ")[2]


def _single_json(candidate: Candidate, prompt: str) -> str:
    assert candidate.line is not None
    return _json(
        {
            "persona": candidate.line.name,
            "command": candidate.line.command,
            "text": candidate.line.argument,
            "prompt": prompt,
            "logprob": candidate.logprob,
            "cut": candidate.cut,
        }
    )


def _line_json(number: int, line: Line) -> str:
    return _json(
        {
            "conversation": number,
            "name": line.name,
            "command": line.command,
            "text": line.argument,
        }
    )


def _json(values: dict[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False)


def _settings(config: Path | None) -> Settings:
    """A checkpoint that is named by its path needs no config.toml."""
    named = config is not None
    return load_settings(config or Path("config.toml"), required=named)


@contextmanager
def _ledger(settings: Settings) -> Iterator[Store]:
    """The project's store; where there is none, nobody has agreed, and none is made."""
    path = settings.store
    there = path.exists()
    with Store.open(path if there else Path(":memory:")) as store:
        store.path = path  # errors name the place where consent would be looked for
        yield store


@contextmanager
def _quiet_start() -> Iterator[None]:
    """That a server is ready is news in a run, and noise between lines that somebody reads."""
    about_servers = logging.getLogger("botconvo.orchestrator.supervisor")
    if logger.getEffectiveLevel() <= logging.DEBUG:
        yield
        return
    about_servers.setLevel(logging.WARNING)
    try:
        yield
    finally:
        about_servers.setLevel(logging.NOTSET)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()
