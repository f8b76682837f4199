"""From an export to the very rows that are learned, and the same rows as a live talk renders them.

What is trained on and what is asked of a model come from one code.  This holds both ends together:
the text below is what a fixed export becomes, and at every place where the friend speaks the tokens
before it are those of the prompt that a run would send.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from cli.typing_in import typed

from botconvo.checkpoints import bundled_base
from botconvo.conversation.asking import Asker
from botconvo.conversation.history import History
from botconvo.conversation.manners import manners
from botconvo.conversation.orders import PromptSource
from botconvo.corpus import Session
from botconvo.gathering import Gathered, gather
from botconvo.messages import ChannelId, Message
from botconvo.personas import Persona, PersonaName, Sampling
from botconvo.store import STORE_NAME, Store
from botconvo.training.bases import Base, encoder_of, open_base
from botconvo.training.clone import Prepared, prepare
from botconvo.training.examples import Window, windows_of
from botconvo.training.settings import TrainingSettings
from botconvo.transcript.cleaning import clean_chat
from botconvo.transcript.grammar import Command, Line, print_line

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
IDS = {"Bort": "100000000000000001", "Fishvilla": "100000000000000002"}
GOLDEN = (
    "Fishvilla: INIT;\n"
    "Fishvilla: anyone up?\n"
    "Bort: yes!! :potato:\n"
    "Fishvilla: PHOTO;\n"
    "Fishvilla: look at this\n"
    "Bort: REACT: 💀;\n"
    "Bort: REPLY: is that mine, @Fishvilla?;\n"
    "Fishvilla: \\REACT: no\n"
    "Bort: PHOTO;\n"
    "Bort: line one line two\n"
    "Fishvilla: REACT: 😂;\n"
    "Bort: INIT;",
    "Bort: INIT;\nBort: back again\nFishvilla: hi Bort\nBort: REPLY: hi;\nFishvilla: INIT;",
)
"""Two sessions; each ends with who begins the next one."""


def said(
    number: int,
    who: str,
    text: str,
    minutes: float,
    *,
    to: int | None = None,
    photo: bool = False,
    reactions: Sequence[tuple[str, str]] = (),
) -> dict[str, object]:
    """A message as DiscordChatExporter writes it."""
    author = {"id": IDS[who], "name": who, "discriminator": "0000", "nickname": who, "isBot": False}
    return {
        "id": str(number),
        "type": "Default" if to is None else "Reply",
        "timestamp": (NOON + timedelta(minutes=minutes)).isoformat(),
        "timestampEdited": None,
        "isPinned": False,
        "content": text,
        "author": author,
        "attachments": [{"id": "9", "url": "cat.png", "fileName": "cat.png", "fileSizeBytes": 5}]
        * photo,
        "embeds": [],
        "stickers": [],
        "mentions": [],
        "reactions": [
            {
                "emoji": {"id": "", "name": emoji, "code": "x", "isAnimated": False},
                "count": 1,
                "users": [{"id": IDS[by], "name": by, "discriminator": "0000", "nickname": by}],
            }
            for emoji, by in reactions
        ],
        **({} if to is None else {"reference": {"messageId": str(to), "channelId": "5"}}),
    }


def an_export(path: Path) -> Path:
    told = [
        said(1, "Fishvilla", "anyone up?", 0),
        said(2, "Bort", "yes!! <:potato:123456789012345678>", 1),
        said(
            3,
            "Fishvilla",
            "look  at this https://example.org/cat",
            2,
            photo=True,
            reactions=[("💀", "Bort"), ("⭐", "Bort")],
        ),
        said(4, "Bort", f"is that mine, <@{IDS['Fishvilla']}>?", 3, to=3),
        said(5, "Fishvilla", "REACT: no", 4),
        said(6, "Bort", "line one\nline two", 5, photo=True, reactions=[("😂", "Fishvilla")]),
        said(7, "Bort", "back again", 150),
        said(8, "Fishvilla", "hi Bort", 151),
        said(9, "Bort", "hi", 152, to=8),
    ]
    for number in range(10, 130):  # enough to be trained on, each talk a day of its own
        who = ("Fishvilla", "Bort")[number % 2]
        told.append(said(number, who, f"number {number}", 1440 * (number // 8) + number))
    whole = {
        "guild": {"id": "4", "name": "a server"},
        "channel": {"id": "5", "type": "GuildTextChat", "name": "general"},
        "messages": told,
    }
    path.write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def gathered(tmp_path_factory: pytest.TempPathFactory) -> Gathered:
    folder = tmp_path_factory.mktemp("golden")
    rule = "--acknowledge-discord-policy"
    words: list[tuple[object, ...]] = [("import", an_export(folder / "general.json"))]
    words += [("consent", "grant", name, "--adult", rule) for name in IDS]
    for each in words:
        done = typed(*each, "--project", folder)
        assert done.code == 0, done.err
    with Store.open(folder / STORE_NAME) as store:
        return gather(store, "Bort", NOON + timedelta(days=99), training=False)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return open_base(bundled_base(), bases=tmp_path_factory.mktemp("bases"), bundled=True)


@pytest.fixture(scope="module")
def run(gathered: Gathered, base: Base) -> Prepared:
    return prepare(gathered, base, TrainingSettings(context_weight=0.1))


def window_of(session: Session, run: Prepared, base: Base) -> Window:
    (window,) = windows_of(
        [session.lines],
        run.form,
        encoder_of(base),
        block=run.settings.block,
        overlap=run.settings.overlap,
        context_weight=run.settings.context_weight,
    )
    return window


def live_tokens(
    messages: Sequence[Message], run: Prepared, gathered: Gathered, base: Base, *, fresh: bool
) -> tuple[int, ...]:
    """Of the prompt that a run sends when it is Bort's turn after these messages."""
    history = History(gathered.people, timedelta(seconds=run.form.init_after_s), messages)
    persona = Persona(name=PersonaName("Bort"), talkativeness=0.5, sampling=Sampling())
    channel = ChannelId("discord:4/5")
    asker = Asker(channel, manners("group-chat"), history, lambda purpose: Random(purpose))
    source = PromptSource.FRESH if fresh else PromptSource.PERSON
    target = None if fresh else messages[-1]
    now = messages[-1].at if messages else NOON
    ask = asker.ask(1, persona, source, target, now)
    prompt = run.form.render([print_line(line) for line in ask.context])
    return tuple(encoder_of(base)(prompt))


