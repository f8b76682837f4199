"""What gpt-2-simple and TensorFlow do, for scripts and tests: in a process of its own.

    python scripts/gpt2_simple_side.py make FOLDER WEIGHTS.npz 1 1.25
    python scripts/gpt2_simple_side.py finetune MODELS/NAME RUNS/NAME ROWS.csv STEPS RATE
    python scripts/gpt2_simple_side.py greedy FOLDER COUNT < prompts.json > answers.json

``make`` saves weights in a folder that has all else, a state for every factor that they are
multiplied with.  ``finetune`` is gpt-2-simple's own, from one folder into another.  ``greedy``
gives for every prompt its tokens and the likeliest ``COUNT`` behind it: by ``sample_sequence``,
which gpt-2-simple generates with, and once more with all logits.  TensorFlow says on stderr what it
likes.
"""

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"


def make(folder: Path, weights: Path, factors: Sequence[float]) -> None:
    """Save ``model-5`` with the first factor, ``model-10`` with the second, and so on."""
    import numpy as np

    from model_server.checkpoint.gpt2_simple import read_sizes
    from model_server.checkpoint.tensorflow_writing import write_state

    with np.load(weights) as arrays:
        for place, factor in enumerate(factors, start=1):
            scaled = {name: arrays[name] * np.float32(factor) for name in arrays}
            write_state(folder, f"model-{5 * place}", scaled, read_sizes(folder))


def finetune(model: Path, run: Path, rows: Path, steps: int, rate: float) -> None:
    """Train with gpt-2-simple, which prints how it goes."""
    import gpt_2_simple

    session = gpt_2_simple.start_tf_sess()
    gpt_2_simple.finetune(
        session,
        str(rows),
        steps=steps,
        learning_rate=rate,
        accumulate_gradients=1,
        model_dir=str(model.parent),
        model_name=model.name,
        checkpoint_dir=str(run.parent),
        run_name=run.name,
        sample_every=10**9,
        save_every=10**9,
        print_every=20,
    )


def greedy(folder: Path, count: int, prompts: Sequence[str]) -> list[dict[str, Any]]:
    """The likeliest tokens; the two ways have to agree."""
    import tensorflow as tf
    from gpt_2_simple.src import encoder, model, sample

    v1 = tf.compat.v1
    enc = encoder.get_encoder(str(folder))
    hparams = model.default_hparams()
    hparams.override_from_dict(json.loads((folder / "hparams.json").read_text(encoding="utf-8")))
    answers = []
    with tf.Graph().as_default(), v1.Session() as session:
        context = v1.placeholder(tf.int32, [1, None])
        logits = model.model(hparams=hparams, X=context)["logits"][0]
        sampled = sample.sample_sequence(
            hparams=hparams, length=count, context=context, batch_size=1, top_k=1
        )
        v1.train.Saver().restore(session, tf.train.latest_checkpoint(str(folder)))
        for prompt in prompts:
            tokens = enc.encode(prompt)
            whole = [int(token) for token in session.run(sampled, {context: [tokens]})[0]]
            said = whole[len(tokens) :]
            rows = session.run(logits, {context: [whole[:-1]]})[len(tokens) - 1 :]
            assert said == [int(row.argmax()) for row in rows]
            answers.append(
                {
                    "prompt": tokens,
                    "said": said,
                    "pieces": [enc.decode([token]) for token in said],
                    "logits": [[float(value) for value in row] for row in rows],
                }
            )
    return answers


def main(words: Sequence[str]) -> None:
    """Whatever prints on the way prints to stderr."""
    verb, folder, *rest = words
    answers = None
    with contextlib.redirect_stdout(sys.stderr):
        match verb:
            case "make":
                make(Path(folder), Path(rest[0]), [float(word) for word in rest[1:]])
            case "finetune":
                finetune(Path(folder), Path(rest[0]), Path(rest[1]), int(rest[2]), float(rest[3]))
            case "greedy":
                answers = greedy(Path(folder), int(rest[0]), json.load(sys.stdin))
    if answers is not None:
        print(json.dumps(answers))


if __name__ == "__main__":
    main(sys.argv[1:])
