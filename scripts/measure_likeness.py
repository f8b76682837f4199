"""How alike clones of real people are, on a public channel: trained on the earlier part, measured
on the later one.

    python scripts/measure_likeness.py CSV WORK --people 5 --minutes 20
    python scripts/measure_likeness.py CSV WORK --only esme --minutes 4

CSV is a channel as DiscordChatExporter writes it (may be packed: .xz), WORK a folder of its own:
clones, what they said, ``likeness.json`` and ``likeness.html`` without any sentence of the channel.
The most active people are cloned from the first 85 % of all messages.  What is trained fits into
``--minutes`` a clone at ``--speed`` tokens a second, by fewer passes or the later sessions alone.

It calls the library below the consent ledger: the data is public, and no clone leaves WORK.
"""

import argparse
import csv
import json
import lzma
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from botconvo.checkpoints import bundled_base
from botconvo.conversation.manners import manners
from botconvo.corpus import Corpus, Session, build_corpus, select, split_into_sessions
from botconvo.evaluation.evidence import evidence_of
from botconvo.evaluation.page import page_of
from botconvo.evaluation.progress import progress_for
from botconvo.evaluation.ranking import TRIALS
from botconvo.evaluation.report import CloneFound, Report, as_json
from botconvo.evaluation.run import Options, Subject, evaluate
from botconvo.leak_gate import LeakGate
from botconvo.messages import Author, AuthorId, ChannelId, Message, MessageId
from botconvo.model_process import ModelSpec
from botconvo.people import People
from botconvo.personas import Sampling
from botconvo.ports import KnownFilter
from botconvo.safety.leaks import build_index
from botconvo.safety.wordlist import WordListFilter
from botconvo.training.bases import open_base
from botconvo.training.clone import Prepared, prepare_material, train_clone
from botconvo.training.material import Material
from botconvo.training.memory import keep_freed_memory
from botconvo.training.progress import reporter_for
from botconvo.training.settings import TrainingSettings
from botconvo.transcript.cleaning import PROFILES
from model_server.checkpoint.folder import Checkpoint, load_checkpoint
from model_server.checkpoint.manifest import Consent
from model_server.prompt_format import PromptFormat

