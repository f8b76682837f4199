import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders import a_message, an_author
from fakes import FakeControls, FakeGame
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

import botconvo.platforms.web
from botconvo.conversation import events as ev
from botconvo.conversation.events import (
    Event,
    Heard,
    Opened,
    Pause,
    Resume,
    SetSpeed,
    SetTemperature,
    Steer,
    Step,
    TypingSeen,
)
from botconvo.conversation.noted import RefusedText
from botconvo.conversation.orders import PromptSource, React, Say, Trace
from botconvo.errors import ConsentError, PlatformError
from botconvo.messages import ChannelId, Message, MessageId
from botconvo.personas import PersonaName
from botconvo.platforms.web import WebPlatform
from botconvo.platforms.web.app import MAX_BODY, TOKEN_HEADER
from botconvo.platforms.web.live import MAX_WATCHERS, TOO_MANY, WRONG_TOKEN
from botconvo.ports import (
    Answer,
    Lines,
    Removed,
    ShownMessage,
    ShownReaction,
    ShownRemoval,
    ShownTyping,
)

CHANNEL = ChannelId("web:general")
ELSEWHERE = ChannelId("console:main")
JUNO, MAREK = PersonaName("Juno"), PersonaName("Marek")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
ESCAPES = "\x1b[2J"
NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
PAGE = Path(botconvo.platforms.web.__file__).parent / "page"


@dataclass
class Visit:
    """A page that is open, and one visitor who has its token."""

    platform: WebPlatform
    controls: FakeControls
    http: httpx.AsyncClient
    token: str

    @property
    def port(self) -> int:
        return httpx.URL(self.platform.address).port or 0

    async def ask(self, path: str, body: object, **headers: str) -> httpx.Response:
        return await self.http.post(path, json=body, headers={TOKEN_HEADER: self.token} | headers)

    def stream(self, **options: Any) -> connect:
        options = {"origin": f"http://127.0.0.1:{self.port}", "proxy": None} | options
        return connect(f"ws://127.0.0.1:{self.port}/api/live", **options)

    @asynccontextmanager
    async def watch(self, **options: Any) -> AsyncIterator[ClientConnection]:
        """A stream whose first two items (hello, channels) have been taken."""
        async with self.stream(**options) as socket:
            await socket.send(json.dumps({"token": self.token}))
            assert (await take(socket))["type"] == "hello"
            assert (await take(socket))["type"] == "channels"
            yield socket

    async def events(self, count: int) -> list[Event]:
        """The next things that visitors did."""
        taken = [event async for event, _ in _first(self.platform.events(), count + 1)]
        assert taken[0] == Opened()
        return taken[1:]


async def _first(
    events: AsyncIterator[tuple[ChannelId, Event]], count: int
) -> AsyncIterator[tuple[Event, ChannelId]]:
    for _ in range(count):
        channel, event = await anext(events)
        assert channel == CHANNEL
        yield event, channel


@asynccontextmanager
async def a_visit(controls: FakeControls | None = None, **options: Any) -> AsyncIterator[Visit]:
    controls = controls or FakeControls(CHANNEL, personas=[(JUNO, "ready"), (MAREK, "starting")])
    chosen: dict[str, Any] = {"personas": [JUNO, MAREK], "now": lambda: NOW} | options
    async with asyncio.timeout(30), WebPlatform(controls, **chosen) as platform:
        address = platform.address
        async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=20) as http:
            page = (await http.get("/")).text
            found = re.search(r'name="botconvo-token" content="([\w-]+)"', page)
            assert found
            yield Visit(platform, controls, http, found[1])


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    async with a_visit() as visit:
        yield visit


async def take(socket: ClientConnection, count: int = 1) -> Any:
    items = [json.loads(await socket.recv()) for _ in range(count)]
    return items[0] if count == 1 else items


def said(number: int, text: str = "") -> ShownMessage:
    message = a_message(
        text or f"message {number}",
        author=an_author("Juno", kind="clone"),
        minutes=number,
        id=str(number),
        channel=CHANNEL,
    )
    return ShownMessage(message=message, trace=None)


# What is served


