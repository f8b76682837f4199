"""Replies are drawn from a real server, kept, and drawn again alike."""

from dataclasses import replace
from pathlib import Path

import pytest
from evaluation.heaps import a_place
from tiny_model import make_tiny_checkpoint

from botconvo.conversation.events import Objection
from botconvo.conversation.manners import PRESETS
from botconvo.evaluation.drawing import Speaker, Wanted, draw
from botconvo.evaluation.drawn import Drawn, words_drawn
from botconvo.model_process import ModelSpec
from botconvo.personas import Sampling
from botconvo.safety.wordlist import WordListFilter
from model_server.checkpoint.folder import load_checkpoint


class Closed:
    """Takes everything for a copy."""

    def objection(self, text: str) -> Objection | None:
        return "copied"

    def digest(self) -> str:
        return "closed"


PLACES = tuple(a_place(f"line {i}", session=i, before=f"hello {i}") for i in range(4))
QUICK = replace(PRESETS["group-chat"], samples=2, max_tokens=(12, 12), context_lines=4)
WANTED = Wanted(places=PLACES, repeats=2, manners=QUICK, seed=3)


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Speaker:
    folder = make_tiny_checkpoint(tmp_path_factory.mktemp("clones"), "Bort")
    checkpoint = load_checkpoint(folder)
    form = checkpoint.manifest.prompt_format
    assert form is not None
    spec = ModelSpec(
        persona="Bort",
        checkpoint=checkpoint.folder,
        base=checkpoint.base_path if checkpoint.adapter_path else None,
        digest=checkpoint.digest,
        context=256,
        parallel=2,
        threads=1,
    )
    return Speaker(spec=spec, form=form, sampling=Sampling())


def elsewhere(speaker: Speaker) -> Speaker:
    """The same clone where no server can start: whoever needs none does not notice."""
    return replace(speaker, spec=replace(speaker.spec, checkpoint=Path("nowhere")))


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def tear(folder: Path) -> None:
    """What a stop may leave of the one file there: six rows whole, one torn, one not there."""
    (file,) = files_in(folder)
    rows = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([*rows[:6], rows[7][:9]]) + "\n", encoding="utf-8")


async def test_what_was_drawn_is_kept_and_a_stopped_run_goes_on(
    speaker: Speaker, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    first = await draw(
        speaker, WANTED, WordListFilter(), kept=tmp_path, told=lambda *how: told.append(how)
    )
    assert [(each.place, each.repeat) for each in first] == [
        (p, r) for r in (0, 1) for p in range(4)
    ]
    assert told[0] == (0, 8)
    assert told[-1] == (8, 8)
    assert await draw(elsewhere(speaker), WANTED, WordListFilter(), kept=tmp_path) == first
    # Those two are drawn again, and come out alike.
    tear(tmp_path)
    assert await draw(speaker, WANTED, WordListFilter(), kept=tmp_path) == first


async def test_another_seed_or_context_is_another_draw(speaker: Speaker, tmp_path: Path) -> None:
    small = replace(WANTED, places=PLACES[:2], repeats=1)
    first = await draw(speaker, small, WordListFilter(), kept=tmp_path)
    for other in (replace(small, seed=4), replace(small, places=PLACES[2:])):
        assert await draw(speaker, other, WordListFilter(), kept=tmp_path) != first
    assert len(files_in(tmp_path)) == 3


async def test_another_filter_is_another_draw_and_tells_what_it_held_back(
    speaker: Speaker, tmp_path: Path
) -> None:
    free = await draw(speaker, WANTED, WordListFilter(), kept=tmp_path)
    assert not any(each.copied or each.ungated for each in free)
    assert {each.candidates % QUICK.samples for each in free} == {0}
    gated = await draw(speaker, WANTED, Closed(), kept=tmp_path)
    assert [each.text for each in gated] == [None] * len(gated)
    first = [each for each in gated if each.ungated is not None]
    assert first
    assert all(each.copied for each in first)
    assert len(files_in(tmp_path)) == 2


def test_every_third_place_keeps_its_number() -> None:
    many = replace(WANTED, places=tuple(PLACES[0] for _ in range(200)))
    assert many.every(3).keys[:3] == [(0, 0), (3, 0), (6, 0)]
    assert WANTED.every(3).keys == [(0, 0), (1, 0), (2, 0), (3, 0)]  # few: none is left out


def test_words_are_what_is_neither_silence_nor_a_reaction() -> None:
    drawn = (
        Drawn(place=0, repeat=0, text="hi"),
        Drawn(place=1, repeat=0, text=None),
        Drawn(place=2, repeat=0, text="👍", reacts=True),
        Drawn(place=3, repeat=1, text="you"),
    )
    assert [said.text for said in words_drawn(drawn, PLACES)] == ["hi", "you"]
    assert [said.session for said in words_drawn(drawn, PLACES, repeat=1)] == [3]
