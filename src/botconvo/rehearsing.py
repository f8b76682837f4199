"""A rehearsal: a whole talk on a Discord that is not Discord, watched on the page.

The real platform, conversation and clones run as they would, against ``botconvo.rehearsal`` on
loopback: no token is needed, nobody is bothered, and nothing is kept.
"""

import asyncio
import logging
import secrets
import tempfile
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from random import Random

import httpx
from pydantic import SecretStr

from botconvo.build import Rehearsed, RunOptions, build_game, build_plan, build_platforms
from botconvo.config import (
    DiscordSettings,
    PlatformSettings,
    Settings,
    WebSettings,
    load_settings,
    token_variable,
)
from botconvo.conversation.orders import Post
from botconvo.errors import PlatformError
from botconvo.live import message_json, put_out, raised, stop_on_signals
from botconvo.messages import Author, AuthorId, ChannelId, Message, MessageId
from botconvo.orchestrator.clock import ScaledClock
from botconvo.orchestrator.reins import Reins
from botconvo.orchestrator.run import run
from botconvo.platforms.local import folded_name
from botconvo.rehearsal import DISCORD, Application, Channel, Guild, Person, Refusal, Rehearsal
from botconvo.rehearsal.crowd import PEOPLE, Crowd
from botconvo.rehearsal.trouble import Trouble
from botconvo.sample import SampleWords
from botconvo.store import STORE_NAME, Store

__all__ = ["rehearse"]

logger = logging.getLogger(__name__)

_CONFIG = Path("config.toml")
_SERVER = "The rehearsal"
_TROUBLE_S = 3.0
"""Real seconds between two faults."""


def rehearse(
    config: Path | None,
    *,
    speed: float,
    preset: str | None,
    seed: int | None,
    max_messages: int | None,
    as_json: bool,
    trouble: bool,
) -> None:
    """Rehearse until Ctrl-C, a termination signal or ``max_messages``.

    Without ``config`` it is config.toml, or the demo where there is none.

    Raises:
        BotConvoError, ModelServerError: something that a person has to mend.
    """
    sample = None
    if config is None:
        config = _CONFIG if _CONFIG.is_file() else (sample := _demo())
    settings = load_settings(config)
    options = RunOptions(
        config=config,
        platforms=("web", "discord"),
        preset=preset,
        seed=seed,
        max_messages=max_messages,
        json=as_json,
    )
    with tempfile.TemporaryDirectory(prefix="botconvo-", ignore_cleanup_errors=True) as folder:
        words = SampleWords(Path(folder) / "sample.sqlite3") if sample else lambda: settings.store
        options = replace(options, words=words)
        store = _store_of_its_own(Path(folder), settings)
        with store, raised():
            asyncio.run(_rehearse(settings, options, store, speed, trouble=trouble))


def _store_of_its_own(folder: Path, settings: Settings) -> Store:
    """An empty store that knows who agreed to be cloned."""
    store = Store.open(folder / STORE_NAME)
    if settings.store.exists():
        with Store.open(settings.store) as own:
            own.copy_consent(store)
    return store


def _demo() -> Path:
    return Path(str(files("botconvo") / "demo" / "config.toml"))


async def _rehearse(
    settings: Settings, options: RunOptions, store: Store, speed: float, *, trouble: bool
) -> None:
    clock, stopping = ScaledClock(speed), asyncio.Event()
    rng = Random(options.seed if options.seed is not None else secrets.randbits(32))
    async with Rehearsal(now=clock.now, limits=DISCORD.faster(speed)) as rehearsal:
        stage = _Stage(rehearsal, settings)
        options = replace(options, rehearsed=Rehearsed(clock=clock, seat=stage.seat))
        reins = Reins()
        game = build_game(stage.settings, options, reins, store)
        platforms = build_platforms(stage.settings, options, reins, store, stopping.set, game)
        names = [persona.name for persona in settings.personas]
        crowds = [
            Crowd(stage.people, channel, names, clock, Random(rng.random()))
            for channel in stage.channels
        ]
        async with httpx.AsyncClient(trust_env=False) as http:
            told = _print_json if options.json else _quiet
            plan = build_plan(stage.settings, options, store, http, told)
            logger.info(
                "a rehearsal at %g times the speed: nothing leaves this computer, the people are "
                "invented, and nothing is kept",
                speed,
            )
            chatting = [asyncio.create_task(crowd.chat()) for crowd in crowds]
            if trouble:
                chatting.append(asyncio.create_task(_make_trouble(stage, rng)))
            try:
                with stop_on_signals(stopping):
                    await run(plan, platforms, reins, stopping)
            finally:
                for task in chatting:
                    task.cancel()
                await asyncio.wait(chatting)
        _tell_result(stage)


