"""Does a clone know when it is its turn?  The odds that its model gives to its own name.

    python scripts/measure_heads.py PROJECT [CHECKPOINTS_FOLDER ...]

PROJECT is the folder whose store the clones were trained from (``scripts/make_demo.py`` says which
one it used).  Behind every line of the sessions that began after everything that any of the clones
was trained on, each clone is asked what ``speakers = "scored"`` asks it: how likely is your name at
the head of the next line?  The prompt has at most 14 lines, as live.

Per clone: the log-loss in nats of "I am next" against three rules that know no words and have
learned their rates from the same training sessions: ``rate`` (how often it speaks at all), ``last``
(that, by who spoke last) and ``last two``; the area under the ROC curve (0.5 is chance, 1 knows
everything); how often a clone that gave itself 80 % or more was next; and how often it could not
tell (it counts as its rate then).  Together: who speaks next among all clones, drawn by their odds
as ``speakers = "scored"`` draws.  And how likely a clone finds ``INIT``, which ends a talk, at the
head of its next line, where the talk did end there and where it went on.
"""

import argparse
import asyncio
import math
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from measure_clones import forms_of
from measuring import open_engine

from botconvo.build import bundled_base
from botconvo.conversation.events import OrderId
from botconvo.conversation.orders import Poll
from botconvo.corpus import Session, build_corpus, split_into_sessions
from botconvo.gathering import gather
from botconvo.personas import PersonaName
from botconvo.ports import Completion, GenerateRequest
from botconvo.safety.wordlist import WordListFilter
from botconvo.store import STORE_NAME, Store
from botconvo.transcript.cleaning import PROFILES
from botconvo.transcript.grammar import Command, Line, print_line
from botconvo.voices import CloneVoice
from model_server.checkpoint.folder import Checkpoint, load_checkpoint
from model_server.engine import Draw, LlamaEngine, Piece
from model_server.prompt_format import PromptFormat

LINES = 14
"""Of a prompt: ``context_lines`` of the default preset."""
SURE = 0.8
"""``lurk_from`` of the default preset."""
LEAST = 1e-3
"""No odds below this, nor above 1 minus this, so that one position decides nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place of a talk: the lines before it, and who really had the next one."""

    before: tuple[Line, ...]
    after: Line

    @property
    def next(self) -> str:
        return self.after.name

    def last(self, count: int) -> tuple[str, ...]:
        """Who had the last ``count`` lines, the latest first."""
        names = [line.name for line in reversed(self.before)]
        return tuple(names[:count])


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How good some odds were: log-loss in nats, area under the ROC curve."""

    loss: float
    area: float


Rule = Callable[[Position], float]


def positions_of(sessions: Sequence[Session]) -> list[Position]:
    """Every line but the first two: whoever begins a talk says something next.

    Old lines are dropped in blocks, as the live history drops them.
    """
    block = LINES // 2
    return [
        Position(
            before=session.lines[max(0, -(-(place - LINES) // block) * block) : place],
            after=session.lines[place],
        )
        for session in sessions
        for place in range(2, len(session.lines))
    ]


def rule_of(name: str, count: int, positions: Sequence[Position]) -> Rule:
    """How likely ``name`` is next by who had the last ``count`` lines; rare cases lean on fewer."""
    seen: Counter[tuple[str, ...]] = Counter()
    own: Counter[tuple[str, ...]] = Counter()
    for position in positions:
        for few in range(count + 1):
            seen[position.last(few)] += 1
            own[position.last(few)] += position.next == name

    def odds(position: Position) -> float:
        found = 0.5
        for few in range(count + 1):
            case = position.last(few)
            found = (own[case] + 4 * found) / (seen[case] + 4)
        return found

    return odds


def judge(odds: Sequence[float], came: Sequence[bool]) -> Column:
    """The log-loss and the area of these odds, for what came."""
    kept = [min(max(each, LEAST), 1 - LEAST) for each in odds]
    losses = [-math.log(each if true else 1 - each) for each, true in zip(kept, came, strict=True)]
    return Column(loss=sum(losses) / len(losses), area=area(odds, came))


def area(odds: Sequence[float], came: Sequence[bool]) -> float:
    """The share of pairs of a hit and a miss in which the hit had the higher odds."""
    hits = [each for each, true in zip(odds, came, strict=True) if true]
    misses = [each for each, true in zip(odds, came, strict=True) if not true]
    won = sum((hit > miss) + 0.5 * (hit == miss) for hit in hits for miss in misses)
    return won / (len(hits) * len(misses)) if hits and misses else math.nan


class Near:
    """A clone's engine in this process, as what a voice asks."""

    def __init__(self, engine: LlamaEngine) -> None:
        self._engine = engine

    async def complete(self, request: GenerateRequest) -> Sequence[Completion]:
        first = self.likeliest(request.prompt, request.alternatives)
        return [Completion(text="", finished=False, logprob=None, first=first)]

    def likeliest(self, prompt: str, count: int) -> tuple[tuple[str, float], ...]:
        """The likeliest next tokens with their log-probabilities."""
        found: list[Piece] = []
        draw = Draw(prompt=prompt, max_tokens=1, seed=0, temperature=1.0, logprobs=count)
        self._engine.generate(draw, lambda piece: found.append(piece) is None)
        return next((score.top for piece in found for score in piece.scores), ())


