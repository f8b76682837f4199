"""How a try to post can end without a message: certainly not posted, or nobody knows."""

import aiohttp
import discord

from botconvo.errors import PlatformError

__all__ = ["Forbidden", "Uncertain", "refusal"]


class Uncertain(Exception):  # noqa: N818  (it is no error: whoever posted has to look)
    """It may be out; only the channel can tell."""


class Forbidden(PlatformError):  # noqa: N818  (discord.py's own word)
    """The bot may not do this here; it may once somebody allows it."""


def refusal(error: BaseException, what: str) -> PlatformError | Uncertain:
    """What an error of a request means for what was to be posted.

    Discord has answered anything below 500 without doing it; a connection that was refused never
    brought it there.  Everything else is uncertain.
    """
    match error:
        case PlatformError() | Uncertain():
            return error
        case discord.Forbidden():
            return Forbidden(f"{what}: not allowed here ({error.text or 'no permission'})")
        case discord.NotFound():
            return PlatformError(f"{what}: it is gone ({error.text or 'not found'})")
        case discord.RateLimited(retry_after=seconds):
            return PlatformError(f"{what}: too much at once; possible again in {seconds:.0f} s")
        case discord.HTTPException(status=status) if status < 500:
            return PlatformError(f"{what}: Discord refuses it ({status}: {error.text})")
        case aiohttp.ClientConnectorError():
            return PlatformError(f"{what}: Discord cannot be reached ({error})")
        case _:
            return Uncertain(f"{what}: {error or type(error).__name__}")
