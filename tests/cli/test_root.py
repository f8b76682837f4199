"""The command line as a whole: help, errors on one line, and how fast it is there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli.typing_in import typed
from projects import checkpoints_of, persona_table, write_config

from botconvo import __version__

VERBS = (
    "demo init migrate-config import collect people consent forget review export-csv train "
    "train-packed adopt rollback evaluate pack unpack rehearse run chat generate serve-model doctor"
).split()
"""In the order of the data flow."""


def botconvo(*words: object, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """A process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "botconvo", *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        timeout=60,
        check=False,
    )


def told(*words: object) -> str:
    """The one line of an expected error, which goes with exit code 2."""
    done = typed(*words)
    assert done.code == 2, done
    assert done.out == ""
    assert done.err.startswith("botconvo: ")
    assert done.err.count("\n") == 1, done.err
    return done.err


def test_help_lists_the_verbs_in_the_order_of_the_data_flow() -> None:
    done = typed("--help")
    listed = [row.split()[0] for row in done.out.split("Commands:")[1].splitlines() if row.strip()]
    assert listed == VERBS
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str) -> None:
    done = typed(verb, "--help")
    assert done.code == 0
    assert done.out.startswith(f"Usage: botconvo {verb}")


def test_without_words_it_shows_its_help() -> None:
    done = typed()
    assert done.code == 2
    assert all(verb in done.out + done.err for verb in VERBS)


def test_it_can_be_run_as_a_module_and_says_its_version() -> None:
    done = botconvo("--version")
    assert (done.returncode, done.stdout.strip()) == (0, f"botconvo, version {__version__}")


HEAVY = {"torch", "transformers", "spacy", "discord", "httpx", "fastapi", "uvicorn", "pydantic"}


def test_the_command_line_loads_nothing_heavy_before_a_verb_is_used() -> None:
    look = (
        "import sys, botconvo.cli\n"
        "try: botconvo.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, timeout=60, check=True
    )
    assert "botconvo.cli" in done.stderr.splitlines()
    assert HEAVY.isdisjoint(done.stderr.splitlines())


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["run", "--sead", "1"], "No such option '--sead'"),
        (["run", "--max-messages", "0"], "--max-messages"),
        (["run", "--seed", "x"], "'x' is not a valid integer"),
        (["serve-model"], "Missing argument"),
        (["serve-model", "nowhere", "--no-token"], "nowhere: there is no such folder"),
        (["run", "--config", "nowhere.toml"], "nowhere.toml: there is no such file"),
        (["train", "Bort", "--project", "nowhere"], "there is no folder nowhere"),
        (["people", "--project", "nowhere"], "there is no folder nowhere"),
    ],
)
def test_an_expected_error_is_one_line_and_exit_code_2(words: list[str], line: str) -> None:
    assert line in told(*words)


def test_a_wrong_word_is_told_with_where_to_look() -> None:
    assert told("run", "--sead", "1").endswith("(see 'botconvo run --help')\n")


# init


def test_init_writes_a_config_that_can_be_run_and_says_what_comes_next(tmp_path: Path) -> None:
    done = typed("init", "--project", tmp_path / "new")
    assert done.code == 0
    assert "Next: botconvo import" in done.out
    assert (tmp_path / "new" / ".env.example").exists()
    assert "no [[personas]] table" in told("run", "--config", tmp_path / "new" / "config.toml")


def test_init_replaces_a_config_only_when_it_is_forced(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("# mine", encoding="utf-8")
    assert "is there already; --force replaces it" in told("init", "--project", tmp_path)
    assert (tmp_path / "config.toml").read_text(encoding="utf-8") == "# mine"
    assert typed("init", "--project", tmp_path, "--force").code == 0
    assert "[conversation]" in (tmp_path / "config.toml").read_text(encoding="utf-8")


FULL_DISK = """\
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
from botconvo.cli import main
main(["init", "--project", sys.argv[1], "--force"])
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_a_disk_that_fills_leaves_the_old_config_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("# mine", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "cannot be written to: File too large" in done.stderr
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"config.toml": "# mine"}


# doctor


def test_doctor_ends_well_or_with_exit_code_2(tmp_path: Path) -> None:
    checkpoints_of(["Bort"], tmp_path)
    config = write_config(tmp_path, persona_table("Bort"))
    well = typed("doctor", "--config", config)
    assert "persona Bort" in well.out
    assert well.code == (2 if "WRONG" in well.out else 0)
    write_config(tmp_path, persona_table("Bort", checkpoint="nowhere"))
    ill = typed("doctor", "--config", config)
    assert ill.code == 2
    assert "WRONG persona Bort" in ill.out
