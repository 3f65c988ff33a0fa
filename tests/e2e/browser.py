"""Chromium without a window, driven by Playwright; the distribution's Chromium is installed where that can be done."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

expect.set_options(timeout=20_000)  # milliseconds; the machine may be busy
_NAMES = ("chromium", "chromium-browser", "google-chrome")
# Without these it looks for updates and accounts on the network, and as root it refuses to start.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def ensure_chromium() -> str:
    """The path of a Chromium; installs Debian's as root, otherwise the test fails with the command to run."""
    found = _find()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
            done = subprocess.run(
                ["apt-get", *command], env=environment, capture_output=True, text=True, timeout=600, check=False
            )
            if done.returncode:
                pytest.fail(f"apt-get {' '.join(command)} failed; the page's test needs Chromium:\n{done.stderr}")
        found = _find()
    if found is None:
        pytest.fail("the page's test needs Chromium. Run: sudo apt-get install chromium")
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running Chromium, ended with the block."""
    path = ensure_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def _find() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def open_page(
    browser: Browser,
    url: str,
    size: tuple[int, int],
    *,
    tolerated: str = "\0",
    scheme: Literal["light", "dark"] = "light",
) -> Iterator[Page]:
    """The page at `url` in a window of that size, with its list shown.

    What the browser complains about fails the test, violations of the content security policy included; not what has
    `tolerated` in it.
    """
    complaints: list[str] = []
    with browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme) as context:
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(f"{request.failure}: not loaded: {request.url}"))
        page.goto(url)
        expect(page.locator("ol.films:visible > li")).to_have_count(10)
        yield page
    # The page itself aborts a request that a newer one replaces.
    assert [one for one in complaints if tolerated not in one and "net::ERR_ABORTED" not in one] == []
