"""The page in a real browser: headless Chromium against a real server over a real socket."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest
from browsers import a_browser
from builders import a_message, an_author
from fakes import FakeControls, FakeGame
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from botconvo.conversation.events import (
    Allow,
    Approve,
    Candidate,
    Delete,
    Disown,
    Drop,
    Event,
    Heard,
    Mute,
    Opened,
    OrderId,
    Pause,
    Reject,
    Reset,
    Resume,
    Ruling,
    SetSpeed,
    SetTemperature,
    SetTopic,
    Star,
    Steer,
    Step,
    TypingSeen,
    Unmute,
)
from botconvo.conversation.noted import NotedLine, RefusedText
from botconvo.conversation.orders import PromptSource, Trace
from botconvo.errors import ConsentError
from botconvo.messages import ChannelId, MessageId
from botconvo.personas import PersonaName
from botconvo.platforms.web import WebPlatform
from botconvo.ports import (
    Answer,
    Lines,
    PersonaState,
    Removed,
    ShownDraft,
    ShownMessage,
    ShownReaction,
    ShownRemoval,
    ShownState,
    ShownTyping,
)

CHANNEL = ChannelId("web:general")
ELSEWHERE = ChannelId("console:main")
JUNO, MAREK = PersonaName("Juno"), PersonaName("Marek")
CAST: tuple[tuple[PersonaName, PersonaState], ...] = ((JUNO, "ready"), (MAREK, "backing off"))
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8ffff3f0005fe02fea735815e0000000049454e44ae426082"
)

Result = TypeVar("Result")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with a_browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@dataclass
class Page:
    """One open page; its methods run selenium outside the event loop that serves the page."""

    driver: Any
    platform: WebPlatform
    controls: FakeControls

    async def run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.to_thread(work)

    async def until(self, holds: Callable[[], object]) -> None:
        """Come back once it holds."""
        wait = WebDriverWait(self.driver, 10, poll_frequency=0.05)
        await self.run(lambda: wait.until(lambda _: holds()))

    async def load(self) -> None:
        await self.run(lambda: self.driver.get(self.platform.address))
        await self.until(lambda: any(button.is_enabled() for button in self.all("#pause")))

    def all(self, css: str) -> list[WebElement]:
        return list(self.driver.find_elements(By.CSS_SELECTOR, css))

    def one(self, css: str) -> WebElement:
        elements = self.all(css)
        assert len(elements) == 1, f"{len(elements)} elements are {css}"
        return elements[0]

    def texts(self, css: str) -> list[str]:
        """Read in one step, because the page may redraw between two."""
        script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)"
        return [str(text) for text in self.driver.execute_script(script, css)]

    def js(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def prefer(self, scheme: Literal["light", "dark"]) -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    async def steered(self, count: int) -> list[Steer | Ruling]:
        return [each.steer for each in await self.controls.has_steered(count)]


@asynccontextmanager
async def a_page(driver: Any, *channels: ChannelId, **options: Any) -> AsyncIterator[Page]:
    controls = FakeControls(*(channels or (CHANNEL,)), personas=CAST)
    async with asyncio.timeout(60), WebPlatform(controls, title="Two of them.", **options) as web:
        page = Page(driver, web, controls)
        await page.load()
        yield page
        complaints = [
            line["message"]
            for line in driver.get_log("browser")
            if line["level"] == "SEVERE" and "WebSocket" not in line["message"]
        ]
        assert complaints == []
        await page.run(lambda: driver.get("about:blank"))
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    page.prefer("light")


@pytest.fixture
async def page(driver: Any) -> AsyncIterator[Page]:
    async with a_page(driver) as page:
        yield page


def said(
    text: str,
    *,
    by: str = "Juno",
    minutes: float = 0,
    trace: Trace | None = None,
    reply_to: str | None = None,
    channel: ChannelId = CHANNEL,
) -> ShownMessage:
    author = an_author(by, kind="person" if by == "You" else "clone")
    message = a_message(
        text, author=author, minutes=minutes, id=text[:20], reply_to=reply_to, channel=channel
    )
    return ShownMessage(message=message, trace=trace)


def a_trace() -> Trace:
    return Trace(
        source=PromptSource.CLONE,
        target=MessageId(f"{CHANNEL}/who moved my starter"),
        prompt="Juno: who moved my starter\nMarek:",
        phrase="my starter",
        candidates=(
            Candidate(completion=" it reached the curtain", line=None, verdict="ok", score=1.84),
            Candidate(completion=" <b>no</b>", line=None, verdict="repeated", logprob=-1.5),
        ),
        chosen=0,
        reason="Juno asked",
        latency_ms=412,
        seed=2**60,
    )


async def test_the_page_loads_and_says_that_these_are_bots(page: Page) -> None:
    assert page.one(".creed").text == "These are bots. Two of them."
    assert page.texts("#cast .name") == ["Juno", "Marek"]
    assert page.texts("#cast .badge") == ["BOT", "BOT"]
    assert page.texts("#cast .state") == ["ready", "trying again"]
    assert page.texts(".standing") == ["Nobody has said anything yet."]


async def test_messages_appear_as_they_are_said(page: Page) -> None:
    page.controls.show(CHANNEL, ShownTyping(persona=MAREK))
    await page.until(lambda: page.texts(".ghost .who-types") == ["Marek is typing"])
    page.controls.show(
        CHANNEL,
        said("who moved my starter"),
        said("it was breathing", minutes=1),
        said("in the fridge", by="Marek", minutes=2, reply_to="who moved my starter"),
    )
    await page.until(lambda: len(page.texts(".message")) == 3)
    assert page.texts(".turn:not(.ghost) .name") == ["Juno", "Marek"]
    assert page.texts(".turn:not(.ghost) .badge") == ["BOT", "BOT"]
    assert page.texts(".quote") == ["Juno who moved my starter"]
    assert page.texts(".ghost") == []


async def test_reactions_stand_under_their_message_once(page: Page) -> None:
    shown = said("dumplings after")
    for author in ("Juno", "Marek", "Juno"):
        reaction = ShownReaction(message=shown.message.id, emoji="🥟", author=author, trace=None)
        page.controls.show(CHANNEL, *([] if author == "Marek" else [shown]), reaction)
    await page.until(lambda: page.texts(".reaction") == ["🥟2"])
    assert page.one(".reaction").get_attribute("title") == "Juno and Marek"


async def test_enter_sends_and_shift_enter_breaks_the_line(page: Page) -> None:
    events = page.platform.events()
    assert await anext(events) == (CHANNEL, Opened())
    shift_enter = (Keys.SHIFT, Keys.ENTER, Keys.NULL)
    await page.run(lambda: page.one("#say").send_keys("hello", *shift_enter, "bots", Keys.ENTER))
    heard: Event = (await anext(events))[1]
    assert isinstance(heard, TypingSeen)
    heard = (await anext(events))[1]
    assert isinstance(heard, Heard)
    assert heard.message.text == "hello\nbots"
    assert heard.message.author.name == "You"
    await page.until(lambda: page.texts(".own .words") == ["hello\nbots"])
    page.controls.show(CHANNEL, ShownMessage(message=heard.message, trace=None), said("hi!"))
    await page.until(lambda: page.texts(".words") == ["hello\nbots", "hi!"])
    assert page.one("#say").get_property("value") == ""


async def test_what_cannot_be_sent_is_said_and_kept(page: Page) -> None:
    await page.run(lambda: page.one("#say").send_keys("  ", Keys.ENTER))
    await page.until(lambda: "nothing to send" in page.one("#problem").text)
    page.js("document.getElementById('say').value = 'x'.repeat(2000)")
    await page.run(lambda: page.one("#say").send_keys("y", Keys.ENTER))
    await page.until(lambda: "At most 2000" in page.one("#problem").text)
    assert page.one("#count").text == "2001 / 2000"
    await page.run(lambda: page.one("#say").send_keys(Keys.BACKSPACE))
    await page.run(lambda: page.one("#name").send_keys(Keys.CONTROL, "a", Keys.NULL, "juno"))
    await page.run(lambda: page.one("#say").send_keys(Keys.ENTER))
    await page.until(lambda: "choose another name" in page.one("#problem").text)
    assert len(str(page.one("#say").get_property("value"))) == 2000
    page.js("localStorage.clear()")
    page.driver.get_log("browser")  # the refusal is logged by the browser as well


async def test_pause_toggles_and_step_steps(page: Page) -> None:
    await page.run(page.one("#pause").click)
    await page.until(lambda: page.one("#pause").text == "Resume")
    assert "Paused" in page.texts(".standing")[0]
    await page.run(page.one("#step").click)
    await page.run(page.one("#pause").click)
    await page.until(lambda: page.one("#pause").text == "Pause")
    assert await page.steered(3) == [Pause(), Step(), Resume()]


async def test_the_sliders_steer_by_keyboard(page: Page) -> None:
    await page.run(lambda: page.one("#speed").send_keys(Keys.END))
    await page.until(lambda: page.one("#speed-value").text == "8×")
    await page.run(lambda: page.one("#temperature").send_keys(Keys.HOME))
    await page.until(lambda: page.one("#own-temperature").is_displayed())
    assert page.one("#temperature").get_attribute("aria-valuetext") == "0.20"
    await page.run(page.one("#own-temperature").click)
    await page.until(lambda: page.one("#temperature-value").text == "each bot’s own")
    assert await page.steered(3) == [
        SetSpeed(factor=8.0),
        SetTemperature(value=0.2),
        SetTemperature(value=None),
    ]


async def test_the_cast_is_muted_and_heard_again(page: Page) -> None:
    await page.run(page.one('[aria-label="Mute Juno"]').click)
    await page.until(lambda: page.texts("#cast .state") == ["muted here", "trying again"])
    await page.run(page.one('[aria-label="Let Juno speak"]').click)
    await page.until(lambda: page.texts("#cast .state") == ["ready", "trying again"])
    assert await page.steered(2) == [Mute(persona=JUNO), Unmute(persona=JUNO)]


async def test_a_topic_is_set_and_everything_forgotten(page: Page) -> None:
    await page.run(lambda: page.one("#topic").send_keys("the soup war", Keys.ENTER))
    await page.until(lambda: page.one("#topic").get_attribute("value") == "")
    await page.run(page.one("#reset").click)
    topic, reset = await page.steered(2)
    assert isinstance(topic, SetTopic)
    assert (topic.message.text, topic.message.author.name) == ("the soup war", "You")
    assert reset == Reset()


async def test_a_line_is_kept_or_removed_beside_it_and_in_the_drawer(page: Page) -> None:
    shown = said("it reached the curtain", trace=a_trace())
    page.controls.show(CHANNEL, said("mine", by="You"), shown)
    await page.until(lambda: len(page.all(".rule")) == 3)  # none beside a person's
    await page.run(lambda: page.one('[aria-label="Keep what Juno said"]').send_keys(Keys.ENTER))
    await page.run(lambda: page.all(".rule")[1].send_keys(Keys.ENTER))
    await page.until(lambda: "Delete done." in page.texts("#said"))
    await page.run(lambda: page.one(".ask-why").send_keys(Keys.ENTER))
    await page.run(page.all("#why .rulings button")[0].click)
    star, delete = Star(message=shown.message.id), Delete(message=shown.message.id)
    assert await page.steered(3) == [star, delete, star]


async def test_what_they_would_never_say_is_said_beside_a_line_and_taken_back(page: Page) -> None:
    shown = said("verily, old chap", trace=a_trace())
    page.controls.show(CHANNEL, shown)
    await page.until(lambda: page.all('[aria-label="Juno would never say that"]'))
    button = page.one('[aria-label="Juno would never say that"]')
    await page.run(lambda: button.send_keys(Keys.ENTER))
    disown = Disown(message=shown.message.id)
    assert await page.steered(1) == [disown]
    some_lines(page)
    await page.run(page.one("#open-lines").click)
    await page.until(lambda: page.all("#lines-disowned"))
    await page.run(page.one("#lines-disowned").click)
    await page.until(lambda: page.texts("#lines-body .about button") == ["Take it back"])
    await page.run(page.one("#lines-body .about button").click)
    line = page.controls.answers[Lines].noted[0]
    assert await page.steered(2) == [disown, Drop(message=line.message)]


async def test_a_line_that_waits_is_approved_dropped_or_refused(page: Page) -> None:
    assert not page.one("#draft").is_displayed()
    for number, (button, order) in enumerate(
        [
            ("#approve", Approve(order=OrderId("0"))),
            ("#reject", Reject(order=OrderId("1"))),
            ("#refuse", Reject(order=OrderId("2"), for_good=True)),
        ]
    ):
        draft = ShownDraft(order=OrderId(str(number)), persona=JUNO, text="<b>soup</b>?")
        page.controls.show(CHANNEL, replace(page.controls.state(CHANNEL), draft=draft))
        await page.until(lambda: page.texts("#draft-text") == ["<b>soup</b>?"])
        await page.run(page.one(button).click)
        await page.until(lambda: not page.one("#draft").is_displayed())
        assert (await page.steered(number + 1))[-1] == order


def some_lines(page: Page) -> None:
    line = said("<i>kept</i>").message
    noted = NotedLine(
        kind="favourite",
        message=line.id,
        channel=CHANNEL,
        author=line.author,
        text=line.text,
        at=line.at,
        by="Ann",
        noted_at=line.at,
    )
    refused = RefusedText(
        number=7, text="gone", channel=ELSEWHERE, persona="Marek", by="Ben", at=line.at
    )
    page.controls.answers[Lines] = Answer(text="", noted=(noted,))
    page.controls.answers[Removed] = Answer(text="", refused=(refused,))


async def test_the_pages_of_lines_show_what_was_kept_and_removed(page: Page) -> None:
    some_lines(page)
    await page.run(page.one("#open-lines").click)
    await page.until(lambda: page.one("#lines").is_displayed())
    tabs = ["Favourites (1)", "Saved (1)", "Never theirs (1)", "Removed (1)"]
    assert page.texts("#lines [role=tab]") == tabs
    assert page.texts("#lines blockquote") == ["Juno<i>kept</i>"]
    about = page.one("#lines .about").text
    assert about.startswith("kept by Ann, ")
    assert "web:general" in about
    page.controls.answers[Lines] = Answer(text="")
    await page.run(page.one("#lines .noted button").click)
    await page.until(lambda: "Nothing was kept" in page.one("#lines-body").text)
    await page.run(lambda: page.one("#lines-favourites").send_keys(Keys.ARROW_LEFT))
    await page.until(lambda: page.texts("#lines blockquote") == ["Marekgone"])
    page.controls.open(ELSEWHERE)
    page.controls.answers[Removed] = Answer(text="")
    await page.run(page.one("#lines .noted button").click)
    await page.until(lambda: "Nothing was removed" in page.one("#lines-body").text)
    assert await page.steered(2) == [Drop(message=said("<i>kept</i>").message.id), Allow(number=7)]
    assert page.controls.steered[-1].channel == ELSEWHERE
    await page.run(page.one("#shut-lines").click)
    await page.until(lambda: not page.one("#lines").is_displayed())


async def test_the_keyboard_keeps_its_place_when_lines_are_undone(page: Page) -> None:
    some_lines(page)
    (first,) = page.controls.answers[Lines].noted
    lines = [replace(first, text=text, message=MessageId(text)) for text in ("a", "b", "c")]

    def keep(*kept: NotedLine) -> None:
        page.controls.answers[Lines] = Answer(text="", noted=kept)

    def focus() -> str:
        script = "const at = document.activeElement; return at.ariaLabel || at.textContent"
        return str(page.js(script))

    def press(key: str) -> Callable[[], None]:
        return lambda: page.driver.switch_to.active_element.send_keys(key)

    keep(*lines)
    await page.run(page.one("#open-lines").click)
    await page.until(lambda: len(page.all("#lines .noted button")) == 3)
    await page.run(lambda: page.js("document.querySelectorAll('.noted button')[1].focus()"))
    keep(lines[0], lines[2])
    await page.run(press(Keys.ENTER))
    await page.until(lambda: focus() == "Keep it no longer: c")
    keep(lines[0])
    await page.run(press(Keys.ENTER))
    await page.until(lambda: focus() == "Keep it no longer: a")
    keep()
    await page.run(press(Keys.ENTER))
    await page.until(lambda: focus() == "Favourites")
    await page.run(press(Keys.ARROW_RIGHT))
    await page.until(lambda: focus().startswith("Saved"))
    dropped = [Drop(message=MessageId(text)) for text in ("b", "c", "a")]
    assert await page.steered(3) == dropped


async def test_why_shows_the_whole_trace(page: Page) -> None:
    page.controls.show(
        CHANNEL,
        said("who moved my starter"),
        said("it reached the curtain", by="Marek", trace=a_trace()),
    )
    await page.until(lambda: page.all(".ask-why"))
    await page.run(lambda: page.one(".ask-why").send_keys(Keys.ENTER))
    await page.until(lambda: page.one("#why").is_displayed())
    text = page.one("#why").text
    for part in (
        "Marek: Juno asked",
        "Taking up what another bot said",
        "who moved my starter",
        "Phrase: my starter",
        "2 candidates",
        "posted",
        "score 1.84",
        "said before",
        "likelihood −1.50",
        "412 ms",
        str(2**60),
    ):
        assert part in text
    assert page.texts("#why pre") == ["Juno: who moved my starter\nMarek:"]
    assert page.texts("#why .candidates .words")[1] == "<b>no</b>"
    await page.run(lambda: page.one("#shut-why").send_keys(Keys.ESCAPE))
    await page.until(lambda: not page.one("#why").is_displayed())


async def test_html_in_words_names_and_notes_stays_text(page: Page) -> None:
    attack = "<img src=x onerror=\"document.title='broken'\">"
    state = ShownState(
        paused=False,
        speed=1.0,
        temperature=None,
        personas=((PersonaName(attack), "ready"),),
        note=attack,
    )
    page.controls.show(CHANNEL, said(attack, by=attack), state)
    page.controls.show(
        CHANNEL,
        ShownReaction(
            message=said(attack).message.id, emoji=attack[:30], author=attack, trace=None
        ),
    )
    await page.until(lambda: page.all(".reaction"))
    assert page.texts(".words") == [attack]
    assert page.texts("#note") == [attack]
    assert page.js("return document.querySelectorAll('main img, .note img').length") == 0
    assert page.driver.title == "BotConvo"


async def test_after_a_break_nothing_is_missing_doubled_or_undead(page: Page) -> None:
    first, gone, last = said("first"), said("gone"), said("last")
    page.controls.show(CHANNEL, first, gone, last)
    await page.until(lambda: page.texts(".words") == ["first", "gone", "last"])
    page.controls.interrupt()
    await page.controls.has_watchers(CHANNEL, 0)
    page.controls.forget(gone.message.id)
    page.controls.show(CHANNEL, said("meanwhile"))
    await page.until(lambda: page.texts(".words") == ["first", "last", "meanwhile"])
    page.controls.show(CHANNEL, ShownRemoval(message=last.message.id))
    await page.until(lambda: page.texts(".words") == ["first", "meanwhile"])


async def test_a_new_run_on_the_same_port_is_found_by_the_old_page(driver: Any) -> None:
    async with a_page(driver) as page:
        port = int(page.platform.address.rsplit(":", 1)[1].strip("/"))
        await page.platform.__aexit__(None, None, None)
        await page.until(lambda: "connection is gone" in page.one("#note").text)
        controls = FakeControls(CHANNEL, personas=CAST)
        async with WebPlatform(controls, port=port, title="Next."):
            controls.show(CHANNEL, said("a new talk"))
            await page.until(lambda: page.texts(".words") == ["a new talk"])
            assert page.one(".creed").text == "These are bots. Next."
            driver.get_log("browser")
            await page.run(lambda: driver.get("about:blank"))


@pytest.mark.parametrize("scroll_event", ["in time", "late"])
async def test_reading_back_is_not_disturbed(page: Page, scroll_event: str) -> None:
    if scroll_event == "late":  # a busy browser takes in a message before its next frame
        page.js("window.addEventListener('scroll', (e) => e.stopImmediatePropagation(), true)")
    page.controls.show(CHANNEL, *(said(f"line {n}", minutes=n * 6) for n in range(40)))
    await page.until(lambda: len(page.texts(".words")) == 40)
    at_end = "const s = document.getElementById('scroller');" + (
        "return s.scrollHeight - s.scrollTop - s.clientHeight < 2"
    )
    await page.until(lambda: page.js(at_end))
    page.js("document.getElementById('scroller').scrollTop = 0")
    await page.until(lambda: page.js("return document.getElementById('scroller').scrollTop") == 0)
    page.controls.show(CHANNEL, said("news", minutes=300), said("more news", minutes=310))
    await page.until(lambda: page.one("#newer").text == "2 new messages")
    assert page.js("return document.getElementById('scroller').scrollTop") == 0
    await page.run(page.one("#newer").click)
    await page.until(lambda: page.js(at_end))
    assert not page.one("#newer").is_displayed()


async def test_other_channels_can_be_watched_and_steered_but_not_written_in(driver: Any) -> None:
    async with a_page(driver, ELSEWHERE, CHANNEL) as page:
        await page.until(lambda: page.texts(".tab") == ["console · main", "# general"])
        assert page.one("#composer").is_displayed()
        page.controls.show(ELSEWHERE, said("over here", channel=ELSEWHERE))
        await page.until(lambda: page.texts(".unread") == ["1"])
        await page.run(lambda: page.all(".tab")[1].send_keys(Keys.ARROW_LEFT))
        await page.until(lambda: page.texts(".words") == ["over here"])
        assert not page.one("#composer").is_displayed()
        assert page.one("#elsewhere").is_displayed()
        await page.run(page.one("#pause").click)
        [steering] = await page.controls.has_steered(1)
        assert steering.channel == ELSEWHERE


async def test_pictures_are_shown_for_those_who_have_one(driver: Any) -> None:
    async with a_page(driver, avatars={JUNO: PIXEL}) as page:
        loaded = "return [...document.querySelectorAll('#cast img')].map((i) => i.naturalWidth)"
        await page.until(lambda: page.js(loaded) == [1])
        assert page.texts("#cast .avatar") == ["", "M"]


async def test_a_phone_is_wide_enough(page: Page) -> None:
    page.resize(360, 640)
    page.controls.show(
        CHANNEL,
        said("w" * 300, trace=a_trace()),
        said("hm", by="Marek", reply_to="w" * 20, minutes=1),
    )
    await page.until(lambda: len(page.texts(".words")) == 2)
    assert page.js("return document.documentElement.scrollWidth") == 360
    widest = (
        "return Math.max(...[...document.querySelectorAll('.top *, .log *, .composer *')]"
        ".map((e) => e.getBoundingClientRect().right))"
    )
    assert page.js(widest) <= 361
    await page.until(lambda: not page.one("#speed").is_displayed())
    await page.run(page.one("#open-reins").click)
    await page.until(lambda: page.one("#speed").is_displayed())
    await page.run(lambda: page.one("#shut-reins").send_keys(Keys.ESCAPE))
    await page.until(lambda: not page.one("#speed").is_displayed())
    assert page.js("return document.activeElement.id") == "open-reins"


async def test_light_and_dark_follow_the_system_until_somebody_chooses(page: Page) -> None:
    background = "return getComputedStyle(document.body).backgroundColor"
    page.prefer("light")
    light = page.js(background)
    page.prefer("dark")
    await page.until(lambda: page.js(background) != light)
    choose = "document.querySelector('input[value={}]').click()"
    page.js(choose.format("light"))
    await page.until(lambda: page.js(background) == light)
    await page.load()
    assert page.js(background) == light
    page.js(choose.format("auto"))
    await page.until(lambda: page.js(background) != light)


CONTRASTS = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_word_can_be_read(page: Page, scheme: Literal["light", "dark"]) -> None:
    page.prefer(scheme)
    names = [JUNO, MAREK, *(f"Bot {letter}" for letter in "ABCDEF")]
    page.controls.show(CHANNEL, said("who moved my starter", by="You"))
    for name in names:
        shown = said(f"by {name}", by=name, trace=a_trace(), reply_to="by Juno")
        page.controls.show(CHANNEL, shown)
    state = ShownState(paused=True, speed=1.0, temperature=0.5, personas=CAST, note="a note")
    page.controls.show(CHANNEL, state)
    await page.until(lambda: len(page.texts(".words")) == 9 and page.texts("#note") == ["a note"])
    hues = "return [...document.querySelectorAll('.turn.clone')].map((e) => e.style.cssText)"
    assert len(set(page.js(hues))) == 8
    await page.run(lambda: page.all(".ask-why")[-1].send_keys(Keys.ENTER))
    await page.until(lambda: page.one("#why").is_displayed())
    ratios = await page.run(lambda: page.driver.execute_async_script(CONTRASTS))
    assert len(ratios) > 50
    assert {where: ratio for where, ratio in ratios.items() if ratio < 4.5} == {}
    await page.run(page.one("#shut-why").click)
    some_lines(page)
    draft = ShownDraft(order=OrderId("x"), persona=JUNO, text="soup")
    page.controls.show(CHANNEL, replace(state, note=None, muted=(JUNO,), draft=draft))
    await page.until(lambda: page.one("#draft").is_displayed())
    await page.run(page.one("#open-lines").click)
    await page.until(lambda: page.one("#lines").is_displayed())
    ratios = await page.run(lambda: page.driver.execute_async_script(CONTRASTS))
    assert {where: ratio for where, ratio in ratios.items() if ratio < 4.5} == {}


async def test_the_game_is_played_with_the_keyboard_on_a_phone_in_the_dark(driver: Any) -> None:
    game = FakeGame("<b>soup</b>", [("Al", "what is for dinner"), ("Bo", "(👍)")])
    async with a_page(driver, game=game) as page:
        page.resize(390, 844)
        page.prefer("dark")
        await page.run(lambda: page.one("#open-game").send_keys(Keys.ENTER))
        await page.until(lambda: len(page.all("#game-choice button")) == 2)
        assert page.texts(".before li") == ["Al what is for dinner", "Bo (👍)"]
        assert page.texts("#game blockquote") == ["<b>soup</b>"]
        assert page.js("return document.documentElement.scrollWidth") == 390
        ratios = await page.run(lambda: page.driver.execute_async_script(CONTRASTS))
        assert {where: ratio for where, ratio in ratios.items() if ratio < 4.5} == {}
        await page.run(lambda: page.driver.switch_to.active_element.send_keys("c"))
        await page.until(lambda: page.texts(".verdict") == ["Right: that was Juno's clone."])
        ratios = await page.run(lambda: page.driver.execute_async_script(CONTRASTS))
        assert {where: ratio for where, ratio in ratios.items() if ratio < 4.5} == {}
        # The next round is one key away, and its answer two.
        await page.run(lambda: page.driver.switch_to.active_element.send_keys(Keys.ENTER))
        await page.until(lambda: len(page.all("#game-choice button")) == 2)
        assert "1 of 1; guessing gives 0.5" in page.texts("#game-verdict")[0]
        await page.run(lambda: page.driver.switch_to.active_element.send_keys(Keys.ENTER))
        await page.until(lambda: page.texts(".verdict") == ["Wrong: that was Juno's clone."])
        assert [guess for _, guess, _, _ in game.guesses] == ["clone", "friend"]
        await page.run(lambda: page.driver.switch_to.active_element.send_keys(Keys.ESCAPE))
        await page.until(lambda: not page.one("#game").is_displayed())
        assert page.texts("#game-body") == [""]  # words of friends do not stay


async def test_a_game_that_is_over_leaves_one_line(driver: Any) -> None:
    game = FakeGame("soup", [("Al", "what is for dinner")])
    async with a_page(driver, game=game) as page:
        await page.run(page.one("#open-game").click)
        await page.until(lambda: len(page.all("#game-choice button")) == 2)
        game.ending = ConsentError("the game is over: Juno's consent was withdrawn")
        await page.run(page.all("#game-choice button")[0].click)
        over = ["The game is over: Juno's consent was withdrawn."]
        await page.until(lambda: page.texts(".game-over") == over)
        assert page.texts("#game-body") == over
        driver.get_log("browser")  # Chromium writes down that something was refused
