"""Only what lies behind all training is later, and what stands before a line is the real talk."""

from datetime import timedelta

import pytest
from builders import NOON
from tiny_model import tiny_architecture, tiny_tokens

from botconvo.corpus import Corpus, Session
from botconvo.errors import CorpusError
from botconvo.evaluation.evidence import LATER_NEEDED, check_enough, evidence_of, spread
from botconvo.evaluation.learned import learnt_of
from botconvo.transcript.grammar import Command, Line
from model_server.checkpoint.manifest import Manifest


def a_session(day: int, *lines: Line, ended: int | None = None) -> Session:
    begun = Line(name="Al", command=Command.INIT)
    return Session(
        lines=(begun, *lines),
        started=NOON + timedelta(days=day),
        ended=NOON + timedelta(days=day if ended is None else ended, hours=1),
    )


def bort(text: str) -> Line:
    return Line(name="Bort", argument=text)


def al(text: str) -> Line:
    return Line(name="Al", argument=text)


def test_sessions_that_began_after_the_border_are_later() -> None:
    sessions = [a_session(2, bort("c")), a_session(0, bort("a")), a_session(1, bort("b"))]
    evidence = evidence_of(sessions, NOON + timedelta(days=1))
    assert [said.text for said in evidence.earlier["Bort"]] == ["a", "b"]
    assert [said.text for said in evidence.later_words("Bort")] == ["c"]
    assert [number for number, _ in evidence.sessions] == [2]


def test_a_place_has_the_lines_before_it_and_no_more_than_asked_for() -> None:
    sent = Line(name="Bort", command=Command.PHOTO, argument="a dog")
    liked = Line(name="Bort", command=Command.REACT, argument="👍")
    session = a_session(1, al("x"), sent, bort("y"), liked, al("z"))
    places = evidence_of([session], NOON, context_lines=2).later["Bort"]
    assert [place.line for place in places] == [bort("y"), liked]  # a clone sends no pictures
    assert places[0].context == (al("x"), sent)
    assert places[0].said is not None
    assert places[1].said is None


def test_friends_are_those_of_whom_enough_is_known() -> None:
    many = [a_session(0, *(bort(str(i)) for i in range(60)), al("one"))]
    assert evidence_of(many, NOON).friends == ("Bort",)


def test_too_little_is_said_in_one_line_with_how_many_are_needed() -> None:
    evidence = evidence_of([a_session(1, bort("a"))], NOON)
    with pytest.raises(CorpusError, match=rf"Bort: 1 messages .* {LATER_NEEDED} are needed"):
        check_enough(evidence, "Bort")
    check_enough(evidence_of([a_session(1, *[bort("a")] * LATER_NEEDED)], NOON), "Bort")


def test_places_are_spread_over_all_of_their_time() -> None:
    session = a_session(1, *(bort(str(i)) for i in range(10)))
    places = evidence_of([session], NOON).later["Bort"]
    assert [place.line.argument for place in spread(places, 5)] == ["0", "2", "4", "6", "8"]
    assert spread(places, 99) == places


def a_manifest(corpus: str | None = None, until: str | None = None) -> Manifest:
    tokens = tiny_tokens()
    return Manifest.model_validate(
        {
            "persona": None,
            "created": NOON + timedelta(days=9),
            "weights": {"file": "m.gguf", "kind": "full", "sha256": "0" * 64, "bytes": 1},
            "architecture": tiny_architecture(tokens).model_dump(),
            "tokenizer_sha256": "0" * 64,
            "corpus_sha256": corpus,
            "training": {} if until is None else {"trained_until": until},
        }
    )


SESSIONS = tuple(a_session(day, bort(str(day))) for day in range(4))
CORPUS = Corpus(speaker="Bort", train=SESSIONS[:2], held_out=SESSIONS[2:])


def no_corpus() -> Corpus:
    raise CorpusError("too little")


def test_the_manifest_tells_until_when_a_clone_was_trained() -> None:
    told = a_manifest(until=(NOON + timedelta(days=1, hours=1)).isoformat())
    found = learnt_of(told, SESSIONS, "Bort", no_corpus)
    assert (found.sessions, found.until) == (SESSIONS[:2], NOON + timedelta(days=1, hours=1))
    assert not found.guessed


def test_a_corpus_with_the_manifests_digest_is_what_it_was_trained_on() -> None:
    found = learnt_of(a_manifest(CORPUS.digest()), SESSIONS, "Bort", lambda: CORPUS)
    assert (found.sessions, found.until) == (SESSIONS[:2], NOON + timedelta(days=1, hours=1))
    assert not found.guessed


def test_of_a_clone_that_does_not_tell_all_before_its_making_was_seen() -> None:
    for build in (no_corpus, lambda: CORPUS):
        found = learnt_of(a_manifest("1" * 64), SESSIONS, "Bort", build)
        assert (found.sessions, found.until) == (SESSIONS, NOON + timedelta(days=9))
        assert found.guessed


def test_unless_the_owner_knows_better() -> None:
    since = NOON + timedelta(days=2)
    found = learnt_of(a_manifest("1" * 64), SESSIONS, "Bort", lambda: CORPUS, since=since)
    assert found.until == since
    assert not found.guessed


def test_what_was_trained_on_ends_with_the_last_line_of_the_last_session() -> None:
    long = a_session(1, bort("x"), ended=3)
    assert (
        Corpus(speaker="Bort", train=(long, a_session(2)), held_out=()).trained_until == long.ended
    )
    untold = Session(lines=(), started=NOON)
    assert Corpus(speaker="Bort", train=(untold,), held_out=()).trained_until is None
