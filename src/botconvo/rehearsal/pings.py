"""Whom a text would ping, and whom it may: ``allowed_mentions``, pure.

https://discord.com/developers/docs/resources/message#allowed-mentions-object
"""

import re
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["ALL", "NOBODY", "Pinged", "Pings", "allowed"]

_USER = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
_EVERYONE = re.compile(r"@(everyone|here)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinged:
    """Ids in the order of the text."""

    users: tuple[int, ...] = ()
    roles: tuple[int, ...] = ()
    everyone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pings:
    """What a message may ping; ``True`` is all of a kind, a set those ids alone."""

    users: bool | frozenset[int] = True
    roles: bool | frozenset[int] = True
    everyone: bool = True
    replied_user: bool = True

    def in_text(self, text: str) -> Pinged:
        users = dict.fromkeys(int(found) for found in _USER.findall(text))
        roles = dict.fromkeys(int(found) for found in _ROLE.findall(text))
        return Pinged(
            users=tuple(user for user in users if _may(self.users, user)),
            roles=tuple(role for role in roles if _may(self.roles, role)),
            everyone=self.everyone and _EVERYONE.search(text) is not None,
        )

    def without_everyone(self) -> "Pings":
        """For somebody without the permission to mention everyone."""
        return replace(self, everyone=False)


ALL = Pings()
NOBODY = Pings(users=False, roles=False, everyone=False, replied_user=False)


def allowed(given: dict[str, Any] | None) -> Pings:
    """Read ``allowed_mentions``; None allows everything that the text says."""
    if given is None:
        return ALL
    kinds = given.get("parse", [])
    return Pings(
        users="users" in kinds or frozenset(int(user) for user in given.get("users") or ()),
        roles="roles" in kinds or frozenset(int(role) for role in given.get("roles") or ()),
        everyone="everyone" in kinds,
        replied_user=bool(given.get("replied_user", False)),
    )


def _may(rule: bool | frozenset[int], identifier: int) -> bool:
    return rule if isinstance(rule, bool) else identifier in rule
