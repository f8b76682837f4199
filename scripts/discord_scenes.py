"""Small scenes on the rehearsal: everything that the guide to Discord shows, really played.

Nothing here is drawn or made up but the words that models would have said: the whole program runs
on ``botconvo.rehearsal``, people do what people do, and a ``View`` is what then stands there.
``picture_discord.py`` draws them; the suite plays them, so that no picture shows what is not so.
"""

import asyncio
import base64
import os
import struct
import sys
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any

import httpx
from discord_product import CLONES, without_models, write_config
from pydantic import SecretStr

from botconvo.build import RunOptions, build_plan, build_platforms
from botconvo.config import Settings, load_settings, token_variable
from botconvo.orchestrator.reins import Reins
from botconvo.orchestrator.run import run
from botconvo.ports import Completion, GenerateRequest, Recent
from botconvo.rehearsal import (
    NO_LIMITS,
    Application,
    Channel,
    Guild,
    Interaction,
    Message,
    Permission,
    Person,
    Rehearsal,
)
from botconvo.store import STORE_NAME, Store

__all__ = ["SCENES", "Line", "Member", "Offer", "Popup", "Scene", "Shown", "Terminal", "View"]

DEMO = Path(str(files("botconvo") / "demo" / "checkpoints"))
SERVER, PLACE, OFFICE = "The Leaky Kettle", "general", "bot-approval"
ONLY_WHEN_ASKED = {
    "gap_s": [0.05, 0.1],
    "answer_s": [0.0, 0.05],
    "typing_per_s": 0.0,
    "hush_s": 0.0,
    "cool_down_s": 0.0,
    "go_on": 0.0,
    "sleep_s": [0.0, 0.0],
    "brake": 1.0,
}
"""Manners with which nobody speaks but who is spoken to, and at once."""
_PATIENCE_S = 30.0


