"""The report in a real browser: nothing sticks out on a phone, and it has a dark side."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import a_browser

if not os.environ.get("CI"):
    pytest.importorskip("matplotlib")
from evaluation.findings import a_clone, a_matrix, a_report

from botconvo.evaluation.advice import judged
from botconvo.evaluation.page import page_of


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    page = tmp_path_factory.mktemp("report") / "report.html"
    long = "w" * 300  # a word that has no place to break
    clones = [judged(a_clone(name, notes=(long,)), a_matrix()) for name in ("Al", "Bort")]
    page.write_text(page_of(a_report(*clones, matrix=a_matrix())), encoding="utf-8")
    with a_browser(tmp_path_factory.mktemp("profile")) as driver:
        driver.get(Path(page).as_uri())
        yield driver


def look(driver: Any, width: int, scheme: str) -> None:
    screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    driver.execute_script("for (const d of document.querySelectorAll('details')) d.open = true")


@pytest.mark.parametrize("width", [320, 375, 1200])
def test_nothing_sticks_out(driver: Any, width: int) -> None:
    look(driver, width, "light")
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    shown = driver.execute_script(
        "return [...document.querySelectorAll('.svg svg')].map(e => e.getBoundingClientRect())"
        ".map(r => [r.left, r.right, r.height])"
    )
    assert len(shown) == 2 * 4 + 1
    assert all(left >= 0 and right <= width and height > 60 for left, right, height in shown)


def test_names_of_figures_stay_legible_on_a_phone(driver: Any) -> None:
    look(driver, 320, "light")
    heights = driver.execute_script(
        "return [...document.querySelectorAll('.figures tr')].map(r => r.offsetHeight)"
    )
    assert len(heights) > 20
    assert max(heights) < 150  # five lines; letters one below the other were 700


def test_on_paper_ink_is_dark_whatever_the_reader_wishes(driver: Any) -> None:
    look(driver, 800, "dark")
    ink = "return getComputedStyle(document.body).color"
    on_screen = driver.execute_script(ink)
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    on_paper = driver.execute_script(ink)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    assert on_paper == "rgb(31, 35, 40)" != on_screen


def test_paper_and_ink_follow_the_readers_wish(driver: Any) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        look(driver, 800, scheme)
        colours[scheme] = driver.execute_script(
            "const of = (q, p) => getComputedStyle(document.querySelector(q))[p];"
            "return [of('body', 'backgroundColor'), of('.svg text', 'fill')]"
        )
    light, dark = colours["light"], colours["dark"]
    assert light[0] != dark[0]
    assert light[1] != dark[1]


def test_nothing_was_fetched(driver: Any) -> None:
    fetched = driver.execute_script("return performance.getEntriesByType('resource').length")
    assert fetched == 0
