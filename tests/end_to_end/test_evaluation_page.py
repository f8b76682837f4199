"""The report in a real browser: nothing sticks out on a phone, and it has a dark side."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

if not os.environ.get("CI"):
    pytest.importorskip("selenium")
    pytest.importorskip("matplotlib")
from evaluation.findings import a_clone, a_matrix, a_report
from selenium import webdriver

from botconvo.evaluation.advice import judged
from botconvo.evaluation.page import page_of

FLAGS = "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-dev-shm-usage"


def _found(variable: str, *names: str) -> str:
    paths = [os.environ.get(variable), *(shutil.which(name) for name in names)]
    path = next((path for path in paths if path), None)
    if path is None:
        missing = f"no {names[0]} here: the report was not seen in a browser (set {variable})"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = _found("CHROMIUM", "chromium", "chromium-browser", "google-chrome")
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    service = webdriver.ChromeService(executable_path=_found("CHROMEDRIVER", "chromedriver"))
    page = tmp_path_factory.mktemp("report") / "report.html"
    long = "w" * 300  # a word that has no place to break
    clones = [judged(a_clone(name, notes=(long,)), a_matrix()) for name in ("Al", "Bort")]
    page.write_text(page_of(a_report(*clones, matrix=a_matrix())), encoding="utf-8")
    with webdriver.Chrome(options=options, service=service) as driver:
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
