"""Let the demo talk and print what was said, with how much of it was copied.

    python scripts/read_demo.py --seed 7 --messages 40

A message counts as copied when it holds six words in a row (lower case, without punctuation) that
stand in the sample server.  Waiting times are set to nothing through the environment.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from botconvo.conversation.choice import words

SPAN = 6
NO_WAITING = {
    "BOTCONVO_CONVERSATION__GAP_S": "[0, 0]",
    "BOTCONVO_CONVERSATION__TYPING_PER_S": "100000",
    "BOTCONVO_CONVERSATION__ANSWER_S": "[0, 0]",
}


def spans(texts: Iterable[str]) -> set[tuple[str, ...]]:
    """Every run of six words in any of the texts."""
    found: set[tuple[str, ...]] = set()
    for text in texts:
        row = words(text)
        found.update(tuple(row[i : i + SPAN]) for i in range(len(row) - SPAN + 1))
    return found


def sample_texts() -> list[str]:
    """What was written in the sample server."""
    path = files("botconvo") / "demo" / "sample-server.json"
    export = json.loads(path.read_text(encoding="utf-8"))
    return [message["content"] for message in export["messages"]]


def talk(seed: int, messages: int, config: Path | None, preset: str | None) -> list[dict[str, Any]]:
    """What the clones said, as ``--json`` printed it."""
    verb = ["demo"] if config is None else ["run", "--config", str(config)]
    command = [sys.executable, "-m", "botconvo", *verb, "--platform", "console", "--json"]
    command += ["--seed", str(seed), "--max-messages", str(messages)]
    command += ["--preset", preset] if preset else []
    done = subprocess.run(
        command,
        env=os.environ | NO_WAITING,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return [json.loads(row) for row in done.stdout.splitlines()]


def copied(said: Sequence[str], known: set[tuple[str, ...]]) -> list[bool]:
    """For every message, whether it holds a span that is known."""
    return [bool(spans([text]) & known) for text in said]


def main(arguments: list[str] | None = None) -> int:
    """Print the transcript and the share of copied messages."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--messages", type=int, default=40)
    parser.add_argument("--config", type=Path, help="another project than the demo")
    parser.add_argument("--preset")
    options = parser.parse_args(arguments)
    posted = talk(options.seed, options.messages, options.config, options.preset)
    marks = copied([message["text"] for message in posted], spans(sample_texts()))
    for message, mark in zip(posted, marks, strict=True):
        print(f"{'*' if mark else ' '} {message['persona']}: {message['text']}")
    share = sum(marks) / len(marks)
    print(f"\ncopied ({SPAN} words in a row, marked *): {sum(marks)} of {len(marks)} = {share:.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
