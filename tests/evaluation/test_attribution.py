"""Bundles are taken for whoever writes like that."""

import numpy as np
import pytest
from evaluation.heaps import POTATO, SMALL, babble

from botconvo.evaluation.attribution import Attributor, share_of_bundles
from botconvo.evaluation.evidence import Said

EARLIER = {"Al": babble(80, SMALL), "Bort": babble(80, POTATO)}


def test_somebody_is_taken_for_themselves_and_a_stranger_is_not() -> None:
    attributor = Attributor.learn(EARLIER)
    later = babble(60, POTATO, seed=1)
    for bundle in (1, 5, 20):
        own, strange = (attributor.share(name, later, bundle) for name in ("Bort", "Al"))
        assert own is not None
        assert own.value == 1.0
        assert strange is not None
        assert strange.value == 0.0


def test_two_who_write_alike_are_mixed_up() -> None:
    attributor = Attributor.learn({"Al": babble(200), "Bort": babble(200, seed=1)})
    share = attributor.share("Bort", babble(200, seed=2), 1)
    assert share is not None
    assert 0.3 < share.value < 0.7


def test_scores_are_those_of_scikit_learn() -> None:
    attributor = Attributor.learn(EARLIER)
    texts = ["POTATO! maybe", "what is up"]
    counted = attributor.counter.transform(texts)
    theirs = attributor.model.predict_joint_log_proba(counted) + np.log(2)  # equal priors
    assert attributor.scores(texts) == pytest.approx(theirs)


def test_whoever_writes_much_is_no_likelier_for_it() -> None:
    much = {"Al": babble(2000), "Bort": babble(100, seed=1)}
    share = Attributor.learn(much).share("Bort", babble(200, seed=2), 1)
    assert share is not None
    assert 0.3 < share.value < 0.7


def test_a_bundle_sums_its_messages() -> None:
    # Each message alone leans to the wrong column but one, which outweighs the others.
    scores = np.array([[10.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    one = share_of_bundles(scores, 0, [0, 1, 2], 1)
    three = share_of_bundles(scores, 0, [0, 0, 0], 3)
    assert one is not None
    assert one.value == pytest.approx(1 / 3)
    assert three is not None
    assert three.value == 1.0


def test_too_few_messages_make_no_bundle() -> None:
    attributor = Attributor.learn(EARLIER)
    assert attributor.share("Al", [Said(text="hi", session=0)] * 4, 5) is None
