"""The proof of equality, on weights so small that it takes seconds."""

import os
from pathlib import Path

import prove_gpt2_simple
import pytest
from prove_gpt2_simple import compare_one
from tiny_gpt2_simple import TENSORFLOW_IS_THERE
from tiny_model import make_tiny_base

ANSWER = {"said": [5, 6, 5], "pieces": [" a", "b", " a"], "logits": [[1.0, 3.0], [2, 2.01], [0, 9]]}


def test_words_are_compared_up_to_the_first_difference() -> None:
    whole = compare_one("x", [" a", "b", " a"], ANSWER)
    assert (whole.same, whole.count, whole.distinct, whole.margin) == (3, 3, 2, None)
    assert whole.holds
    near = compare_one("x", [" a", "c", " a"], ANSWER)
    assert near.same == 1
    assert near.margin == pytest.approx(0.01)
    assert near.holds, "the two likeliest were nearer than f16 can tell"
    assert not compare_one("x", ["c", "b", " a"], ANSWER).holds
    short = compare_one("x", [" a", "b"], ANSWER)
    assert (short.same, short.holds) == (2, False), "it ended too early"


@pytest.mark.skipif(
    not TENSORFLOW_IS_THERE and not os.environ.get("CI"), reason="TensorFlow is not installed"
)
def test_a_clone_is_made_by_gpt2_simple_and_both_say_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = make_tiny_base(tmp_path / "base")
    with pytest.raises(SystemExit) as ended:
        prove_gpt2_simple.main(["--base", str(base), "--steps", "2", "--tokens", "6"])
    printed = capsys.readouterr().out
    assert ended.value.code == 0, printed
    assert printed.count("| yes |") == len(prove_gpt2_simple.OPENINGS)
    assert "| f16 | 60 | 100.0%" in printed
    assert "| q8_0 | " in printed
