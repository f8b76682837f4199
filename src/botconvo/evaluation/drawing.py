"""What a clone says in its friend's place: drawn from a real model server, as in a live talk.

The same voice, prompt format, sampling, filters and choice as there; only the lines before are the
real ones, and no reply is made to begin with a noun phrase.  What was drawn is kept in a file, so
that a run that was stopped goes on.
"""

import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random

import httpx
from pydantic import SecretStr

from botconvo.conversation.acts import judged
from botconvo.conversation.choice import RECENT, choose
from botconvo.conversation.events import Candidate, OrderId
from botconvo.conversation.manners import Manners
from botconvo.conversation.orders import Ask, PromptSource
from botconvo.evaluation.drawn import Drawn
from botconvo.evaluation.evidence import Place
from botconvo.evaluation.kept import appending, digest_of, rows_in
from botconvo.model_client import ModelClient
from botconvo.model_process import ModelProcess, ModelSpec
from botconvo.personas import PersonaName, Sampling
from botconvo.phrases import NoPhrases
from botconvo.ports import KnownFilter, TextFilter
from botconvo.transcript.grammar import Command, Line, print_line
from botconvo.voices import CloneVoice, Voice
from model_server.prompt_format import PromptFormat

__all__ = ["Speaker", "Wanted", "ask_at", "draw", "reply_at", "speaking"]

_START_S = 120.0
_ANSWER_S = 600.0
"""Nobody waits for it, and a busy computer shall not end a run of an hour."""
_TRIES = 3
"""Asks at one place until something is fit to be said; its friend did say something there."""
_FEWEST = 60
"""Replies below which two heaps are not told apart well."""
_VERSION = 3
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
    text_filter: KnownFilter,
    *,
    kept: Path | None = None,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Drawn, ...]:
    """All of ``wanted``; ``kept`` is a folder for what was drawn, ``told`` hears done and total.

    Raises:
        VoiceError: the model server does not answer.
        OutputError: the folder cannot be written.
    """
    digest = digest_of(_facts(speaker, wanted, text_filter))
    file = None if kept is None else kept / f"{digest}.jsonl"
    keys = wanted.keys
    there = {(each.place, each.repeat): each for each in _drawn_in(file)}
    drawn = {key: there[key] for key in keys if key in there}
    told(len(drawn), len(keys))
    missing = [key for key in keys if key not in drawn]
    if missing:
        with appending(file) as write:
            async for each in _ask(speaker, wanted, missing, text_filter):
                drawn[each.place, each.repeat] = each
                write(asdict(each))
                told(len(drawn), len(keys))
    return tuple(drawn[key] for key in keys)


async def _ask(
    speaker: Speaker,
    wanted: Wanted,
    missing: Sequence[tuple[int, int]],
    text_filter: KnownFilter,
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
            client = ModelClient(
                speaker.spec.persona, http, lambda: process.address, token, timeout_s=_ANSWER_S
            )
            yield CloneVoice(speaker.form, client, NoPhrases(), text_filter)
        finally:
            await process.stop()


async def _one(voice: Voice, speaker: Speaker, wanted: Wanted, number: int, repeat: int) -> Drawn:
    place, draw = wanted.places[number], f"{wanted.seed}/{number}/{repeat}"
    reply = await _reply(voice, speaker, wanted.manners, place, draw)
    line, free = reply.line, reply.free
    return Drawn(
        place=number,
        repeat=repeat,
        text=None if line is None else line.argument,
        reacts=line is not None and line.command is Command.REACT,
        ungated=None if free is None or free == line else free.argument,
        candidates=reply.candidates,
        copied=reply.copied,
    )


async def reply_at(
    voice: Voice, speaker: Speaker, manners: Manners, place: Place, draw: str
) -> Line | None:
    """What a clone says at a place, or the emoji that it puts there; None: nothing fit came.

    ``draw`` seeds everything: the same one, the same reply.

    Raises:
        VoiceError: the model server does not answer.
    """
    return (await _reply(voice, speaker, manners, place, draw)).line


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply:
    """``line`` is what is said, ``free`` what would be said if there were no leak gate.

    ``copied`` of all ``candidates`` were held back by it.
    """

    line: Line | None = None
    free: Line | None = None
    candidates: int = 0
    copied: int = 0


async def _reply(
    voice: Voice, speaker: Speaker, manners: Manners, place: Place, draw: str
) -> _Reply:
    reply = _Reply()
    for attempt in range(_TRIES):
        ask = ask_at(speaker, manners, place, f"{draw}/{attempt}")
        candidates = (await voice.draft(ask)).candidates
        ungated = [_ungated(each) for each in candidates]
        line = _chosen(candidates, place, manners)
        reply = _Reply(
            line=line,
            free=reply.free or _chosen(ungated, place, manners),
            candidates=reply.candidates + len(candidates),
            copied=reply.copied + sum(each.verdict == "copied" for each in candidates),
        )
        if line is not None:
            break
    return reply


def _chosen(candidates: Iterable[Candidate], place: Place, manners: Manners) -> Line | None:
    words = replace(manners, acts=False)  # what a clone does in place of speaking is not drawn
    said = [line.argument for line in place.context if line.says]
    recent = said[-manners.repeat_window :]
    found = [judged(each, words, recent, "", frozenset()) for each in candidates]
    best, _ = choose(found, manners=manners, recent=said[-RECENT:], phrase=None)
    return None if best is None else found[best].line


def _ungated(candidate: Candidate) -> Candidate:
    line = candidate.line
    held_back = candidate.verdict == "copied" and line is not None and line.says
    return replace(candidate, verdict="ok") if held_back else candidate


def ask_at(speaker: Speaker, manners: Manners, place: Place, draw: str) -> Ask:
    """What a clone is asked at a place; ``draw`` seeds everything."""
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


def _facts(speaker: Speaker, wanted: Wanted, text_filter: KnownFilter) -> list[object]:
    """All that the outcome depends on, but for the machine."""
    return [
        _VERSION,
        speaker.spec.digest,
        speaker.spec.context,
        speaker.form.digest(),
        str(speaker.sampling),
        str(wanted.manners),
        wanted.seed,
        text_filter.digest(),
        [print_line(line) for line in speaker.before],
        [[print_line(line) for line in place.context] for place in wanted.places],
    ]


def _drawn_in(file: Path | None) -> Iterator[Drawn]:
    for row in rows_in(file):
        with suppress(TypeError):
            yield Drawn(**row)