async def test_the_page_says_at_once_that_these_are_bots() -> None:
    async with a_visit(title='Juno & "Marek" <b>') as visit:
        page = await visit.http.get("/")
    assert page.status_code == 200
    assert "<strong>These are bots.</strong>" in page.text
    assert "Juno &amp; &quot;Marek&quot; &lt;b&gt;" in page.text


async def test_every_answer_is_sealed(visit: Visit) -> None:
    for answer in (
        await visit.http.get("/"),
        await visit.http.get("/page/app.js"),
        await visit.http.get("/nowhere"),
        await visit.http.post("/api/say"),
    ):
        headers = answer.headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in headers


async def test_the_page_asks_nobody_else_for_anything() -> None:
    for path in PAGE.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://", text), path.name
        assert "innerHTML" not in text, path.name
        assert not re.search(r"<script>|\son\w+=\"|\sstyle=\"", text), path.name


async def test_only_files_of_the_page_are_served(visit: Visit) -> None:
    for path in PAGE.iterdir():
        expected = 404 if path.name == "index.html" else 200
        assert (await visit.http.get(f"/page/{path.name}")).status_code == expected
    for address in (
        "/page/%2e%2e%2fapp.py",
        "/page/..%5capp.py",
        "/page/app.py",
        "/page/",
        "/api/say",
    ):
        assert (await visit.http.get(address)).status_code in (404, 405)


async def test_avatars_are_served_by_the_name_of_the_persona(tmp_path: Path) -> None:
    file = tmp_path / "m.webp"
    file.write_bytes(b"RIFF0000WEBPVP8 ")
    avatars = {PersonaName("Juno B."): PNG, MAREK: file}
    async with a_visit(avatars=avatars) as visit:
        juno = await visit.http.get("/avatars/Juno%20B.")
        assert (juno.headers["content-type"], juno.content) == ("image/png", PNG)
        assert (await visit.http.get("/avatars/Marek")).headers["content-type"] == "image/webp"
        assert (await visit.http.get("/avatars/Dex")).status_code == 404


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"<svg onload=x>", "it is no picture"), (Path("no/such.png"), "it cannot be read")],
)
async def test_an_unusable_avatar_is_one_clear_line(data: bytes | Path, why: str) -> None:
    with pytest.raises(PlatformError, match=f"avatar of Juno.*{why}") as raised:
        async with WebPlatform(avatars={JUNO: data}):
            pass
    assert "\n" not in str(raised.value)


def test_importing_the_page_loads_no_web_server() -> None:
    program = (
        "import sys, botconvo.platforms.web;"
        "print([name for name in ('uvicorn', 'starlette', 'fastapi') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


# Who may ask


async def test_a_foreign_host_name_gets_nothing(visit: Visit) -> None:
    port = visit.port
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"0.0.0.0:{port}", ""):
        page = await visit.http.get("/", headers={"Host": host})
        assert (host, page.status_code) == (host, 421)
        assert visit.token not in page.text
        answer = await visit.ask("/api/say", {"name": "", "text": "hi"}, Host=host)
        assert (host, answer.status_code) == (host, 421)


async def test_every_loopback_name_is_welcome(visit: Visit) -> None:
    for name in ("127.0.0.1", "localhost", "LOCALHOST", "[::1]"):
        answer = await visit.http.get("/", headers={"Host": f"{name}:{visit.port}"})
        assert answer.status_code == 200


async def test_another_origin_may_not_write_or_steer(visit: Visit) -> None:
    own = f"127.0.0.1:{visit.port}"
    for origin in (
        "http://evil.example",
        "null",
        f"https://{own}",
        f"http://localhost:{visit.port}",
    ):
        words, reins = {"name": "", "text": "hi"}, {"channel": CHANNEL, "steer": "pause"}
        said = await visit.ask("/api/say", words, Origin=origin)
        steered = await visit.ask("/api/steer", reins, Origin=origin)
        assert (origin, said.status_code, steered.status_code) == (origin, 403, 403)
    assert visit.controls.steered == []