def test_an_export_becomes_these_rows(run: Prepared, base: Base) -> None:
    assert tuple(session.text for session in run.corpus.train[:2]) == GOLDEN
    encode = encoder_of(base)
    rows = [window.tokens for row in run.examples.train for window in row]
    assert all(tuple(encode(f"{text}\n")) in rows for text in GOLDEN)


def test_before_the_friend_speaks_stand_the_tokens_of_the_live_prompt(
    run: Prepared, base: Base, gathered: Gathered
) -> None:
    encode = encoder_of(base)
    sessions = (gathered.messages[:6], gathered.messages[6:9])
    compared = 0
    for session, messages in zip(run.corpus.train, sessions, strict=False):
        window = window_of(session, run, base)
        for place, message in enumerate(messages):
            if gathered.people.speaker(message.author) != "Bort" or message.attachments:
                continue  # a clone sends no pictures: those are context alone
            before = live_tokens(messages[:place], run, gathered, base, fresh=place == 0)
            words = Line(
                name="Bort",
                command=None if message.reply_to is None else Command.REPLY,
                argument=clean_chat(message.text),
            )
            whole = run.form.render([print_line(words)], open=False)
            spoken = tuple(encode("\n" + whole))[len(encode("\nBort:")) :]
            assert window.tokens[: len(before)] == before
            said = window.tokens[len(before) : len(before) + len(spoken)]
            assert said == spoken
            weights = window.weights[len(before) : len(before) + len(spoken)]
            assert set(weights) == {1.0}
            compared += 1
    assert compared == 4
