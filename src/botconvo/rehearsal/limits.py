"""Rate limits: how often a bot may call what, pure over a given time.

Discord does not publish its numbers; these are the ones that bots have been seeing for years, and
the 50 requests a second in all that it does state:
https://discord.com/developers/docs/topics/rate-limits
"""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["DISCORD", "NO_LIMITS", "Allowance", "Limit", "Limiter", "Limits"]

_MAJOR = re.compile(r"^/(channels|guilds|webhooks)/(\d+)(?:/([\w-]{20,}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """``calls`` in ``seconds``, for requests whose method and path fit; one bucket per channel."""

    name: str
    method: str
    path: str
    calls: int
    seconds: float

    def fits(self, method: str, path: str) -> bool:
        return method == self.method and re.search(self.path, path) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The first limit that fits counts; ``overall`` calls a second for a bot in all."""

    limits: Sequence[Limit] = ()
    overall: int | None = None

    def faster(self, factor: float) -> "Limits":
        """The same for a time that runs ``factor`` times as fast."""
        quick = [
            Limit(
                name=limit.name,
                method=limit.method,
                path=limit.path,
                calls=limit.calls,
                seconds=limit.seconds / factor,
            )
            for limit in self.limits
        ]
        overall = None if self.overall is None else int(self.overall * factor)
        return Limits(limits=quick, overall=overall)


NO_LIMITS = Limits()
DISCORD = Limits(
    overall=50,
    limits=(
        Limit(name="post", method="POST", path=r"^/channels/\d+/messages$", calls=5, seconds=5),
        Limit(
            name="edit", method="PATCH", path=r"^/channels/\d+/messages/\d+$", calls=5, seconds=5
        ),
        Limit(
            name="delete", method="DELETE", path=r"^/channels/\d+/messages/\d+$", calls=5, seconds=1
        ),
        Limit(name="typing", method="POST", path=r"/typing$", calls=5, seconds=5),
        Limit(name="react", method="PUT", path=r"/reactions/", calls=1, seconds=0.25),
        Limit(name="webhook", method="POST", path=r"^/webhooks/\d+/[\w-]+$", calls=5, seconds=2),
        Limit(
            name="webhooks", method="POST", path=r"^/channels/\d+/webhooks$", calls=10, seconds=60
        ),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The answer to one call.  ``retry_after`` is None where it may go on."""

    bucket: str | None = None
    limit: int = 0
    remaining: int = 0
    reset_after: float = 0.0
    retry_after: float | None = None
    overall: bool = False


@dataclass(slots=True)
class Limiter:
    """Counts calls over sliding windows; times are seconds of one clock."""

    limits: Limits
    _calls: dict[tuple[str, ...], deque[float]] = field(default_factory=dict)

    def ask(self, caller: str, method: str, path: str, now: float) -> Allowance:
        """Count a call, unless there are too many."""
        if self.limits.overall is not None:
            wait = self._wait((caller,), self.limits.overall, 1.0, now)
            if wait is not None:
                return Allowance(retry_after=wait, overall=True)
        limit = next((each for each in self.limits.limits if each.fits(method, path)), None)
        if limit is None:
            self._count((caller,), now)
            return Allowance()
        major = _MAJOR.match(path)
        key = (caller, limit.name, major.group(0) if major else "")
        wait = self._wait(key, limit.calls, limit.seconds, now)
        if wait is None:
            self._count((caller,), now)
            self._count(key, now)
        calls = self._calls[key]
        return Allowance(
            bucket=limit.name,
            limit=limit.calls,
            remaining=limit.calls - len(calls),
            reset_after=calls[0] + limit.seconds - now,
            retry_after=wait,
        )

    def _count(self, key: tuple[str, ...], now: float) -> None:
        if len(key) > 1 or self.limits.overall is not None:
            self._calls.setdefault(key, deque()).append(now)

    def _wait(self, key: tuple[str, ...], calls: int, seconds: float, now: float) -> float | None:
        made = self._calls.setdefault(key, deque())
        while made and made[0] <= now - seconds:
            made.popleft()
        return made[0] + seconds - now if len(made) >= calls else None
