"""Time zones by the names of the IANA database."""

from functools import lru_cache
from zoneinfo import ZoneInfo

__all__ = ["zone_of"]


@lru_cache
def zone_of(name: str) -> ZoneInfo:
    """
    Raises:
        ValueError: there is no such time zone.
    """
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # a key that is a folder, too
        raise ValueError(
            f"{name!r} is no time zone; take a name such as 'UTC' or 'Europe/Berlin'"
        ) from None