async def test_another_origin_or_host_may_not_watch(visit: Visit) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        async with visit.stream(origin="http://evil.example"):
            pass
    with pytest.raises(InvalidStatus, match="403"):
        async with connect(
            f"ws://evil.example:{visit.port}/api/live",
            host="127.0.0.1",
            port=visit.port,
            proxy=None,
        ):
            pass


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/say", {"name": "You", "text": "hi"}),
        ("/api/typing", {"name": "You"}),
        ("/api/steer", {"channel": CHANNEL, "steer": "pause"}),
    ],
)
async def test_without_the_token_of_this_run_nothing_happens(
    visit: Visit, path: str, body: object
) -> None:
    for token in (None, "", "wrong", "é"):
        headers = httpx.Headers({"Content-Type": "application/json"}, encoding="utf-8")
        if token is not None:
            headers[TOKEN_HEADER] = token
        answer = await visit.http.post(path, content=json.dumps(body), headers=headers)
        assert (token, answer.status_code) == (token, 401)
    assert visit.controls.steered == []


async def test_a_stream_without_the_token_is_closed(visit: Visit) -> None:
    for first in ('{"token": "wrong"}', "{}", "nonsense", b"\x00", '{"token": "x", "more": 1}'):
        async with visit.stream() as socket:
            await socket.send(first)
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            assert (first, socket.close_code) == (first, WRONG_TOKEN)
    assert visit.controls.watchers(CHANNEL) == 0


async def test_every_run_has_a_token_of_its_own(visit: Visit) -> None:
    async with a_visit() as other:
        assert other.token != visit.token
        assert (await other.ask("/api/typing", {"name": "You"})).status_code == 200
        other.token = visit.token
        assert (await other.ask("/api/typing", {"name": "You"})).status_code == 401


