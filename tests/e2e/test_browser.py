"""The page `/ui` in a real browser, through the load balancer."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from model_service.artifact import write_artifact
from model_service.catalogue import Item
from model_service.ids import Ids
from tests.e2e.browser import chromium
from tests.e2e.conftest import Project
from tests.model_service.make import make_weights
from tests.model_service.process import free_port, service

pytestmark = pytest.mark.e2e

DESKTOP, PHONE = (1280, 900), (390, 844)
MARKUP = "<img src=x onerror=alert(1)>"
ODD = ["007", "7", " two  blanks ", "a/b", "a/similar", MARKUP, "\"]\\'x", "電影"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a service alone, whose ids are texts; each user chose the film with their id, and its title has it."""
    ids = Ids.of([*ODD, *(f"film {number}" for number in range(12))])
    vectors = np.eye(len(ids), dtype=np.float32) + 0.1
    weights = make_weights(vectors, vectors, [[row] for row in range(len(ids))])
    folder, port = tmp_path_factory.mktemp("odd") / "artifact", free_port()
    write_artifact(
        folder,
        weights=replace(
            weights, user_ids=ids.values, user_id_offsets=ids.offsets, item_ids=ids.values, item_id_offsets=ids.offsets
        ),
        items=[Item(id=id_, title=f"The film {id_}", genres=(MARKUP,)) for id_ in ids],
        data={"scale": [1.0, 5.0]},
        hyperparameters={"c_vector": 0.1, "c_bias": 0.1, "ranking": {"highest_rating": 5.0}},
        metrics={},
        libraries={},
    )
    with service(folder, port, WORKERS="1"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _page(browser: Browser, url: str, size: tuple[int, int], *, tolerated: str = "\0") -> Iterator[Page]:
    """A page in a window of that size; what the browser complains about fails the test, but `tolerated` in it."""
    complaints: list[str] = []
    with browser.new_context(viewport={"width": size[0], "height": size[1]}) as context:
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(f"not loaded: {request.url}"))
        page.goto(url)
        expect(page.locator("#recommended > li")).to_have_count(10)
        yield page
    assert [complaint for complaint in complaints if tolerated not in complaint] == []


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
    with _page(browser, f"{project.url}/ui?uid=999999", DESKTOP, tolerated="422") as page:
        expect(page.locator("#rated-help")).to_contain_text("not in the data")
        page.get_by_label("User").fill("twenty")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("#notice")).to_contain_text("has to be a whole number")
        expect(page.locator("#answer")).to_be_hidden()


@pytest.mark.parametrize("id_", ODD)
def test_any_id_is_shown_as_it_is_and_its_film_has_similar_ones(id_: str, odd: str, browser: Browser) -> None:
    with _page(browser, f"{odd}/ui?uid={quote(id_, safe='')}", DESKTOP) as page:
        assert page.locator("#status").text_content() == f"10 films for user {id_}"
        assert page.get_by_label("User").input_value() == id_
        film = page.locator("#rated > li")
        assert film.locator(".title").all_text_contents() == [f"The film {id_}"]
        film.get_by_text("Similar", exact=True).click()
        expect(film.locator(".similar li")).to_have_count(5)
        page.locator("#recommended > li").first.hover()
        expect(page.locator("#rated > li.reason")).to_have_count(1)
        assert page.locator("img").count() == 0


def test_an_id_is_typed_and_an_unknown_one_told(odd: str, browser: Browser) -> None:
    with _page(browser, f"{odd}/ui?uid=20", DESKTOP) as page:
        expect(page.locator("#rated-help")).to_contain_text("not in the data")
        page.get_by_label("User").fill(" a/b ")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("#status")).to_have_text("10 films for user a/b")
        assert page.url.endswith("/ui?uid=a%2Fb")


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
