"""Types a command line in this process, as ``botconvo`` would get it."""

import contextlib
import io
from dataclasses import dataclass

from botconvo.cli import main

__all__ = ["Done", "typed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a command."""

    code: int
    out: str
    err: str


def typed(*words: object) -> Done:
    """Run ``botconvo WORDS...`` and return what it printed and its exit code."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(word) for word in words])
        except SystemExit as leaving:
            code = leaving.code
    assert isinstance(code, int)
    return Done(code=code, out=out.getvalue(), err=err.getvalue())
