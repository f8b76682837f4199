"""Learned manners in a manifest: whole, strict, and missing in those of before."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from model_server.checkpoint.learned_manners import Hours, LearnedManners, Shares
from model_server.checkpoint.manifest import Manifest

DEMO = Path(__file__).parents[3] / "src" / "botconvo" / "demo" / "checkpoints"
LEARNED = LearnedManners(
    messages=1200,
    exact=False,
    delays=Shares(below=(60.0, 300.0), shares=(0.7, 0.3)),
    bursts=Shares(below=(2.0, 3.0), shares=(1.0, 0.0)),
    hours=Hours(zone="Europe/Berlin", shares=(*(0.0,) * 20, *(0.25,) * 4)),
    words=7.5,
    talkativeness=0.62,
    reactions=0.1,
)


def raw(manners: Any = None) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((DEMO / "marek" / "manifest.json").read_bytes())
    del data["manners"]
    return data if manners is None else data | {"manners": manners}


def test_a_manifest_of_before_has_none() -> None:
    assert Manifest.model_validate(raw()).manners is None


def test_what_was_written_is_read_again() -> None:
    manifest = Manifest.model_validate(raw()).model_copy(update={"manners": LEARNED})
    again = Manifest.model_validate_json(manifest.model_dump_json())
    assert again == manifest
    assert again.manners == LEARNED


@pytest.mark.parametrize(
    ("manners", "where"),
    [
        ({"messages": 3, "texts": ["hi"]}, "texts"),
        ({"messages": 3, "version": 2}, "version"),
        ({"messages": 3, "delays": {"below": [1], "shares": [0.5, 0.5]}}, "one share for each"),
        ({"messages": 3, "delays": {"below": [2, 1], "shares": [0.5, 0.5]}}, "grow"),
        ({"messages": 3, "bursts": {"below": [1, 2], "shares": [0.1, 0.1]}}, "1 together"),
        ({"messages": 3, "bursts": {"below": [1, 2], "shares": [1.5, -0.5]}}, "from 0 to 1"),
        ({"messages": 3, "hours": {"zone": "UTC", "shares": [1.0]}}, "24 hours"),
    ],
)
def test_what_does_not_fit_is_refused(manners: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError, match=where):
        Manifest.model_validate(raw(manners))


def test_the_middle_lies_within_its_part() -> None:
    assert Shares(below=(10.0, 20.0), shares=(0.5, 0.5)).median() == 10.0
    assert Shares(below=(10.0, 20.0), shares=(0.0, 1.0)).median() == 15.0


@pytest.mark.parametrize("friend", ["juno", "marek", "tilly", "dex"])
def test_the_friends_of_the_demo_have_theirs_but_no_hours(friend: str) -> None:
    manifest = Manifest.model_validate_json((DEMO / friend / "manifest.json").read_bytes())
    assert manifest.manners is not None
    assert manifest.manners.delays is not None
    assert manifest.manners.bursts is not None
    assert manifest.manners.hours is None
