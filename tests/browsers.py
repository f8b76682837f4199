"""A browser without a window, for tests that look at a page."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

if not os.environ.get("CI"):
    pytest.importorskip("selenium")
from selenium import webdriver

__all__ = ["a_browser"]

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --window-size=1200,800"
    " --disable-background-networking --disable-component-update --disable-sync"
    " --disable-dev-shm-usage --lang=en-GB"
)


@contextmanager
def a_browser(profile: Path) -> Iterator[Any]:
    """Chromium with a profile of its own; without one here the test is skipped, and fails in CI."""
    options = webdriver.ChromeOptions()
    options.binary_location = _found("CHROMIUM", "chromium", "chromium-browser", "google-chrome")
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={profile}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # A given driver keeps selenium from looking for one to download.
    service = webdriver.ChromeService(executable_path=_found("CHROMEDRIVER", "chromedriver"))
    with webdriver.Chrome(options=options, service=service) as driver:
        yield driver


def _found(variable: str, *names: str) -> str:
    paths = [os.environ.get(variable), *(shutil.which(name) for name in names)]
    path = next((path for path in paths if path), None)
    if path is None:
        missing = f"no {names[0]} here: the page was not seen in a browser (set {variable})"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path