async def test_too_big_a_body_is_refused_while_it_comes(visit: Visit) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(MAX_BODY // 1024 + 2):
            yield b" " * 1024

    async def chunks() -> AsyncIterator[bytes]:
        for chunk in endless():
            yield chunk

    headers = {TOKEN_HEADER: visit.token, "Content-Type": "application/json"}
    for content in (b" " * (MAX_BODY + 1), chunks()):
        answer = await visit.http.post("/api/say", content=content, headers=headers)
        assert answer.status_code == 413


async def test_a_body_of_another_shape_is_refused(visit: Visit) -> None:
    reins = {"channel": CHANNEL, "steer": "speed"}
    bodies: list[tuple[str, object]] = [
        ("/api/say", {"name": "You"}),
        ("/api/say", {"name": "You", "text": 7}),
        ("/api/say", {"name": "You", "text": "hi", "kind": "clone"}),
        ("/api/say", {"name": "x" * 201, "text": "hi"}),
        ("/api/say", []),
        ("/api/steer", reins | {"steer": "quit"}),
        ("/api/steer", reins | {"value": "NaN"}),
        ("/api/steer", reins | {"value": 101}),
    ]
    for path, body in bodies:
        answer = await visit.ask(path, body)
        assert (body, answer.status_code) == (body, 422)
        assert "\n" not in answer.json()["error"]
    assert visit.controls.steered == []


async def test_a_form_of_another_site_cannot_pass_for_json(visit: Visit) -> None:
    answer = await visit.http.post(
        "/api/say",
        content='{"name": "You", "text": "hi"}',
        headers={TOKEN_HEADER: visit.token, "Content-Type": "text/plain"},
    )
    assert answer.status_code == 415


# What people do


class ASeat:
    """A place in a talk elsewhere, with a memory."""

    channel = ChannelId("elsewhere:1")

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.typed: list[str] = []

    def says(self, name: str, text: str) -> Message:
        if text == "no":
            raise PlatformError("it was not sent: Missing Permissions")
        self.heard.append((name, text))
        return a_message(text, author=an_author(name), channel=self.channel)

    def types(self, name: str) -> None:
        self.typed.append(name)


async def test_a_page_with_a_seat_elsewhere_has_no_channel_of_its_own() -> None:
    seat = ASeat()
    async with a_visit(seat=seat) as visit:
        assert visit.platform.channel == seat.channel
        await visit.ask("/api/typing", {"name": "Ann"})
        answer = await visit.ask("/api/say", {"name": "Ann", "text": "hello there"})
        assert answer.status_code == 200
        refused = await visit.ask("/api/say", {"name": "Ann", "text": "no"})
        assert "Missing Permissions" in refused.text
        events = visit.platform.events()
        listening = asyncio.ensure_future(anext(events))
        done, _ = await asyncio.wait({listening}, timeout=0.2)
        assert not done  # what is said comes back from elsewhere
        listening.cancel()
    assert (seat.heard, seat.typed) == ([("Ann", "hello there")], ["Ann"])


async def test_what_a_visitor_writes_is_heard(visit: Visit) -> None:
    answer = await visit.ask("/api/say", {"name": "", "text": "  has anyone tried\nthe wall? "})
    [event] = await visit.events(1)
    assert isinstance(event, Heard)
    message = event.message
    assert message.text == "has anyone tried\nthe wall?"
    assert (message.author.name, message.author.kind) == ("You", "person")
    assert (message.channel, message.at) == (CHANNEL, NOW)
    assert message.id.startswith(f"{CHANNEL}/")
    shown = answer.json()
    assert (shown["type"], shown["id"], shown["text"]) == ("message", message.id, message.text)


async def test_a_visitor_may_have_a_name_but_not_a_bots(visit: Visit) -> None:
    answer = await visit.ask("/api/say", {"name": " Ann:\x1b[1m\n Lee ", "text": "hi"})
    assert answer.json()["author"] == {"name": "Ann [1m Lee", "kind": "person"}
    for name in ("Juno", "juno", "ＪＵＮＯ", "Ju\u200bno", " Marek\n"):
        answer = await visit.ask("/api/say", {"name": name, "text": "hi"})
        assert answer.status_code == 400
        assert "choose another name" in answer.json()["error"]


async def test_names_of_bots_are_learned_while_they_talk() -> None:
    controls = FakeControls(CHANNEL, personas=[(MAREK, "ready")])
    async with a_visit(controls, personas=()) as visit:
        await visit.platform.post(CHANNEL, JUNO, Say(text="hi"), "1")
        async with visit.watch() as socket:
            assert (await take(socket))["type"] == "state"
        for name in ("JUNO", "marek"):
            answer = await visit.ask("/api/say", {"name": name, "text": "hi"})
            assert answer.status_code == 400


async def test_an_empty_or_endless_message_is_not_sent(visit: Visit) -> None:
    for text in ("", " \n\u2028 ", "\x1b\x00"):
        answer = await visit.ask("/api/say", {"name": "You", "text": text})
        assert answer.status_code == 400
        assert "empty" in answer.json()["error"]
    answer = await visit.ask("/api/say", {"name": "You", "text": "🧗" * 2001})
    assert answer.status_code == 400
    assert "2001 characters was not sent; at most 2000" in answer.json()["error"]


async def test_two_thousand_emoji_are_sent(visit: Visit) -> None:
    answer = await visit.ask("/api/say", {"name": "You", "text": "🧗" * 2000})
    assert answer.status_code == 200


async def test_a_visitor_who_types_is_seen(visit: Visit) -> None:
    await visit.ask("/api/typing", {"name": "Ann"})
    await visit.ask("/api/say", {"name": "Ann", "text": "hi"})
    typing, heard = await visit.events(2)
    assert isinstance(typing, TypingSeen)
    assert isinstance(heard, Heard)
    assert typing == TypingSeen(author=heard.message.author.id, at=NOW)


async def test_a_flood_is_told_to_wait_and_nothing_is_lost(visit: Visit) -> None:
    answers = [await visit.ask("/api/say", {"name": "You", "text": str(n)}) for n in range(258)]
    assert [answer.status_code for answer in answers[255:]] == [200, 503, 503]
    assert (await visit.ask("/api/typing", {"name": "You"})).status_code == 200
    texts = [e.message.text for e in await visit.events(256) if isinstance(e, Heard)]
    assert texts == [str(n) for n in range(256)]


async def test_the_reins_are_pulled_in_the_channel_that_is_named(visit: Visit) -> None:
    visit.controls.open(ELSEWHERE)
    pulls: list[tuple[dict[str, object], Steer]] = [
        ({"steer": "pause"}, Pause()),
        ({"steer": "resume"}, Resume()),
        ({"steer": "step"}, Step()),
        ({"steer": "speed", "value": 4}, SetSpeed(factor=4.0)),
        ({"steer": "temperature", "value": 0.7}, SetTemperature(value=0.7)),
        ({"steer": "temperature", "value": None}, SetTemperature(value=None)),
    ]
    for body, steer in pulls:
        answer = await visit.ask("/api/steer", body | {"channel": ELSEWHERE})
        assert answer.json() == {"said": f"{type(steer).__name__} done."}
        pulled = visit.controls.steered[-1]
        assert (pulled.channel, pulled.steer, pulled.by) == (ELSEWHERE, steer, "the page")


async def test_all_reins_are_within_reach_of_the_page(visit: Visit) -> None:
    line, order = MessageId("web:general/1"), ev.OrderId("x")
    pulls: list[tuple[dict[str, object], Steer | ev.Ruling]] = [
        ({"steer": "mute", "persona": "Juno"}, ev.Mute(persona=JUNO)),
        ({"steer": "unmute", "persona": "Juno"}, ev.Unmute(persona=JUNO)),
        ({"steer": "reset"}, ev.Reset()),
        ({"steer": "approve", "order": "x"}, ev.Approve(order=order)),
        ({"steer": "reject", "order": "x"}, ev.Reject(order=order)),
        ({"steer": "refuse", "order": "x"}, ev.Reject(order=order, for_good=True)),
        ({"steer": "delete", "message": line}, ev.Delete(message=line)),
        ({"steer": "star", "message": line}, ev.Star(message=line)),
        ({"steer": "drop", "message": line}, ev.Drop(message=line)),
        ({"steer": "allow", "number": 3}, ev.Allow(number=3)),
    ]
    for body, steer in pulls:
        assert (await visit.ask("/api/steer", body | {"channel": CHANNEL})).status_code == 200
        assert visit.controls.steered[-1].steer == steer


async def test_a_topic_is_what_the_visitor_said_in_the_channel_that_is_steered(
    visit: Visit,
) -> None:
    visit.controls.open(ELSEWHERE)
    body = {"channel": ELSEWHERE, "steer": "topic", "text": " soup ", "name": "Ann"}
    assert (await visit.ask("/api/steer", body)).status_code == 200
    steer = visit.controls.steered[-1].steer
    assert isinstance(steer, ev.SetTopic)
    assert (steer.message.text, steer.message.author.name) == ("soup", "Ann")
    assert steer.message.channel == ELSEWHERE
    for wrong in ({"text": " "}, {"text": "soup", "name": "Juno"}, {"text": "x" * 2001}):
        assert (await visit.ask("/api/steer", body | wrong)).status_code == 400


async def test_lines_of_every_channel_are_asked_for_and_come_as_harmless_text(
    visit: Visit,
) -> None:
    refused = RefusedText(
        number=3, text=f"a{ESCAPES}", channel=ELSEWHERE, persona="Juno", by=ESCAPES, at=NOW
    )
    visit.controls.answers[Removed] = Answer(text="", refused=(refused,))
    answer = await visit.ask("/api/lines", {"channel": CHANNEL})
    assert set(visit.controls.queries) == {
        Removed(everywhere=True),
        Lines(kind="favourite", everywhere=True),
        Lines(kind="saved", everywhere=True),
        Lines(kind="disowned", everywhere=True),
    }
    (row,) = answer.json()["removed"]
    assert (row["number"], row["channel"], row["author"]["name"]) == (3, ELSEWHERE, "Juno")
    assert "\x1b" not in answer.text
    assert "\\u001b" not in answer.text
    assert [answer.json()[kind] for kind in ("favourites", "saved", "disowned")] == [[], [], []]
    assert (await visit.http.post("/api/lines", json={"channel": CHANNEL})).status_code == 401


async def test_what_cannot_be_steered_is_said(visit: Visit) -> None:
    unknown = await visit.ask("/api/steer", {"channel": "x:y", "steer": "pause"})
    assert (unknown.status_code, unknown.json()) == (400, {"error": "there is no channel x:y"})
    for value in (0, None):
        body = {"channel": CHANNEL, "steer": "speed", "value": value}
        assert (await visit.ask("/api/steer", body)).status_code == 400


async def test_before_the_talk_there_is_a_page_but_nothing_to_steer() -> None:
    async with WebPlatform() as platform:
        controls = FakeControls(CHANNEL)
        async with httpx.AsyncClient(base_url=platform.address, trust_env=False) as http:
            visit = Visit(platform, controls, http, platform.token)
            body = {"channel": CHANNEL, "steer": "pause"}
            assert (await visit.ask("/api/steer", body)).status_code == 503
            async with visit.watch() as socket:
                platform.attach(controls)
                assert await take(socket) == {"type": "channels", "channels": [CHANNEL]}
                assert (await take(socket))["type"] == "state"
            assert (await visit.ask("/api/steer", body)).status_code == 200


# What clones do


async def test_a_post_is_a_message_and_a_reaction_is_none(visit: Visit) -> None:
    act = Say(text="hi", reply_to=MessageId(f"{CHANNEL}/1"))
    message = await visit.platform.post(CHANNEL, JUNO, act, "run/1")
    assert message is not None
    assert (message.text, message.reply_to, message.at) == ("hi", act.reply_to, NOW)
    assert (message.author.name, message.author.kind) == ("Juno", "clone")
    assert await visit.platform.post(CHANNEL, JUNO, act, "run/1") == message
    react = React(emoji="🍞", message=message.id)
    assert await visit.platform.post(CHANNEL, JUNO, react, "run/2") is None
    with pytest.raises(PlatformError, match="no channel console:main"):
        await visit.platform.post(ELSEWHERE, JUNO, act, "run/3")


async def test_a_watcher_sees_everything_in_order(visit: Visit) -> None:
    trace = Trace(
        source=PromptSource.FRESH,
        target=None,
        prompt="\x1bJuno:",
        phrase=None,
        candidates=(),
        chosen=0,
        reason="drawn",
        latency_ms=12.5,
        seed=2**60,
    )
    message = said(2, "<img src=x onerror=alert(1)>\x1b[2J")
    visit.controls.show(CHANNEL, said(1))
    async with visit.watch() as socket:
        state, first = await take(socket, 2)
        assert (state["type"], state["channel"], state["paused"]) == ("state", CHANNEL, False)
        assert state["personas"][1] == {"name": "Marek", "state": "starting"}
        assert first["text"] == "message 1"
        visit.controls.show(
            CHANNEL,
            ShownTyping(persona=MAREK),
            ShownMessage(message=message.message, trace=trace),
            ShownReaction(message=message.message.id, emoji="🍞", author="Marek", trace=None),
            ShownRemoval(message=message.message.id),
        )
        typing, second, reaction, removal = await take(socket, 4)
    assert typing["persona"] == "Marek"
    assert second["text"] == "<img src=x onerror=alert(1)>[2J"
    assert second["trace"]["seed"] == str(2**60)
    assert second["trace"]["prompt"] == "Juno:"
    assert (reaction["emoji"], reaction["by"], reaction["message"]) == ("🍞", "Marek", second["id"])
    assert removal["message"] == second["id"]


async def test_every_channel_is_watched_also_one_that_opens_later(visit: Visit) -> None:
    async with visit.watch() as socket:
        assert (await take(socket))["type"] == "state"
        visit.controls.open(ELSEWHERE)
        assert await take(socket) == {"type": "channels", "channels": [CHANNEL, ELSEWHERE]}
        assert (await take(socket))["channel"] == ELSEWHERE


async def test_whoever_comes_back_gets_what_was_missed_in_order(visit: Visit) -> None:
    visit.controls.show(CHANNEL, said(1))
    async with visit.watch() as socket:
        await take(socket, 2)
    await visit.controls.has_watchers(CHANNEL, 0)
    visit.controls.show(CHANNEL, said(2), said(3))
    async with visit.watch() as socket:
        texts = [item["text"] for item in (await take(socket, 4))[1:]]
        visit.controls.show(CHANNEL, said(4))
        texts.append((await take(socket))["text"])
    assert texts == ["message 1", "message 2", "message 3", "message 4"]


async def test_a_page_that_takes_nothing_holds_up_nobody(visit: Visit) -> None:
    async with visit.watch(max_queue=1) as slow, visit.watch() as quick:
        await take(quick)
        for number in range(400):
            visit.controls.show(CHANNEL, said(number, "x" * 20_000))
            if number % 50 == 49:
                shown = await take(quick, 50)
        assert shown[-1]["id"] == f"{CHANNEL}/399"
        message = await visit.platform.post(CHANNEL, JUNO, Say(text="hi"), "1")
        assert message is not None
        # 8 MB were shown; what is kept for the slow one is bounded, and its newest is not lost.
        ids = []
        async for item in slow:
            ids.append(json.loads(item).get("id"))
            if ids[-1] == f"{CHANNEL}/399":
                break
        assert len(ids) < 400


async def test_more_pages_than_can_be_watched_are_sent_away(visit: Visit) -> None:
    async with AsyncExitStack() as open_pages:
        for _ in range(MAX_WATCHERS):
            await open_pages.enter_async_context(visit.watch())
        async with visit.stream() as one_too_many:
            await one_too_many.send(json.dumps({"token": visit.token}))
            with pytest.raises(ConnectionClosed):
                await one_too_many.recv()
            assert one_too_many.close_code == TOO_MANY


# Opening and closing


async def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PlatformError, match=f"port {port} on 127.0.0.1 is in use") as raised:
            async with WebPlatform(port=port):
                pass
    assert "set another for the page" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.com", ""])  # noqa: S104
