"""The figures about Discord in small: a soak with every fault once, and each measurement."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import soak_discord
from discord_product import Product
from soak_discord import Outcome

from botconvo.messages import Author, AuthorId, ChannelId, Message, MessageId
from botconvo.rehearsal import Rehearsal
from botconvo.rehearsal.world import Draft
from botconvo.store import Store

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


def run(*words: str) -> str:
    """A script's words; its exit code says whether the figure was kept."""
    script, *arguments = words
    process = subprocess.run(
        [sys.executable, str(SCRIPTS / script), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert process.returncode in (0, 1), process.stderr
    return process.stdout


@linux
def test_a_soak_with_the_quick_faults_loses_and_doubles_nothing() -> None:
    quick = ["gateway dropped", "op 7", "502 after", "cut after", "events twice", "429"]
    kinds = [word for kind in quick for word in ("--kind", kind)]
    out = run("soak_discord.py", "--events", "120", "--pace", "20", "--fault-every", "15", *kinds)
    assert "| lost or outdated lines | 0 |" in out
    assert "| gone lines still known | 0 |" in out
    assert "| clones' lines unknown | 0 |" in out
    assert "| lines posted twice | 0 |" in out
    assert "| lines that ping or link | 0 |" in out
    assert "| lines not shown at the end | 0 | 5 asked |" in out
    assert "| faults | 8 | 0 struck" not in out
    assert "| unhandled exceptions | 0 |" in out
    assert "| still running at the end | yes |" in out


@linux
def test_the_latency_is_measured() -> None:
    assert "typing indicator, ms" in run("measure_discord.py", "latency", "--times", "2")


@linux
def test_many_channels_cost_little() -> None:
    out = run("measure_discord.py", "channels", "--count", "20", "--talks", "1")
    assert "20 answered" in out


FINE = Outcome(answered=soak_discord.CHANNELS, memory_mb=[(1, 100.0), (2, 109.0)])


def test_growth_beyond_a_tenth_misses_the_figure() -> None:
    assert not FINE.missed
    assert replace(FINE, memory_mb=[(1, 100.0), (2, 105.0), (3, 111.0)]).missed


@pytest.mark.parametrize(
    "name", ["lost", "stale", "unknown", "double", "harmful", "not_shown", "unhandled"]
)
def test_whatever_went_wrong_misses_the_figure(name: str) -> None:
    outcome = replace(FINE)
    setattr(outcome, name, ["it"])
    assert outcome.missed


def test_a_soak_in_which_nobody_spoke_proves_nothing() -> None:
    assert replace(FINE, events=1000, said=3).missed
    assert replace(FINE, answered=soak_discord.CHANNELS - 1).missed
    assert replace(FINE, alive=False).missed


async def test_the_soak_sees_what_is_wrong(tmp_path: Path) -> None:
    outcome = Outcome()
    async with Rehearsal() as rehearsal:
        stage = soak_discord.Soak(rehearsal, Random(1))
        channel, person = stage.channels[0], stage.people[0]

        def clone_says(text: str) -> None:
            rehearsal.world.post(channel, stage.bot.user, Draft(content=text))

        for text in ("abc p1n1", "> quoted\nabc p1n1", "come to https://discord.gg/kettle p1n2"):
            clone_says(text)
        heard, _ = person.says(channel, "heard"), person.says(channel, "lost")
        talk = ChannelId(f"discord:{stage.guild.id}/{channel.id}")
        with Store.open(tmp_path / "store.sqlite3") as store, store.transaction():
            for number, text in ((heard.id, "heard"), (77, "deleted")):
                store.record_live(
                    Message(
                        id=MessageId(f"discord:{channel.id}/{number}"),
                        channel=talk,
                        author=Author(id=AuthorId("discord:1"), name="Person"),
                        text=text,
                        at=heard.at,
                    )
                )
        process: Any = None
        log = tmp_path / "log"
        product = Product(process=process, log=log, store=tmp_path / "store.sqlite3", prompts=None)
        soak_discord.compare(stage, product, outcome)
        soak_discord.look_at_clones(stage, outcome)
    assert ["'lost'" in line for line in outcome.lost] == [True]
    assert ["'deleted'" in line for line in outcome.stale] == [True]
    assert (len(outcome.unknown), outcome.said, outcome.double) == (3, 3, ["p1n1"])
    assert outcome.harmful == ["come to https://discord.gg/kettle p1n2"]


def test_where_a_clone_began_anew_is_known() -> None:
    assert soak_discord.topic_of("Ann: hi\nJuno:", []) == 0
    assert soak_discord.topic_of("Juno: INIT;\nJuno: hello p1n7\nAnn: hi", []) == 0
