"""The page `/ui` in a real browser, through the load balancer."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import chromium
from tests.e2e.conftest import Project

pytestmark = pytest.mark.e2e

DESKTOP, PHONE = (1280, 900), (390, 844)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@contextmanager
def _page(browser: Browser, url: str, size: tuple[int, int]) -> Iterator[Page]:
    """A page in a window of that size; anything that the browser complains about fails the test."""
    complaints: list[str] = []
    with browser.new_context(viewport={"width": size[0], "height": size[1]}) as context:
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(f"not loaded: {request.url}"))
        page.goto(url)
        expect(page.locator("#recommended > li")).to_have_count(10)
        yield page
    assert complaints == []


def _api(project: Project, uid: str) -> list[str]:
    with urllib.request.urlopen(f"{project.url}/?uid={uid}", timeout=10) as answer:
        return [title for title, _ in json.load(answer)["response"]]


def test_a_click_through_shows_what_the_api_recommends_why_and_which_model_said_so(
    project: Project, browser: Browser
) -> None:
    with _page(browser, f"{project.url}/ui?uid=20", DESKTOP) as page:
        assert page.locator("#recommended .title").all_inner_texts() == _api(project, "20")
        with urllib.request.urlopen(f"{project.url}/ready", timeout=10) as answer:
            assert page.locator("#version").inner_text() == answer.headers["X-Model-Version"]

        page.get_by_role("button", name="Somebody else").click()
        expect(page.locator("#status")).not_to_contain_text("user 20")
        expect(page.locator("#answer")).not_to_have_class("columns busy")
        other = page.get_by_label("User").input_value()
        assert other != "20"
        assert page.locator("#recommended .title").all_inner_texts() == _api(project, other)

        first = page.locator("#recommended > li").first
        reasons = first.locator(".because b").all_inner_texts()
        assert reasons
        shown = set(page.locator("#rated .title").all_inner_texts())
        first.hover()
        expect(page.locator("#rated > li.reason")).to_have_count(len(shown & set(reasons)))

        with urllib.request.urlopen(f"{project.url}/users/{other}?n=12", timeout=10) as answer:
            given = [f"{film['value']:.1f}" for film in json.load(answer)["rated"]]
        assert page.locator("#rated .stars").all_inner_texts() == given

        first.get_by_text("Similar", exact=True).click()
        expect(first.locator(".similar li")).to_have_count(5)

        page.go_back()
        expect(page.locator("#status")).to_contain_text("user 20")


def test_the_keyboard_alone_is_enough(project: Project, browser: Browser) -> None:
    with _page(browser, f"{project.url}/ui", DESKTOP) as page:
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the recommendations")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_label("User")).to_be_focused()
        page.keyboard.press("Control+a")
        page.keyboard.type("33")
        page.keyboard.press("Enter")
        expect(page.locator("#status")).to_have_text("10 films for user 33")
        assert page.url.endswith("/ui?uid=33")


def test_somebody_unknown_and_a_word_for_a_number_are_told_apart(project: Project, browser: Browser) -> None:
    with _page(browser, f"{project.url}/ui?uid=999999", DESKTOP) as page:
        expect(page.locator("#rated-help")).to_contain_text("not in the data")
        page.get_by_label("User").fill("twenty")
        page.get_by_role("button", name="Show").click()
        assert page.get_by_label("User").evaluate("input => input.validity.patternMismatch")
        expect(page.locator("#status")).to_have_text("10 films for user 999999")


def test_a_phone_shows_everything_without_scrolling_sideways(
    project: Project, browser: Browser, tmp_path: Path
) -> None:
    with _page(browser, f"{project.url}/ui?uid=20", PHONE) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        for box in (one.bounding_box() for one in page.locator("button, input").all()):
            assert box is not None
            assert box["height"] >= 44  # what a finger hits; Apple's Human Interface Guidelines
        recommended, rated = (page.locator(f"#{one}").bounding_box() for one in ("recommended", "rated"))
        assert recommended is not None
        assert rated is not None
        assert rated["y"] > recommended["y"] + recommended["height"]
        picture = page.screenshot(path=tmp_path / "phone.png", full_page=True)
        assert len(picture) > 20_000


def test_the_openapi_page_is_drawn_from_the_service_alone(project: Project, browser: Browser) -> None:
    asked: list[str] = []
    with browser.new_context() as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{project.url}/docs")
        expect(page.get_by_role("link", name="/recommendations")).to_be_visible()
    elsewhere = [url for url in asked if not url.startswith((project.url, "data:", "blob:"))]
    assert elsewhere == []
