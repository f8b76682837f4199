"""Train the bundled base: a small GPT-2 on open dialogue, in the transcript grammar.

    python scripts/train_base.py CORPUS_FOLDER WORK_FOLDER --tokens 24e6
    python scripts/train_base.py CORPUS_FOLDER WORK_FOLDER --report
    python scripts/train_base.py CORPUS_FOLDER WORK_FOLDER --export src/botconvo/demo/base

CORPUS_FOLDER holds ``*.jsonl.gz`` files with one dialogue a line:
``{"source": ..., "turns": [{"speaker": "A", "text": ...}]}``.  Every dialogue gets fresh speaker
names in every epoch, so that the model learns the grammar and not the names.  The run saves itself
every few minutes and on Ctrl-C; the same command goes on where it stopped.  ``--start FOLDER``
begins with the weights and tokenizer of a base that was written before.

One dialogue in fifty (chosen by a hash of its text) is never trained on; the loss on those is the
validation loss.  The windows of ``ubuntu_irc_channel`` are of the same days as the threads, so
those that hold a line of a thread that is held out are left out, and no loss is reported on them.

The learning rate is flat and then falls linearly to zero over the last part (``--decay``), so a
longer run can start from any saved state.  Hidden matrices are trained by Muon (Jordan et al.,
2024, https://kellerjordan.github.io/posts/muon/), everything else by AdamW.
"""

import argparse
import gzip
import hashlib
import json
import math
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel

from botconvo.training.bases import build_tokenizer
from botconvo.training.memory import keep_freed_memory
from botconvo.training.network import make_gpt2
from botconvo.transcript.grammar import Command, Line, print_line
from model_server.checkpoint.folder import write_checkpoint
from model_server.checkpoint.gguf_files import read_gpt2, sha256_of, write_gpt2
from model_server.checkpoint.hugging_face.tokenizer import read_tokenizer_json
from model_server.checkpoint.manifest import Architecture, Manifest, Weights
from model_server.checkpoint.tokens import tokenizer_digest

SOURCES = (
    "self_dialogue",
    "topical_chat",
    "synthetic_persona_chat",
    "casino",
    "ubuntu_irc_threads",
)
CHANNEL = "ubuntu_irc_channel"
"""Whole channels, with ten to twenty speakers: trained on only."""

END_OF_TEXT = "<|endoftext|>"
VALIDATION_SHARE = 50  # one dialogue in so many

# Given names and nicknames of many shapes; which one somebody gets is drawn anew in every epoch.
NAMES = """
Alice Ben Carla David Emma Felix Grace Hugo Iris Jack Kate Leo Mia Noah Olga Paul Quinn Rosa Simon
Tara Uma Victor Wendy Xavier Yara Zoe Aaron Bella Chris Diana Ethan Fiona George Hannah Ivan Julia
Kevin Laura Mark Nina Oscar Priya Ravi Sarah Tom Ursula Vera Will Yusuf Zara Adam Beth Carl Dora
Eric Faye Greg Helen Ian Jane Karl Lucy Matt Nora Owen Petra Ross Sofia Tim Vince Wanda Abby Bruno
Cleo Dean Elsa Finn Gina Hank Ines Joel Kira Liam Maya Nick Olive Pete Rita Sean Tess Viktor Amir
Bo Cass Dani Eli Freya Gus Holly Igor Jess Kai Lena Max Naomi Otto Pippa Remy Stella Theo Una
Wes Alex Sam Robin Charlie Jamie Morgan Riley Casey Jordan Taylor Drew Frankie Harper Jules Lou
Marta Niko Pavel Rowan Sasha Toby Vlad Wren Ximena Yolanda Zack Anders Bjorn Chloe Dmitri Esther
shadow pixel moose turtle noodle pickle rocket waffle badger goblin comet ziggy bandit mango
""".split()
EMOJI = """
😂 😭 💀 ❤️ 👍 🥰 ✨ 🎉 👀 🔥 😮 🙂 😅 😊 😍 🙏 👏 😎 🤔 🙄 😢 😡 🥺 🤣 💜 ☕ 🍕 🐱 🐶 🎂 🎵 ⚽ 🎮
""".split()


