"""The benchmarks on tiny checkpoints: every table gets its figures, and they mean what they say."""

import mmap
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bench_conversion
import bench_endurance
import bench_gpt2
import bench_memory
import bench_serving
import bench_start
import bench_training
import gpt2_sides
import measuring
import pytest
import random_gpt2
from tiny_gpt2_simple import TENSORFLOW_IS_THERE
from tiny_model import make_tiny_checkpoint

from model_server.checkpoint.gguf_files import read_gpt2

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_checkpoint(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture
def printed(clone: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[list[str]]]:
    """Runs a benchmark on the tiny clone; gives the cells of every row below a table's head."""

    def run(main: Callable[[list[str]], None], *arguments: object) -> list[list[str]]:
        paths = ["--checkpoint", str(clone), "--base", str(clone.parent / "base")]
        main([*paths, *map(str, arguments)])
        return rows_of(capsys.readouterr().out)

    return run


def rows_of(output: str) -> list[list[str]]:
    lines = output.splitlines()
    heads = {place - 1 for place, line in enumerate(lines) if line.startswith("| --- ")}
    rows = [line for place, line in enumerate(lines) if place not in heads]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in rows
        if line.startswith("| ") and not line.startswith("| --- ")
    ]


def number(cell: str) -> float:
    """The median of a cell."""
    return float(cell.replace("*", "").split(" ")[0].rstrip("%"))


# What they share


def test_a_figure_is_the_median_with_its_range() -> None:
    assert measuring.figure([3.0, 1.0, 2.6], 1) == "2.6 (1.0–3.0)"


def test_a_table_is_markdown() -> None:
    assert measuring.table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"


def test_everybody_goes_first_in_turn() -> None:
    assert list(measuring.alternate(2, 3)) == [0, 1, 1, 0, 0, 1]


@pytest.mark.parametrize("tokens", [40, 64])
def test_a_prompt_is_exactly_as_long_as_asked(tokens: int) -> None:
    for seed in range(20):
        assert len(measuring.prompt_of(tokens, random.Random(seed), len)) == tokens


