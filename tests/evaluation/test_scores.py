"""What torch scored is kept: a stopped run goes on, and other words are scored anew."""

from pathlib import Path

import pytest
from builders import NOON
from evaluation.heaps import a_place
from tiny_model import make_tiny_base

from botconvo.corpus import Session
from botconvo.evaluation.ranking import Trial
from botconvo.evaluation.scores import Networks
from botconvo.training.bases import Base, open_base
from botconvo.transcript.grammar import Line
from model_server.prompt_format import PromptFormat

FORM = PromptFormat(speaker="Bort")
PLACES = tuple(a_place(f"line {i} of mine", before=f"so {i}") for i in range(4))
TRIALS = tuple(Trial(place=place, candidates=("yes it is", "no")) for place in PLACES[:2])
SESSIONS = [(7, Session(lines=(Line(name="Al", argument="hi"), PLACES[0].line), started=NOON))]


def a_base(folder: Path, seed: int = 0) -> Base:
    made = make_tiny_base(folder / f"tiny-{seed}", seed=seed)
    return open_base(made, bases=folder)


def quiet(done: int, total: int) -> None:
    """Nobody looks."""


def everything(networks: Networks, base: Base) -> tuple[object, ...]:
    scores = networks.scores(base)
    return (
        scores.gains(TRIALS, FORM, quiet),
        scores.weighed(PLACES, FORM, quiet),
        scores.losses(SESSIONS, FORM, ["Bort", "Al"], quiet),
    )


def scored(base: Base, kept: Path) -> list[tuple[int, int]]:
    """How far it told that it had come."""
    told: list[tuple[int, int]] = []
    Networks("cpu", kept).scores(base).weighed(PLACES, FORM, lambda *how: told.append(how))
    return told


def test_what_was_scored_needs_no_network_again(tmp_path: Path) -> None:
    base, kept = a_base(tmp_path), tmp_path / "kept"
    first = everything(Networks("cpu", kept), base)
    base.checkpoint.base_path.unlink()
    assert everything(Networks("cpu", kept), base) == first


def test_a_stopped_run_goes_on_behind_a_torn_row(tmp_path: Path) -> None:
    base, kept = a_base(tmp_path), tmp_path / "kept"
    assert scored(base, kept)[0] == (0, 4)
    (file,) = kept.iterdir()
    rows = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([*rows[:2], rows[2][:9]]), encoding="utf-8")
    assert scored(base, kept) == [(2, 4), (3, 4), (4, 4), (4, 4)]
    assert scored(base, kept)[0] == (4, 4)


def test_another_network_or_other_words_are_scored_anew(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    first = everything(Networks("cpu", kept), a_base(tmp_path))
    assert everything(Networks("cpu", kept), a_base(tmp_path, seed=1)) != first
    base = a_base(tmp_path, seed=2)
    one = Networks("cpu", kept).scores(base)
    told: list[tuple[int, int]] = []
    one.weighed(PLACES[:1], FORM, quiet)
    other = a_place("line 0 of mine", before="so something else")
    one.weighed([PLACES[0], other], FORM, lambda *how: told.append(how))
    assert told[0] == (1, 2)
    assert told[-1] == (2, 2)


def test_where_the_disk_is_full_one_line_says_so(tmp_path: Path) -> None:
    from botconvo.errors import OutputError
    from botconvo.evaluation.kept import appending

    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no disk here that is always full")
    with pytest.raises(OutputError, match="No space left") as refused, appending(full) as write:
        write({"of": "a"})
    assert "\n" not in str(refused.value)
