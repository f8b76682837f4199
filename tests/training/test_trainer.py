"""A run can stop anywhere and go on, ends early, keeps its best, and is the same with its seed."""

import math
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
import pytest
import torch
from tiny_model import tiny_weights
from training.full_disk import full_disk
from training.toy import QUICK, TINY, TOKENS, toy_messages

from botconvo.corpus import build_corpus
from botconvo.errors import TrainingError
from botconvo.people import People
from botconvo.training.bases import open_base
from botconvo.training.clone import make_examples
from botconvo.training.estimate import Forecast
from botconvo.training.examples import Window
from botconvo.training.network import Network, make_gpt2
from botconvo.training.progress import Rows, Started, Step
from botconvo.training.settings import Method, Precision, TrainingSettings
from botconvo.training.state import StateFile
from botconvo.training.trainer import Examples, Trained, train
from botconvo.training.trainer import Rows as TokenRows
from botconvo.transcript.cleaning import clean_chat
from model_server.prompt_format import PromptFormat

RUN = replace(QUICK, dropout=0.1)  # dropout draws, so a run must restore its draws too
DIGEST = RUN.digest()
CPU = torch.device("cpu")


@dataclass
class Watcher:
    """A reporter with a memory."""

    begun: list[Started] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    base: list[float] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def started(self, started: Started) -> None:
        self.begun.append(started)

    def based(self, loss: float) -> None:
        self.base.append(loss)

    def stepped(self, step: Step) -> None:
        self.steps.append(step)

    def told(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture(scope="module")
def examples(tiny_base: Path) -> Examples:
    corpus = build_corpus(toy_messages(), People(), "Bort", cleaning=clean_chat)
    base = open_base(tiny_base, bases=tiny_base.parent)
    return make_examples(corpus, PromptFormat(speaker="Bort"), base, RUN)


def network(settings: TrainingSettings = RUN) -> Network:
    return Network(make_gpt2(tiny_weights(TINY, TOKENS), TINY), settings, torch.device("cpu"))


def never() -> bool:
    return False


def after(steps: int) -> Callable[[], bool]:
    """Asks for a stop once so many steps were begun."""
    left = iter([False] * steps)
    return lambda: next(left, True)


@dataclass
class Outcome:
    trained: Trained
    deltas: dict[str, tuple[np.ndarray, np.ndarray]]
    watcher: Watcher


def run(
    examples: Examples,
    state: Path,
    settings: TrainingSettings = RUN,
    stopped: Callable[[], bool] = never,
    digest: str = DIGEST,
) -> Outcome:
    made, watcher = network(settings), Watcher()
    trained = train(made, examples, settings, StateFile(state, digest), watcher, stopped)
    return Outcome(trained, made.deltas(), watcher)


def assert_same(one: Outcome, other: Outcome, *, atol: float = 1e-6) -> None:
    assert one.trained.steps == other.trained.steps
    assert one.trained.best_loss == pytest.approx(other.trained.best_loss, abs=atol)
    assert one.trained.best_epoch == other.trained.best_epoch
    for module, pair in one.deltas.items():
        for mine, theirs in zip(pair, other.deltas[module], strict=True):
            np.testing.assert_allclose(mine, theirs, atol=atol, err_msg=module)


def differ(one: Outcome, other: Outcome) -> bool:
    return any(
        not np.allclose(pair[1], other.deltas[module][1]) for module, pair in one.deltas.items()
    )


@pytest.fixture(scope="module")
def whole(examples: Examples, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return run(examples, tmp_path_factory.mktemp("whole") / "state")


def test_training_lowers_the_held_out_loss_by_far(whole: Outcome) -> None:
    assert whole.trained.best_loss < 0.6 * whole.trained.base_loss


@pytest.mark.parametrize("steps", [0, 1, 4, 7])
def test_a_stopped_run_goes_on_to_the_same_clone(
    examples: Examples, whole: Outcome, tmp_path: Path, steps: int
) -> None:
    state = tmp_path / "state"
    first = run(examples, state, stopped=after(steps))
    assert not first.trained.finished
    assert first.trained.steps == steps
    second = run(examples, state)
    assert second.watcher.begun[0].done == steps
    assert_same(second, whole)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("method", ["lora", "full"])
def test_every_way_to_train_learns_and_goes_on_to_the_same_weights(
    examples: Examples, tmp_path: Path, precision: Precision, method: Method
) -> None:
    """fp16 has a scale to keep, whole weights have no adapter."""
    settings = replace(RUN, precision=precision, method=method, epochs=1.0)
    wholes = []
    for stops in ((), (2, 1)):
        state = StateFile(tmp_path / f"state-{len(stops)}", "d")
        for steps in stops:
            made = network(settings)
            assert not train(made, examples, settings, state, Watcher(), after(steps)).finished
        made = network(settings)
        trained = train(made, examples, settings, state, Watcher(), never)
        assert trained.best_loss < 0.8 * trained.base_loss
        wholes.append((trained, made.learned()))
    (trained, learned), (again, gone_on) = wholes
    assert trained == again
    assert all(torch.allclose(learned[name], gone_on[name], atol=1e-6) for name in learned)
    assert any("lora_" in name for name in learned) == (method == "lora")


def test_a_step_that_fp16_is_too_small_for_is_left_out_and_the_scale_sinks(
    examples: Examples, tmp_path: Path
) -> None:
    settings = replace(RUN, precision="fp16", epochs=4.0, warmup=0)
    loud = tiny_weights(TINY, TOKENS)
    loud["transformer.ln_f.weight"] = loud["transformer.ln_f.weight"] * 50
    made, state = Network(make_gpt2(loud, TINY), settings, CPU), StateFile(tmp_path / "s", "d")
    before = made.learned()
    assert not train(made, examples, settings, state, Watcher(), after(1)).finished
    assert all(torch.equal(tensor, before[name]) for name, tensor in made.learned().items())
    watcher = Watcher()
    assert train(made, examples, settings, state, watcher, never).finished
    assert any(not torch.equal(tensor, before[name]) for name, tensor in made.learned().items())


def test_everybodys_lines_come_first_and_go_on_to_the_same_weights(
    tiny_base: Path, tmp_path: Path
) -> None:
    settings = replace(RUN, everybody=1.0, context_weight=0.0)
    corpus = build_corpus(toy_messages(), People(), "Bort", cleaning=clean_chat)
    base = open_base(tiny_base, bases=tiny_base.parent)
    both = make_examples(corpus, PromptFormat(speaker="Bort"), base, settings)
    assert weights_in(both.everybody) > weights_in(both.train)
    digest = settings.digest()
    whole = run(both, tmp_path / "whole", settings, digest=digest)
    own = run(both, tmp_path / "own", replace(settings, everybody=0.0), digest="own")
    first = math.ceil(len(both.everybody) / settings.rows)
    assert whole.watcher.begun[0].total == own.watcher.begun[0].total + first
    assert settings.epochs is not None
    assert whole.trained.epochs <= settings.epochs
    assert differ(whole, own)
    run(both, tmp_path / "torn", settings, after(first - 1), digest)
    run(both, tmp_path / "torn", settings, after(3), digest)
    assert_same(run(both, tmp_path / "torn", settings, digest=digest), whole)


@pytest.mark.parametrize("epochs", [0.1, 50.0])
def test_everybodys_lines_take_at_most_twice_as_long_as_the_own_ones(
    examples: Examples, tmp_path: Path, epochs: float
) -> None:
    settings = replace(RUN, everybody=None, epochs=epochs)
    both = replace(examples, everybody=[*examples.train] * 3)
    begun = run(both, tmp_path / "run", settings, after(0)).watcher.begun[0]
    own = math.ceil(epochs * math.ceil(len(both.train) / RUN.rows))
    assert begun.total == own + min(2 * own, math.ceil(len(both.everybody) / RUN.rows))


def weights_in(rows: TokenRows) -> float:
    return sum(sum(window.weights) for row in rows for window in row)


def test_accumulated_batches_are_one_batch(examples: Examples, tmp_path: Path) -> None:
    """Rows have different weights: a mean of means would be something else."""
    large = replace(RUN, dropout=0.0, precision="fp32")
    small = replace(large, batch=3, accumulate=2)
    outcomes = [
        run(examples, tmp_path / str(settings.batch), settings)
        for settings in (replace(large, batch=6), small)
    ]
    assert_same(*outcomes, atol=1e-4)


def test_a_run_stopped_twice_goes_on_twice(
    examples: Examples, whole: Outcome, tmp_path: Path
) -> None:
    for _ in range(2):
        assert not run(examples, tmp_path / "state", stopped=after(3)).trained.finished
    assert_same(run(examples, tmp_path / "state"), whole)


def test_the_state_of_another_run_is_not_gone_on_from(examples: Examples, tmp_path: Path) -> None:
    run(examples, tmp_path / "state", stopped=after(3))
    other = run(examples, tmp_path / "state", stopped=after(1), digest=RUN.digest("other corpus"))
    assert other.watcher.begun[0].done == 0


def test_a_damaged_state_is_a_fresh_start(
    examples: Examples, whole: Outcome, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    run(examples, state, stopped=after(3))
    state.write_bytes(state.read_bytes()[:3000])
    assert_same(run(examples, state), whole)


def test_the_same_seed_makes_the_same_clone_and_another_seed_another(
    examples: Examples, whole: Outcome, tmp_path: Path
) -> None:
    assert_same(run(examples, tmp_path / "a"), whole)
    assert differ(run(examples, tmp_path / "b", replace(RUN, seed=1)), whole)


def test_the_settings_digest_knows_every_setting_and_input() -> None:
    digests = {
        RUN.digest(),
        RUN.digest("corpus"),
        replace(RUN, seed=1).digest(),
        replace(RUN, rate=2e-3).digest(),
    }
    assert len(digests) == 4


def test_a_run_that_gets_worse_ends_early_with_its_best(examples: Examples, tmp_path: Path) -> None:
    hasty = replace(RUN, rate=1.0, epochs=50.0, patience=2, warmup=0)
    made, watcher = network(hasty), Watcher()
    trained = train(made, examples, hasty, StateFile(tmp_path / "s", "d"), watcher, never)
    measured = [step for step in watcher.steps if step.held_out is not None]
    assert trained.finished
    assert trained.steps < watcher.begun[0].total
    assert [step.is_best for step in measured[-3:]] == [True, False, False]
    assert trained.best_loss == min(step.held_out or 0.0 for step in measured)
    kept = made.mean_loss(examples.held_out, batch=hasty.batch, pad=examples.pad)[0]
    assert kept == pytest.approx(trained.best_loss)


class Told(Network):
    """Says what it is told to say of the held-out lines."""

    def __init__(self, *losses: float) -> None:
        super().__init__(make_gpt2(tiny_weights(TINY, TOKENS), TINY), RUN, CPU)
        self._told = iter(losses)

    def mean_loss(
        self, rows: Sequence[Sequence[Window]], *, batch: int, pad: int
    ) -> tuple[float, float]:
        return next(self._told), 1.0


def test_a_run_does_not_end_while_it_gets_better_at_the_own_lines(
    examples: Examples, tmp_path: Path
) -> None:
    settings = replace(RUN, epochs=50.0, patience=2, everybody=1.0)
    both = replace(examples, everybody=examples.train)
    made = Told(9.0, 3.9, 3.8, 4.2, 4.1, 4.0, 3.7, 3.8, 3.9)
    trained = train(made, both, settings, StateFile(tmp_path / "s", "d"), Watcher(), never)
    assert trained.finished
    assert trained.best_loss == 3.7
    assert trained.best_epoch == 2.0  # four halves after everybody's lines


def broken_network() -> Network:
    """Of weights that compute nothing but NaN."""
    broken = tiny_weights(TINY, TOKENS) | {
        "transformer.ln_f.bias": np.full(TINY.width, np.nan, np.float32)
    }
    return Network(make_gpt2(broken, TINY), RUN, CPU)


def test_a_loss_that_is_no_number_ends_the_run_with_the_best_before(
    examples: Examples, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    run(examples, state, stopped=after(6))
    saved = StateFile(state, DIGEST).read()
    assert saved is not None
    made = broken_network()
    trained = train(made, examples, RUN, StateFile(state, DIGEST), Watcher(), never)
    assert trained.finished
    assert (trained.lost, trained.steps) == (6, 6)
    assert trained.best_loss == saved[0].best_loss
    best = f"{'now' if saved[0].best_step == saved[0].step else 'best'}."
    for name, tensor in made.learned().items():
        assert torch.equal(tensor, saved[1][best + name]), name


def test_a_loss_that_is_no_number_before_anything_was_learned_writes_nothing(
    examples: Examples, tmp_path: Path
) -> None:
    with pytest.raises(
        TrainingError, match=r"no number any more at step 0.*lower --learning-rate"
    ) as caught:
        train(broken_network(), examples, RUN, StateFile(tmp_path / "s", "d"), Watcher(), never)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


_SHORT_OF_MEMORY = """
import resource, sys
from pathlib import Path
from dataclasses import replace
from training.test_trainer import *
from tiny_model import make_tiny_base
from botconvo.training.estimate import Sizes

torch.set_num_threads(1)
folder, stops = Path(sys.argv[1]), int(sys.argv[2])
base = open_base(make_tiny_base(folder / "tiny"), bases=folder)
corpus = build_corpus(toy_messages(40), People(), "Bort", cleaning=clean_chat)
settings = replace(RUN, batch=64, epochs=40.0, precision="fp32", context_weight=1.0)
examples = make_examples(corpus, PromptFormat(speaker="Bort"), base, settings)
# The rows of a step take some 200 MB at once, and there are 64 MB.
examples = replace(examples, train=tuple(examples.train) * 12)
made, watcher = network(settings), Watcher()
run_ = lambda stop: train(made, examples, settings, StateFile(folder / "s", "d"), watcher, stop)
taken = int(next(r for r in open("/proc/self/status") if r.startswith("VmData")).split()[1])
resource.setrlimit(resource.RLIMIT_DATA, (taken * 1024 + 64_000_000, resource.RLIM_INFINITY))
trained = run_(after(stops))
saved = StateFile(folder / "s", "d").read()
print(trained.steps, saved[0].batch, *watcher.lines, sep="|")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only there memory has a limit that is kept")
def test_where_memory_is_too_short_fewer_rows_make_the_same_step(tmp_path: Path) -> None:
    """A real refusal of the operating system, in a process of its own; a later run remembers."""

    def trained(steps: int) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", _SHORT_OF_MEMORY, str(tmp_path), str(steps)],
            capture_output=True,
            encoding="utf-8",
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().split("|")

    steps, batch, *lines = trained(2)
    assert steps == "2"
    assert 1 <= int(batch) <= 32
    assert lines[0].startswith("The memory is too short: going on with --batch 32 --accumulate 2")
    again = trained(1)
    assert again == ["3", batch]  # it was not too short once more


def test_a_full_disk_is_one_line_and_the_last_state_stays(
    examples: Examples, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    run(examples, state, stopped=after(3))
    before = state.read_bytes()
    with full_disk(2000), pytest.raises(TrainingError, match="free some space"):
        run(examples, state, stopped=after(1))
    assert state.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_an_epoch_is_all_rows_once(examples: Examples, whole: Outcome) -> None:
    begun, steps = whole.watcher.begun[0], whole.watcher.steps
    assert begun.steps_per_epoch == math.ceil(len(examples.train) / RUN.batch)
    assert [step.step for step in steps] == list(range(1, 2 * begun.steps_per_epoch + 1))


def test_plain_rows_tell_every_measurement(capsys: pytest.CaptureFixture[str]) -> None:
    rows = Rows(sys.stdout)
    expected = Forecast(least_s=60.0, most_s=240.0, tokens_per_s=812.3)
    rows.started(
        Started(
            total=14,
            done=0,
            everybody=4,
            steps_per_epoch=5,
            forecast=expected,
            needs=800_000_000,
            free=3 * 10**9,
        )
    )
    rows.based(4.0)
    rows.stepped(Step(step=1, loss=3.9, tokens_per_s=1000.0, seconds_left=9.0))
    for step, best in ((2, False), (6, True)):
        rows.stepped(
            Step(
                step=step,
                loss=3.5,
                tokens_per_s=1000.0,
                seconds_left=8.0,
                held_out=3.25,
                is_best=best,
            )
        )
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(
        "Training takes 60 s to 4 min, as measured just now (812 tokens/s; 14 steps at most): "
    )
    assert "It needs about 800 MB of memory; 3.0 GB were free." in said[0]
    assert said[1:] == [
        "held-out loss 4.000 (the base)",
        "everybody's lines 50%: loss 3.500, held-out loss 3.250, 1000 tokens/s, 8 s left at most",
        "epoch 0.4: loss 3.500, held-out loss 3.250 (best so far), 1000 tokens/s, 8 s left at most",
    ]


@pytest.mark.parametrize(
    ("name", "value"), [("rank", 0), ("rate", -1.0), ("epochs", 0.0), ("block", 8)]
)
def test_senseless_numbers_are_one_line(name: str, value: float) -> None:
    with pytest.raises(TrainingError, match=f"{name} .*must be from"):
        replace(RUN, **{name: value})  # type: ignore[arg-type]