class _NoPhrases:
    def noun_phrases(self, text: str) -> Sequence[str]:
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A clone with what it was asked: its odds at every position, None where it cannot tell."""

    name: str
    odds: tuple[float | None, ...]
    ends: tuple[tuple[float, bool], ...]
    """At its own lines: how likely ``INIT`` is there, and whether it was."""


def ask(
    checkpoint: Checkpoint, form: PromptFormat, names: Sequence[str], positions: Sequence[Position]
) -> Asked:
    """Ask one clone at every position, through the code that asks it live."""
    with open_engine(checkpoint) as engine:
        near = Near(engine)
        return Asked(
            name=form.speaker,
            odds=asyncio.run(_odds(near, form, names, positions)),
            ends=tuple(
                (_end_odds(near, form, position), position.after.command is Command.INIT)
                for position in positions
                if position.next == form.speaker
            ),
        )


async def _odds(
    near: Near, form: PromptFormat, names: Sequence[str], positions: Sequence[Position]
) -> tuple[float | None, ...]:
    voice = CloneVoice(form, near, _NoPhrases(), WordListFilter([]))
    personas = tuple(map(PersonaName, names))
    polls = (
        Poll(id=OrderId(""), personas=personas, context=position.before) for position in positions
    )
    return tuple([await voice.urge(poll) for poll in polls])


def _end_odds(near: Near, form: PromptFormat, position: Position) -> float:
    prompt = form.render([print_line(line) for line in position.before])
    likely = near.likeliest(prompt, 20)
    return sum(math.exp(score) for token, score in likely if token.strip() == Command.INIT)


def row_of(asked: Asked, learned: Sequence[Position], positions: Sequence[Position]) -> str:
    """A clone's row of the table."""
    rules = [rule_of(asked.name, count, learned) for count in (0, 1, 2)]
    came = [position.next == asked.name for position in positions]
    odds = [
        rules[0](position) if each is None else each
        for position, each in zip(positions, asked.odds, strict=True)
    ]
    columns = [judge([rule(position) for position in positions], came) for rule in rules]
    columns.append(judge(odds, came))
    sure = [true for each, true in zip(odds, came, strict=True) if each >= SURE]
    unsure = sum(each is None for each in asked.odds) / len(odds)
    cells = [f"{column.loss:.3f}" for column in columns]
    areas = [f"{column.area:.2f}" for column in columns[1:]]
    hits = f"{sum(sure)} of {len(sure)}"
    return f"| {asked.name} | {' | '.join((*cells, *areas))} | {hits} | {unsure:.0%} |"


