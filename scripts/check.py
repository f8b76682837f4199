"""Everything that a change has to pass: format, lint, types, import contracts, tests.

python scripts/check.py            all of it
python scripts/check.py --fix      let ruff mend what it can first
python scripts/check.py -- -k web  arguments behind "--" go to pytest
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

# import-linter has no "python -m" form.
LINT_IMPORTS = "from importlinter.cli import lint_imports_command as check; check()"
MOST_WORKERS = 4
"""Tests start servers and train: more at once need more memory than a laptop has."""

ROOT = Path(__file__).resolve().parent.parent


def steps(fix: bool, pytest_arguments: list[str]) -> list[tuple[str, list[str]]]:
    """The name and the command of every step, in order."""
    ruff = [sys.executable, "-m", "ruff"]
    # One process a core.  Neighbours stay together, so that few fixtures are made twice.
    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    spread = ["--numprocesses", str(workers), "--dist", "worksteal"]
    return [
        ("format", [*ruff, "format", *([] if fix else ["--check"]), "."]),
        ("lint", [*ruff, "check", *(["--fix"] if fix else []), "."]),
        ("types", [sys.executable, "-m", "mypy"]),
        ("imports", [sys.executable, "-c", LINT_IMPORTS]),
        ("tests", [sys.executable, "-m", "pytest", *spread, *pytest_arguments]),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Run every step; the exit code is the number of steps that failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fix", action="store_true")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest")
    options = parser.parse_args(arguments)
    failed = []
    for name, command in steps(options.fix, options.pytest):
        print(f"== {name}", flush=True)
        started = time.monotonic()
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            failed.append(name)
        print(f"== {name}: {time.monotonic() - started:.0f} s", flush=True)
    print(f"failed: {', '.join(failed)}" if failed else "all is well")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
