"""What a clone says in its friend's place: drawn from a real model server, as in a live talk.

The same voice, prompt format, sampling, filters and choice as there; only the lines before are the
real ones, and no reply is made to begin with a noun phrase.  What was drawn is kept in a file, so
that a run that was stopped goes on.
"""

import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import TextIO

import httpx
from pydantic import SecretStr

from botconvo.conversation.acts import judged
from botconvo.conversation.choice import RECENT, choose
from botconvo.conversation.events import OrderId
from botconvo.conversation.manners import Manners
from botconvo.conversation.orders import Ask, PromptSource
from botconvo.errors import OutputError
from botconvo.evaluation.drawn import Drawn
from botconvo.evaluation.evidence import Place
from botconvo.model_client import ModelClient
from botconvo.model_process import ModelProcess, ModelSpec
from botconvo.personas import PersonaName, Sampling
from botconvo.phrases import NoPhrases
from botconvo.ports import TextFilter
from botconvo.transcript.grammar import Command, Line, print_line
from botconvo.voices import CloneVoice, Voice
from model_server.prompt_format import PromptFormat

__all__ = ["Speaker", "Wanted", "draw", "reply_at", "speaking"]

_START_S = 120.0
_TRIES = 3
"""Asks at one place until something is fit to be said; its friend did say something there."""
_FEWEST = 60
"""Replies below which two heaps are not told apart well."""
_VERSION = 1
"""Of what is kept; a change of how replies are drawn makes older files worthless."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Who is asked: a server's spec, the format of its prompts, and lines before every context."""

    spec: ModelSpec
    form: PromptFormat
    sampling: Sampling
    before: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """``repeats`` replies at each of the ``places``, by these manners."""

    places: tuple[Place, ...]
    repeats: int
    manners: Manners
    seed: int
    step: int = 1
    """Only every ``step``-th of the places, which keep their numbers."""

    def every(self, step: int) -> "Wanted":
        """One reply at every ``step``-th place; at all of them where there are few."""
        return replace(self, repeats=1, step=step if len(self.places) // step >= _FEWEST else 1)

    @property
    def keys(self) -> list[tuple[int, int]]:
        """Place and repeat of every reply: each place once, then each place again."""
        places = range(0, len(self.places), self.step)
        return [(place, repeat) for repeat in range(self.repeats) for place in places]


async def draw(
    speaker: Speaker,
    wanted: Wanted,
    text_filter: TextFilter,
    *,
    kept: Path | None = None,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Drawn, ...]:
    """All of ``wanted``; ``kept`` is a folder for what was drawn, ``told`` hears done and total.

    Raises:
        VoiceError: the model server does not answer.
        OutputError: the folder cannot be written.
    """
    file = None if kept is None else kept / f"{_digest(speaker, wanted)}.jsonl"
    keys = wanted.keys
    there = {(each.place, each.repeat): each for each in _read(file)}
    drawn = {key: there[key] for key in keys if key in there}
    told(len(drawn), len(keys))
    missing = [key for key in keys if key not in drawn]
    if missing:
        with _appending(file) as stream:
            async for each in _ask(speaker, wanted, missing, text_filter):
                drawn[each.place, each.repeat] = each
                _write(stream, each)
                told(len(drawn), len(keys))
    return tuple(drawn[key] for key in keys)


async def _ask(
    speaker: Speaker,
    wanted: Wanted,
    missing: Sequence[tuple[int, int]],
    text_filter: TextFilter,
) -> AsyncIterator[Drawn]:
    async with speaking(speaker, text_filter) as voice:
        for place, repeat in missing:
            yield await _one(voice, speaker, wanted, place, repeat)


@asynccontextmanager
async def speaking(speaker: Speaker, text_filter: TextFilter) -> AsyncIterator[Voice]:
    """The voice of a model server that runs as long as the block does.

    Raises:
        VoiceError: it does not start.
    """
    token = SecretStr(secrets.token_urlsafe(32))
    async with httpx.AsyncClient(trust_env=False) as http:
        process = await ModelProcess.start(speaker.spec, token)
        try:
            await process.wait_until_ready(http, _START_S)
            client = ModelClient(speaker.spec.persona, http, lambda: process.address, token)
            yield CloneVoice(speaker.form, client, NoPhrases(), text_filter)
        finally:
            await process.stop()


async def _one(voice: Voice, speaker: Speaker, wanted: Wanted, number: int, repeat: int) -> Drawn:
    place, draw = wanted.places[number], f"{wanted.seed}/{number}/{repeat}"
    line = await reply_at(voice, speaker, wanted.manners, place, draw)
    if line is None:
        return Drawn(place=number, repeat=repeat, text=None)
    reacts = line.command is Command.REACT
    return Drawn(place=number, repeat=repeat, text=line.argument, reacts=reacts)


async def reply_at(
    voice: Voice, speaker: Speaker, manners: Manners, place: Place, draw: str
) -> Line | None:
    """What a clone says at a place, or the emoji that it puts there; None: nothing fit came.

    ``draw`` seeds everything: the same one, the same reply.

    Raises:
        VoiceError: the model server does not answer.
    """
    words = replace(manners, acts=False)  # what a clone does in place of speaking is not drawn
    said = [line.argument for line in place.context if line.says]
    for attempt in range(_TRIES):
        ask = _ask_for(speaker, manners, place, f"{draw}/{attempt}")
        drafted = await voice.draft(ask)
        recent = said[-manners.repeat_window :]
        candidates = [judged(each, words, recent, "", frozenset()) for each in drafted.candidates]
        chosen, _ = choose(candidates, manners=manners, recent=said[-RECENT:], phrase=None)
        if chosen is not None and (line := candidates[chosen].line) is not None:
            return line
    return None


def _ask_for(speaker: Speaker, manners: Manners, place: Place, draw: str) -> Ask:
    return Ask(
        id=OrderId(draw),
        persona=PersonaName(speaker.form.speaker),
        source=PromptSource.PERSON,
        target=None,
        context=(*speaker.before, *_context(place, manners.context_lines)),
        phrase_from=None,
        open_with_phrase=False,
        n=manners.samples,
        sampling=manners.drawn(speaker.sampling, lambda what: Random(f"{draw}/{what}")),
        seed=Random(f"{draw}/sampling").getrandbits(32),
    )


def _context(place: Place, most: int) -> tuple[Line, ...]:
    return place.context[-most:] if most else ()


# ---- what is kept ------------------------------------------------------------------------


def _digest(speaker: Speaker, wanted: Wanted) -> str:
    """Of all that the outcome depends on, but for the machine and the filter."""
    facts = [
        _VERSION,
        speaker.spec.digest,
        speaker.spec.context,
        speaker.form.digest(),
        str(speaker.sampling),
        str(wanted.manners),
        wanted.seed,
        [print_line(line) for line in speaker.before],
        [[print_line(line) for line in place.context] for place in wanted.places],
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def _read(file: Path | None) -> Iterator[Drawn]:
    """What is there; a row that was torn by a stop is drawn again."""
    if file is None or not file.exists():
        return
    for row in file.read_text(encoding="utf-8").splitlines():
        try:
            yield Drawn(**json.loads(row))
        except (ValueError, TypeError):
            continue


@contextmanager
def _appending(file: Path | None) -> Iterator[TextIO | None]:
    if file is None:
        yield None
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = file.open("a", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror or error}") from None
    with stream:
        yield stream


def _write(stream: TextIO | None, drawn: Drawn) -> None:
    if stream is not None:
        stream.write(json.dumps(asdict(drawn), ensure_ascii=False) + "\n")
        stream.flush()