@dataclass(frozen=True)
class Shape:
    """Sizes of the network."""

    layers: int = 6
    width: int = 384
    heads: int = 6
    context: int = 512
    vocabulary: int = 8192

    def config(self, dropout: float) -> GPT2Config:
        return GPT2Config(
            vocab_size=self.vocabulary,
            n_positions=self.context,
            n_embd=self.width,
            n_layer=self.layers,
            n_head=self.heads,
            resid_pdrop=dropout,
            embd_pdrop=dropout,
            attn_pdrop=dropout,
            # The same function as GPT-2's "gelu_new" in one fused step.
            activation_function="gelu_pytorch_tanh",
            bos_token_id=0,
            eos_token_id=0,
        )


Dialogue = dict[str, Any]
Ids = npt.NDArray[np.uint16]


def read_dialogues(path: Path) -> Iterator[Dialogue]:
    with gzip.open(path, "rt", encoding="utf-8") as rows:
        for row in rows:
            yield json.loads(row)


def is_held_out(dialogue: Dialogue) -> bool:
    text = "\n".join(turn["text"] for turn in dialogue["turns"])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) % VALIDATION_SHARE == 0


def plain_lines(dialogue: Dialogue) -> Iterator[str]:
    """What tells one line from another: its words, without the letters that stand for people."""
    for turn in dialogue["turns"]:
        words = [word for word in turn["text"].lower().split() if not word.startswith("@")]
        if len(words) >= 4:
            yield " ".join(words)


def windows_beside(held_out: list[Dialogue], windows: Iterator[Dialogue]) -> Iterator[Dialogue]:
    """Those of the channel's windows in which no line of a thread that is held out stands."""
    kept_apart = {line for dialogue in held_out for line in plain_lines(dialogue)}
    for window in windows:
        if kept_apart.isdisjoint(plain_lines(window)):
            yield window


def draw_name(rng: random.Random) -> str:
    name = rng.choice(NAMES)
    shape = rng.random()
    if shape < 0.70:
        return name
    if shape < 0.85:
        return name.lower()
    if shape < 0.93:
        return f"{name.lower()}{rng.randrange(1, 100)}"
    return f"{name} {rng.choice(NAMES)}"


def draw_names(rng: random.Random, count: int) -> list[str]:
    names: list[str] = []
    while len(names) < count:
        name = draw_name(rng)
        if name not in names:
            names.append(name)
    return names


def speakers_of(dialogue: Dialogue, rng: random.Random) -> list[str]:
    """A speaker name per turn.

    Half of the two-sided dialogues are dealt out to three to five people: their text was written
    to carry on a topic, and a group chat needs models that follow a topic across many speakers.
    """
    letters = [turn["speaker"] for turn in dialogue["turns"]]
    if len(set(letters)) == 2 and rng.random() < 0.5:
        crowd = draw_names(rng, rng.choice((3, 4, 4, 5)))
        dealt = [rng.choice(crowd)]
        for before, letter in pairwise(letters):
            same = before == letter
            dealt.append(dealt[-1] if same else rng.choice([n for n in crowd if n != dealt[-1]]))
        return dealt
    named = dict(zip(sorted(set(letters)), draw_names(rng, len(set(letters))), strict=True))
    return [named[letter] for letter in letters]


def render(dialogue: Dialogue, rng: random.Random) -> str:
    """A dialogue in the transcript grammar, each line ended by a line break."""
    speakers = speakers_of(dialogue, rng)
    by_letter = {
        turn["speaker"]: name for turn, name in zip(dialogue["turns"], speakers, strict=True)
    }
    lines = []
    if rng.random() < 0.5:
        lines.append(Line(name=speakers[0], command=Command.INIT))
    for turn, name in zip(dialogue["turns"], speakers, strict=True):
        text = " ".join(turn["text"].split())
        for letter, shown in by_letter.items():
            text = text.replace(f"@{letter} ", f"{shown} ").replace(f"@{letter},", f"{shown},")
        if text:
            lines.append(Line(name=name, argument=text.replace("@user", rng.choice(NAMES))))
    return "".join(print_line(line) + "\n" for line in lines)