EARLIER = 0.85
"""Share of all messages, by time, that may be trained on."""
HELD_OUT = 0.05
"""Of those, the latest lines of a person, by which training picks its best pass."""
SPEED = 2700.0
"""Tokens a second of the bundled base on two quiet cores."""
OPEN_KEY = b"a public channel"
"""Always the same, as what was drawn behind another gate is drawn anew; the data is public."""
NOBODY = Consent(person="p-public", record="r-public")
"""The weights stay here, and no ledger knows them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """All messages, and the moment until which they may be trained on."""

    messages: tuple[Message, ...]
    people: People
    border: datetime


def read_channel(path: Path) -> Channel:
    """The messages of a CSV by DiscordChatExporter 2.15, in order, without what is private."""
    opened = lzma.open if path.suffix == ".xz" else Path.open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    found = [_message(number, row) for number, row in enumerate(rows)]
    found.sort(key=lambda message: message.at)
    messages = select(found, PROFILES["chat"]).messages
    border = messages[int(EARLIER * len(messages))].at
    return Channel(messages=messages, people=People(), border=border)


def _message(number: int, row: dict[str, str]) -> Message:
    name = row["Author"].partition("#")[0]
    return Message(
        id=MessageId(f"discord:lab/{number}"),
        channel=ChannelId("discord:lab"),
        author=Author(id=AuthorId(f"discord:{row['AuthorID']}"), name=name),
        text=row["Content"],
        at=datetime.strptime(row["Date"], "%d-%b-%y %I:%M %p").replace(tzinfo=UTC),
    )


def corpus_of(channel: Channel, name: str, form: PromptFormat) -> Corpus:
    return build_corpus(
        (message for message in channel.messages if message.at < channel.border),
        channel.people,
        name,
        cleaning=PROFILES[form.cleaning],
        init_after=timedelta(seconds=form.init_after_s),
        held_out_share=HELD_OUT,
    )


def most_active(channel: Channel, count: int) -> list[str]:
    """Whoever wrote most before the border."""
    wrote = Counter(m.author.name for m in channel.messages if m.at < channel.border)
    return [name for name, _ in wrote.most_common(count)]


def prepared_within(material: Material, settings: TrainingSettings, tokens: float) -> Prepared:
    """A run of at most ``tokens`` tokens: fewer passes, or the later sessions alone."""
    base = open_base(bundled_base(), bases=Path(), bundled=True)
    prepared = prepare_material(material, base, settings)
    passes = tokens / prepared.examples.tokens
    if passes < 1.0:
        train = material.corpus.train
        kept = train[-max(1, int(len(train) * passes)) :]
        material = replace(material, corpus=replace(material.corpus, train=kept))
        prepared = prepare_material(material, base, replace(settings, epochs=1.0))
    elif passes < settings.epochs:
        prepared = prepare_material(material, base, replace(settings, epochs=passes))
    return prepared


def cloned(
    channel: Channel, name: str, work: Path, options: argparse.Namespace
) -> tuple[Checkpoint, Sequence[Session]]:
    """The clone of ``name``, and what it learned from; one that is there is not trained again."""
    folder, kept = work / "checkpoints" / name, work / "training" / f"{name}.json"
    form = PromptFormat(speaker=name)
    corpus = corpus_of(channel, name, form)
    if not folder.exists():
        material = Material(corpus=corpus, form=form, consent=NOBODY, heard=None)
        settings = TrainingSettings(seed=options.seed)
        prepared = prepared_within(material, settings, 60 * options.minutes * options.speed)
        print(
            f"{name}: {prepared.corpus.own_train} own lines, {prepared.examples.tokens} tokens a "
            f"pass, {prepared.settings.epochs:.1f} passes at most",
            flush=True,
        )
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps({"sessions": len(prepared.corpus.train)}), encoding="utf-8")
        train_clone(
            prepared,
            folder,
            state=work / "training" / f"{name}.safetensors",
            device=options.device,
            reporter=reporter_for(sys.stderr),
            stopped=lambda: False,
            now=datetime.now(UTC),
        )
    count = json.loads(kept.read_text(encoding="utf-8"))["sessions"]
    return load_checkpoint(folder, base=bundled_base()), corpus.train[-count:]


def subject_of(name: str, checkpoint: Checkpoint, learned: Sequence[Session]) -> Subject:
    form = checkpoint.manifest.prompt_format
    assert form is not None
    return Subject(
        name=name,
        checkpoint=checkpoint,
        form=form,
        spec=ModelSpec(
            persona=name,
            checkpoint=checkpoint.folder,
            base=checkpoint.base_path,
            digest=checkpoint.digest,
            context=min(512, checkpoint.manifest.architecture.context),
        ),
        sampling=Sampling(),
        learned=tuple(learned),
    )


def gate_of(channel: Channel) -> KnownFilter:
    """As in a project in which everything before the border was imported."""
    cleaning = PROFILES["chat"]
    earlier = (m for m in channel.messages if m.at < channel.border)
    index = build_index(((m.author.id, cleaning(m.text)) for m in earlier), OPEN_KEY)
    return LeakGate(WordListFilter(), [index])


def measured(
    channel: Channel, names: Sequence[str], work: Path, options: argparse.Namespace
) -> Report:
    """Train what is missing, and evaluate the clones among all of the most active people."""
    subjects = [subject_of(name, *cloned(channel, name, work, options)) for name in names]
    form = PromptFormat(speaker=names[0])
    sessions = split_into_sessions(
        channel.messages,
        channel.people,
        PROFILES[form.cleaning],
        silence=timedelta(seconds=form.init_after_s),
    )
    preset = manners(options.preset)
    evidence = evidence_of(sessions, channel.border, context_lines=preset.context_lines)
    known = tuple(sorted({*most_active(channel, options.people), *names}))
    with progress_for(sys.stderr) as progress:
        return evaluate(
            subjects,
            replace(evidence, friends=known),
            Options(
                manners=preset,
                preset=options.preset,
                bases=work / "bases",
                samples=options.samples,
                trials=options.trials,
                seed=options.seed,
                device=options.device,
                kept=work / "drawn",
                examples=False,
            ),
            gate_of(channel),
            progress,
            datetime.now(UTC),
        )


def markdown(report: Report) -> str:
    """The main figures, a row for each clone, and the mean of the two-sample AUC."""
    rows = [
        "| person | learned lines | AUC clone | own halves | 20 messages: clone | real | base | "
        "Markov | reply found | base | Markov | verbatim |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    rows += [_row(clone) for clone in report.clones]
    apart = [found.value for c in report.clones if (found := c.two_sample.get("clone"))]
    rows.append(f"\nMean AUC: {sum(apart) / max(1, len(apart)):.3f}")
    return "\n".join(rows)


def _row(clone: CloneFound) -> str:
    shares = clone.attribution[-1].shares if clone.attribution else {}
    copying = clone.copying["clone"].verbatim
    figures = [
        clone.two_sample.get("clone"),
        clone.two_sample.get("real"),
        *(shares.get(heap) for heap in ("clone", "real", "prompted", "markov")),
        *(clone.ranking.get(heap) for heap in ("clone", "prompted", "markov")),
        copying,
    ]
    shown = ["–" if f is None else f"{f.value:.2f} ({f.low:.2f}–{f.high:.2f})" for f in figures]
    return f"| {clone.name} | {clone.learned_lines} | {' | '.join(shown)} |"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("csv", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--people", type=int, default=5, help="most active people")
    parser.add_argument("--only", action="append", help="clone only this one; may be repeated")
    parser.add_argument("--minutes", type=float, default=20.0, help="of training a clone")
    parser.add_argument("--speed", type=float, default=SPEED, help="training tokens a second")
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--trials", type=int, default=TRIALS, help="true replies among ten")
    parser.add_argument("--preset", default="group-chat")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(arguments)
    keep_freed_memory()
    channel = read_channel(options.csv)
    names = options.only or most_active(channel, options.people)
    options.work.mkdir(parents=True, exist_ok=True)
    report = measured(channel, names, options.work, options)
    (options.work / "likeness.html").write_text(page_of(report), encoding="utf-8")
    text = json.dumps(as_json(report), indent=2)
    (options.work / "likeness.json").write_text(text, encoding="utf-8")
    print(markdown(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
