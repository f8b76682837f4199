"""The options by which an owner says that they have read a platform's rule."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from botconvo.policies import DISCORD, SLACK

__all__ = ["acknowledge_options"]


def acknowledge_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--acknowledge-discord-policy`` and the same for Slack.

    What was acknowledged comes as ``acknowledged``, a tuple of the names that the store keeps.
    """

    @wraps(function)
    def with_names(*, discord_policy: bool, slack_policy: bool, **options: Any) -> Any:
        said = ((DISCORD, discord_policy), (SLACK, slack_policy))
        names = tuple(policy.name for policy, acknowledged in said if acknowledged)
        return function(acknowledged=names, **options)

    discord = click.option(
        DISCORD.flag,
        "discord_policy",
        is_flag=True,
        help="You have read what Discord's Developer Policy says about training.",
    )
    slack = click.option(
        SLACK.flag,
        "slack_policy",
        is_flag=True,
        help="You have read what Slack's API terms say about exports and training.",
    )
    return discord(slack(with_names))