@linux
def test_memory_that_a_process_takes_is_seen() -> None:
    before = measuring.memory_of(os.getpid())
    # Mapped, not allocated: the heap may hold pages that another test has freed.
    with mmap.mmap(-1, 50_000_000, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as taken:
        taken.write(os.urandom(len(taken)))
        after = measuring.memory_of(os.getpid())
        assert after.private - before.private == pytest.approx(len(taken) / 1e6, rel=0.2)
    assert after.pss >= after.private


@linux
def test_only_model_servers_count_as_such() -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert sleeper.pid not in measuring.servers_under(os.getpid())
    finally:
        sleeper.communicate(b"\n")


def test_a_slope_is_not_bent_by_outliers() -> None:
    values = [10.0 + 0.5 * step for step in range(100)]
    values[3] = values[50] = 1000.0
    assert bench_endurance.theil_sen(values) == pytest.approx(0.5, rel=0.01)


# The benchmarks


def test_serving_is_compared_with_the_engine_and_every_row_is_measured(
    printed: Callable[..., list[list[str]]],
) -> None:
    rows = printed(bench_serving.main, "--repeats", 2, "--samples", 2)
    ratios = [number(row[3]) for row in rows if row[0].startswith("base") and len(row) == 8]
    assert len(ratios) == 2
    assert all(ratio > 0 for ratio in ratios)
    assert {row[1] for row in rows if row[0].startswith("base") and len(row) == 7} == {"2"}
    assert number(next(row for row in rows if row[0] == "one alone")[1]) > 0


@linux
def test_endurance_compares_the_beginning_with_the_end(
    printed: Callable[..., list[list[str]]],
) -> None:
    rows = printed(bench_endurance.main, "--requests", 12, "--fresh", 2)
    assert [row[0] for row in rows[:2]] == ["a request (s)", "PSS (MB)"]
    assert 10 < number(rows[1][1]) < 1000


@linux
def test_memory_of_a_talk_holds_that_of_its_servers(
    printed: Callable[..., list[list[str]]],
) -> None:
    rows = printed(bench_memory.main, "--repeats", 1, "--personas", 2, "--messages", 1)
    personas, orchestrator, servers, together, private = map(number, rows[0])
    assert personas == 2
    assert together == pytest.approx(orchestrator + servers, abs=2)
    assert 0 < private < servers


def test_a_start_is_ready_before_it_speaks(
    clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clones = measuring.make_clones(tmp_path / "clones", clone, clone.parent / "base", 1)
    config = measuring.write_config(tmp_path / "config.toml", clones, {})
    bench_start.main(["--config", str(config), "--personas", "1", "--repeats", "1"])
    figures = [number(row[1]) for row in rows_of(capsys.readouterr().out)]
    first_ready, all_ready, message = figures[:3]
    assert first_ready == all_ready < message


# Training


def test_a_training_run_tells_its_speed(capsys: pytest.CaptureFixture[str]) -> None:
    bench_training.main(["--kind", "3", "--steps", "1"])
    assert float(capsys.readouterr().out) > 1


def test_conversions_are_timed_in_processes_of_their_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bench_conversion.main(["--repeats", "1", "--shape", "2x32x2"])
    rows = rows_of(capsys.readouterr().out)
    assert [row[2] for row in rows] == ["q8_0", "f16"]
    assert all(float(row[3].split()[0]) >= 0 for row in rows)
    assert rows[0][1] == rows[1][1] == "7"


# GPT-2 side by side

SMALL = ["--shape", "2x64x2x8300x640", "--repeats", "1", "--threads", "1"]
"""The vocabulary is that of the bundled base and a little more."""
SMALL_SHAPE = random_gpt2.SHAPE.model_copy(
    update={"layers": 2, "width": 64, "heads": 2, "vocabulary": 8300, "context": 640}
)


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gpt2")


def test_the_vocabulary_is_filled_up_with_what_no_text_holds() -> None:
    tokens = read_gpt2(measuring.BASE / "model.gguf")[2]
    filled = random_gpt2.fill_up(tokens, 9000)
    assert len(set(filled.tokens)) == 9000
    old = [token for token in tokens.tokens if token != tokens.tokens[tokens.end_of_text]]
    assert list(filled.tokens[: len(old)]) == old
    assert filled.tokens[filled.end_of_text] == filled.tokens[-1] == "<|endoftext|>"
    added = filled.tokens[len(old) : -1]
    assert all(token.count("Ġ") == 2 for token in added), "one would be found in a text"


@linux
def test_sides_are_compared_on_the_same_jobs(
    gpt2: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = ["--sides", "engine", "our-server", "--last", "6", "--calls", "2", "--personas", "2"]
    parts = ["--parts", "single", "prompts", "start", "memory", "personas"]
    bench_gpt2.main([str(gpt2), *SMALL, *sides, *parts])
    rows = rows_of(capsys.readouterr().out)
    ours = [row for row in rows if row[0].startswith("our server")]
    assert len(ours) == 4, "single, prompts, start, memory"
    speeds = [row for row in ours if len(row) == 6]
    assert {row[1] for row in speeds} == {"5", "1"}
    assert all(number(row[3]) > 1 and number(row[5]) > 0 for row in speeds)
    ready, first = (number(ours[2][place]) for place in (1, 2))
    assert 0 < ready < first
    personas, together, private = map(number, rows[-1])
    assert personas == 2
    assert 10 < private < together


@linux
def test_what_takes_too_much_memory_is_ended_and_named(
    gpt2: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = ["--sides", "engine", "--calls", "5", "--most-megabytes", "1"]
    bench_gpt2.main([str(gpt2), *SMALL, *sides, "--parts", "memory"])
    for row in rows_of(capsys.readouterr().out):
        assert row[2].startswith("ended at call 1: ")


def test_steps_of_training_are_timed_on_both_sides(gpt2: Path) -> None:
    random_gpt2.make_forms(gpt2, SMALL_SHAPE, with_run=False)
    for kind in ("plain-lora-fp32", "ours-lora-fp32"):
        assert all(seconds > 0 for seconds in gpt2_sides.train(kind, gpt2 / "hub", 2))


@pytest.mark.skipif(
    not TENSORFLOW_IS_THERE and not os.environ.get("CI"), reason="TensorFlow is not installed"
)
def test_gpt2_simple_begins_afresh_and_is_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = ["--sides", "gpt-2-simple", "transformers-fp32", "our-server", "--last", "6"]
    bench_gpt2.main([str(tmp_path), *SMALL, *sides, "--parts", "single"])
    rows = rows_of(capsys.readouterr().out)
    assert rows[0][:2] == ["gpt-2-simple", "5"]
    assert all(number(row[4]) > 0 for row in rows[1:])