# ---- what a picture shows ------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A message as people see it.  ``used`` is the command that it answers, and whose."""

    author: str
    text: str
    at: str
    bot: bool = False
    picture: bytes | None = None
    reply: str | None = None
    """Whom and what it answers, where Discord itself shows that."""
    reactions: tuple[tuple[str, int, bool], ...] = ()
    """Emoji, how many gave it, and whether one of them is the bot."""
    used: str | None = None
    private: bool = False
    """Only whoever asked sees it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A row of the list of members."""

    name: str
    status: str
    bot: bool = False
    picture: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What somebody sees of a channel."""

    channel: str
    lines: tuple[Line, ...]
    typing: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What is offered while somebody types a command."""

    typed: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Popup:
    """A channel with what is offered under it."""

    view: View
    offer: Offer


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A command and what it printed."""

    command: str
    words: str


Shown = View | Popup | Terminal


# ---- the stage -----------------------------------------------------------------------------


class _Scripted:
    """A model that says what the scene wants; silent where it wants nothing."""

    def __init__(self) -> None:
        self.words: tuple[str, ...] = ()

    async def complete(self, request: GenerateRequest) -> Sequence[Completion]:
        """The first of its words is the likeliest."""
        return [
            Completion(text=f" {words}", finished=True, logprob=-1.0 - 0.7 * place)
            for place, words in enumerate(self.words)
        ]


@dataclass(slots=True, kw_only=True)
class Stage:
    """The program on a server with three people.  ``carol`` manages messages there."""

    rehearsal: Rehearsal
    guild: Guild
    general: Channel
    office: Channel
    bot: Application
    bort: Person
    carol: Person
    ann: Person
    config: Path
    scripts: dict[str, _Scripted] = field(default_factory=dict)
    accounts: dict[str, Application] = field(default_factory=dict)
    controls: Reins = field(default_factory=Reins)
    answers: list[tuple[int, str, Person, Interaction]] = field(default_factory=list)

    # ---- deeds -----------------------------------------------------------------------------

    def will_say(self, persona: str, *words: str) -> None:
        """What a clone may say whenever it is asked, from now on."""
        self.scripts[persona].words = words

    async def asks(self, person: Person, text: str, persona: str, *answers: str) -> Message:
        """Somebody speaks to a clone, and it answers."""
        self.will_say(persona, *answers)
        person.says(self.general, text)
        reply = await person.wait_for_reply(self.general, timeout_s=_PATIENCE_S)
        assert reply.author_name == persona, reply.author_name
        # Nobody is so quick that the program would not know yet that its line is out.
        async with asyncio.timeout(_PATIENCE_S):
            while not self._is_known(reply):
                await asyncio.sleep(0.01)
        return reply

    def _is_known(self, message: Message) -> bool:
        talk = next(t for t in self.controls.talks if t.channel.endswith(f"/{self.general.id}"))
        recent = talk.query(Recent()).messages
        return f"discord:{message.channel.id}/{message.id}" in [each.id for each in recent]

    async def runs(self, person: Person, command: str, **options: Any) -> Interaction:
        """Somebody uses a command, and sees the answer."""
        answer = await person.runs(self.general, command, timeout_s=_PATIENCE_S, **options)
        typed = " ".join([command, *(f"{name}: {value}" for name, value in options.items())])
        self.answers.append((self.general.last_message_id or 0, typed, person, answer))
        return answer

    async def until(self, look: Callable[[], object], what: str) -> None:
        await self.rehearsal.wait_for(look, timeout_s=_PATIENCE_S, what=what)

    async def introduced(self) -> Message:
        """The first message in a channel says what these bots are."""
        await self.until(lambda: self.general.history, "the first message")
        return self.general.history[0]

    # ---- what stands there -----------------------------------------------------------------

    def view(
        self,
        channel: Channel | None = None,
        *,
        newest: int | None = None,
        title: str = "",
        members: bool = False,
        typing: bool = False,
    ) -> View:
        """The last ``newest`` lines of a channel, with the answers that somebody got there."""
        channel = channel or self.general
        lines = [(message.id, 0, self._line(message)) for message in channel.history]
        if channel is self.general:
            lines += [
                (after, place + 1, self._answer(typed, person, interaction))
                for place, (after, typed, person, interaction) in enumerate(self.answers)
                if interaction.original is not None and interaction.ephemeral
            ]
        ordered = [line for _, _, line in sorted(lines, key=lambda each: each[:2])]
        who = [each.user.name for each in channel.typings] if typing else []
        return View(
            channel=channel.name,
            lines=tuple(ordered[-newest:] if newest else ordered),
            typing=tuple(dict.fromkeys(who)),
            members=self._members() if members else (),
            title=title,
        )

    def _line(self, message: Message) -> Line:
        answered = message.referenced
        quoted = f"{answered.author_name}: {answered.content}" if answered else None
        picture = message.author.avatar if message.webhook is None else message.webhook.avatar
        used = None
        if message.interaction is not None:
            used = next(
                (_used(*each) for each in self.answers if each[3].original is message), None
            )
        return Line(
            author=message.author_name,
            text=_with_names(message.content, self.guild),
            at=f"{message.at.astimezone():%H:%M}",
            bot=message.by_machine,
            picture=self.rehearsal.world.pictures.get(picture or ""),
            reply=quoted,
            reactions=tuple(
                (emoji, len(users), any(user.bot for user in users))
                for emoji, users in message.reactions.items()
            ),
            used=used,
        )

    def _answer(self, typed: str, person: Person, interaction: Interaction) -> Line:
        assert interaction.original is not None
        line = self._line(interaction.original)
        return replace(line, used=_used(0, typed, person, interaction), private=True)

    def _members(self) -> tuple[Member, ...]:
        shown = [each.user for each in self.guild.members.values()]
        kept = [user for user in shown if not user.name.startswith(("Owner of", "Maker of"))]
        return tuple(
            Member(
                name=user.name,
                status=user.status,
                bot=user.bot,
                picture=self.rehearsal.world.pictures.get(user.avatar or ""),
            )
            for user in sorted(kept, key=lambda user: (user.bot, user.name))
        )


def _used(_: int, typed: str, person: Person, interaction: Interaction) -> str:
    return f"{person.name} used {typed}"


def _with_names(text: str, guild: Guild) -> str:
    for member in guild.members.values():
        text = text.replace(member.user.mention, f"@{member.user.name}")
    for channel in guild.channels.values():
        text = text.replace(channel.mention, f"#{channel.name}")
    return text


@asynccontextmanager
async def _playing(
    folder: Path,
    *,
    numbers: dict[str, Any] | None = None,
    reins: dict[str, Any] | None = None,
    accounts: bool = False,
) -> AsyncIterator[Stage]:
    """The program, connected; ``numbers`` and ``reins`` change its settings."""
    async with Rehearsal(limits=NO_LIMITS) as rehearsal:
        stage = _build(rehearsal, folder, numbers or {})
        settings = _settings(stage, folder, reins or {}, accounts=accounts)
        stopping = asyncio.Event()
        options = RunOptions(config=stage.config, platforms=("discord",))
        stage.scripts = {name: _Scripted() for name in CLONES}
        async with httpx.AsyncClient(trust_env=False) as http:
            with Store.open(folder / STORE_NAME) as store:
                platforms = build_platforms(settings, options, stage.controls, store, stopping.set)
                plan = build_plan(settings, options, store, http, lambda *_: None)
                plan = without_models(plan, lambda name: stage.scripts[name])
                running = asyncio.create_task(run(plan, platforms, stage.controls, stopping))
                try:
                    yield stage
                finally:
                    stopping.set()
                    await running


def _build(rehearsal: Rehearsal, folder: Path, numbers: dict[str, Any]) -> Stage:
    guild = rehearsal.add_guild(SERVER)
    general, office = (rehearsal.add_channel(guild, name) for name in (PLACE, OFFICE))
    bort, carol, ann = (rehearsal.add_person(name, guild) for name in ("Bort", "Carol", "Ann"))
    for channel in (general, office):
        rehearsal.set_overwrite(channel, carol, allow=Permission.MANAGE_MESSAGES)
    config = write_config(
        folder / "config.toml", rehearsal, [general, office], {**ONLY_WHEN_ASKED, **numbers}
    )
    return Stage(
        rehearsal=rehearsal,
        guild=guild,
        general=general,
        office=office,
        bot=rehearsal.add_bot("BotConvo", guild),
        bort=bort,
        carol=carol,
        ann=ann,
        config=config,
    )


def _settings(stage: Stage, folder: Path, reins: dict[str, Any], *, accounts: bool) -> Settings:
    """The config's settings with tokens, pictures and what else a scene wants."""
    settings = load_settings(stage.config)
    discord = settings.platforms.discord
    assert discord is not None
    tokens: dict[str, SecretStr] = {}
    if accounts:
        for name in CLONES:
            stage.accounts[name] = bot = stage.rehearsal.add_bot(name, stage.guild)
            bot.user.avatar = stage.rehearsal.world.picture(_uri(_picture(name)))
            tokens[token_variable(name)] = SecretStr(bot.token)
        discord = discord.model_copy(update={"identity": "accounts"})
    personas = []
    for persona in settings.personas:
        avatar = folder / f"{persona.name}.png"
        avatar.write_bytes(_picture(persona.name))
        personas.append(persona.model_copy(update={"avatar": avatar}))
    if "approval_channel" in reins:
        reins["approval_channel"] = f"discord:{stage.guild.id}/{stage.office.id}"
    else:
        discord = discord.model_copy(update={"channels": discord.channels[:1]})
    return settings.model_copy(
        update={
            "discord_token": SecretStr(stage.bot.token),
            "discord_tokens": tokens,
            "personas": tuple(personas),
            "reins": settings.reins.model_copy(update=reins),
            "platforms": settings.platforms.model_copy(update={"discord": discord}),
        }
    )


