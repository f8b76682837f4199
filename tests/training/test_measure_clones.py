"""The matrix of clones and friends measures what was written, on what nobody was trained on."""

from datetime import timedelta

from builders import NOON
from measure_clones import Cell, markdown, unseen

from botconvo.corpus import Corpus, Session
from botconvo.transcript.grammar import Line


def session(day: int) -> Session:
    return Session(lines=(Line(name="Bort", argument="hi"),), started=NOON + timedelta(days=day))


def test_only_what_came_after_every_clones_training_is_measured() -> None:
    one = Corpus(speaker="Bort", train=(session(1),), held_out=(session(2), session(4)))
    other = Corpus(speaker="Al", train=(session(3),), held_out=(session(3), session(5)))
    assert [corpus.held_out for corpus in unseen([one, other])] == [(session(4),), (session(5),)]


def test_the_lowest_loss_of_a_row_stands_out() -> None:
    row = [Cell(loss=loss, tokens=7) for loss in (4.0, 2.5, 3.0)]
    assert markdown(["Al", "Bort"], [row, row]).splitlines() == [
        "| words of | tokens | base | clone of Al | clone of Bort |",
        "|---|--:|--:|--:|--:|",
        "| Al | 7 | 4.000 | **2.500** | 3.000 |",
        "| Bort | 7 | 4.000 | **2.500** | 3.000 |",
    ]
