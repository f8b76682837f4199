"""The training tests need the training extra: missing, it is a visible skip, and an error in CI."""

import os
import subprocess
import sys

import pytest
from training.conftest import EXTRA_IS_THERE


def test_the_training_extra_is_there() -> None:
    if not EXTRA_IS_THERE and not os.environ.get("CI"):
        pytest.skip("training is not tested: pip install 'botconvo[test]' brings what it needs")
    assert EXTRA_IS_THERE


def test_a_missing_library_is_one_line_that_says_what_to_install() -> None:
    without_torch = (
        "import sys; sys.modules['torch'] = None\n"
        "from botconvo.errors import TrainingError\n"
        "from botconvo.training.extra import require_extra\n"
        "try: require_extra()\n"
        "except TrainingError as error: print(error)"
    )
    said = subprocess.run(
        [sys.executable, "-c", without_torch], capture_output=True, text=True, check=True
    ).stdout
    assert said.count("\n") == 1
    assert "torch" in said
    assert 'pip install "botconvo[train]"' in said


def test_the_verb_itself_loads_nothing_heavy() -> None:
    look = (
        "import sys, botconvo.cli.train\n"
        "print([m for m in ('torch', 'peft', 'numpy', 'spacy') if m in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True
    ).stdout
    assert said.strip() == "[]"