class _Stage:
    """A server with the configured channels, invented people, and the bots that they need."""

    def __init__(self, rehearsal: Rehearsal, settings: Settings) -> None:
        self.rehearsal = rehearsal
        self.guild = rehearsal.add_guild(_SERVER)
        self.people = [rehearsal.add_person(name, self.guild) for name in PEOPLE]
        given = settings.platforms.discord
        wanted = given.channels if given is not None else ()
        self.channels = [
            rehearsal.add_channel(self.guild, f"channel-{place + 1}", number=channel.id)
            for place, channel in enumerate(wanted)
        ] or [rehearsal.add_channel(self.guild, "general")]
        self._add_office(settings)
        self.bots = self._bots(settings, given)
        self.settings = self._pointed_here(settings, given)
        self.seat = _Seat(rehearsal, self.guild, self.channels[0])

    def _add_office(self, settings: Settings) -> None:
        """The channel in which lines are approved, where that is on Discord."""
        office = settings.reins.approval_channel or ""
        number = office.rpartition("/")[2]
        known = {str(channel.id) for channel in self.channels}
        if office.startswith("discord:") and number.isdecimal() and number not in known:
            self.rehearsal.add_channel(self.guild, "approvals", number=int(number))

    def _bots(self, settings: Settings, given: DiscordSettings | None) -> dict[str, Application]:
        """By the names of the variables that would hold their tokens."""
        add = self.rehearsal.add_bot
        bots = {"": add("BotConvo", self.guild)}
        if given is not None and given.identity == "accounts":
            for persona in settings.personas:
                bots[token_variable(persona.name)] = add(persona.name, self.guild)
        return bots

    def _pointed_here(self, settings: Settings, given: DiscordSettings | None) -> Settings:
        """The owner's settings, with the rehearsal in the place of Discord."""
        here = {"api": self.rehearsal.api_base, "gateway": self.rehearsal.gateway_url}
        if given is None:
            given = DiscordSettings.model_validate({"channels": [c.id for c in self.channels]})
        web = settings.platforms.web or WebSettings()
        platforms = PlatformSettings(web=web, discord=given.model_copy(update=here))
        tokens = {name: SecretStr(bot.token) for name, bot in self.bots.items() if name}
        return settings.model_copy(
            update={
                "platforms": platforms,
                "discord_token": SecretStr(self.bots[""].token),
                "discord_tokens": tokens,
            }
        )


class _Seat:
    """Implements ``Seat``: visitors of the page are members of the rehearsal's server."""

    def __init__(self, rehearsal: Rehearsal, guild: Guild, place: Channel) -> None:
        self._rehearsal, self._guild, self._place = rehearsal, guild, place
        self._visitors: dict[str, Person] = {}

    @property
    def channel(self) -> ChannelId:
        return ChannelId(f"discord:{self._guild.id}/{self._place.id}")

    def says(self, name: str, text: str) -> Message:
        try:
            said = self._visitor(name).says(self._place, text)
        except Refusal as no:
            raise PlatformError(f"it was not sent: {no.message}") from None
        return Message(
            id=MessageId(f"discord:{self._place.id}/{said.id}"),
            channel=self.channel,
            author=Author(id=AuthorId(f"discord:{said.author.id}"), name=name),
            text=text,
            at=said.at,
        )

    def types(self, name: str) -> None:
        self._visitor(name).types(self._place)

    def _visitor(self, name: str) -> Person:
        known = self._visitors.get(folded_name(name))
        if known is None:
            known = self._rehearsal.add_person(name, self._guild)
            self._visitors[folded_name(name)] = known
        return known


async def _make_trouble(stage: _Stage, rng: Random) -> None:
    """One fault after the other, each said."""
    trouble = Trouble(stage.rehearsal, stage.bots[""], stage.channels, rng)
    while True:
        await asyncio.sleep(_TROUBLE_S)
        logger.info("trouble: %s", trouble.strike())


def _tell_result(stage: _Stage) -> None:
    """What stands in the channels at the end."""
    said = [message for channel in stage.channels for message in channel.history]
    clones = [message for message in said if message.by_machine]
    pinging = [message for message in clones if message.pings_somebody]
    logger.info(
        "the rehearsal is over: %d messages of people, %d of clones, %d of those pinged somebody; "
        "%d requests to the rehearsed Discord",
        len(said) - len(clones),
        len(clones),
        len(pinging),
        len(stage.rehearsal.requests),
    )


def _quiet(*_: object) -> None:
    """Nobody asked for JSON."""


def _print_json(message: Message, post: Post) -> None:
    put_out(message_json(message, post))
