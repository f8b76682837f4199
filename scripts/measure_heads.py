"""Does a clone know when it is its turn?  The odds that its model gives to its own name.

    python scripts/measure_heads.py PROJECT [CHECKPOINTS_FOLDER ...]

PROJECT is the folder whose store the clones were trained from (``scripts/make_demo.py`` says which
one it used).  Behind every line of the sessions that began after everything that any of the clones
was trained on, each clone is asked what ``speakers = "scored"`` asks it: how likely is your name at
the head of the next line?  The prompt has at most 14 lines, as live.

Per clone: the log-loss in nats of "I am next" against rules that have learned their rates from the
same training sessions: ``rate`` (how often it speaks at all), ``last`` (that, by who spoke last),
``last two``, and ``named`` (by whether the last line names it, and asks); in brackets the area
under the ROC curve (0.5 is chance, 1 knows everything); how often a clone that gave itself 80 % or
more was next; and how often it could not tell (it counts as its rate then).  Then the clones' mean
odds, by whether the last line names them, against how often they were next; who speaks next among
all clones, drawn by their odds as ``speakers = "scored"`` draws; and how likely a clone finds
``INIT``, which ends a talk, behind its name, where the talk did end there and where it went on.
"""

import argparse
import asyncio
import math
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from measuring import open_engine

from botconvo.checkpoints import bundled_base
from botconvo.conversation.events import OrderId
from botconvo.conversation.orders import Poll
from botconvo.corpus import Session, build_corpus, split_into_sessions
from botconvo.gathering import gather
from botconvo.personas import PersonaName
from botconvo.phrases import NoPhrases
from botconvo.ports import Completion, GenerateRequest
from botconvo.safety.wordlist import WordListFilter
from botconvo.store import STORE_NAME, Store
from botconvo.transcript.cleaning import PROFILES
from botconvo.transcript.grammar import Command, Line, print_line
from botconvo.voices import CloneVoice
from model_server.checkpoint.folder import Checkpoint, load_checkpoint
from model_server.engine import Draw, LlamaEngine, Piece, TokenScore
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
Case = Callable[[str, Position], Hashable]
"""What a rule looks at, for a name at a position."""


def situation(name: str, position: Position) -> str:
    """What the last line has to do with somebody."""
    last = position.before[-1]
    if last.name == name:
        return "spoke last"
    if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", last.argument, re.IGNORECASE) is None:
        return "neither"
    return "named and asked" if "?" in last.argument else "named"


def _last(count: int) -> tuple[Case, ...]:
    return tuple(lambda name, position, few=few: position.last(few) for few in range(count + 1))


RULES: dict[str, tuple[Case, ...]] = {
    "rate": _last(0),
    "last": _last(1),
    "last two": _last(2),
    "named": (*_last(0), situation),
}
"""The cases of each rule, the widest first."""


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


def rule_of(name: str, cases: Sequence[Case], positions: Sequence[Position]) -> Rule:
    """How likely ``name`` is next by what ``cases`` see; what was rare leans on the wider case."""
    seen: Counter[tuple[int, Hashable]] = Counter()
    own: Counter[tuple[int, Hashable]] = Counter()
    for position in positions:
        for width, case in enumerate(cases):
            seen[width, case(name, position)] += 1
            own[width, case(name, position)] += position.next == name

    def odds(position: Position) -> float:
        found = 0.5
        for width, case in enumerate(cases):
            key = (width, case(name, position))
            found = (own[key] + 4 * found) / (seen[key] + 4)
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
        found: list[TokenScore] = []

        def take(piece: Piece) -> bool:
            found.extend(piece.scores)
            return True

        draw = Draw(prompt=prompt, max_tokens=1, seed=0, temperature=1.0, logprobs=count)
        self._engine.generate(draw, take)
        return found[0].top if found else ()


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
    voice = CloneVoice(form, near, NoPhrases(), WordListFilter([]))
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
    rules = [rule_of(asked.name, cases, learned) for cases in RULES.values()]
    came = [position.next == asked.name for position in positions]
    odds = [
        rules[0](position) if each is None else each
        for position, each in zip(positions, asked.odds, strict=True)
    ]
    columns = [judge([rule(position) for position in positions], came) for rule in rules]
    columns.append(judge(odds, came))
    sure = [true for each, true in zip(odds, came, strict=True) if each >= SURE]
    unsure = sum(each is None for each in asked.odds) / len(odds)
    cells = [f"{column.loss:.3f} ({column.area:.2f})" for column in columns]
    return f"| {asked.name} | {' | '.join(cells)} | {sum(sure)} of {len(sure)} | {unsure:.0%} |"


def situations_of(all_asked: Sequence[Asked], positions: Sequence[Position]) -> str:
    """How likely the clones found themselves, and how often they were next, by situation."""
    found: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for asked in all_asked:
        for odds, position in zip(asked.odds, positions, strict=True):
            if odds is not None:
                true = position.next == asked.name
                found[situation(asked.name, position)].append((odds, true))
    rows = ["| the last line | asked | mean odds | was next |", "|---|--:|--:|--:|"]
    for name, pairs in sorted(found.items()):
        odds, true = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
        rows.append(f"| {name} | {len(pairs)} | {odds:.0%} | {true:.0%} |")
    return "\n".join(rows)


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
    rule: str, names: Sequence[str], learned: Sequence[Position], positions: Sequence[Position]
) -> list[Asked]:
    """A rule's odds as if clones had been asked."""
    rules = [rule_of(name, RULES[rule], learned) for name in names]
    return [
        Asked(name=name, odds=tuple(odds(position) for position in positions), ends=())
        for name, odds in zip(names, rules, strict=True)
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
    last = datetime.min.replace(tzinfo=UTC)
    sessions: tuple[Session, ...] = ()
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
    f"| clone: loss (area) | {' | '.join(RULES)} | its model | next at 80 % | cannot tell |\n"
    f"|---|{'--:|' * (len(RULES) + 3)}"
)


def report(folder: Path, store: Store) -> str:
    """The tables of a folder of clones."""
    checkpoints = [
        load_checkpoint(path.parent, base=bundled_base())
        for path in sorted(folder.glob("*/manifest.json"))
    ]
    if not checkpoints:
        sys.exit(f"{folder}: holds no checkpoint")
    forms = [form for each in checkpoints if (form := each.manifest.prompt_format) is not None]
    seen, unseen = parts_of(store, forms)
    learned, positions = positions_of(seen), positions_of(unseen)
    names = [form.speaker for form in forms]
    here = sorted({position.next for position in learned})
    all_asked = [
        ask(checkpoint, form, here, positions)
        for checkpoint, form in zip(checkpoints, forms, strict=True)
    ]
    rows = [row_of(asked, learned, positions) for asked in all_asked]
    return "\n".join(
        (
            f"{folder}: {len(positions)} lines in {len(unseen)} sessions\n",
            HEADER,
            *rows,
            "",
            situations_of(all_asked, positions),
            "",
            f"next by their models: {next_of_all(all_asked, positions)}",
            *(
                f"next by {rule}: "
                + next_of_all(rule_odds(rule, names, learned, positions), positions)
                for rule in RULES
            ),
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
