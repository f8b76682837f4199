"""A clone that cannot speak never takes the place of one that can."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builders import NOON
from tiny_model import tiny_weights
from training.toy import TINY, TOKENS

from botconvo.errors import TrainingError
from botconvo.training.finish import Made, Written, write_clone
from model_server.checkpoint.folder import load_checkpoint
from model_server.checkpoint.gguf_files import write_gpt2
from model_server.checkpoint.manifest import Consent
from model_server.checkpoint.tokens import tokenizer_digest
from model_server.checkpoint.versions import older_versions
from model_server.prompt_format import PromptFormat

MADE = Made(
    form=PromptFormat(speaker="Bort"),
    consent=Consent(person="p", record="r", fictional=True),
    corpus_sha256="c" * 64,
    heard=None,
    training={},
    libraries=(),
)


def weights(scratch: Path, *, mute: bool = False, lost: bool = False) -> Written:
    """Random ones; mute ones that end every text at once; or a file that lacks a tensor."""
    arrays = tiny_weights(TINY, TOKENS)
    if mute:
        end = arrays["transformer.wte.weight"][TOKENS.end_of_text]
        arrays["transformer.ln_f.weight"] = np.zeros(TINY.width, np.float32)
        arrays["transformer.ln_f.bias"] = (end * 1000).astype(np.float32)
    path = scratch / "model.gguf"
    write_gpt2(path, arrays, TINY, TOKENS, quantization="f16", name="x")
    if lost:
        path.write_bytes(path.read_bytes().replace(b"blk.0.attn_norm.w", b"blk.0.attn_nOrm.w"))
    return Written(
        weights=path, base=None, architecture=TINY, tokenizer_sha256=tokenizer_digest(TOKENS)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("p") / "checkpoints" / "bort"
    write_clone(made, weights, MADE, NOON)
    return made


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (lambda scratch: weights(scratch, mute=True), "says nothing, so it does not take its"),
        (lambda scratch: weights(scratch, lost=True), "cannot be served, so it does not take its"),
    ],
)
def test_the_older_clone_stays(folder: Path, write: Callable[[Path], Written], why: str) -> None:
    before = load_checkpoint(folder).digest
    with pytest.raises(TrainingError, match=why) as caught:
        write_clone(folder, write, MADE, NOON)
    assert "\n" not in str(caught.value)
    assert load_checkpoint(folder).digest == before
    assert [path.name for path in folder.parent.iterdir()] == ["bort"]


def test_one_that_speaks_takes_its_place_and_the_older_one_stays_beside_it(folder: Path) -> None:
    write_clone(folder, weights, MADE, NOON, keep=2)
    assert len(older_versions(folder)) == 1
