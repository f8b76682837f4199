"""Train the bundled base: a small GPT-2 on open dialogue, in the transcript grammar.

    python scripts/train_base.py CORPUS_FOLDER WORK_FOLDER --tokens 24e6
    python scripts/train_base.py CORPUS_FOLDER WORK_FOLDER --report
    python scripts/train_base.py CORPUS_FOLDER WORK_FOLDER --export src/botconvo/demo/base

CORPUS_FOLDER holds ``*.jsonl.gz`` files with one dialogue a line:
``{"source": ..., "turns": [{"speaker": "A", "text": ...}]}``.  Every dialogue gets fresh speaker
names in every epoch, so that the model learns the grammar and not the names.  The run saves itself
every few minutes and on Ctrl-C; the same command goes on where it stopped.  One dialogue in fifty
(chosen by a hash of its text) is never trained on; the loss on those is the validation loss.

The learning rate is flat and then falls linearly to zero over the last part (``--decay``), so a
longer run can start from any saved state.  Hidden matrices are trained by Muon (Jordan et al.,
2024, https://kellerjordan.github.io/posts/muon/), everything else by AdamW.
"""

import argparse
import gzip
import hashlib
import json
import math
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel

from botconvo.transcript.grammar import Command, Line, print_line
from model_server.checkpoint.folder import write_checkpoint
from model_server.checkpoint.gguf_files import sha256_of, write_gpt2
from model_server.checkpoint.manifest import Architecture, Manifest, Weights
from model_server.checkpoint.tokens import read_tokenizer_json, tokenizer_digest

SOURCES = (
    "self_dialogue",
    "topical_chat",
    "synthetic_persona_chat",
    "casino",
    "ubuntu_irc_threads",
)
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
EMOJI = "😂 😭 💀 ❤️ 👍 🥰 ✨ 🎉 👀 🔥 😮 🙂 😅 😊 😍 🙏 👏 😎 🤔 🙄 😢 😡 🥺 🤣 💜 ☕ 🍕 🐱 🐶 🎂 🎵 ⚽ 🎮".split()


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
            bos_token_id=0,
            eos_token_id=0,
        )


Dialogue = dict[str, Any]


def read_dialogues(path: Path) -> Iterator[Dialogue]:
    with gzip.open(path, "rt", encoding="utf-8") as rows:
        for row in rows:
            yield json.loads(row)


def is_held_out(dialogue: Dialogue) -> bool:
    text = "\n".join(turn["text"] for turn in dialogue["turns"])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) % VALIDATION_SHARE == 0


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
        for before, letter in zip(letters, letters[1:], strict=False):
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


def encode_epoch(dialogues: list[Dialogue], tokenizer: Tokenizer, seed: str) -> np.ndarray:
    """All dialogues in a shuffled order with fresh names, as one row of token ids."""
    rng = random.Random(seed)
    order = list(dialogues)
    rng.shuffle(order)
    end = tokenizer.token_to_id(END_OF_TEXT)
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

    def at(self, row: int) -> np.ndarray:
        """The row of that number since the start: the same on every run, so a run can go on."""
        while True:
            per_epoch = len(self._rows)
            if per_epoch and row // per_epoch == self._epoch:
                return self._rows[row % per_epoch]
            self._load(0 if not per_epoch else row // per_epoch)

    def _load(self, epoch: int) -> None:
        ids = encode_epoch(self._dialogues, self._tokenizer, f"epoch {epoch}")
        # The number of rows must not depend on the epoch's names, or a run could not go on.
        rows = self._count_rows(ids)
        ids = ids[: rows * self._context + 1]
        index = np.arange(self._context + 1) + self._context * np.arange(rows)[:, None]
        shuffled = np.random.default_rng(epoch).permutation(rows)
        self._rows, self._epoch = ids[index][shuffled], epoch

    def _count_rows(self, ids: np.ndarray) -> int:
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
    if step < options.warmup:
        return peak * (step + 1) / options.warmup
    return peak * max(0.0, min(1.0, (1.0 - done) / options.decay))


def make_optimizers(model: GPT2LMHeadModel) -> list[torch.optim.Optimizer]:
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
    model: GPT2LMHeadModel, inputs: torch.Tensor, targets: torch.Tensor, first_position: int = 0
) -> torch.Tensor:
    positions = torch.arange(inputs.shape[1], device=inputs.device) + first_position
    with torch.autocast(inputs.device.type, dtype=torch.bfloat16):
        logits = model(
            input_ids=inputs, position_ids=positions.unsqueeze(0), use_cache=False
        ).logits
    return functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