def train_tokenizer(texts: Iterator[str], size: int) -> Tokenizer:
    """A byte-level BPE exactly like GPT-2's, with a vocabulary of its own."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def load_or_train_tokenizer(corpus: Path, work: Path, size: int) -> Tokenizer:
    path = work / "tokenizer.json"
    if not path.exists():
        rng = random.Random("tokenizer")

        def texts() -> Iterator[str]:
            for source in SOURCES:
                for dialogue in read_dialogues(corpus / f"{source}.jsonl.gz"):
                    yield render(dialogue, rng)
            for emoji in EMOJI:  # common emoji become one token each
                yield from (f"{emoji} ok {emoji}",) * 300

        train_tokenizer(texts(), size).save(str(path))
    return Tokenizer.from_file(str(path))


def encode_epoch(dialogues: list[Dialogue], tokenizer: Tokenizer, seed: str) -> Ids:
    """All dialogues in a shuffled order with fresh names, as one row of token ids."""
    rng = random.Random(seed)
    order = list(dialogues)
    rng.shuffle(order)
    end = int(tokenizer.token_to_id(END_OF_TEXT) or 0)
    pieces: list[int] = []
    for start in range(0, len(order), 1024):
        texts = [render(dialogue, rng) for dialogue in order[start : start + 1024]]
        for encoding in tokenizer.encode_batch(texts, add_special_tokens=False):
            pieces.append(end)
            pieces.extend(encoding.ids)
    return np.array(pieces, dtype=np.uint16)


class Batches:
    """Endless batches (inputs, targets) of shape (batch, context), epoch after epoch."""

    def __init__(self, dialogues: list[Dialogue], tokenizer: Tokenizer, context: int) -> None:
        self._dialogues, self._tokenizer, self._context = dialogues, tokenizer, context
        self._epoch = -1
        self._rows = np.empty((0, context + 1), dtype=np.uint16)

    def at(self, row: int) -> Ids:
        """The row of that number since the start: the same on every run, so a run can go on."""
        while True:
            per_epoch = len(self._rows)
            if per_epoch and row // per_epoch == self._epoch:
                found: Ids = self._rows[row % per_epoch]
                return found
            self._load(0 if not per_epoch else row // per_epoch)

    def _load(self, epoch: int) -> None:
        ids = encode_epoch(self._dialogues, self._tokenizer, f"epoch {epoch}")
        # The number of rows must not depend on the epoch's names, or a run could not go on.
        rows = self._count_rows(ids)
        ids = ids[: rows * self._context + 1]
        index = np.arange(self._context + 1) + self._context * np.arange(rows)[:, None]
        shuffled = np.random.default_rng(epoch).permutation(rows)
        self._rows, self._epoch = ids[index[shuffled]], epoch

    def _count_rows(self, ids: Ids) -> int:
        if len(self._rows):
            return len(self._rows)
        return int(len(ids) * 0.99) // self._context

    def get(self, first: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        rows = np.stack([self.at(first + i) for i in range(count)]).astype(np.int64)
        tensor = torch.from_numpy(rows)
        return tensor[:, :-1].contiguous(), tensor[:, 1:].contiguous()


def learning_rate(step: int, done: float, options: argparse.Namespace) -> float:
    """Linear warm-up, flat, then a linear fall to zero over the last ``--decay`` share."""
    peak = float(options.rate)
    warm = (step + 1) / float(options.warmup)
    left = (1.0 - done) / float(options.decay)
    return peak * max(0.0, min(1.0, warm, left))


def make_optimizers(model: Any) -> list[torch.optim.Optimizer]:
    hidden = [p for n, p in model.named_parameters() if p.ndim == 2 and ".h." in n]
    names = {id(p) for p in hidden}
    others = [p for p in model.parameters() if id(p) not in names]
    return [
        torch.optim.Muon(
            hidden, lr=1.0, weight_decay=0.05, momentum=0.95, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(others, lr=1.0, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    ]


def loss_of(
    model: Any, inputs: torch.Tensor, targets: torch.Tensor, first_position: int = 0
) -> torch.Tensor:
    positions = torch.arange(inputs.shape[1], device=inputs.device) + first_position
    with torch.autocast(inputs.device.type, dtype=torch.bfloat16):
        logits = model(
            input_ids=inputs, position_ids=positions.unsqueeze(0), use_cache=False
        ).logits
    return functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


@torch.no_grad()
def validation(model: Any, rows: dict[str, Ids], batch: int) -> dict[str, float]:
    """Mean loss in nats a token of each source's held-out dialogues."""
    model.eval()
    device = next(model.parameters()).device
    losses = {}
    for source, table in rows.items():
        total = 0.0
        for start in range(0, len(table), batch):
            part = torch.from_numpy(table[start : start + batch].astype(np.int64)).to(device)
            total += float(loss_of(model, part[:, :-1], part[:, 1:])) * len(part)
        losses[source] = total / len(table)
    model.train()
    return losses


