"""Pictures for the guide to Discord, drawn from what happens on the rehearsal.

    python scripts/picture_discord.py                   all of them into docs/pictures
    python scripts/picture_discord.py talk vote         only these

It takes Chromium and its driver, and selenium (``pip install ".[test]"``).  The chat client is a
drawing of our own; what stands in it was really said and done (``discord_scenes.py``).
"""

import argparse
import asyncio
import base64
import html
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, assert_never

from discord_scenes import SCENES, Line, Member, Offer, Popup, Shown, Terminal, View

__all__ = ["markup"]

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
_SCALE = 1.5
_FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --hide-scrollbars --window-size=900,1400"
    f" --force-device-scale-factor={_SCALE} --disable-dev-shm-usage --lang=en-GB"
)
_COLOURS = ("#b5543c", "#3c7a5e", "#6b5ca5", "#a67c1a", "#2f6f9f", "#96476b")
_LINK = re.compile(r"https?://\S+/channels/\S+")
_STYLE = """
* { box-sizing: border-box; margin: 0; }
body { background: #fff; font: 15px/1.4 "DejaVu Sans", "Liberation Sans", sans-serif;
  color: #2b2622; padding: 8px; }
#picture { width: 640px; display: flex; flex-direction: column; gap: 10px; padding: 2px; }
.card { border: 1px solid #d9cfc2; border-radius: 10px; overflow: hidden; background: #fffdf9; }
.bar { background: #f1e9dd; border-bottom: 1px solid #d9cfc2; padding: 7px 14px;
  font-weight: bold; color: #5b5048; }
.bar span { font-weight: normal; color: #8a7c6f; margin-left: 10px; font-size: 13px; }
.room { display: flex; }
.talk { flex: 1; padding: 8px 14px 10px; min-width: 0; }
.line { display: flex; gap: 11px; padding: 6px 0; }
.face { width: 38px; height: 38px; border-radius: 9px; flex: none; display: grid;
  place-items: center; color: #fff; font-weight: bold; font-size: 17px;
  image-rendering: pixelated; }
.body { min-width: 0; flex: 1; overflow-wrap: anywhere; white-space: pre-wrap; }
.head { white-space: nowrap; }
.name { font-weight: bold; }
.mark { font-size: 10px; font-weight: bold; letter-spacing: .5px; color: #fffdf9;
  background: #5b5048; border-radius: 4px; padding: 1px 5px; margin-left: 6px;
  vertical-align: 1px; }
.at { color: #9c8f82; font-size: 12px; margin-left: 8px; }
.quote { border-left: 3px solid #d2b48c; padding-left: 9px; color: #6d6157; font-size: 14px; }
.jump { color: #2f6f9f; text-decoration: underline; }
.used { color: #8a7c6f; font-size: 12.5px; }
.private { background: #f6f1e6; border-radius: 8px; padding: 6px 8px; margin: 2px -8px; }
.only { color: #8a7c6f; font-size: 12.5px; margin-top: 2px; }
.chips { display: flex; gap: 6px; margin-top: 4px; }
.chip { border: 1px solid #d9cfc2; border-radius: 12px; background: #f6f1e6; font-size: 14px;
  padding: 1px 9px; }
.chip.ours { border-color: #3c7a5e; background: #e6f1ea; }
.typing { color: #6d6157; font-size: 13.5px; font-style: italic; padding: 4px 0 0 49px; }
.dots { letter-spacing: 2px; font-style: normal; color: #3c7a5e; font-weight: bold; }
.members { width: 190px; flex: none; background: #f8f3ea; border-left: 1px solid #d9cfc2;
  padding: 10px 12px; font-size: 14px; }
.member { display: flex; align-items: center; gap: 8px; padding: 3px 0; white-space: nowrap; }
.member .face { width: 24px; height: 24px; border-radius: 6px; font-size: 12px; }
.member.offline { opacity: .5; }
.dot { width: 9px; height: 9px; border-radius: 50%; background: #3c9a5e; flex: none; }
.offline .dot { background: transparent; border: 2px solid #8a7c6f; }
.offer { border: 1px solid #d9cfc2; border-radius: 8px; overflow: hidden; margin: 4px 14px 0; }
.choice { padding: 4px 12px; } .choice:first-child { background: #e6f1ea; }
.entry { margin: 6px 14px 12px; padding: 8px 12px; border: 1px solid #d9cfc2; border-radius: 8px;
  background: #fff; } .entry::after { content: "|"; color: #3c7a5e; }
.terminal { background: #26221f; color: #eae2d6; font: 12.5px/1.5 "DejaVu Sans Mono", monospace;
  padding: 14px 16px; border-radius: 10px; white-space: pre-wrap; overflow-wrap: anywhere; }
.terminal b { color: #e5c07b; } .terminal i { color: #8fce9f; font-style: normal; }
.terminal u { color: #8ab8e6; }
"""


# ---- drawing -------------------------------------------------------------------------------


def markup(shown: Sequence[Shown]) -> str:
    """A page with everything that a scene shows, one card below the other."""
    cards = "".join(_card(each) for each in shown)
    return (
        f"<!doctype html><meta charset=utf-8><style>{_STYLE}</style><div id=picture>{cards}</div>"
    )


def _card(shown: Shown) -> str:
    match shown:
        case View():
            return f"<div class=card>{_room(shown)}</div>"
        case Popup(view=view, offer=offer):
            return f"<div class=card>{_room(view)}{_offer(offer)}</div>"
        case Terminal():
            return _terminal(shown)
        case _:
            assert_never(shown)


