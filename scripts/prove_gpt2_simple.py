"""Whether a clone of gpt-2-simple says here what it says there, token for token.

    python scripts/prove_gpt2_simple.py                  minutes; needs the extra 'tensorflow'
    python scripts/prove_gpt2_simple.py --run FOLDER     a run that is there already

The base that comes with BotConvo is written in gpt-2-simple's own format, fine-tuned by
gpt-2-simple on one invented friend's messages, and asked greedily by gpt-2-simple and by our model
server at f16.  Where the two part, the likeliest tokens must have been as near to each other as f16
is to float32.  Both precisions are also compared by all log-probabilities of every step.
"""

import argparse
import asyncio
import csv
import json
import math
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gpt2_simple_runs import finetune, greedy, write_run
from measuring import BASE, figure, open_engine, served, table

from model_server.checkpoint.conversion import Precision
from model_server.checkpoint.folder import Checkpoint
from model_server.checkpoint.gguf_files import read_gpt2
from model_server.checkpoint.gguf_header import read_header
from model_server.checkpoint.opening import open_checkpoint
from model_server.checkpoint.tokens import tokens_of
from model_server.engine import Draw, LlamaEngine, Piece, TokenScore

SAMPLE = BASE.parent / "sample-server.json"
CONTEXT = 1024
"""gpt-2-simple trains on so many tokens at a time, whatever hparams.json says."""
NEAR = 0.02
"""Logits that may lie between the two likeliest tokens where f16 and float32 part."""
OPENINGS = (
    "",
    "the kettle",
    "what is everyone",
    "i never said",
    "my bike",
    "tomorrow at the wall",
    "is it true that",
    "good morning",
    "nobody told me about",
    "<|endoftext|> is how",
)
"""What stands behind the marker; the last is what somebody has typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One prompt: how many tokens were the same, of how many, and the margin where they part."""

    prompt: str
    same: int
    count: int
    distinct: int
    margin: float | None

    @property
    def holds(self) -> bool:
        return self.same == self.count or (self.margin is not None and self.margin < NEAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """All log-probabilities of a step against gpt-2-simple's, and whether the first is the same."""

    correlation: float
    difference: float
    """Of the likeliest token's log-probability."""
    same: bool


# ---- the clone -------------------------------------------------------------------------------


def train(folder: Path, base: Path, author: str, steps: int, rate: float) -> Path:
    """The run of a clone of ``author``, made by gpt-2-simple from our base."""
    weights, architecture, tokens = read_gpt2(next(base.glob("*.gguf")))
    longer = architecture.model_copy(update={"context": CONTEXT})
    model = write_run(folder / "models" / "base", weights, longer, tokens)
    rows = write_rows(folder / "rows.csv", author)
    run, loud = folder / "checkpoint" / "run1", sys.stderr.isatty()
    return finetune(model, run, rows, steps=steps, rate=rate, loud=loud)


def write_rows(path: Path, author: str) -> Path:
    """One friend's messages as the CSV with one column that gpt-2-simple takes."""
    messages = json.loads(SAMPLE.read_text(encoding="utf-8"))["messages"]
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["messages"])
        for message in messages:
            if message["author"]["name"] == author and message["content"]:
                rows.writerow([message["content"]])
    return path


# ---- the words -------------------------------------------------------------------------------


async def compare_words(
    opened: Checkpoint, prompts: Sequence[str], answers: Sequence[Mapping[str, Any]]
) -> list[Words]:
    """The greedy texts of our server beside gpt-2-simple's."""
    found = []
    async with served(opened) as server:
        for prompt, answer in zip(prompts, answers, strict=True):
            said = await server.complete(
                prompt=prompt, max_tokens=len(answer["said"]), temperature=0, logprobs=0
            )
            scores = said.choices[0].logprobs
            assert scores is not None
            found.append(compare_one(prompt, scores.tokens, answer))
    return found


def compare_one(prompt: str, ours: Sequence[str], answer: Mapping[str, Any]) -> Words:
    """Up to where the first token differs."""
    pairs = zip(ours, answer["pieces"], strict=False)
    same = next((at for at, (our, their) in enumerate(pairs) if our != their), len(ours))
    margin = None
    if same < len(answer["pieces"]):
        likeliest = sorted(answer["logits"][same])
        margin = likeliest[-1] - likeliest[-2]
    return Words(
        prompt=prompt,
        same=same,
        count=len(answer["pieces"]),
        distinct=len(set(answer["said"])),
        margin=margin,
    )


# ---- the numbers -----------------------------------------------------------------------------