def validation_rows(
    held_out: dict[str, list[Dialogue]], tokenizer: Tokenizer, context: int, most: int | None
) -> dict[str, Ids]:
    tables = {}
    for source, dialogues in held_out.items():
        ids = encode_epoch(dialogues, tokenizer, "validation")
        rows = max(1, (len(ids) - 1) // context)
        rows = rows if most is None else min(rows, most)
        index = np.arange(context + 1) + context * np.arange(rows)[:, None]
        tables[source] = ids[np.minimum(index, len(ids) - 1)]
    return tables


def export(model: Any, shape: Shape, work: Path, options: argparse.Namespace, tokens: int) -> None:
    """Write the weights as a base checkpoint: GGUF and manifest."""
    architecture = Architecture(
        name="gpt2",
        layers=shape.layers,
        width=shape.width,
        heads=shape.heads,
        vocabulary=shape.vocabulary,
        context=shape.context,
    )
    pieces = read_tokenizer_json(work / "tokenizer.json")
    weights = {name: value.float().cpu().numpy() for name, value in model.state_dict().items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        write_gpt2(
            path,
            weights,
            architecture,
            pieces,
            quantization=options.quantization,
            name="BotConvo base",
        )
        manifest = Manifest(
            persona=None,
            created=datetime.now(UTC),
            weights=Weights(
                file="model.gguf",
                kind="full",
                sha256=sha256_of(path),
                bytes=path.stat().st_size,
            ),
            architecture=architecture,
            tokenizer_sha256=tokenizer_digest(pieces),
            training={"tokens_seen": tokens, "quantization": options.quantization},
            versions={"torch": torch.__version__},
        )
        write_checkpoint(options.export, manifest, path)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("work", type=Path, help="where state and tokenizer are kept")
    parser.add_argument("--start", type=Path, help="a base to begin with")
    parser.add_argument("--tokens", type=float, default=24e6, help="tokens to see in all")
    parser.add_argument("--decay", type=float, default=0.4, help="share of the run that decays")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--warmup", type=int, default=100)
    parser.add_argument("--batch", type=int, default=32, help="rows a step")
    parser.add_argument(
        "--block", type=int, default=256, help="tokens a row; short rows are cheaper to train"
    )
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--save-minutes", type=float, default=5.0)
    parser.add_argument("--report", action="store_true", help="only measure what is saved")
    parser.add_argument("--export", type=Path, help="only write what is saved as a checkpoint")
    parser.add_argument("--quantization", choices=("q8_0", "f16", "f32"), default="q8_0")
    for name, value in Shape().__dict__.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args(arguments)


def split(corpus: Path) -> tuple[list[Dialogue], dict[str, list[Dialogue]]]:
    train: list[Dialogue] = []
    held_out: dict[str, list[Dialogue]] = {}
    for source in SOURCES:
        held_out[source] = []
        for dialogue in read_dialogues(corpus / f"{source}.jsonl.gz"):
            (held_out[source] if is_held_out(dialogue) else train).append(dialogue)
    windows = read_dialogues(corpus / f"{CHANNEL}.jsonl.gz")
    train.extend(windows_beside(held_out["ubuntu_irc_threads"], windows))
    return train, held_out


def print_report(losses: dict[str, float], rows: dict[str, Ids]) -> None:
    total = sum(len(table) for table in rows.values())
    mean = sum(losses[source] * len(rows[source]) for source in rows) / total
    print(f"{'source':<26}{'rows':>6}{'loss':>8}{'perplexity':>12}")
    for source, loss in losses.items():
        print(f"{source:<26}{len(rows[source]):>6}{loss:>8.3f}{math.exp(loss):>12.1f}")
    print(f"{'all':<26}{total:>6}{mean:>8.3f}{math.exp(mean):>12.1f}")


@dataclass
class Run:
    """A run that can be left and taken up again: the weights and how far they are."""

    options: argparse.Namespace
    shape: Shape
    device: str
    model: Any
    """transformers' models are untyped."""
    optimizers: list[torch.optim.Optimizer]
    step: int = 0
    tokens: int = 0

    @classmethod
    def open(cls, options: argparse.Namespace) -> "Run":
        """A fresh run, or the one that is saved in the work folder."""
        options.work.mkdir(parents=True, exist_ok=True)
        shape = Shape(**{name: getattr(options, name) for name in Shape().__dict__})
        device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.manual_seed(0)
        model: Any = GPT2LMHeadModel(shape.config(options.dropout))
        model.to(device)
        run = cls(options, shape, device, model, make_optimizers(model))
        if run.path.exists():
            run._load()
        elif options.start:
            run._begin_with(options.start)
        return run

    @property
    def path(self) -> Path:
        return Path(self.options.work) / "state.pt"

    def _load(self) -> None:
        state = torch.load(self.path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.tokens = state["step"], state["tokens"]

    def _begin_with(self, folder: Path) -> None:
        """Take the weights and the tokenizer of a base."""
        weights, architecture, tokens = read_gpt2(folder / "model.gguf")
        self.model.load_state_dict(make_gpt2(weights, architecture).state_dict())
        build_tokenizer(tokens).save(str(self.options.work / "tokenizer.json"))

    def save(self) -> None:
        """Atomically: a run that is killed while it saves loses nothing."""
        partial = self.path.with_suffix(".partial")
        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
            "tokens": self.tokens,
            "shape": self.shape.__dict__,
        }
        torch.save(state, partial)
        partial.replace(self.path)

    def learn(self, batches: Batches) -> float:
        """One step; returns its loss."""
        options = self.options
        rate = learning_rate(self.step, self.tokens / options.tokens, options)
        rows = batches.get(self.tokens // options.block, options.batch)
        inputs, targets = (part.to(self.device) for part in rows)
        # Rows are shorter than the context: a drawn start lets every position learn.
        offset = random.Random(self.tokens).randint(0, self.shape.context - options.block)
        loss = loss_of(self.model, inputs, targets, offset)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step, self.tokens = self.step + 1, self.tokens + inputs.numel()
        return float(loss.detach())


def train(run: Run, batches: Batches, checks: dict[str, Ids]) -> None:
    """Until all tokens are seen or somebody interrupts; either way it is saved."""
    saved_at = logged_at = time.monotonic()
    losses: list[float] = []
    seen = run.tokens
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    run.model.train()
    with suppress(KeyboardInterrupt):
        while run.tokens < run.options.tokens:
            losses.append(run.learn(batches))
            now = time.monotonic()
            if run.step % 25 == 0:
                speed = (run.tokens - seen) / (now - logged_at)
                mean = sum(losses) / len(losses)
                print(
                    f"{run.tokens / 1e6:.2f} M tokens, loss {mean:.3f}, {speed:.0f} tok/s",
                    flush=True,
                )
                losses, logged_at, seen = [], now, run.tokens
            if now - saved_at > run.options.save_minutes * 60:
                run.save()
                print(validation(run.model, checks, run.options.batch), flush=True)
                losses, saved_at, seen = [], time.monotonic(), run.tokens
                logged_at = saved_at
    run.save()


def main(arguments: list[str] | None = None) -> int:
    """Train, or report or export what is saved."""
    options = parse(arguments)
    keep_freed_memory()
    run = Run.open(options)
    if options.export:
        export(run.model, run.shape, options.work, options, run.tokens)
        return 0
    tokenizer = load_or_train_tokenizer(options.corpus, options.work, run.shape.vocabulary)
    training, held_out = split(options.corpus)
    if not options.report:
        parameters = sum(p.numel() for p in run.model.parameters())
        print(
            f"{parameters / 1e6:.1f} M parameters, {run.tokens / 1e6:.1f} M tokens seen", flush=True
        )
        batches = Batches(training, tokenizer, options.block)
        train(run, batches, validation_rows(held_out, tokenizer, run.shape.context, 24))
    rows = validation_rows(held_out, tokenizer, run.shape.context, None)
    print_report(validation(run.model, rows, options.batch), rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
