"""The webhooks through which personas speak: found or made, used, and made again when deleted.

A persona with a picture file has a webhook of its own, which carries the picture; all others share
one and bring name and picture along.  Discord allows 15 in a channel.  Where a channel has no room
or the bot may not manage webhooks there is none, and the caller puts names in front of words.

discord.py would post through a webhook again after an answer of 500 or 502, and Discord has no
nonce for webhooks: that posts twice.  So the one request that posts is made here.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import discord

from botconvo.errors import PlatformError
from botconvo.personas import PersonaName
from botconvo.platforms.discord.account import UNREACHABLE, Patience
from botconvo.platforms.discord.outcome import Forbidden, Uncertain

__all__ = ["Gone", "Hook", "Parent", "Webhooks"]

logger = logging.getLogger(__name__)

Parent = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.ForumChannel
"""What can have webhooks; a thread uses those of its channel."""

_SHARED = "BotConvo"
_AGAIN_S = 600.0
"""After so long a channel without webhooks is tried again."""
_MOST_WAITING_S = 60.0
_TRIES = 5
_SUPPRESS_EMBEDS = 1 << 2
_TOO_MANY, _UNKNOWN_WEBHOOK = 30007, 10015


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """``picture``: an address to bring along; the webhook's own is shown where it is None."""

    id: int
    token: str
    picture: str | None


