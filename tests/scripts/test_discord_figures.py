"""The figures about Discord in small: a soak with every fault once, and each measurement."""

import subprocess
import sys
from pathlib import Path

import pytest
import soak_discord

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
    assert "| lines posted twice | 0 |" in out
    assert "| unhandled exceptions | 0 |" in out
    assert "| still running at the end | yes |" in out


@linux
def test_the_latency_is_measured() -> None:
    assert "typing indicator, ms" in run("measure_discord.py", "latency", "--times", "2")


@linux
def test_many_channels_cost_little() -> None:
    out = run("measure_discord.py", "channels", "--count", "20", "--talks", "1")
    assert "20 answered" in out


def test_growth_beyond_a_tenth_misses_the_figure() -> None:
    assert not soak_discord.Outcome(warm_mb=100.0, end_mb=109.0).missed
    assert soak_discord.Outcome(warm_mb=100.0, end_mb=111.0).missed
    assert soak_discord.Outcome(double=["1"]).missed