def _picture(name: str) -> bytes:
    """A pattern of squares for a name, as a PNG: nobody's face."""
    rng, cells, size = Random(name), 5, 16
    colour = bytes(rng.randrange(70, 200) for _ in range(3))
    pale = bytes(min(255, channel // 3 + 170) for channel in colour)
    rows = b""
    for _ in range(cells):
        half = [rng.random() < 0.5 for _ in range((cells + 1) // 2)]
        row = [colour if on else pale for on in (*half, *reversed(half[: cells // 2]))]
        rows += (b"\0" + b"".join(cell * size for cell in row)) * size
    edge = cells * size
    head = struct.pack(">IIBBBBB", edge, edge, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _uri(picture: bytes) -> str:

    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


# ---- the scenes ----------------------------------------------------------------------------


async def _first_message(folder: Path) -> list[Shown]:
    async with _playing(folder) as stage:
        told = await stage.introduced()
        assert "are bots" in told.content
        assert told.author is stage.bot.user
        return [stage.view()]


async def _talk(folder: Path) -> list[Shown]:
    async with _playing(folder) as stage:
        await stage.introduced()
        stage.bort.says(stage.general, "kettle is on. who wants tea?")
        stage.ann.says(stage.general, "me, please. two sugars")
        juno = await stage.asks(
            stage.bort, "Juno, and you?", "Juno", "tea at nine in the evening? obviously yes"
        )
        marek = await stage.asks(
            stage.ann,
            "Marek, you always bring biscuits",
            "Marek",
            "I have brought biscuits once, and I was not thanked for it.",
        )
        tilly = await stage.asks(
            stage.bort, "Tilly??", "Tilly", "I THANKED you, Marek! Twice!! With a card!"
        )
        for line in (juno, marek, tilly):
            assert line.webhook is not None
            assert line.by_machine
            assert line.webhook.avatar is not None
        return [stage.view(newest=7)]


async def _typing(folder: Path) -> list[Shown]:
    slow = {"typing_per_s": 8.0, "typing_max_s": 6.0}
    async with _playing(folder, numbers=slow) as stage:
        await stage.introduced()
        stage.will_say("Dex", "ok so the film is at eight but we should be there at half seven")
        stage.bort.says(stage.general, "Dex, when does the film start?")
        await stage.until(lambda: stage.general.typings, "the typing indicator")
        assert [each.user for each in stage.general.typings] == [stage.bot.user]
        assert not [m for m in stage.general.history if m.webhook], "it is still typing"
        shown = stage.view(newest=1, typing=True)
        reply = await stage.bort.wait_for_reply(stage.general, timeout_s=_PATIENCE_S)
        assert reply.author_name == "Dex"
        return [shown]


async def _reply(folder: Path) -> list[Shown]:
    async with _playing(folder) as stage:
        await stage.introduced()
        stage.ann.says(
            stage.general, "there was cake in the fridge. there is no cake in the fridge"
        )
        asked = "Marek, did you eat the last piece?"
        reply = await stage.asks(
            stage.bort, asked, "Marek", "REPLY: I have eaten it, and I am not sorry.;"
        )
        assert f"**Bort**: {asked}" in reply.content
        assert "/channels/" in reply.content, "it leads to what is answered"
        return [stage.view(newest=3)]


async def _reaction(folder: Path) -> list[Shown]:
    async with _playing(folder) as stage:
        await stage.introduced()
        stage.will_say("Juno", "REACT: 🍵;")
        said = stage.ann.says(stage.general, "Juno, I passed the exam!! all of it")
        await stage.until(lambda: said.reactions, "a reaction")
        assert said.reactions == {"🍵": [stage.bot.user]}
        stage.bort.reacts(said, "🎉")
        return [stage.view(newest=1)]


async def _asleep(folder: Path) -> list[Shown]:
    numbers = {"sleep_s": [3000.0, 3600.0], "go_on": 1.0}
    async with _playing(folder, numbers=numbers, accounts=True) as stage:
        await stage.introduced()
        online = {name: bot.user for name, bot in stage.accounts.items()}
        await stage.until(
            lambda: all(user.status == "online" for user in online.values()), "everybody's presence"
        )
        reply = await stage.asks(
            stage.bort,
            "Tilly, still here?",
            "Tilly",
            "REPLY: Yes!! But my bed is calling, good night!;",
        )
        assert reply.author is online["Tilly"], "it has an account of its own"
        assert reply.referenced is not None
        stage.will_say("Tilly", "INIT;")  # the word of the transcripts for going away
        stage.bort.says(stage.general, "good night Tilly")
        await stage.until(lambda: online["Tilly"].status == "offline", "Tilly's sleep")
        assert online["Juno"].status == "online"
        return [stage.view(newest=3, members=True)]


async def _commands(folder: Path) -> list[Shown]:
    async with _playing(folder) as stage:
        await stage.introduced()
        await stage.asks(
            stage.ann,
            "Juno, is the library open today?",
            "Juno",
            "until six, i was just there",
            "no idea... ask marek",
            "the what",
        )
        for command, told in (("status", "talking"), ("who", "Marek"), ("why", "Juno")):
            answer = await stage.runs(stage.bort, f"/botconvo {command}")
            assert told in answer.content, answer.content
            assert answer.ephemeral
        return [stage.view(newest=4)]


async def _completion(folder: Path) -> list[Shown]:
    async with _playing(folder) as stage:
        await stage.introduced()
        await stage.asks(
            stage.ann, "Marek, tea or coffee?", "Marek", "Tea. It was never a question."
        )
        offered = await stage.carol.completes(stage.general, "/persona mute", "persona", "")
        choices = tuple(each["name"] for each in offered)
        assert choices == CLONES
        offer = Offer(typed="/persona mute persona:", choices=choices)
        before = Popup(view=stage.view(newest=2), offer=offer)
        muted = await stage.runs(stage.carol, "/persona mute", persona="Marek")
        assert "Marek" in muted.content
        return [before, stage.view(newest=1, title="then")]


async def _vote(folder: Path) -> list[Shown]:
    async with _playing(folder) as stage:
        await stage.introduced()
        bad = await stage.asks(
            stage.bort, "Dex, what do you say?", "Dex", "ur cooking is why we have a fire alarm"
        )
        stage.ann.reacts(bad, "🗑")
        before = stage.view(newest=2, title="one vote")
        stage.bort.reacts(bad, "🗑")
        await stage.until(lambda: bad.id not in stage.general.messages, "the end of the line")
        removed = await stage.runs(stage.carol, "/botconvo removed")
        assert "fire alarm" in removed.content
        return [before, stage.view(newest=2, title="two votes: it is gone, and not said again")]


async def _favourites(folder: Path) -> list[Shown]:
    async with _playing(folder) as stage:
        await stage.introduced()
        good = await stage.asks(
            stage.ann,
            "Tilly, how was the lake?",
            "Tilly",
            "I fell in! TWICE! Best day of my life!!",
        )
        stage.ann.reacts(good, "⭐")
        answer = await _answer_with(stage, "/botconvo favourites", "fell in")
        assert answer.ephemeral
        return [stage.view(newest=3)]


async def _answer_with(stage: Stage, command: str, words: str) -> Interaction:
    """What a command answers once it holds these words."""
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            answer = await stage.runs(stage.bort, command)
            if words in answer.content:
                return answer
            stage.answers.pop()
            await asyncio.sleep(0.05)


async def _approval(folder: Path) -> list[Shown]:
    curated = {"curated": True, "approval_channel": ""}
    async with _playing(folder, reins=curated) as stage:
        told = await stage.introduced()
        stage.will_say("Juno", "i would say the blue one, it has pockets")
        asked = stage.bort.says(stage.general, "Juno, the blue coat or the red one?")
        await stage.until(
            lambda: any(m.by_machine and "pockets" in m.content for m in stage.office.history),
            "a line that waits",
        )
        waiting = next(m for m in stage.office.history if "pockets" in m.content)
        assert not [m for m in stage.general.history if m.webhook], "nothing is said before"
        stage.carol.reacts(waiting, "✅")
        reply = await stage.bort.wait_for_reply(stage.general, after=asked, timeout_s=_PATIENCE_S)
        assert "pockets" in reply.content
        assert told.id != reply.id
        return [
            stage.view(stage.office, title="the owners' channel"),
            stage.view(newest=2, title="then, where everybody is"),
        ]


async def _kill_word(folder: Path) -> list[Shown]:
    async with _playing(folder) as stage:
        await stage.introduced()
        await stage.asks(stage.ann, "Tilly, shhh, it is late", "Tilly", "I am NOT loud!!")
        stage.ann.says(stage.general, "bots stop")
        answer = await _answer_with(stage, "/botconvo status", "paused")
        assert answer.ephemeral
        return [stage.view(newest=4)]


async def _doctor(folder: Path) -> list[Shown]:
    async with Rehearsal(limits=NO_LIMITS) as rehearsal:
        stage = _build(rehearsal, folder, {})
        words = ("-m", "botconvo", "doctor", "--discord", "--config", str(stage.config))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *words,
            cwd=folder,
            env={**os.environ, "BOTCONVO_DISCORD_TOKEN": stage.bot.token},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        printed = out.decode()
        assert "permissions=" in printed, printed
        assert "general" in printed, printed
        for path, shown in ((folder, "."), (DEMO, "checkpoints")):
            printed = printed.replace(str(path), shown)
        return [Terminal(command="botconvo doctor --discord", words=printed.strip())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """``play`` raises where what it shows did not happen; ``alt`` says what is to be seen."""

    name: str
    alt: str
    play: Callable[[Path], Coroutine[Any, Any, list[Shown]]]


SCENES = (
    Scene(
        name="first-message", alt="The first message says what the bots are", play=_first_message
    ),
    Scene(name="talk", alt="People and clones talk; every clone has a bot mark", play=_talk),
    Scene(name="typing", alt="The bot is typing", play=_typing),
    Scene(name="reply", alt="A clone's reply quotes what it answers, with a link", play=_reply),
    Scene(name="reaction", alt="A reaction of the bot under somebody's words", play=_reaction),
    Scene(name="asleep", alt="A clone with its own account has gone offline", play=_asleep),
    Scene(name="commands", alt="Answers to /botconvo status, who and why", play=_commands),
    Scene(name="completion", alt="/persona mute offers the clones' names", play=_completion),
    Scene(name="vote", alt="Two votes with a bin remove a line", play=_vote),
    Scene(name="favourites", alt="A star keeps a line on the page of favourites", play=_favourites),
    Scene(name="approval", alt="A line waits in the owners' channel for approval", play=_approval),
    Scene(name="kill-word", alt="Writing bots stop silences the clones", play=_kill_word),
    Scene(name="doctor", alt="botconvo doctor --discord prints the invite link", play=_doctor),
)
