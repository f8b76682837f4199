"""Freed arrays stay with the process: a second one of the same size takes no new pages."""

import subprocess
import sys

import pytest

# 64 MB are written, freed and written again; the new pages of the second round are counted.
_ROUNDS = """
import resource
from botconvo.training.memory import keep_freed_memory

size = 64_000_000
if {keep}:
    keep_freed_memory()
b"x" * size
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
b"x" * size
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _new_pages(*, keep: bool) -> int:
    code = _ROUNDS.format(keep=keep)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is told anything")
def test_freed_memory_is_used_again() -> None:
    assert _new_pages(keep=False) > 1000 > 100 > _new_pages(keep=True)
