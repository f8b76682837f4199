"""Fixtures of the training tests; without the training extra only ``test_extra`` is left."""

from importlib.util import find_spec
from pathlib import Path

import pytest

EXTRA_IS_THERE = all(find_spec(name) for name in ("torch", "peft", "transformers", "tokenizers"))
if not EXTRA_IS_THERE:
    collect_ignore_glob = [
        "test_bad_input.py",
        "test_bases.py",
        "test_clone.py",
        "test_families.py",
        "test_command.py",
        "test_estimate.py",
        "test_trial.py",
        "test_golden.py",
        "test_hub.py",
        "test_network.py",
        "test_raw_and_retraining.py",
        "test_trainer.py",
    ]


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random base, two layers of 32, written once."""
    from tiny_model import make_tiny_base

    return make_tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Matrices this small are slower on several threads."""
    if EXTRA_IS_THERE:
        import torch

        torch.set_num_threads(1)
