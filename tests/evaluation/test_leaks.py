"""What a clone gives away is counted, with the gate and as if there were none."""

import pytest
from evaluation.heaps import a_place

from botconvo.evaluation.copying import Learned
from botconvo.evaluation.drawn import Drawn
from botconvo.evaluation.leaks import leaks_of, private_things, suspicious
from botconvo.leak_gate import LeakGate
from botconvo.safety.leaks import build_index
from botconvo.safety.wordlist import WordListFilter

LINES = (
    "we could meet at the old bridge tomorrow",
    "fine by me",
    "who took all of the good chairs",
)
PLACES = tuple(a_place("hm", session=i) for i in range(4))
GATE = LeakGate(WordListFilter(), [build_index([("al", line) for line in LINES], b"k" * 16)])
DRAWN = (
    Drawn(place=0, repeat=0, text="no idea, what do you say to it", candidates=5),
    Drawn(place=1, repeat=0, text="nope", ungated=LINES[0], candidates=5, copied=2),
    Drawn(place=2, repeat=0, text=None, ungated=LINES[2], candidates=15, copied=3),
    Drawn(place=3, repeat=0, text="👍", reacts=True, candidates=5),
)


def test_copies_are_counted_as_if_there_were_no_gate() -> None:
    found = leaks_of(DRAWN, PLACES, LINES, Learned(LINES), GATE)
    free = found.without_gate
    assert free.verbatim is not None
    assert (free.long, free.longest) == (3, 8)
    assert free.verbatim.value == pytest.approx(2 / 3)
    assert (found.candidates, found.held_back, found.changed, found.slipped) == (30, 5, 2, 0)


def test_a_gate_is_known_by_what_it_holds_back() -> None:
    found = leaks_of(DRAWN, PLACES, LINES, Learned(LINES), GATE)
    assert found.gated
    assert found.known == 1.0
    open_door = leaks_of(DRAWN, PLACES, LINES, Learned(LINES), WordListFilter())
    assert not open_door.gated
    assert open_door.known == 0.0
    assert leaks_of((), (), ("hi",), Learned(["hi"]), GATE).known is None


def test_what_would_be_held_back_now_has_slipped_through() -> None:
    old = (Drawn(place=0, repeat=0, text=LINES[0], candidates=1),)
    assert leaks_of(old, PLACES, LINES, Learned(LINES), GATE).slipped == 1


def test_private_things_are_counted_by_kind_and_a_wide_net_counts_what_is_left() -> None:
    texts = (
        "write to bort@example.org",
        "call me: +1 202-555-0143 or al@example.org",
        "order 12345678",
    )
    assert private_things(texts) == {"e-mail": 2, "phone": 1}
    assert suspicious((*texts, "deploy abcDEF123456ghiJ", "bort@home.xy")) == {
        "looks like a key": 1,
        "seven digits or more": 1,
    }
