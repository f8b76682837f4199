"""What a talk costs in memory: the orchestrator, its model servers, and a further persona.

    python scripts/bench_memory.py

For each number of personas a talk runs with copies of one clone (each a file of its own on the
same base) until everybody has answered several times; then ``/proc`` is read (Linux only).  PSS
counts a shared page in proportion, so PSS adds up; private (USS) is what one process' end frees.
"""

import argparse
import json
import statistics
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from measuring import (
    BASE,
    CHECKPOINT,
    Memory,
    figure,
    make_clones,
    memory_of,
    servers_under,
    table,
    talking,
    write_config,
)

TOGETHER_MB = 700
PERSONA_MB = 100
_TALK = {"gap_s": [0.0, 0.0], "typing_per_s": 0.0, "speakers": "uniform", "same_speaker": 1.0}
"""Nobody waits; everybody comes to speak alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the processes of one talk hold."""

    orchestrator: Memory
    servers: tuple[Memory, ...]

    @property
    def together(self) -> float:
        return self.orchestrator.pss + sum(server.pss for server in self.servers)


def hold(config: Path, personas: int, messages: int) -> Held:
    """Talk until everybody has said so many messages, then look."""
    said: Counter[str] = Counter()
    with talking(["run", "--config", str(config)], config.with_name("store")) as talk:
        for row in talk.rows:
            if row.is_message:
                said[json.loads(row.text)["persona"]] += 1
            if len(said) == personas and min(said.values()) >= messages:
                servers = tuple(memory_of(pid) for pid in servers_under(talk.pid))
                assert len(servers) == personas
                return Held(orchestrator=memory_of(talk.pid), servers=servers)
    raise SystemExit(f"a talk of {personas} ended before everybody had spoken")


def measure(checkpoint: Path, base: Path, personas: int, messages: int) -> Held:
    """One talk of copies of a clone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clones = make_clones(folder, checkpoint, base, personas)
        config = write_config(folder / "config.toml", clones, _TALK)
        return hold(config, personas, messages)


def row_of(personas: int, found: Sequence[Held]) -> list[str]:
    """One line of the table."""
    private = [server.private for held in found for server in held.servers]
    together = figure([held.together for held in found], 0)
    return [
        str(personas),
        figure([held.orchestrator.pss for held in found], 0),
        figure([sum(s.pss for s in held.servers) for held in found], 0),
        f"**{together}**, target ≤ {TOGETHER_MB}" if personas == 4 else together,
        f"{figure(private, 0)}",
    ]


def further(found: dict[int, list[Held]]) -> str:
    """What one more persona adds to everything together, seen from the smallest to the largest."""
    few, many = min(found), max(found)
    if few == many:
        return ""
    low, high = (statistics.median(held.together for held in found[n]) for n in (few, many))
    grown = (high - low) / (many - few)
    return f"From {few} to {many} personas each further one added {grown:.0f} MB PSS."


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT, help="a clone to copy")
    parser.add_argument("--base", type=Path, default=BASE)
    parser.add_argument("--personas", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--messages", type=int, default=4, help="of everybody, before looking")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args(arguments)
    found: dict[int, list[Held]] = {personas: [] for personas in options.personas}
    for _ in range(options.repeats):
        for personas, held in found.items():
            held.append(measure(options.checkpoint, options.base, personas, options.messages))
    head = ["personas", "orchestrator PSS", "servers PSS", "together PSS"]
    head.append(f"private per server (USS), target ≤ {PERSONA_MB}")
    print(table(head, [row_of(personas, held) for personas, held in found.items()]))
    print(further(found))


if __name__ == "__main__":
    main()