async def test_the_page_is_never_served_to_a_network(host: str) -> None:
    with pytest.raises(PlatformError, match="set the host to 127"):
        async with WebPlatform(host=host):
            pass


async def test_open_pages_do_not_hold_up_the_end_of_a_run() -> None:
    async with a_visit() as visit:
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        async with visit.watch() as socket:
            await take(socket)
            assert {number: signal.getsignal(number) for number in before} == before
            events = visit.platform.events()
            assert await anext(events) == (CHANNEL, Opened())
            async with asyncio.timeout(5):
                await visit.platform.__aexit__(None, None, None)
            assert [event async for event in events] == []
            with pytest.raises(ConnectionClosed):
                await socket.recv()
        with pytest.raises(httpx.ConnectError):
            await visit.http.get("/")
    async with WebPlatform(port=visit.port):
        pass


async def test_the_browser_is_opened_only_when_asked() -> None:
    opened: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def browse(address: str) -> None:
        loop.call_soon_threadsafe(opened.put_nowait, address)

    async with WebPlatform(open_browser=True, browse=browse) as platform:
        assert await opened.get() == platform.address
    async with a_visit(browse=browse):
        assert opened.empty()


async def test_the_address_is_known_only_once_it_is_open() -> None:
    platform = WebPlatform()
    with pytest.raises(PlatformError, match="not open yet"):
        print(platform.address)
    async with platform:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", platform.address)


