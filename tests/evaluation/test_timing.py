"""Learned manners beside what a friend did later."""

from dataclasses import replace
from random import Random

from corpus.talks import talks
from evaluation.findings import a_clone, a_report

from botconvo.corpus import learned_manners, observe
from botconvo.evaluation.advice import judged
from botconvo.evaluation.page import page_of
from botconvo.evaluation.report import as_json
from botconvo.evaluation.timing import MannersFound, compare_manners
from botconvo.people import People
from model_server.checkpoint.learned_manners import LearnedManners


def evening(rng: Random) -> int:
    return rng.choice([0, 0, 1])


def found(**later: object) -> MannersFound:
    people = People()
    early = talks(days=30, hour=evening, seed=1)
    learned = learned_manners(observe(early, people)["Bort"])
    both = {
        **observe(talks(days=30, seed=2, **later), people),  # type: ignore[arg-type]
        "Cleo": observe(
            talks(
                days=30,
                friend="Cleo",
                seed=3,
                delay=lambda rng: rng.uniform(300, 800),
                row=lambda rng: 3,
                hour=lambda rng: 4,
            ),
            people,
        )["Cleo"],
    }
    compared = compare_manners(learned, both, "Bort")
    assert compared is not None
    return compared


def distances(compared: MannersFound) -> dict[str, float]:
    return {
        each.name: each.distance.value for each in compared.compared if each.distance is not None
    }


def test_whoever_stayed_the_same_is_near_and_others_are_far() -> None:
    compared = found(hour=evening)
    near = distances(compared)
    assert set(near) == {"delay", "row", "hours"}
    for name, distance in near.items():
        assert distance < 0.15
        assert compared.others[name] > 3 * distance


def test_whoever_changed_is_far_and_is_told_so() -> None:
    compared = found(hour=lambda rng: 4, delay=lambda rng: rng.uniform(300, 800), row=lambda rng: 3)
    assert min(distances(compared).values()) > 0.5
    advice = judged(a_clone(manners=compared), None).advice
    assert sum("train it again on newer messages" in each for each in advice) == 3


def test_of_few_later_messages_no_distance_is_told() -> None:
    compared = compare_manners(
        learned_manners(observe(talks(), People())["Bort"]),
        observe(talks(days=2), People()),
        "Bort",
    )
    assert compared is not None
    assert distances(compared) == {}
    assert "too few" in compared.later


def test_where_nothing_was_learned_nothing_is_compared() -> None:
    assert compare_manners(None, observe(talks(), People()), "Bort") is None
    bare = compare_manners(LearnedManners(messages=40, words=3.0), {}, "Bort")
    assert bare is not None
    assert bare.compared == ()


def test_the_page_shows_it_and_the_data_holds_it() -> None:
    compared = found(hour=evening)
    clone = a_clone(manners=compared)
    page = page_of(a_report(judged(clone, None)))
    assert "<h3>Manners</h3>" in page
    assert "Bort later" in page
    assert page.count("from other friends") == 3
    assert as_json(a_report(clone))["clones"][0]["manners"]["learned"] == compared.learned
    assert "<h3>Manners</h3>" not in page_of(a_report(judged(replace(clone, manners=None), None)))
