"""What a clone says in its friend's place: drawn from a real model server, as in a live talk.

The same voice, prompt format, sampling, filters and choice as there; only the lines before are the
real ones, and no reply is made to begin with a noun phrase.  What was drawn is kept in a file, so
that a run that was stopped goes on.
"""

import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
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
from botconvo.ports import KnownFilter
from botconvo.transcript.grammar import Command, Line, print_line
from botconvo.voices import CloneVoice, Voice
from model_server.prompt_format import PromptFormat

__all__ = ["Speaker", "Wanted", "draw"]

_START_S = 120.0
_ANSWER_S = 600.0
"""Nobody waits for it, and a busy computer shall not end a run of an hour."""
_TRIES = 3
"""Asks at one place until something is fit to be said; its friend did say something there."""
_FEWEST = 60
"""Replies below which two heaps are not told apart well."""
_VERSION = 2
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
    token = SecretStr(secrets.token_urlsafe(32))
    async with httpx.AsyncClient(trust_env=False) as http:
        process = await ModelProcess.start(speaker.spec, token)
        try:
            await process.wait_until_ready(http, _START_S)
            client = ModelClient(
                speaker.spec.persona, http, lambda: process.address, token, timeout_s=_ANSWER_S
            )
            voice = CloneVoice(speaker.form, client, NoPhrases(), text_filter)
            for place, repeat in missing:
                yield await _one(voice, speaker, wanted, place, repeat)
        finally:
            await process.stop()


async def _one(voice: Voice, speaker: Speaker, wanted: Wanted, number: int, repeat: int) -> Drawn:
    place = wanted.places[number]
    chosen, free = _Chosen(), _Chosen()
    drawn = copied = 0
    for attempt in range(_TRIES):
        ask = _ask_for(speaker, wanted, place, f"{wanted.seed}/{number}/{repeat}/{attempt}")
        candidates = (await voice.draft(ask)).candidates
        held_back = sum(each.verdict == "copied" for each in candidates)
        drawn, copied = drawn + len(candidates), copied + held_back
        chosen = _chosen(candidates, place, wanted.manners)
        if free.line is None:
            free = (
                _chosen(map(_ungated, candidates), place, wanted.manners) if held_back else chosen
            )
        if chosen.line is not None:
            break
    return Drawn(
        place=number,
        repeat=repeat,
        text=chosen.text,
        reacts=chosen.reacts,
        ungated=None if free == chosen else free.text,
        candidates=drawn,
        copied=copied,
    )


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The line of the best candidate, if any is fit."""

    line: Line | None = None

    @property
    def text(self) -> str | None:
        return None if self.line is None else self.line.argument

    @property
    def reacts(self) -> bool:
        return self.line is not None and self.line.command is Command.REACT


def _chosen(candidates: Iterable[Candidate], place: Place, manners: Manners) -> _Chosen:
    words = replace(manners, acts=False)  # what a clone does in place of speaking is not drawn
    said = [line.argument for line in place.context if line.says]
    recent = said[-manners.repeat_window :]
    found = [judged(each, words, recent, "", frozenset()) for each in candidates]
    best, _ = choose(found, manners=manners, recent=said[-RECENT:], phrase=None)
    return _Chosen() if best is None else _Chosen(found[best].line)


def _ungated(candidate: Candidate) -> Candidate:
    line = candidate.line
    held_back = candidate.verdict == "copied" and line is not None and line.says
    return replace(candidate, verdict="ok") if held_back else candidate


def _ask_for(speaker: Speaker, wanted: Wanted, place: Place, draw: str) -> Ask:
    manners = wanted.manners
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