def compare_numbers(
    opened: Checkpoint, prompts: Sequence[str], answers: Sequence[Mapping[str, Any]]
) -> list[Step]:
    """Every step up to the first on which another token was the likeliest, that one included."""
    numbers = _numbers_by_text(opened)
    steps: list[Step] = []
    with open_engine(opened) as engine:
        for prompt, answer in zip(prompts, answers, strict=True):
            assert engine.tokenize(prompt) == answer["prompt"], "the two read it differently"
            rows = _scores(engine, prompt, len(answer["said"]), len(answer["logits"][0]))
            for row, logits, piece in zip(rows, answer["logits"], answer["pieces"], strict=False):
                steps.append(_step(row, logits, row.text == piece, numbers))
                if row.text != piece:
                    break
    return steps


def _scores(engine: LlamaEngine, prompt: str, count: int, alternatives: int) -> list[TokenScore]:
    found: list[TokenScore] = []

    def take(piece: Piece) -> bool:
        found.extend(piece.scores)
        return True

    draw = Draw(prompt=prompt, max_tokens=count, temperature=0, logprobs=alternatives)
    engine.generate(draw, take)
    return found


def _step(row: TokenScore, logits: Sequence[float], same: bool, numbers: dict[str, int]) -> Step:
    largest = max(logits)
    total = largest + math.log(sum(math.exp(value - largest) for value in logits))
    times = Counter(text for text, _ in row.top)  # what has no text of its own is cut to the same
    pairs = [
        (ours, logits[numbers[text]] - total)
        for text, ours in row.top
        if text in numbers and times[text] == 1
    ]
    correlation = float(np.corrcoef(np.array(pairs).T)[0, 1])
    return Step(correlation=correlation, difference=abs(row.logprob - largest + total), same=same)


def _numbers_by_text(opened: Checkpoint) -> dict[str, int]:
    """Token ids by their text, of those that are whole characters and no other's text."""
    bytes_of = _bytes_of_letters()
    tokens = tokens_of(opened.base_path, read_header(opened.base_path))
    texts: dict[str, int] = {}
    for number, token in enumerate(tokens.tokens):
        if number != tokens.end_of_text:
            text = bytes(bytes_of[letter] for letter in token).decode("utf-8", "replace")
            if "\ufffd" not in text:
                texts[text] = number
    return texts


def _bytes_of_letters() -> dict[str, int]:
    """GPT-2's alphabet for bytes: a printable one is its own letter, others follow from U+0100."""
    own = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others: Iterator[int] = iter(range(0x100, 0x200))
    return {chr(byte) if byte in own else chr(next(others)): byte for byte in range(256)}


# ---- the tables ------------------------------------------------------------------------------


def word_table(words: Sequence[Words]) -> str:
    """A row for every prompt."""
    rows = [
        [
            f"`{each.prompt}`",
            f"**{each.same}** of {each.count}",
            str(each.distinct),
            "" if each.margin is None else f"{each.margin:.4f}",
            "yes" if each.holds else "**no**",
        ]
        for each in words
    ]
    head = ["prompt", "same tokens", "distinct", f"margin where they part, < {NEAR}", "holds"]
    return table(head, rows)


def number_table(steps: Mapping[str, Sequence[Step]]) -> str:
    """A row for every precision."""
    rows = [
        [
            precision,
            str(len(of)),
            f"{sum(step.same for step in of) / len(of):.1%}",
            figure([step.correlation for step in of], 6),
            figure([step.difference for step in of], 5),
        ]
        for precision, of in steps.items()
    ]
    head = ["weights", "steps", "same likeliest token", "correlation of log-probabilities"]
    return table([*head, "difference of the likeliest one's (nats)"], rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the clone, ask both, print both tables; it ends with 1 where a prompt does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--run", type=Path, help="a run's folder; default: make one")
    parser.add_argument("--base", type=Path, default=BASE)
    parser.add_argument("--author", default="juno.climbs")
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--rate", type=float, default=1e-4, help="gpt-2-simple's own default")
    parser.add_argument("--tokens", type=int, default=64)
    options = parser.parse_args(arguments)
    prompts = [f"<|startoftext|>{opening}" for opening in OPENINGS]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = options.run or train(
            folder, options.base, options.author, options.steps, options.rate
        )
        answers = greedy(run, prompts, options.tokens)
        precisions: tuple[Precision, ...] = ("f16", "q8_0")
        opened = {p: open_checkpoint(run, cache=folder / "cache", precision=p) for p in precisions}
        words = asyncio.run(compare_words(opened["f16"], prompts, answers))
        print(word_table(words))
        distinct = len({token for answer in answers for token in answer["said"]})
        print(f"{distinct} distinct tokens in all.\n")
        print(number_table({p: compare_numbers(opened[p], prompts, answers) for p in precisions}))
    sys.exit(not all(each.holds for each in words))


if __name__ == "__main__":
    main()
