"""Without the training extra only what needs no torch is left; in CI its lack is a failure."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

if not os.environ.get("CI") and not all(map(find_spec, ("torch", "transformers", "tokenizers"))):
    collect_ignore_glob = ["test_equality.py", "test_conversion.py", "test_source.py"]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One folder of every kind, made once; only to be read or copied."""
    import torch
    from tiny_hugging_face import KINDS, make_folder
    from transformers.utils import logging

    torch.set_num_threads(1)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    parent = tmp_path_factory.mktemp("hugging-face")
    return {name: make_folder(parent / name, name) for name in KINDS}