class Webhooks:
    """Those of one bot, in all channels.  ``pictures`` are files or https addresses."""

    def __init__(
        self,
        api: str,
        pictures: Mapping[PersonaName, Path | str],
        patience: Patience | None = None,
    ) -> None:
        self._patience = patience or Patience()
        self._api = api.rstrip("/")
        self._pictures = dict(pictures)
        self._found: dict[int, dict[str, discord.Webhook]] = {}
        self._without: dict[int, float] = {}
        self._told: set[int] = set()
        self._known: set[int] = set()
        self._looking: dict[int, asyncio.Lock] = {}
        self._posting: dict[int, asyncio.Lock] = {}
        self._free_at: dict[int, float] = {}
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()

    def change_pictures(self, pictures: Mapping[PersonaName, Path | str]) -> None:
        """Carry these from the next post on."""
        self._pictures = dict(pictures)

    @property
    def known(self) -> frozenset[int]:
        """The numbers of those that were used."""
        return frozenset(self._known)

    def forget(self, channel: int) -> None:
        """Look again at the next post: somebody changed something."""
        self._found.pop(channel, None)
        self._without.pop(channel, None)

    def forget_all(self) -> None:
        """The same for every channel: there is a new session."""
        self._found.clear()
        self._without.clear()

    def try_again(self) -> None:
        """Permissions may have changed."""
        self._without.clear()

    # ---- finding -------------------------------------------------------------------------

    async def hook(self, channel: Parent, persona: PersonaName) -> Hook | None:
        """The webhook for a persona; None where there can be none.

        Raises:
            discord.HTTPException: Discord does not say which there are.
        """
        if self._without.get(channel.id, 0.0) > time.monotonic():
            return None
        if not channel.permissions_for(channel.guild.me).manage_webhooks:
            self._tell(channel, "the permission 'Manage Webhooks' is missing")
            return None
        async with self._looking.setdefault(channel.id, asyncio.Lock()):
            try:
                async with asyncio.timeout(self._patience.request_s):
                    return await self._find(channel, persona)
            except discord.Forbidden:
                why = "the permission 'Manage Webhooks' is missing"
            except discord.HTTPException as error:
                if error.code != _TOO_MANY:
                    raise
                why = "the channel has 15 webhooks already"
            self._tell(channel, why)
            self._without[channel.id] = time.monotonic() + _AGAIN_S
            return None

    def _tell(self, channel: Parent, why: str) -> None:
        level = logging.DEBUG if channel.id in self._told else logging.WARNING
        logger.log(level, "#%s: %s; names stand in front of words instead", channel.name, why)
        self._told.add(channel.id)

    async def _find(self, channel: Parent, persona: PersonaName) -> Hook:
        found = self._found.get(channel.id)
        if found is None:
            found = self._found[channel.id] = {
                hook.name or "": hook
                for hook in await channel.webhooks()
                if hook.token and hook.user is not None and hook.user.id == channel.guild.me.id
            }
        picture = self._pictures.get(persona)
        if isinstance(picture, Path):
            own = await self._own(channel, found, persona, picture)
            if own is not None:
                return self._usable(own, None)
        shared = found.get(_SHARED)
        if shared is None:
            shared = found[_SHARED] = await channel.create_webhook(name=_SHARED)
        return self._usable(shared, picture if isinstance(picture, str) else None)

    def _usable(self, hook: discord.Webhook, picture: str | None) -> Hook:
        assert hook.token is not None
        self._known.add(hook.id)
        return Hook(id=hook.id, token=hook.token, picture=picture)

    async def _own(
        self,
        channel: Parent,
        found: dict[str, discord.Webhook],
        persona: PersonaName,
        picture: Path,
    ) -> discord.Webhook | None:
        """The webhook with this persona's picture; None where the shared one has to do."""
        try:
            data = await asyncio.to_thread(picture.read_bytes)
        except OSError as error:
            logger.warning("%s: %s cannot be read: %s", persona, picture, error.strerror)
            return None
        # The name says which picture it carries: Discord tells nobody.
        name = f"{_SHARED} {persona} {hashlib.sha256(data).hexdigest()[:8]}"
        if name in found:
            return found[name]
        start = f"{_SHARED} {persona} "
        old = next((n for n in found if n.startswith(start) and " " not in n[len(start) :]), None)
        try:
            if old is not None:
                made = await found.pop(old).edit(name=name, avatar=data)
            else:
                made = await channel.create_webhook(name=name, avatar=data)
        except (discord.HTTPException, ValueError) as error:
            if isinstance(error, discord.Forbidden):
                raise
            logger.warning("%s: no picture in #%s: %s", persona, channel.name, error)
            return None
        found[name] = made
        return made

    async def delete(self, channel: Parent, hook: int, message: int, thread: int | None) -> None:
        """Take back what one of these webhooks posted.

        Raises:
            PlatformError: it is none of ours.
            discord.HTTPException: Discord refuses it.
        """
        for each in await channel.webhooks():
            if each.id == hook and each.token:
                where = discord.Object(thread) if thread else discord.utils.MISSING
                await each.delete_message(message, thread=where)
                return
        raise PlatformError("it was posted by a webhook that is not there any more")

    # ---- posting -------------------------------------------------------------------------

    async def post(
        self, hook: Hook, persona: PersonaName, content: str, thread: int | None
    ) -> dict[str, Any]:
        """Post once; what Discord says about the message.

        Raises:
            Gone: the webhook was deleted.
            PlatformError: it was certainly not posted.
            Uncertain: it may be out.
        """
        body: dict[str, Any] = {
            "content": content,
            "username": persona,
            "allowed_mentions": {"parse": []},
            "flags": _SUPPRESS_EMBEDS,
        }
        if hook.picture is not None:
            body["avatar_url"] = hook.picture
        params = {"wait": "true"} | ({"thread_id": str(thread)} if thread else {})
        url = f"{self._api}/webhooks/{hook.id}/{hook.token}"
        deadline = time.monotonic() + _MOST_WAITING_S
        async with self._posting.setdefault(hook.id, asyncio.Lock()):
            for _ in range(_TRIES):
                pause_s = self._free_at.get(hook.id, 0.0) - time.monotonic()
                if time.monotonic() + pause_s > deadline:
                    break
                await asyncio.sleep(max(0.0, pause_s))
                answer = await self._request(hook, url, params, body)
                if answer is not None:
                    return answer
        raise PlatformError(f"{persona}: too much at once for this channel")

    async def _request(
        self, hook: Hook, url: str, params: dict[str, str], body: dict[str, Any]
    ) -> dict[str, Any] | None:
        """One request; None when it has to wait (``_free_at``) and be made again."""
        if self._http is None:
            self._http = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._patience.answer_s)
            )
        try:
            async with self._http.post(url, params=params, json=body) as response:
                status, remaining = response.status, response.headers.get("X-RateLimit-Remaining")
                reset_s = _number(response.headers.get("X-RateLimit-Reset-After"))
                retry_s = _number(response.headers.get("Retry-After"), 1.0)
                answer = await _json(response)
        except aiohttp.ClientConnectorError as error:
            raise PlatformError(f"Discord cannot be reached ({error})") from None
        except UNREACHABLE as error:
            raise Uncertain(str(error) or type(error).__name__) from None
        now = time.monotonic()
        if status == 429:
            self._free_at[hook.id] = now + _number(answer.get("retry_after"), retry_s)
            return None
        if remaining == "0":
            self._free_at[hook.id] = now + reset_s
        if status < 300 and "id" in answer:
            return answer
        raise _failure(status, answer)


class Gone(PlatformError):  # noqa: N818  (it says what happened to the webhook)
    """The webhook was deleted; a new one can be made."""


def _failure(status: int, answer: dict[str, Any]) -> Exception:
    said = f"{status}: {answer.get('message', '')}".rstrip(": ")
    if status >= 500 or status < 300:  # or it is out, and the answer was torn
        return Uncertain(f"Discord answers with an error ({said})")
    if answer.get("code") == _UNKNOWN_WEBHOOK or status == 401:
        return Gone(f"the webhook was deleted ({said})")
    if status == 403:
        return Forbidden(f"not allowed here ({said})")
    return PlatformError(f"Discord refuses it ({said})")


async def _json(response: aiohttp.ClientResponse) -> dict[str, Any]:
    """The body if it is an object, else nothing: an error's page is no message."""
    try:
        answer = await response.json(content_type=None)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _number(value: object, default: float = 0.0) -> float:
    try:
        return float(str(value))
    except ValueError:
        return default
