"""What do corrections gain?  A simulated judge corrects sample clones, and they are asked again.

    python scripts/measure_corrections.py [--train N ...] [--friends NAME ...] [--work FOLDER]

The judge reads what a clone says at some places of sessions that no training saw, and corrects N
lines. Two judges: one removes every line with one of the few words that this clone says in a fifth
of its lines (a planted bad habit); one keeps the fifth of the lines that a classifier finds most
like the friend, and removes the fifth that it finds least so. Then the clone is asked at other
places of other sessions: how often does it say the word, and how many of its lines does a second
classifier, which learned from other lines than the judge's, take for the friend's? Drawn once,
chosen anew with every taste;
with ``--train`` clones are also trained with the corrections and drawn from again.
"""

import argparse
import asyncio
import json
import os
import pickle
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import numpy as np
from make_demo import agree

from botconvo.checkpoints import bundled_base
from botconvo.conversation.acts import judged
from botconvo.conversation.choice import RECENT, choose, words
from botconvo.conversation.corrections import Correction, Judgement
from botconvo.conversation.events import Candidate
from botconvo.conversation.manners import PRESETS
from botconvo.conversation.taste import Taste, learn, tasted
from botconvo.evaluation.attribution import Attributor
from botconvo.evaluation.drawing import Speaker, ask_at, speaking
from botconvo.evaluation.evidence import Place, Said, evidence_of
from botconvo.evaluation.intervals import mean_estimate
from botconvo.gathering import gather
from botconvo.messages import ChannelId, Message, MessageId, clone_author
from botconvo.model_process import ModelSpec
from botconvo.personas import Sampling
from botconvo.safety.wordlist import WordListFilter
from botconvo.store import STORE_NAME, Store
from botconvo.training.bases import open_base
from botconvo.training.clone import prepare_material, train_clone
from botconvo.training.lessons import WEIGHTS, Lesson
from botconvo.training.material import Material, material_of
from botconvo.training.progress import reporter_for
from botconvo.training.settings import TrainingSettings
from botconvo.transcript.grammar import Line
from model_server.checkpoint.folder import load_checkpoint

DEMO = Path(__file__).parents[1] / "src" / "botconvo" / "demo"
FRIENDS = ("Juno", "Marek")
COUNTS = (0, 5, 20, 50)
SEEDS = 5
MANNERS = replace(PRESETS["group-chat"], acts=False)
JUDGED, ASKED_AGAIN = 5, 3
"""Replies at each of the judge's places, and at each of the others."""
HABITUAL = 0.2
"""Share of a clone's lines that hold one of the words that its judge dislikes."""
NOON = datetime(2026, 1, 1, tzinfo=UTC)


