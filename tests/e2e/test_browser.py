"""The page `/ui` and the OpenAPI page in a real browser, through the load balancer."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser import chromium, open_page
from tests.e2e.conftest import Project

pytestmark = pytest.mark.e2e

DESKTOP = (1280, 900)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


def _api(project: Project, uid: str) -> list[str]:
    with urllib.request.urlopen(f"{project.url}/?uid={uid}", timeout=10) as answer:
        return [title for title, _ in json.load(answer)["response"]]


def test_a_click_through_shows_what_the_api_recommends_why_and_which_model_said_so(
    project: Project, browser: Browser
) -> None:
    with open_page(browser, f"{project.url}/ui?uid=20", DESKTOP) as page:
        assert page.locator("#recommended .title").all_inner_texts() == _api(project, "20")
        with urllib.request.urlopen(f"{project.url}/ready", timeout=10) as answer:
            assert page.locator("#version").inner_text() == answer.headers["X-Model-Version"]

        page.get_by_role("button", name="Somebody else").click()
        expect(page.locator("#status")).to_have_text(re.compile("films for user (?!20$)"))
        other = page.get_by_label("User", exact=True).input_value()
        assert other != "20"
        assert page.locator("#recommended .title").all_inner_texts() == _api(project, other)

        first = page.locator("#recommended > li").first
        reasons = first.locator(".because a").all_inner_texts()
        assert reasons
        shown = set(page.locator("#rated .title").all_inner_texts())
        first.hover()
        expect(page.locator("#rated > li.reason")).to_have_count(len(shown & set(reasons)))

        with urllib.request.urlopen(f"{project.url}/users/{other}?n=10", timeout=10) as answer:
            given = [f"{film['value']:.1f}" for film in json.load(answer)["rated"]]
        assert page.locator("#rated .stars:visible").all_inner_texts() == given

        first.locator(".title a").click()
        expect(page.locator("#similar > li")).to_have_count(10)

        page.go_back()
        page.go_back()
        expect(page.locator("#status")).to_contain_text("user 20")


def test_the_openapi_page_is_drawn_from_the_service_alone(project: Project, browser: Browser) -> None:
    asked: list[str] = []
    with browser.new_context() as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{project.url}/docs")
        expect(page.get_by_role("link", name="/recommendations")).to_be_visible()
    elsewhere = [url for url in asked if not url.startswith((project.url, "data:", "blob:"))]
    assert elsewhere == []