def next_of_all(all_asked: Sequence[Asked], positions: Sequence[Position]) -> str:
    """How likely whoever really was next was drawn, and how often it had the highest odds."""
    names = [asked.name for asked in all_asked]
    drawn, first, count = 0.0, 0, 0
    for place, position in enumerate(positions):
        odds = [asked.odds[place] or 0.0 for asked in all_asked]
        if position.next not in names or not any(odds):
            continue
        own = odds[names.index(position.next)]
        drawn += own / sum(odds)
        first += own == max(odds)
        count += 1
    if not count:
        return "no model could tell"
    return f"drawn {drawn / count:.1%}, highest odds {first / count:.1%}, at {count} positions"


def rule_odds(
    names: Sequence[str], learned: Sequence[Position], positions: Sequence[Position]
) -> list[Asked]:
    """The rule of the last two as if clones had been asked."""
    rules = [rule_of(name, 2, learned) for name in names]
    return [
        Asked(name=name, odds=tuple(rule(position) for position in positions), ends=())
        for name, rule in zip(names, rules, strict=True)
    ]


def ends_of(all_asked: Sequence[Asked]) -> str:
    """How likely ``INIT`` was where a talk ended, and where it went on."""
    pairs = [pair for asked in all_asked for pair in asked.ends]
    ended = [odds for odds, end in pairs if end]
    went_on = [odds for odds, end in pairs if not end]
    if not ended or not went_on:
        return "no talk ended"
    found = area([odds for odds, _ in pairs], [end for _, end in pairs])
    return (
        f"{sum(ended) / len(ended):.1%} at {len(ended)} ends, "
        f"{sum(went_on) / len(went_on):.1%} at {len(went_on)} other lines, area {found:.2f}"
    )


def parts_of(store: Store, forms: Sequence[PromptFormat]) -> tuple[list[Session], list[Session]]:
    """All sessions that a clone may have seen, and those that began after them."""
    last, sessions = datetime.min.replace(tzinfo=UTC), ()
    for form in forms:
        gathered = gather(store, form.speaker, datetime.now(UTC))
        cleaning, silence = PROFILES[form.cleaning], timedelta(seconds=form.init_after_s)
        corpus = build_corpus(
            gathered.messages, gathered.people, form.speaker, cleaning=cleaning, init_after=silence
        )
        last = max([last, *(session.started for session in corpus.train)])
        sessions = split_into_sessions(
            gathered.messages, gathered.people, cleaning, silence=silence
        )
    seen = [session for session in sessions if session.started <= last]
    return seen, [session for session in sessions if session.started > last]


HEADER = (
    "| clone | loss: rate | last | last two | clone "
    "| area: last | last two | clone | next at 80 % | cannot tell |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def report(folder: Path, store: Store) -> str:
    """The tables of a folder of clones."""
    checkpoints = [
        load_checkpoint(path.parent, base=bundled_base())
        for path in sorted(folder.glob("*/manifest.json"))
    ]
    if not checkpoints:
        sys.exit(f"{folder}: holds no checkpoint")
    forms = forms_of(checkpoints)
    seen, unseen = parts_of(store, forms)
    learned, positions = positions_of(seen), positions_of(unseen)
    names = [form.speaker for form in forms]
    all_asked = [
        ask(checkpoint, form, names, positions)
        for checkpoint, form in zip(checkpoints, forms, strict=True)
    ]
    rows = [row_of(asked, learned, positions) for asked in all_asked]
    return "\n".join(
        (
            f"{folder}: {len(positions)} lines in {len(unseen)} sessions\n",
            HEADER,
            *rows,
            "",
            f"next by the clones' odds: {next_of_all(all_asked, positions)}",
            f"next by the last two: {next_of_all(rule_odds(names, learned, positions), positions)}",
            f"INIT: {ends_of(all_asked)}",
        )
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("project", type=Path, help="folder with the store")
    parser.add_argument(
        "checkpoints", type=Path, nargs="*", help="folders of clones; default: the project's"
    )
    options = parser.parse_args(arguments)
    with Store.open(options.project / STORE_NAME, create=False) as store:
        for folder in options.checkpoints or [options.project / "checkpoints"]:
            print(report(folder, store), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
