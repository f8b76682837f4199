"""Whose words does each clone expect?  The loss of every clone on every friend's held-out words.

    python scripts/measure_clones.py PROJECT [CHECKPOINTS_FOLDER]

PROJECT is the folder whose store the clones were trained from (``scripts/make_demo.py`` says which
one it used).  Row by row: a friend's own words in sessions that began after everything that any of
the clones was trained on, in context and with the speakers' names as written; the mean loss in
nats a token under the base and under each clone.  A good clone has the lowest figure of its row.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import torch

from botconvo.checkpoints import bundled_base
from botconvo.corpus import Corpus, build_corpus
from botconvo.evaluation.scoring import with_adapter, words_of
from botconvo.gathering import gather
from botconvo.store import STORE_NAME, Store
from botconvo.training.bases import build_tokenizer
from botconvo.training.examples import Window, pack, windows_of
from botconvo.training.network import Network, choose_device, make_gpt2
from botconvo.training.settings import TrainingSettings
from botconvo.transcript.cleaning import PROFILES
from model_server.checkpoint.folder import Checkpoint, load_checkpoint
from model_server.checkpoint.gguf_files import plan_gpt2, read_gpt2
from model_server.checkpoint.tokens import Tokens
from model_server.prompt_format import PromptFormat

SETTINGS = TrainingSettings(method="lora", rank=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Mean loss in nats over ``tokens`` tokens."""

    loss: float
    tokens: int


def forms_of(checkpoints: Sequence[Checkpoint]) -> list[PromptFormat]:
    forms = [checkpoint.manifest.prompt_format for checkpoint in checkpoints]
    return [form for form in forms if form is not None]


def read_corpora(store: Store, forms: Sequence[PromptFormat]) -> list[Corpus]:
    """Each friend's corpus, as training built it."""
    corpora = []
    for form in forms:
        gathered = gather(store, form.speaker, datetime.now(UTC))
        corpora.append(
            build_corpus(
                gathered.messages,
                gathered.people,
                form.speaker,
                cleaning=PROFILES[form.cleaning],
                init_after=timedelta(seconds=form.init_after_s),
            )
        )
    return corpora


def unseen(corpora: Sequence[Corpus]) -> list[Corpus]:
    """Of the held-out sessions, those that began after all that any of the clones has seen."""
    last = max(session.started for corpus in corpora for session in corpus.train)
    return [
        Corpus(
            speaker=corpus.speaker,
            train=(),
            held_out=tuple(s for s in corpus.held_out if s.started > last),
        )
        for corpus in corpora
    ]


def rows_of(corpus: Corpus, form: PromptFormat, tokens: Tokens) -> tuple[tuple[Window, ...], ...]:
    tokenizer = build_tokenizer(tokens)
    windows = windows_of(
        (words_of(session) for session in corpus.held_out),
        form,
        lambda text: tokenizer.encode(text).ids,
        block=SETTINGS.block,
        overlap=SETTINGS.overlap,
    )
    return pack(windows, SETTINGS.block)


def measure(checkpoints: Sequence[Checkpoint], store: Store) -> list[list[Cell]]:
    """A row per friend: the base first, then every clone in the same order as the rows."""
    weights, architecture, tokens = read_gpt2(checkpoints[0].base_path)
    plan = plan_gpt2(architecture)
    forms = forms_of(checkpoints)
    corpora = unseen(read_corpora(store, forms))
    tables = [rows_of(corpus, form, tokens) for corpus, form in zip(corpora, forms, strict=True)]
    columns = []
    for adapter in (None, *(checkpoint.adapter_path for checkpoint in checkpoints)):
        whole = dict(weights if adapter is None else with_adapter(weights.items(), plan, adapter))
        network = Network(make_gpt2(whole, architecture), SETTINGS, choose_device("auto"))
        columns.append([_cell(network, rows, tokens.end_of_text) for rows in tables])
    return [list(row) for row in zip(*columns, strict=True)]


def _cell(network: Network, rows: Sequence[Sequence[Window]], pad: int) -> Cell:
    loss, count = network.mean_loss(rows, batch=SETTINGS.batch, pad=pad)
    return Cell(loss=loss, tokens=round(count))


def markdown(names: Sequence[str], cells: Sequence[Sequence[Cell]]) -> str:
    """The table; the lowest loss of a row is bold."""
    rows = [
        f"| words of | tokens | base | {' | '.join(f'clone of {name}' for name in names)} |",
        f"|---|{'--:|' * (len(names) + 2)}",
    ]
    for name, row in zip(names, cells, strict=True):
        best = min(cell.loss for cell in row)
        shown = [f"**{c.loss:.3f}**" if c.loss == best else f"{c.loss:.3f}" for c in row]
        rows.append(f"| {name} | {row[0].tokens} | {' | '.join(shown)} |")
    return "\n".join(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("project", type=Path, help="folder with the store")
    parser.add_argument(
        "checkpoints", type=Path, nargs="?", help="folder of the clones; default: the project's"
    )
    options = parser.parse_args(arguments)
    folder = options.checkpoints or options.project / "checkpoints"
    checkpoints = [
        load_checkpoint(path.parent, base=bundled_base())
        for path in sorted(folder.glob("*/manifest.json"))
    ]
    if not checkpoints:
        sys.exit(f"{folder}: holds no checkpoint")
    if len({checkpoint.base_path.resolve() for checkpoint in checkpoints}) > 1:
        sys.exit(f"{folder}: the clones stand on different bases and cannot be compared")
    torch.set_grad_enabled(False)
    with Store.open(options.project / STORE_NAME, create=False) as store:
        cells = measure(checkpoints, store)
    print(markdown([form.speaker for form in forms_of(checkpoints)], cells))
    return 0


if __name__ == "__main__":
    sys.exit(main())