Worth = Callable[[Sequence[str]], list[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What was drawn at a place: the candidates that may be said."""

    place: Place
    candidates: tuple[Candidate, ...]

    def said(self, taste: Taste | None) -> tuple[str, tuple[str, ...]] | None:
        """What is posted, and what was drawn besides."""
        found = self.candidates if taste is None else tasted(self.candidates, taste)
        recent = [line.argument for line in self.place.context if line.says][-RECENT:]
        chosen, scored = choose(found, manners=MANNERS, recent=recent, phrase=None)
        if chosen is None:
            return None
        texts = [c.line.argument if c.line is not None and c.line.says else "" for c in scored]
        fit = (text for c, text in zip(scored, texts, strict=True) if c.verdict == "ok" and text)
        return texts[chosen], tuple(text for text in fit if text != texts[chosen])


# ---- drawing -----------------------------------------------------------------------------


async def draw(
    folder: Path, places: Sequence[Place], repeats: int, seed: int, kept: Path
) -> list[Reply]:
    """So many replies at each place; what was drawn once is read from ``kept``."""
    file = kept / f"{folder.parent.name}-{folder.name}-{seed}.pickle"
    if not file.exists():
        drawn = await _drawn(folder, places, repeats, seed)
        file.write_bytes(pickle.dumps([each.candidates for each in drawn]))
    everywhere = [place for place in places for _ in range(repeats)]
    return [
        Reply(place=place, candidates=candidates)
        for place, candidates in zip(everywhere, pickle.loads(file.read_bytes()), strict=True)  # noqa: S301 - our own file
    ]


async def _drawn(folder: Path, places: Sequence[Place], repeats: int, seed: int) -> list[Reply]:
    checkpoint = load_checkpoint(folder, base=bundled_base())
    form = checkpoint.manifest.prompt_format
    assert form is not None
    spec = ModelSpec(
        persona=form.speaker,
        checkpoint=folder,
        base=checkpoint.base_path,
        digest=checkpoint.digest,
        threads=1,
    )
    speaker = Speaker(spec=spec, form=form, sampling=Sampling())
    replies = []
    async with speaking(speaker, WordListFilter()) as voice:
        for number, place in enumerate(places):
            for repeat in range(repeats):
                ask = ask_at(speaker, MANNERS, place, f"{seed}/{number}/{repeat}")
                drafted = await voice.draft(ask)
                replies.append(Reply(place=place, candidates=_fit(drafted.candidates, place)))
    return replies


def _fit(candidates: Sequence[Candidate], place: Place) -> tuple[Candidate, ...]:
    said = [line.argument for line in place.context if line.says][-MANNERS.repeat_window :]
    return tuple(judged(each, MANNERS, said, "", frozenset()) for each in candidates)


# ---- judging -----------------------------------------------------------------------------


def habit_of(replies: Sequence[Reply]) -> frozenset[str]:
    """The words that a clone says most often, small ones apart: as few as a fifth of its lines
    hold."""
    small = set(words(SMALL))
    said = [reply.said(None) for reply in replies]
    counted = Counter(w for each in said if each for w in set(words(each[0])) - small if len(w) > 2)
    texts = [set(words(each[0])) for each in said if each]
    for many in range(1, len(counted) + 1):
        habit = frozenset(word for word, _ in counted.most_common(many))
        if sum(bool(habit & text) for text in texts) >= HABITUAL * len(texts):
            return habit
    raise SystemExit("the clone says nothing twice")


SMALL = """a about all am an and are as at be but by can could did do dont for from get go got had
has have he her his how i if im in is it its just like me more my no not now of off on
one or our out she should so some than that thats the their them then there they this to
too u up us was we well were what when where which who why will with would yes you your
youre ill ive really"""


def corrections_of(
    replies: Sequence[Reply], judgements: Sequence[Judgement | None], count: int, seed: int
) -> list[tuple[Reply, Correction]]:
    """The first ``count`` that the judge makes, going through the replies in the seed's order."""
    order = Random(seed).sample(range(len(replies)), len(replies))
    found: list[tuple[Reply, Correction]] = []
    seen: set[str] = set()
    for number in order:
        reply, judgement = replies[number], judgements[number]
        said = reply.said(None)
        if len(found) == count or said is None or judgement is None or said[0] in seen:
            continue
        seen.add(said[0])
        line = Message(
            id=MessageId(f"sample:1/{number}"),
            channel=ChannelId("sample:1"),
            author=clone_author("clone"),
            text=said[0],
            at=NOON,
        )
        correction = Correction(
            line=line, judgement=judgement, judge="owner", by="judge", at=NOON, drawn=said[1]
        )
        found.append((reply, correction))
    return found


def likeness(attributor: Attributor, friend: str, texts: Sequence[str]) -> np.ndarray:
    """How much likelier the friend is than the likeliest of the others, in nats a character."""
    scores, whose = attributor.scores(texts), attributor.friends.index(friend)
    others = np.delete(scores, whose, axis=1).max(axis=1)
    lengths = np.array([max(1, len(text)) for text in texts])
    return np.asarray((scores[:, whose] - others) / lengths)


# ---- measuring ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    friend: str
    judge: str
    count: int
    trained: bool
    reranked: bool
    seed: int
    value: float
    change: float
    low: float
    high: float
    n: int


def measured(
    replies: Sequence[Reply], taste: Taste | None, before: Sequence[float], worth: Worth
) -> tuple[float, float, float, float, int]:
    """The share now, and its change with an interval over sessions."""
    said = [reply.said(taste) for reply in replies]
    now = worth([each[0] if each else "" for each in said])
    groups = [reply.place.session for reply in replies]
    change = mean_estimate([b - a for a, b in zip(before, now, strict=True)], groups)
    assert change is not None
    return float(np.mean(now)), change.value, change.low, change.high, len(now)


class Bench:
    """One friend's clone, its judges and its places."""

    def __init__(self, friend: str, material: Material, work: Path) -> None:
        self.friend, self.material, self.work = friend, material, work
        corpus = material.corpus
        border = corpus.trained_until
        assert border is not None
        evidence = evidence_of((*corpus.train, *corpus.held_out), border)
        places = [p for p in evidence.later[friend] if p.line.says and p.context]
        self.for_judge = [p for p in places if p.session % 2 == 0]
        self.for_test = [p for p in places if p.session % 2]
        halves: list[dict[str, list[Said]]] = [{}, {}]
        for name in evidence.friends:
            for number, said in enumerate(evidence.earlier[name]):
                halves[number % 2].setdefault(name, []).append(said)
        self.of_judge, self.of_test = (Attributor.learn(half) for half in halves)

    async def rerank(self, seeds: int) -> list[Row]:
        folder = DEMO / "checkpoints" / self.friend.lower()
        self.judge_replies = await draw(folder, self.for_judge, JUDGED, 1, self.work)
        self.test_replies = await draw(folder, self.for_test, ASKED_AGAIN, 2, self.work)
        self.habit = habit_of(self.judge_replies)
        said = [reply.said(None) for reply in self.judge_replies]
        texts = [each[0] if each else "" for each in said]
        print(
            f"{self.friend}: {len(texts)} lines judged, {len(self.test_replies)} asked again; the "
            f"habit is {', '.join(sorted(self.habit))}",
            flush=True,
        )
        like = likeness(self.of_judge, self.friend, texts)
        low, high = np.quantile(like, (0.2, 0.8))
        self.judgements: dict[str, list[Judgement | None]] = {
            "habit": ["bad" if self.habit & set(words(text)) else None for text in texts],
            "likeness": [
                None if not text else "good" if its >= high else "bad" if its <= low else None
                for text, its in zip(texts, like, strict=True)
            ],
        }
        self.worths = {"habit": self._has_habit, "likeness": self._is_taken_for}
        return [
            self._row(judge, count, seed, self.test_replies, self._taste(judge, count, seed))
            for judge in self.judgements
            for count in COUNTS[1:]
            for seed in range(seeds)
        ]

    async def train(self, judge: str, count: int, seed: int, epochs: float) -> list[Row]:
        """A clone with the corrections, against one trained as long without them."""
        folder = self.work / f"{self.friend}-{judge if count else 'none'}-{count}-{seed}"
        if not (folder / "manifest.json").exists():
            self._train(folder, judge, count, seed, epochs)
        replies = await draw(folder, self.for_test, ASKED_AGAIN, 2, self.work)
        if not count:
            self.plain_replies = replies
            return []
        taste = self._taste(judge, count, seed)
        return [
            self._row(judge, count, seed, replies, None, self.plain_replies),
            self._row(judge, count, seed, replies, taste, self.plain_replies),
        ]

    def _train(self, folder: Path, judge: str, count: int, seed: int, epochs: float) -> None:
        judgements = self.judgements.get(judge, [])
        found = corrections_of(self.judge_replies, judgements, count, seed) if count else []
        lessons = tuple(
            Lesson(
                lines=(*reply.place.context, Line(name=self.friend, argument=each.text)),
                weight=WEIGHTS[each.judgement],
            )
            for reply, each in found
        )
        settings = TrainingSettings(method="lora", everybody=0.0, epochs=epochs, seed=seed)
        base = open_base(bundled_base(), bases=self.work / "bases", bundled=True)
        prepared = prepare_material(replace(self.material, lessons=lessons), base, settings)
        train_clone(
            prepared,
            folder,
            state=folder.with_suffix(".state"),
            device="auto",
            reporter=reporter_for(sys.stderr),
            stopped=lambda: False,
            now=datetime.now(UTC),
        )

    def _taste(self, judge: str, count: int, seed: int) -> Taste:
        found = corrections_of(self.judge_replies, self.judgements[judge], count, seed)
        if len(found) < count:
            print(f"{self.friend}, {judge}: only {len(found)} of {count} corrections", flush=True)
        return learn([each for _, each in found])

    def _row(
        self,
        judge: str,
        count: int,
        seed: int,
        replies: Sequence[Reply],
        taste: Taste | None,
        against: Sequence[Reply] | None = None,
    ) -> Row:
        worth = self.worths[judge]
        plain = [reply.said(None) for reply in against or replies]
        before = worth([each[0] if each else "" for each in plain])
        value, change, low, high, n = measured(replies, taste, before, worth)
        return Row(
            friend=self.friend,
            judge=judge,
            count=count,
            trained=against is not None,
            reranked=taste is not None,
            seed=seed,
            value=value,
            change=change,
            low=low,
            high=high,
            n=n,
        )

    def _has_habit(self, texts: Sequence[str]) -> list[float]:
        return [float(bool(self.habit & set(words(text)))) for text in texts]

    def _is_taken_for(self, texts: Sequence[str]) -> list[float]:
        return [float(each > 0) for each in likeness(self.of_test, self.friend, texts)]


def told(row: Row) -> str:
    how = " and ".join(
        [*(["trained"] if row.trained else []), *(["ranked"] if row.reranked else [])]
    )
    return (
        f"{row.friend} {row.judge} N={row.count} seed {row.seed}, {how}: {row.value:.3f} "
        f"({row.change:+.3f}; {row.low:+.3f} to {row.high:+.3f}; n={row.n})"
    )


async def measure(options: argparse.Namespace) -> None:
    project = options.work / "project"
    agree(project, FRIENDS if not options.friends else options.friends)
    results = options.work / "rows.jsonl"
    with Store.open(project / STORE_NAME) as store:
        names = options.friends or FRIENDS
        everybody = {name: material_of(gather(store, name, datetime.now(UTC))) for name in names}
    for friend, material in everybody.items():
        bench = Bench(friend, material, options.work)
        rows = await bench.rerank(options.seeds)
        _note(results, rows)
        for seed in range(options.train_seeds if options.train else 0):
            await bench.train("none", 0, seed, options.epochs)
            for judge in ("habit", "likeness"):
                for count in options.train:
                    _note(results, await bench.train(judge, count, seed, options.epochs))


def _note(results: Path, rows: Sequence[Row]) -> None:
    with results.open("a", encoding="utf-8") as file:
        for row in rows:
            print(told(row), flush=True)
            file.write(json.dumps(asdict(row)) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--friends", nargs="*", help=f"default: {' '.join(FRIENDS)}")
    parser.add_argument("--train", nargs="*", type=int, default=[], help="corrections to train on")
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--train-seeds", type=int, default=1)
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(tempfile.gettempdir()) / "botconvo-corrections",
        help="for the project, the clones and the rows; a clone that is there is not trained again",
    )
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    asyncio.run(measure(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
