"""``python -m botconvo.training.gpt2_simple.side VERB FACTS``: TensorFlow, in its own process.

``write`` turns a Hugging Face folder of a GPT-2 into a model's folder of gpt-2-simple, ``finetune``
is gpt-2-simple's own.  Both take their facts as JSON and report on stdout, an object a row; when
stdin ends, ``finetune`` is interrupted as by Ctrl-C, so that it saves.  What is wrong is reported
too, with exit code 2.  TensorFlow may say on stderr what it likes.
"""

import _thread
import contextlib
import io
import json
import os
import random
import re
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botconvo.training.gpt2_simple.settings import BLOCK
from model_server.checkpoint.gpt2_simple import find_run, write_names
from model_server.checkpoint.hugging_face.conversion import open_hugging_face
from model_server.checkpoint.tensorflow_writing import write_state
from model_server.errors import CheckpointError

__all__ = ["main"]

_FAILED = 2
_NEVER = 10**9
_STEP = re.compile(
    r"\[(?P<step>\d+) \| [\d.]+\] loss=(?P<loss>-?[\d.]+|nan|-?inf) "
    r"avg=(?P<average>-?[\d.]+|nan|-?inf)"
)


class _Fault(Exception):  # noqa: N818  (it is no error of ours)
    """One line for the person who trains."""


def main() -> int:
    verb, facts = sys.argv[1], json.loads(sys.argv[2])
    reports = sys.stdout
    sys.stdout = sys.stderr  # whatever prints on the way

    def report(**values: object) -> None:
        print(json.dumps(values), file=reports, flush=True)

    try:
        {"write": _write, "finetune": _finetune}[verb](facts, report)
    except KeyboardInterrupt:
        pass  # before anything was learned
    except (_Fault, CheckpointError) as error:
        report(error=str(error))
        return _FAILED
    except Exception as error:
        fault = _explained(error)
        if fault is None:
            raise
        report(error=fault)
        return _FAILED
    return 0


def _explained(error: Exception) -> str | None:
    """What TensorFlow raises for a full disk or a short memory."""
    import tensorflow

    reason = str(error).partition("\n")[0]
    if isinstance(error, OSError):
        return f"{Path.cwd()}: cannot be written: {error.strerror or error}; free some space"
    if isinstance(error, tensorflow.errors.ResourceExhaustedError) and "OOM" in reason:
        return "the memory is too short; take a smaller --batch, a smaller base, or --device cpu"
    if isinstance(error, tensorflow.errors.OpError):
        return f"TensorFlow cannot go on: {reason}; free some space or memory, and try again"
    return None


def _write(facts: dict[str, Any], report: Callable[..., None]) -> None:
    folder = Path(facts["target"])
    model = open_hugging_face(Path(facts["source"]))
    write_names(folder, model.plan.architecture, model.tokens)
    write_state(folder, "model", model.weights, model.plan.architecture)


def _finetune(facts: dict[str, Any], report: Callable[..., None]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # may be ignored where we come from
    threading.Thread(target=_interrupt_at_the_end_of_stdin, daemon=True).start()
    import gpt_2_simple
    import tensorflow

    _check(facts, tensorflow)
    random.seed(facts["seed"])  # of which stretches are learned, and when
    tensorflow.compat.v1.set_random_seed(facts["seed"])
    report(tokens=_tokens(facts))
    model, run = Path(facts["model"]), Path(facts["run"])
    with contextlib.redirect_stdout(_Listener(report)):
        session = gpt_2_simple.start_tf_sess()
        gpt_2_simple.finetune(
            session,
            facts["rows"],
            steps=facts["steps"],
            model_name=model.name,
            model_dir=str(model.parent),
            batch_size=facts["batch"],
            learning_rate=facts["rate"],
            accumulate_gradients=facts["accumulate"],
            run_name=run.name,
            checkpoint_dir=str(run.parent),
            sample_every=facts["sample_every"] or _NEVER,
            save_every=facts["save_every"],
            optimizer=facts["optimizer"],
        )


def _interrupt_at_the_end_of_stdin() -> None:
    while os.read(0, 1):
        pass
    _thread.interrupt_main()


def _check(facts: dict[str, Any], tensorflow: Any) -> None:
    if facts["device"] == "cuda" and not tensorflow.config.list_physical_devices("GPU"):
        raise _Fault(
            "device cuda: this TensorFlow finds no NVIDIA GPU; use --device cpu, or install "
            "TensorFlow with its CUDA libraries"
        )
    model = Path(facts["model"])
    if tensorflow.train.latest_checkpoint(str(model)) is None:
        raise _Fault(
            f"{model / 'checkpoint'}: names a path of another machine; write into it: "
            f'model_checkpoint_path: "{find_run(model).state}"'
        )


def _tokens(facts: dict[str, Any]) -> int:
    """How much there is to learn from, as gpt-2-simple counts it."""
    from gpt_2_simple.src import encoder
    from gpt_2_simple.src.load_dataset import load_dataset

    chunks = load_dataset(encoder.get_encoder(facts["model"]), facts["rows"], 0)
    total = sum(len(chunk) for chunk in chunks)
    if total <= BLOCK + 1:
        raise _Fault(
            f"there are {total} tokens to train on, and gpt-2-simple learns {BLOCK} at a time; "
            "import more of what they wrote, or train with --engine transformers"
        )
    return total


class _Listener(io.TextIOBase):
    """Takes what gpt-2-simple prints, and reports it row by row."""

    def __init__(self, report: Callable[..., None]) -> None:
        self._report, self._begun, self._in_sample = report, "", False

    def write(self, text: str) -> int:
        *rows, self._begun = (self._begun + text).split("\n")
        for row in rows:
            self._hear(row)
        return len(text)

    def _hear(self, row: str) -> None:
        step = _STEP.match(row)
        if step is not None:
            self._in_sample = False
            average = float(step["average"])
            self._report(step=int(step["step"]), loss=float(step["loss"]), average=average)
        elif row.startswith("======== SAMPLE"):
            self._in_sample = True
        elif row.startswith("Saving "):
            self._in_sample = False
        elif self._in_sample:
            self._report(sample=row)


if __name__ == "__main__":
    sys.exit(main())
