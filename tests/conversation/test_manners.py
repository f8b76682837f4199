"""Presets and their overrides."""

import pytest

from botconvo.conversation.manners import manners
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
        ("group-chat", {"turn_limit": -1}, "turn_limit"),
    ],
)
def test_a_wrong_number_is_named(preset: str, overrides: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        manners(preset, overrides)
    assert "\n" not in str(caught.value)