async def test_a_round_is_played_under_a_visitors_name_and_comes_as_harmless_text() -> None:
    game = FakeGame(f"so{ESCAPES}up", [("Bo", f"hi{ESCAPES}")])
    async with a_visit(game=game) as visit:
        shown = (await visit.ask("/api/game/round", {"name": "Pia", "persona": "Juno"})).json()
        assert (shown["text"], shown["context"]) == ("so[2Jup", [{"name": "Bo", "text": "hi[2J"}])
        assert not {"real", "isReal", "is_real"} & shown.keys()
        body = {"name": "Pia", "round": shown["round"], "guess": "clone"}
        said = (await visit.ask("/api/game/answer", body)).json()
        assert (said["right"], said["verdict"]) == (True, "Right: that was Juno's clone.")
        assert said["score"].startswith("you told them apart in 1 of 1")
        ((_, guess, player, platform),) = game.guesses
        assert (guess, player.name, platform) == ("clone", "Pia", "web")
        taken = await visit.ask("/api/game/round", {"name": "Juno", "persona": "Juno"})
        assert (taken.status_code, "is a bot here" in taken.json()["error"]) == (400, True)
        game.ending = ConsentError("the game is over")
        over = await visit.ask("/api/game/answer", body)
        assert (over.status_code, over.json()) == (400, {"error": "the game is over"})
        for wrong in ({"guess": "both"}, {"more": 1}):
            refused = await visit.ask("/api/game/answer", body | wrong)
            assert refused.status_code == 422
        no_token = await visit.http.post("/api/game/answer", json=body)
        assert no_token.status_code == 401


async def test_without_a_game_there_is_nothing_to_play_with(visit: Visit) -> None:
    answer = await visit.ask("/api/game/round", {"name": "Pia", "persona": "Juno"})
    assert (answer.status_code, "nothing to play with" in answer.json()["error"]) == (503, True)
