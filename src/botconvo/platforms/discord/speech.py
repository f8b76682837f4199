"""How a persona speaks: through webhooks of one bot, or with an account of its own.

Both get words that are harmless already and fit; they know nothing of channels' talks.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import discord

from botconvo.errors import PlatformError
from botconvo.personas import PersonaName
from botconvo.platforms.discord.account import UNREACHABLE, Account
from botconvo.platforms.discord.outcome import Uncertain, refusal
from botconvo.platforms.discord.text import named
from botconvo.platforms.discord.webhooks import Gone, Hook, Parent, Webhooks

__all__ = ["AccountsSpeech", "Speech", "There", "WebhookSpeech", "Words", "send"]

_TRIES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """Where something is said: a channel or thread, and the channel whose webhooks serve it."""

    place: int
    parent: Parent | None
    thread: bool
    account: Account
    """Whose direct messages these are; in a server the account that listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """``quotation`` is put in front where nobody can reply; ``reply_to`` is a message's number."""

    text: str
    quotation: str = ""
    reply_to: int | None = None


class Speech(Protocol):
    """Raises ``PlatformError`` for what is certainly not posted, ``Uncertain`` otherwise."""

    quotes: bool
    """Whether a reply is a quotation."""

    def account(self, there: There, persona: PersonaName) -> Account:
        """Which account types and reacts for a persona."""
        ...

    async def say(self, there: There, persona: PersonaName, words: Words, nonce: str) -> int:
        """Post; the number of the message."""
        ...


class WebhookSpeech:
    """One bot for all: a webhook carries name and picture, or a name stands in front."""

    quotes = True

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    def account(self, there: There, persona: PersonaName) -> Account:
        return there.account

    async def say(self, there: There, persona: PersonaName, words: Words, nonce: str) -> int:
        content = words.quotation + words.text
        for _ in range(_TRIES):
            hook = await self._hook(there, persona)
            if hook is None or there.parent is None:
                named_content = words.quotation + named(persona, words.text)
                return await send(there.account, there.place, named_content, nonce)
            try:
                thread = there.place if there.thread else None
                answer = await self._webhooks.post(hook, persona, content, thread)
                return int(answer["id"])
            except Gone:
                self._webhooks.forget(there.parent.id)
        raise PlatformError(f"{persona}: its webhook is deleted again and again")

    async def _hook(self, there: There, persona: PersonaName) -> Hook | None:
        if there.parent is None:
            return None
        try:
            return await self._webhooks.hook(there.parent, persona)
        except UNREACHABLE as error:  # nothing was posted yet
            raise PlatformError(f"{persona}: no webhook: {error or type(error).__name__}") from None


class AccountsSpeech:
    """An account for every persona."""

    quotes = False

    def __init__(self, accounts: Mapping[PersonaName, Account]) -> None:
        self._accounts = accounts

    def account(self, there: There, persona: PersonaName) -> Account:
        try:
            return self._accounts[persona]
        except KeyError:
            raise PlatformError(f"{persona} has no account on Discord; see .env.example") from None

    async def say(self, there: There, persona: PersonaName, words: Words, nonce: str) -> int:
        account = self.account(there, persona)
        return await send(account, there.place, words.text, nonce, reply_to=words.reply_to)


async def send(
    account: Account, place: int, content: str, nonce: str, *, reply_to: int | None = None
) -> int:
    """Post as the account itself; the number of the message.

    Discord gives the same message back for a nonce that it has seen in the last minutes, so an
    uncertain try is simply made again.

    Raises:
        PlatformError: it was certainly not posted.
        Uncertain: it may be out.
    """
    reference = None
    if reply_to is not None:
        reference = discord.MessageReference(
            message_id=reply_to, channel_id=place, fail_if_not_exists=False
        )
    short = hashlib.sha256(nonce.encode()).hexdigest()[:24]  # Discord takes 25 characters
    doubt: Uncertain | None = None
    for _ in range(_TRIES):
        try:
            async with asyncio.timeout(account.patience.request_s):
                there = account.client.get_partial_messageable(place)
                if reference is None:
                    sent = await there.send(content, nonce=short, suppress_embeds=True)
                else:
                    sent = await there.send(
                        content, nonce=short, suppress_embeds=True, reference=reference
                    )
                return sent.id
        except UNREACHABLE as error:
            failure = refusal(error, "a message")
            if isinstance(failure, PlatformError):
                raise (doubt or failure) from None
            doubt = failure
    raise doubt or Uncertain("a message")
