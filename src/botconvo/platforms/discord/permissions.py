"""What a bot has to be allowed on Discord, what it lacks, and the link that invites it.  Pure."""

from typing import Literal

import discord

__all__ = ["Identity", "invite_link", "lacking", "needed", "token_trouble", "wished"]

Identity = Literal["webhook", "accounts"]
"""Whether personas speak through webhooks of one bot, or each through an account of its own."""

_NAMES = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "send_messages_in_threads": "Send Messages in Threads",
    "read_message_history": "Read Message History",
    "add_reactions": "Add Reactions",
    "manage_webhooks": "Manage Webhooks",
    "connect": "Connect",
    "use_external_emojis": "Use External Emoji",
}
"""Discord's words, as its settings show them."""


def needed(*, thread: bool) -> tuple[str, ...]:
    """Without these nobody can talk in a channel."""
    sending = "send_messages_in_threads" if thread else "send_messages"
    return ("view_channel", sending, "read_message_history")


def wished(identity: Identity) -> tuple[str, ...]:
    """Without these a talk goes on, only plainer: names in front of words, no reactions."""
    return (*(("manage_webhooks",) if identity == "webhook" else ()), "add_reactions")


def lacking(granted: discord.Permissions, names: tuple[str, ...]) -> tuple[str, ...]:
    """Which of them are not granted, in Discord's words."""
    return tuple(_NAMES[name] for name in names if not getattr(granted, name))


def invite_link(application: int, identity: Identity) -> str:
    """Where the owner of a server lets the bot in, with what it needs and nothing more."""
    names = {*needed(thread=False), *needed(thread=True), *wished(identity), "use_external_emojis"}
    granted = discord.Permissions(**dict.fromkeys(names, True))
    return discord.utils.oauth_url(
        application, permissions=granted, scopes=("bot", "applications.commands")
    )


def token_trouble(token: str) -> str | None:
    """What is wrong with a token at first sight; None if it may be a bot's.

    Only Discord can tell whether it is valid, and it is never asked with a user's.
    """
    if not token.strip():
        return "it is empty"
    if any(not 33 <= ord(character) <= 126 for character in token):
        return "it holds spaces or signs that no token has; copy it once more"
    if token.startswith("mfa."):
        return "it is a user's token; Discord forbids bots on user accounts, take a bot's"
    if token.isdecimal():
        return "it is an application's or a channel's number; the token is on the page 'Bot'"
    if token.count(".") != 2:
        return (
            "it is no bot's token (three parts with dots between them); the portal's page 'Bot' "
            "shows it once, after 'Reset Token'"
        )
    return None