def _room(view: View) -> str:
    title = f"<span>{html.escape(view.title)}</span>" if view.title else ""
    bar = f"<div class=bar># {html.escape(view.channel)}{title}</div>"
    talk = "".join(map(_line, view.lines))
    if view.typing:
        who = html.escape(", ".join(view.typing))
        talk += f"<div class=typing><span class=dots>•••</span> {who} is typing</div>"
    members = "".join(map(_member, view.members))
    if members:
        members = f"<div class=members>{members}</div>"
    return f"{bar}<div class=room><div class=talk>{talk}</div>{members}</div>"


def _line(line: Line) -> str:
    mark = "<span class=mark>BOT</span>" if line.bot else ""
    head = (
        f"<span class=name>{html.escape(line.author)}</span>{mark}<span class=at>{line.at}</span>"
    )
    used = f"<div class=used>↱ {html.escape(line.used)}</div>" if line.used else ""
    reply = f"<div class=quote>{html.escape(line.reply)}</div>" if line.reply else ""
    only = "<div class=only>Only whoever asked sees this.</div>" if line.private else ""
    private = " private" if line.private else ""
    return (
        f"<div class='line{private}'>{_face(line.author, line.picture)}<div class=body>"
        f"{used}{reply}<div class=head>{head}</div>{_words(line.text)}{_chips(line)}{only}"
        "</div></div>"
    )


def _words(text: str) -> str:
    """The words as a client shows them: quotations, bold, and escaped characters."""
    rows = []
    for row in text.split("\n"):
        shown = html.escape(row.removeprefix("> "))
        shown = _LINK.sub("<span class=jump>↗ to the message</span>", shown)
        shown = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", shown)
        shown = re.sub(r"\\([\\*_~|`\[\]#+.\-])", r"\1", shown)
        kind = " class=quote" if row.startswith("> ") else ""
        rows.append(f"<div{kind}>{shown}</div>")
    return "".join(rows)


def _chips(line: Line) -> str:
    chips = "".join(
        f"<span class='chip{' ours' if ours else ''}'>{emoji} {count}</span>"
        for emoji, count, ours in line.reactions
    )
    return f"<div class=chips>{chips}</div>" if chips else ""


def _face(name: str, picture: bytes | None) -> str:
    if picture is not None:
        uri = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
        return f"<img class=face src='{uri}' alt=''>"
    colour = _COLOURS[sum(map(ord, name)) % len(_COLOURS)]
    return f"<div class=face style='background:{colour}'>{html.escape(name[0])}</div>"


def _member(member: Member) -> str:
    mark = "<span class=mark>BOT</span>" if member.bot else ""
    away = " offline" if member.status == "offline" else ""
    face = _face(member.name, member.picture)
    return (
        f"<div class='member{away}'>{face}<span class=dot></span>"
        f"<span>{html.escape(member.name)}{mark}</span></div>"
    )


def _offer(offer: Offer) -> str:
    choices = "".join(f"<div class=choice>{html.escape(each)}</div>" for each in offer.choices)
    typed = html.escape(offer.typed)
    return f"<div class=offer>{choices}</div><div class=entry>{typed} </div>"


def _terminal(terminal: Terminal) -> str:
    words = html.escape(terminal.words)
    words = re.sub(r"^ok\b", "<i>ok</i>", words, flags=re.MULTILINE)
    words = re.sub(r"(https://\S+)", r"<u>\1</u>", words)
    return f"<div class=terminal><b>$ {html.escape(terminal.command)}</b>\n{words}</div>"


# ---- taking pictures -----------------------------------------------------------------------


@contextmanager
def _browser() -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = _found("chromium", "chromium-browser", "google-chrome")
    for flag in _FLAGS.split():
        options.add_argument(flag)
    # A given driver keeps selenium from looking for one to download.
    service = webdriver.ChromeService(executable_path=_found("chromedriver"))
    with webdriver.Chrome(options=options, service=service) as driver:
        yield driver


def _found(*names: str) -> str:
    path = next((path for path in map(shutil.which, names) if path), None)
    if path is None:
        sys.exit(f"picture_discord: there is no {names[0]} here; install it to draw pictures")
    return path


def _take(driver: Any, shown: Sequence[Shown], path: Path) -> int:
    """Draw into a file; gives its size."""
    page = path.with_suffix(".html")
    page.write_text(markup(shown), encoding="utf-8")
    driver.get(page.as_uri())
    picture = driver.find_element("id", "picture").screenshot_as_png
    page.unlink()
    path.write_bytes(picture)
    return len(picture)


def main(arguments: list[str] | None = None) -> None:
    """Play the scenes and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = [scene.name for scene in SCENES]
    parser.add_argument("scene", nargs="*", help=f"some of: {', '.join(names)}")
    parser.add_argument("--output", type=Path, default=PICTURES)
    options = parser.parse_args(arguments)
    if unknown := set(options.scene) - set(names):
        parser.error(f"there is no scene {sorted(unknown)[0]!r}; there are {', '.join(names)}")
    options.output.mkdir(parents=True, exist_ok=True)
    with _browser() as driver:
        for scene in SCENES:
            if not options.scene or scene.name in options.scene:
                with tempfile.TemporaryDirectory(prefix="botconvo-") as folder:
                    shown = asyncio.run(scene.play(Path(folder)))
                size = _take(driver, shown, options.output / f"{scene.name}.png")
                print(f"{scene.name}.png {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
