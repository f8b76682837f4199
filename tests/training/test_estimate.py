"""What a training will take is told before it begins, and what cannot fit is refused."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from training.test_command import a_project

from botconvo.training.estimate import Need, Sizes, fits, forecast, memory_needed, smaller
from botconvo.training.settings import TrainingSettings

SIZES = Sizes(
    parameters=124_000_000,
    linear=85_000_000,
    inputs=12 * 7 * 768,
    outputs=12 * 9 * 768,
    layers=12,
    width=768,
    inner=3072,
    heads=12,
    vocabulary=50_257,
    largest=50_257 * 768,
    copies=1,
)
FACTOR = 1.6
"""An estimate is at most so many times the measured peak, and at least the peak by so many."""


def needed(settings: TrainingSettings, *, half: bool = False, gpu: bool = False) -> Need:
    return memory_needed(SIZES, settings, half=half, weighted=0.5, gpu=gpu)


@given(st.integers(1, 64), st.sampled_from([64, 128, 256, 1024]), st.booleans())
def test_more_at_once_needs_more(batch: int, block: int, half: bool) -> None:
    few = TrainingSettings(method="lora", batch=batch, block=block)
    for more in (replace(few, batch=batch + 64), replace(few, block=block * 2)):
        assert needed(more, half=half).computer >= needed(few, half=half).computer
        assert needed(more, half=half, gpu=True).gpu > needed(few, half=half, gpu=True).gpu


def test_whole_weights_need_more_than_an_adapter_and_bf16_less_than_fp32() -> None:
    lora = TrainingSettings(batch=1, method="lora")
    full = TrainingSettings(batch=1, method="full")
    assert needed(full).computer > 2 * needed(lora).computer
    assert needed(lora, half=True, gpu=True).gpu < needed(lora, gpu=True).gpu
    assert needed(lora).gpu == 0


def test_what_fits_keeps_steps_as_they_are_before_anything_else_changes() -> None:
    asked = TrainingSettings(batch=8, method="full")
    tries = list(smaller(asked))
    assert tries[0] == asked
    assert [(each.batch, each.accumulate) for each in tries[:4]] == [(8, 1), (4, 2), (2, 4), (1, 8)]
    assert [each.block for each in tries[3:6]] == [256, 128, 64]
    assert [each.method for each in tries] == ["full"] * 6 + ["lora"] * 6
    assert all(each.rows == asked.rows for each in tries)


def test_nothing_is_planned_with_the_last_of_the_memory() -> None:
    assert fits(Need(computer=90), Need(computer=100))
    assert not fits(Need(computer=99), Need(computer=100))
    assert not fits(Need(computer=1, gpu=99), Need(computer=100, gpu=100))


def test_a_forecast_reaches_from_the_earliest_end_to_the_last_step() -> None:
    told = forecast(
        before=700,
        tokens=9000,
        held_out=900,
        epochs=(2.0, 4.0),
        measurements=(4, 8),
        tokens_per_s=100.0,
    )
    assert told.least_s == pytest.approx((700 + 2 * 9000 + 4 * 300) / 100)
    assert told.most_s == pytest.approx((700 + 4 * 9000 + 8 * 300) / 100)


_MEASURED = """
import json, sys
from dataclasses import replace
from pathlib import Path
import torch
from training.test_clone import gathered
from training.test_trainer import Watcher
from botconvo.checkpoints import bundled_base
from botconvo.training.bases import open_base
from botconvo.training.clone import check_memory, prepare
from botconvo.training.memory import keep_freed_memory
from botconvo.training.network import Network, model_of
from botconvo.training.settings import TrainingSettings
from botconvo.training.state import StateFile
from botconvo.training.trainer import train

torch.set_num_threads(1)
keep_freed_memory()
scratch, method, batch, block = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
settings = TrainingSettings(method=method, batch=batch, block=block, precision="fp32")
base = open_base(bundled_base(), bases=scratch, bundled=True)
run = prepare(gathered(), base, settings)
size = lambda name: int(
    next(r for r in Path("/proc/self/status").read_text().splitlines() if r.startswith(name))
    .split()[1]) * 1024
before = size("VmRSS")
needed, _ = check_memory(run, torch.device("cpu"))
left = iter([False])
network = Network(model_of(base), run.settings, torch.device("cpu"))
train(network, run.examples, run.settings, StateFile(scratch / "s", "d"), Watcher(),
      lambda: next(left, True))
print(json.dumps([needed.computer, size("VmHWM") - before]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize(("method", "batch", "block"), [("lora", 4, 256), ("full", 2, 128)])
def test_the_estimate_is_near_the_measured_peak(
    tmp_path: Path, method: str, batch: int, block: int
) -> None:
    words = [str(tmp_path), method, str(batch), str(block)]
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *words],
        capture_output=True,
        encoding="utf-8",
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    estimate, peak = json.loads(done.stdout)
    assert peak / FACTOR < estimate < peak * FACTOR, (estimate / 1e6, peak / 1e6)


@pytest.mark.skipif(sys.platform != "linux", reason="only there a limit is kept and read")
def test_what_cannot_fit_is_refused_before_it_begins(tmp_path: Path, tiny_base: Path) -> None:
    project = a_project(tmp_path / "p")
    words = ["train", "Bort", "--project", str(project), "--base", str(tiny_base)]
    command = [sys.executable, "-m", "botconvo", *words, "--batch", "1024", "--precision", "fp32"]
    limit = 2_500_000  # KB
    done = subprocess.run(
        ["sh", "-c", f'ulimit -d {limit}; exec "$@"', "sh", *command],
        capture_output=True,
        encoding="utf-8",
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 2, done.stderr
    line = done.stderr.splitlines()[-1]  # behind advice
    assert "training on tiny needs about" in line
    assert "--batch " in line
    assert "--accumulate " in line
    assert not (project / "checkpoints").exists()
