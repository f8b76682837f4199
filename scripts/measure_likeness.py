"""How alike clones of real people are, on a public channel: trained on the earlier part, measured
on the later one.

    python scripts/measure_likeness.py CSV WORK --people 5 --minutes 20
    python scripts/measure_likeness.py CSV WORK --only esme --minutes 4

CSV is a channel as DiscordChatExporter writes it (may be packed: .xz), WORK a folder of its own:
clones, what they said, ``likeness.json`` and ``likeness.html`` without any sentence of the channel.
The most active people are cloned from the first 85 % of all messages.  What is trained fits into
``--minutes`` a clone at the speed that is measured before it, by fewer passes or a part of one.

It calls the library below the consent ledger: the data is public, and no clone leaves WORK.
"""

import argparse
import csv
import json
import lzma
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import torch

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
from botconvo.safety.leaks import LeakIndex, build_index
from botconvo.safety.wordlist import WordListFilter
from botconvo.training.bases import open_base
from botconvo.training.clone import Prepared, prepare_material, train_clone
from botconvo.training.examples import batch_of
from botconvo.training.material import Material
from botconvo.training.memory import keep_freed_memory
from botconvo.training.network import Network, choose_device, model_of
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
SPEED = 1400.0
"""Tokens a second where there is too little to measure it with."""
TIMED = 5
"""Batches by which it is measured."""
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


def prepared_within(
    material: Material, settings: TrainingSettings, options: argparse.Namespace
) -> Prepared:
    """A run that takes ``options.minutes`` at most at the speed that is measured here and now.

    ``options.everybody`` of it are for everybody's lines, the rest for the person's own.
    """
    share = options.everybody
    base = open_base(bundled_base(), bases=Path(), bundled=True)
    prepared = prepare_material(material, base, replace(settings, everybody=float(share > 0.0)))
    rows = prepared.examples.everybody
    speed = options.speed or speed_of(prepared, options.device)
    tokens = 60.0 * options.minutes * speed
    passes = (1.0 - share) * tokens / prepared.examples.tokens
    assert prepared.settings.epochs is not None, "settings.for_base chose"
    epochs = min(passes, prepared.settings.epochs)
    settings = replace(
        prepared.settings,
        epochs=epochs,
        everybody=share * tokens / max(1, sum(len(w.tokens) for row in rows for w in row)),
    )
    print(
        f"{material.form.speaker}: {material.corpus.own_train} own lines, {speed:.0f} tokens a "
        f"second: {settings.everybody:.2f} passes over everybody's lines and {epochs:.2f} "
        f"over {prepared.examples.tokens} tokens",
        flush=True,
    )
    return replace(prepared, settings=settings)


def speed_of(prepared: Prepared, device: str) -> float:
    """Tokens a second of forward and backward passes, without the first one.

    On a processor its own time counts, so that what else runs hardly matters.
    """
    network = Network(model_of(prepared.base), prepared.settings, choose_device(device))
    on_cpu = network.device.type == "cpu"
    clock = time.process_time if on_cpu else time.monotonic
    share = torch.get_num_threads() if on_cpu else 1
    batch = prepared.settings.batch
    tokens = seconds = 0.0
    for start in range(0, TIMED * batch, batch):
        rows = prepared.examples.train[start : start + batch]
        if not rows:
            break
        began = clock()
        loss = network.loss(batch_of(rows, prepared.examples.pad))
        torch.autograd.backward(loss)
        float(loss)  # a GPU is waited for
        if start:
            tokens += sum(len(window.tokens) for row in rows for window in row)
            seconds += (clock() - began) / share
    return tokens / seconds if seconds else SPEED


def cloned(
    channel: Channel, name: str, work: Path, options: argparse.Namespace
) -> tuple[Checkpoint, Sequence[Session]]:
    """The clone of ``name``, and what it learned from; one that is there is not trained again."""
    folder = work / "checkpoints" / name
    form = PromptFormat(speaker=name)
    corpus = corpus_of(channel, name, form)
    if not folder.exists():
        material = Material(corpus=corpus, form=form, consent=NOBODY, heard=None, manners=None)
        prepared = prepared_within(material, settings_of(options), options)
        train_clone(
            prepared,
            folder,
            state=work / "training" / f"{name}.safetensors",
            device=options.device,
            reporter=reporter_for(sys.stderr),
            stopped=lambda: False,
            now=datetime.now(UTC),
        )
    return load_checkpoint(folder, base=bundled_base()), corpus.train


def add_training_options(parser: argparse.ArgumentParser, *, minutes: float) -> None:
    """What ``cloned`` looks at."""
    parser.add_argument("--minutes", type=float, default=minutes, help="of training a clone")
    parser.add_argument("--speed", type=float, help="training tokens a second; else measured")
    parser.add_argument(
        "--everybody", type=float, default=0.0, help="share of the time for everybody's lines"
    )
    parser.add_argument("--set", action="append", help="a training setting: rank=64")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")


def settings_of(options: argparse.Namespace) -> TrainingSettings:
    """The defaults, with what ``--set name=value`` says of them."""
    kinds = {name: type(value) for name, value in asdict(TrainingSettings()).items()}
    del kinds["everybody"]  # --everybody says it
    kinds["epochs"] = float  # None where nobody says
    pairs = [each.partition("=") for each in options.set or ()]
    if odd := sorted({name for name, _, _ in pairs} - set(kinds)):
        sys.exit(f"--set {', '.join(odd)}: there is {', '.join(kinds)}")
    given: dict[str, Any] = {name: kinds[name](value) for name, _, value in pairs}
    return TrainingSettings(seed=options.seed, **given)


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


def index_of(channel: Channel) -> LeakIndex:
    """As in a project in which everything before the border was imported."""
    cleaning = PROFILES["chat"]
    earlier = (m for m in channel.messages if m.at < channel.border)
    return build_index(((m.author.id, cleaning(m.text)) for m in earlier), OPEN_KEY)


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
            LeakGate(WordListFilter(), [index_of(channel)]),
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
    add_training_options(parser, minutes=20.0)
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--trials", type=int, default=TRIALS, help="true replies among ten")
    parser.add_argument("--preset", default="group-chat")
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
