"""Presets and their overrides."""

import pytest

from botconvo.conversation.manners import PRESETS, manners
from botconvo.errors import ConfigError


def test_an_override_replaces_one_number_and_leaves_the_rest() -> None:
    changed = manners("classic", {"samples": 3})
    assert (changed.samples, changed.fresh_share, changed.choose) == (3, 0.3, "longest")


@pytest.mark.parametrize(
    ("preset", "overrides", "named"),
    [
        ("polite", {}, "polite"),
        ("classic", {"sampels": 3}, "sampels"),
        ("classic", {"fresh_share": 1.5}, "fresh_share"),
        ("classic", {"gap_s": (5.0, 1.0)}, "gap_s"),
        ("classic", {"samples": 0}, "samples"),
        ("group-chat", {"typing_per_s": -1.0}, "typing_per_s"),
        ("group-chat", {"gap_s": (0.0, float("inf"))}, "gap_s"),
        ("group-chat", {"hush_s": float("nan")}, "hush_s"),
        ("group-chat", {"temperature": (0.5, 5.1)}, "temperature"),
        ("group-chat", {"max_tokens": (0, 5)}, "max_tokens"),
        ("group-chat", {"turn_limit": 0}, "turn_limit"),
        ("group-chat", {"go_on": 1.1}, "go_on"),
        ("group-chat", {"daily_messages": 0}, "daily_messages"),
        ("group-chat", {"sleep_s": (3600.0, 30.0)}, "sleep_s"),
        ("group-chat", {"start_alone_s": (-1.0, 30.0)}, "start_alone_s"),
        ("group-chat", {"quiet_hours": ("23-7",)}, "23-7"),
        ("group-chat", {"time_zone": "Berlin"}, "Berlin"),
        ("group-chat", {"company": False}, "company"),
    ],
)
def test_a_wrong_number_is_named(preset: str, overrides: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        manners(preset, overrides)
    assert "\n" not in str(caught.value)


def test_clones_are_endless_among_people_only_where_somebody_wants_it() -> None:
    assert {preset.limit for preset in PRESETS.values()} == {6}
    assert manners("classic", {"endless": True}).limit is None


def test_where_nobody_else_can_be_nothing_limits_them() -> None:
    for preset in PRESETS.values():
        alone = preset.unattended()
        assert (alone.limit, alone.daily_messages, alone.go_on, alone.acts) == (
            None,
            None,
            1.0,
            False,
        )
        assert alone.unattended() == alone
