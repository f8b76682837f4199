"""A Discord to rehearse and test against: REST and gateway on loopback, stateful, with people.

The unmodified discord.py talks to it.  It needs no token, no account and no network, keeps
everything in memory, and forgets it at the end.

    async with Rehearsal() as discord:
        kettle = discord.add_guild("The Leaky Kettle")
        general = discord.add_channel(kettle, "general")
        bot = discord.add_bot("BotConvo", kettle)            # bot.token, bot.user.id
        bort = discord.add_person("Bort", kettle)

        ...  # start what is tested with discord.api_base, discord.gateway_url and bot.token
        await discord.wait_until_connected(bot)

        said = bort.says(general, "hi Juno!")                # also reply_to=, files=[File(...)]
        reply = await bort.wait_for_reply(general)           # the next message of a bot or webhook
        assert reply.author_name == "Juno" and not reply.pings_somebody

People (``actors.Person``): ``says types reacts unreacts edits deletes starts_thread dm goes``, all
at once and without ``await``; ``await runs(channel, "/persona mute", persona="Juno")`` gives the
answer (``.content .ephemeral .followups``), ``await completes(channel, "/persona mute", "persona",
"Ju")`` what autocompletion offers; ``await wait_for_reply(channel)``.

What stands there can be read at any time: ``channel.history`` (messages with ``content author_name
webhook reactions reply_to referenced attachments pings_somebody edited_at deleted``),
``channel.transcript()``, ``channel.webhooks``, ``channel.typings``, ``bot.user.status``,
``bot.user.activities``, ``bot.commands``, ``discord.requests`` (what was asked for, with status).
``await discord.wait_for(lambda: ...)`` looks again after every change; nothing needs to sleep.

What can go wrong is in ``discord.faults``: ``fail`` (5xx and others), ``limit`` (429), ``delay``,
``hang``, ``cut`` for requests, each for a method and a path, before or after they are carried out;
``close_gateway drop_gateway freeze_gateway ask_to_reconnect invalidate refuse_resume duplicate
send_event`` for the gateway.  ``delete_webhook delete_channel set_permissions set_overwrite
revoke_token`` change the world under the bot.

Enforced as by Discord: permissions (roles, overwrites, threads, time-outs), intents and the
portal's switches for the privileged ones, lengths, nonces, names of webhooks, 15 webhooks a
channel, rate limits (``limits=NO_LIMITS`` for none), tokens.  Not there: voice, stages, polls,
stickers, buttons, modals, audit logs, zstd.
"""

from botconvo.rehearsal.actors import File, Person
from botconvo.rehearsal.entities import (
    Application,
    Channel,
    ChannelType,
    Guild,
    Interaction,
    Message,
    Webhook,
)
from botconvo.rehearsal.limits import DISCORD, NO_LIMITS, Limits
from botconvo.rehearsal.permissions import MEMBERS, WEBHOOK_BOT, Permission
from botconvo.rehearsal.refusal import Refusal
from botconvo.rehearsal.server import Rehearsal

__all__ = [
    "DISCORD",
    "MEMBERS",
    "NO_LIMITS",
    "WEBHOOK_BOT",
    "Application",
    "Channel",
    "ChannelType",
    "File",
    "Guild",
    "Interaction",
    "Limits",
    "Message",
    "Permission",
    "Person",
    "Refusal",
    "Rehearsal",
    "Webhook",
]