@torch.no_grad()
def validation(
    model: GPT2LMHeadModel, rows: dict[str, np.ndarray], batch: int
) -> dict[str, float]:
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
) -> dict[str, np.ndarray]:
    tables = {}
    for source, dialogues in held_out.items():
        ids = encode_epoch(dialogues, tokenizer, "validation")
        rows = max(1, (len(ids) - 1) // context)
        rows = rows if most is None else min(rows, most)
        index = np.arange(context + 1) + context * np.arange(rows)[:, None]
        tables[source] = ids[np.minimum(index, len(ids) - 1)]
    return tables


def save(path: Path, state: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def export(
    model: GPT2LMHeadModel, shape: Shape, work: Path, options: argparse.Namespace, tokens: int
) -> None:
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
    parser.add_argument("--tokens", type=float, default=24e6, help="tokens to see in all")
    parser.add_argument("--decay", type=float, default=0.4, help="share of the run that decays")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--warmup", type=int, default=100)
    parser.add_argument("--batch", type=int, default=16, help="rows a step")
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
    return train, held_out


def print_report(losses: dict[str, float], rows: dict[str, np.ndarray]) -> None:
    total = sum(len(table) for table in rows.values())
    mean = sum(losses[source] * len(rows[source]) for source in rows) / total
    print(f"{'source':<26}{'rows':>6}{'loss':>8}{'perplexity':>12}")
    for source, loss in losses.items():
        print(f"{source:<26}{len(rows[source]):>6}{loss:>8.3f}{math.exp(loss):>12.1f}")
    print(f"{'all':<26}{total:>6}{mean:>8.3f}{math.exp(mean):>12.1f}")


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    shape = Shape(**{name: getattr(options, name) for name in Shape().__dict__})
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    model = GPT2LMHeadModel(shape.config(options.dropout)).to(device)
    optimizers = make_optimizers(model)
    state_path = options.work / "state.pt"
    step = tokens = 0
    if state_path.exists():
        state = torch.load(state_path, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        step, tokens = state["step"], state["tokens"]

    if options.export:
        export(model, shape, options.work, options, tokens)
        return 0
    tokenizer = load_or_train_tokenizer(options.corpus, options.work, shape.vocabulary)
    train, held_out = split(options.corpus)
    if options.report:
        rows = validation_rows(held_out, tokenizer, shape.context, None)
        print_report(validation(model, rows, options.batch), rows)
        return 0

    batches = Batches(train, tokenizer, options.block)
    checks = validation_rows(held_out, tokenizer, shape.context, 24)
    tokens_a_step = options.batch * options.block
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{parameters / 1e6:.1f} M parameters, {tokens / 1e6:.1f} M tokens seen, {device}")
    model.train()
    saved_at = logged_at = time.monotonic()
    losses: list[float] = []

    def keep() -> None:
        save(
            state_path,
            {
                "model": model.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in optimizers],
                "step": step,
                "tokens": tokens,
                "shape": shape.__dict__,
            },
        )

    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        while tokens < options.tokens:
            rate = learning_rate(step, tokens / options.tokens, options)
            first = tokens // options.block
            inputs, targets = (t.to(device) for t in batches.get(first, options.batch))
            # Rows are shorter than the context: a drawn start lets every position learn.
            offset = random.Random(tokens).randint(0, shape.context - options.block)
            loss = loss_of(model, inputs, targets, offset)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = rate
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            step, tokens = step + 1, tokens + tokens_a_step
            losses.append(float(loss.detach()))
            if step % 25 == 0:
                now = time.monotonic()
                speed = len(losses) * tokens_a_step / (now - logged_at)
                mean = sum(losses) / len(losses)
                losses.clear()
                print(
                    f"step {step} tokens {tokens / 1e6:.2f} M loss {mean:.3f} "
                    f"rate {rate:.5f} {speed:.0f} tok/s",
                    flush=True,
                )
                logged_at = now
            if time.monotonic() - saved_at > options.save_minutes * 60:
                keep()
                print(f"step {step} {validation(model, checks, options.batch)}", flush=True)
                losses.clear()
                saved_at = logged_at = time.monotonic()
    keep()
    rows = validation_rows(held_out, tokenizer, shape.context, None)
    print_report(validation(model, rows, options.batch), rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
