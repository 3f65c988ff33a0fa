"""The page `/ui` in a real browser, of services alone: films with stars, items with odd ids, counts, wide ratings."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from model_service.artifact import write_artifact
from model_service.catalogue import Item
from model_service.data.synthetic import generate_ratings
from model_service.ids import Ids
from model_service.training.train import train
from tests.e2e.browser import chromium, open_page
from tests.model_service.conftest import CONFIG, OPTIONS, SHAPE
from tests.model_service.make import make_weights
from tests.model_service.process import free_port, service

pytestmark = pytest.mark.e2e

DESKTOP, PHONE = (1280, 900), (360, 740)
BIG = 2**53 + 1  # JavaScript's numbers round it to 2**53
MARKUP = "<img src=x onerror=alert(1)>"
ODD = [
    *("007", "7", " two  blanks ", "a/b", "a/similar", MARKUP, "\"]\\'x", "電影", "<script>alert(1)</script>", "100%"),
    *("?q#h", "🎬", "סרט", "x" * 256),
]
LONG = "long " * 100


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a service of 150 synthetic films and 120 users, trained as any other."""
    folder, port = tmp_path_factory.mktemp("films") / "artifact", free_port()
    train(generate_ratings(seed=3, shape=SHAPE), config=CONFIG, out=folder, options=OPTIONS)
    with service(folder, port, WORKERS="1", log=subprocess.DEVNULL):
        yield f"http://127.0.0.1:{port}"


def _write(folder: Path, ids: Ids, titles: list[str], *, scale: list[float] | None) -> None:
    """A model of as many users as items with these ids, each of whom chose the item with their id."""
    vectors = np.eye(len(ids), dtype=np.float32) + 0.1
    weights = make_weights(vectors, vectors, [[row] for row in range(len(ids))], stars=scale is not None)
    write_artifact(
        folder,
        weights=replace(
            weights, user_ids=ids.values, user_id_offsets=ids.offsets, item_ids=ids.values, item_id_offsets=ids.offsets
        ),
        items=[Item(id=id_, title=title, genres=(MARKUP,)) for id_, title in zip(ids, titles, strict=True)],
        data={"scale": scale, "source": "table"},
        hyperparameters={"c_vector": 0.1, "c_bias": 0.1, "ranking": {"highest_rating": scale[1]} if scale else {}},
        metrics={},
        libraries={},
    )


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a service whose ids are texts and whose values are counts; each title has the id in it."""
    ids = Ids.of([*ODD, *(f"item {number}" for number in range(12))])
    folder, port = tmp_path_factory.mktemp("odd") / "artifact", free_port()
    _write(folder, ids, [LONG if id_ == "007" else f"The one {id_}" for id_ in ids], scale=None)
    with service(folder, port, WORKERS="1", log=subprocess.DEVNULL):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a service whose ids are numbers that JavaScript rounds, with ratings from -10 to 10."""
    ids = Ids.of([str(BIG + row) for row in range(14)])
    folder, port = tmp_path_factory.mktemp("big") / "artifact", free_port()
    _write(folder, ids, [f"Joke {id_}" for id_ in ids], scale=[-10.0, 10.0])
    with service(folder, port, WORKERS="1", log=subprocess.DEVNULL):
        yield f"http://127.0.0.1:{port}"


def _ask(url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=10) as answer:
        return json.load(answer)


def _rate(page: Page, index: int, stars: int) -> None:
    """Clicks a star of one of the visitor's own films, and waits until the page shows it."""
    label = page.locator("#mine > li").nth(index).locator("fieldset label").nth(stars - 1)
    label.click()
    expect(label).to_have_class("on")


def _settled(page: Page) -> None:
    expect(page.locator("main")).not_to_have_attribute("aria-busy", "true")


def test_the_rated_films_appear_with_their_stars_the_best_first_and_all_of_them_on_demand(
    films: str, browser: Browser
) -> None:
    with open_page(browser, f"{films}/ui?uid=20", DESKTOP) as page:
        rated = _ask(f"{films}/users/20?n=100")
        assert rated["count"] > 10
        expect(page.get_by_role("heading", name=f"Rated films: {rated['count']}")).to_be_visible()
        shown = page.locator("#rated > li:visible")
        expect(shown).to_have_count(10)
        page.get_by_role("button", name=f"Show all {rated['count']}").click()
        expect(shown).to_have_count(rated["count"])
        assert shown.locator(".title").all_inner_texts() == [film["title"] for film in rated["rated"]]
        assert shown.locator(".stars").all_inner_texts() == [f"{film['value']:.1f}" for film in rated["rated"]]


def test_a_film_opens_with_its_similar_ones_and_the_way_back_keeps_place_and_focus(
    films: str, browser: Browser
) -> None:
    with open_page(browser, f"{films}/ui?uid=20", DESKTOP) as page:
        link = page.locator("#recommended .title a").nth(3)
        title, stars = link.inner_text(), page.locator("#recommended .stars").nth(3).inner_text()
        reasons = page.locator("#recommended > li").nth(3).locator(".because a").all_inner_texts()
        assert reasons
        link.focus()
        page.keyboard.press("Enter")
        heading = page.get_by_role("heading", name=title, exact=True)
        expect(heading).to_be_focused()
        assert page.title() == f"{title} - User 20 - Film recommender"
        id_ = re.search(r"\?uid=20&item=(\d+)$", page.url)
        assert id_ is not None
        similar = [name for name, _ in _ask(f"{films}/items/{id_[1]}/similar")["response"]]
        assert page.locator("#similar .title").all_inner_texts() == similar
        facts = page.locator("#item-facts")
        expect(facts.locator(".stars")).to_have_text(stars)
        assert facts.locator(".because a").all_inner_texts() == reasons

        page.locator("#similar .title a").first.click()
        expect(page.get_by_role("heading", name=similar[0], exact=True)).to_be_visible()
        page.go_back()
        expect(heading).to_be_visible()
        page.go_back()
        expect(link).to_be_focused()
        assert page.title() == "User 20 - Film recommender"

        page.locator("#rated .title a").first.click()
        expect(facts).to_contain_text("Rated by user 20: 5.0")
        page.reload()
        expect(facts).to_contain_text("Rated by user 20: 5.0")
        page.get_by_role("link", name="← Recommendations").click()
        expect(page.locator("#recommended > li")).to_have_count(10)


def test_three_rated_films_change_what_is_recommended_and_a_reload_keeps_them(films: str, browser: Browser) -> None:
    with open_page(browser, f"{films}/ui?rate=1", DESKTOP) as page:
        expect(page.get_by_role("heading", name="Popular films")).to_be_visible()
        popular = page.locator("#recommended .title").all_inner_texts()
        chosen = _ask(f"{films}/items?n=100&ids=text")["items"][40:43]
        for film in chosen:
            page.get_by_role("combobox", name="Find a film").fill(film["title"])
            page.get_by_role("option", name=film["title"]).click()
        for index, stars in enumerate((5, 1, 4)):
            _rate(page, index, stars)
        _settled(page)
        expect(page.locator("#status")).to_have_text("10 films for your 3 ratings")
        given = [{"id": film["id"], "stars": stars} for film, stars in zip(chosen, (4, 1, 5), strict=True)]
        wanted = _ask(f"{films}/recommendations", {"ratings": given})["response"]
        assert page.locator("#recommended .title").all_inner_texts() == [title for title, _ in wanted] != popular
        assert page.locator("#recommended .stars").all_inner_texts() == [f"{stars:.1f}" for _, stars in wanted]
        reasons = set(page.locator("#recommended .because a").all_inner_texts())
        assert reasons
        assert reasons <= {film["title"] for film in chosen}

        page.reload()
        expect(page.locator("#status")).to_have_text("10 films for your 3 ratings")
        assert page.locator("#mine .title").all_inner_texts() == [film["title"] for film in reversed(chosen)]
        assert page.locator("#mine label.on").count() == 10

        page.locator("#mine .title a").first.click()
        expect(page.locator("#item-facts label.on")).to_have_count(5)
        page.locator("#item-facts label").nth(1).click()
        expect(page.locator("#item-facts label.on")).to_have_count(2)
        page.go_back()
        expect(page.locator("#mine > li").first.locator("label.on")).to_have_count(2)
        page.get_by_role("button", name=f"Remove {chosen[0]['title']}").click()
        expect(page.locator("#status")).to_have_text("10 films for your 2 ratings")
        page.get_by_role("button", name="Remove all").click()
        expect(page.get_by_role("heading", name="Popular films")).to_be_visible()
        assert page.locator("#recommended .title").all_inner_texts() == popular


def test_the_keyboard_alone_is_enough_to_find_and_to_rate(films: str, browser: Browser) -> None:
    with open_page(browser, f"{films}/ui?rate=1", DESKTOP) as page:
        film = _ask(f"{films}/items?n=100")["items"][50]["title"]
        search = page.get_by_role("combobox", name="Find a film")
        search.focus()
        page.keyboard.type(" ".join(reversed(film.casefold().split(" (")[0].split())))
        option = page.get_by_role("option", name=film)
        expect(option).to_be_visible()
        page.keyboard.press("ArrowDown")
        active = page.locator("[role=option][aria-selected=true]")
        expect(active).to_have_count(1)
        assert search.get_attribute("aria-activedescendant") == active.get_attribute("id")
        page.keyboard.press("Escape")
        expect(page.get_by_role("option")).to_have_count(0)
        page.keyboard.type(" ")
        expect(option).to_be_visible()
        page.keyboard.press("Enter")
        expect(page.locator("#mine .title")).to_have_text(film)
        page.keyboard.press("ArrowRight")  # from the first star, which is focused
        expect(page.locator("#mine label.on")).to_have_count(2)
        page.keyboard.press("ArrowRight")
        expect(page.locator("#mine label.on")).to_have_count(3)
        expect(page.locator("#status")).to_have_text("10 films for your 1 rating")


def test_the_user_is_chosen_by_keyboard(films: str, browser: Browser) -> None:
    with open_page(browser, f"{films}/ui", DESKTOP) as page:
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the recommendations")).to_be_focused()
        for name in ("Users", "Rate films yourself"):
            page.keyboard.press("Tab")
            expect(page.get_by_role("link", name=name)).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_label("User", exact=True)).to_be_focused()
        page.keyboard.press("Control+a")
        page.keyboard.type("33")
        page.keyboard.press("Enter")
        expect(page.locator("#status")).to_have_text("10 films for user 33")
        assert page.url.endswith("/ui?uid=33")


@pytest.mark.parametrize("sent_early", [False, True])
def test_an_id_typed_before_the_page_has_loaded_stays(sent_early: bool, films: str, browser: Browser) -> None:
    with browser.new_context() as tab:
        page = tab.new_page()
        page.route("**/ui/users?*", lambda route: None)
        page.goto(f"{films}/ui")
        field = page.get_by_label("User", exact=True)
        field.fill("33")
        if sent_early:
            field.press("Enter")
            expect(page).to_have_url(f"{films}/ui?uid=33")
        page.unroute("**/ui/users?*")  # what was held goes on
        expect(page.locator("#recommended > li")).to_have_count(10)
        expect(field).to_have_value("33")
        if not sent_early:
            field.press("Enter")
        expect(page.locator("#status")).to_have_text("10 films for user 33")
        expect(page.locator("#notice")).to_be_hidden()
        expect(page.locator("#about")).to_contain_text("users")


def test_words_in_any_order_find_a_title_and_no_match_is_told(films: str, browser: Browser) -> None:
    titles = [film["title"] for film in _ask(f"{films}/items?n=100")["items"]]
    title = next(title for title in titles if title.startswith("The "))
    _, adjective, noun, _ = title.split()
    with open_page(browser, f"{films}/ui?uid=20", DESKTOP) as page:
        search = page.get_by_role("combobox", name="Find a film")
        search.fill(f"{noun} {adjective}".upper())
        expect(page.get_by_role("option", name=title)).to_be_visible()
        search.fill("no such film")
        expect(page.locator("#search-status")).to_have_text("No film has “no such film” in its title.")
        expect(page.get_by_role("option")).to_have_count(0)
        search.fill(f"{adjective} {noun[:3]}")
        page.get_by_role("option", name=title).click()
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
        assert "?uid=20&item=" in page.url


def test_an_answer_that_comes_late_is_not_shown(films: str, browser: Browser) -> None:
    with open_page(browser, f"{films}/ui?uid=20", DESKTOP) as page:
        held: list[Route] = []
        page.route("**/items?q=orchard*", lambda route: held.append(route))
        search = page.get_by_role("combobox", name="Find a film")
        with page.expect_request("**/items?q=orchard*"):
            search.fill("orchard")
        search.fill("detective")
        expect(page.get_by_role("option").first).to_contain_text("Detective")
        held[0].continue_()
        page.wait_for_load_state("networkidle")
        assert all("Detective" in text for text in page.get_by_role("option").all_inner_texts())


@pytest.mark.parametrize("uid", ["banana", "999999"])
def test_an_unknown_user_is_told_and_gets_popular_films_and_users_to_try(
    uid: str, films: str, browser: Browser
) -> None:
    with open_page(browser, f"{films}/ui?uid={uid}", DESKTOP, tolerated="422") as page:
        expect(page.locator("#unknown")).to_contain_text(f"There is no user “{uid}” in the data")
        expect(page.get_by_role("heading", name="Popular films")).to_be_visible()
        expect(page.get_by_role("heading", name="Rated")).to_have_count(0)
        page.locator("#recommended .title a").first.click()
        expect(page.locator("#item-facts")).to_contain_text("Predicted for somebody unknown")
        page.go_back()
        expect(page.locator("#unknown")).to_be_visible()
        page.locator("#unknown a").nth(2).click()
        expect(page.locator("#unknown")).to_be_hidden()
        expect(page.get_by_role("heading", name="Rated films")).to_be_visible()


def test_an_overload_is_asked_once_more_and_a_lost_connection_told(films: str, browser: Browser) -> None:
    with open_page(browser, f"{films}/ui?uid=20", DESKTOP, tolerated="o") as page:
        asked: list[Request] = []

        def overloaded(route: Route, request: Request) -> None:
            asked.append(request)
            if len(asked) == 1:
                route.fulfill(status=503, headers={"retry-after": "1"}, json={"success": False, "error": "busy"})
            else:
                route.continue_()

        page.route("**/ui/users/33?*", overloaded)
        page.get_by_label("User", exact=True).fill("33")
        page.get_by_role("button", name="Show", exact=True).click()
        expect(page.locator("#status")).to_have_text("The service is busy; asking again in 1 s …")
        expect(page.locator("#status")).to_have_text("10 films for user 33")
        assert len(asked) == 2

        page.route("**/ui/users/34?*", lambda route: route.abort())
        page.get_by_label("User", exact=True).fill("34")
        page.get_by_role("button", name="Show", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("The service cannot be reached.")
        page.unroute("**/ui/users/34?*")
        page.get_by_role("button", name="Try again").click()
        expect(page.locator("#status")).to_have_text("10 films for user 34")
        expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize("id_", ODD)
def test_any_id_is_shown_as_it_is_and_its_item_has_similar_ones(id_: str, odd: str, browser: Browser) -> None:
    with open_page(browser, f"{odd}/ui?uid={quote(id_, safe='')}", DESKTOP) as page:
        title = LONG.strip() if id_ == "007" else f"The one {id_}"
        assert page.locator("#status").text_content() == f"10 items for user {id_}"
        assert page.get_by_label("User", exact=True).input_value() == id_
        rated = page.locator("#rated > li")
        assert [text.strip() for text in rated.locator(".title").all_text_contents()] == [title.strip()]
        page.locator("#recommended > li").first.hover()
        expect(page.locator("#rated > li.reason")).to_have_count(1)
        rated.locator(".title a").click()
        expect(page.locator("#similar > li")).to_have_count(10)
        assert (page.locator("#item-heading").text_content() or "").strip() == title.strip()
        page.reload()
        expect(page.locator("#similar > li")).to_have_count(10)
        assert page.locator("main img, main script").count() == 0


def test_items_without_stars_are_chosen_by_a_click_and_the_words_fit(odd: str, browser: Browser) -> None:
    with open_page(browser, f"{odd}/ui?rate=1", PHONE) as page:
        assert page.get_by_role("heading", level=1).inner_text() == "Recommender"
        expect(page.get_by_role("heading", name="Your choices")).to_be_visible()
        page.get_by_role("combobox", name="Find an item").fill("script")
        page.get_by_role("option", name="<script>").click()
        expect(page.locator("#status")).to_have_text("10 items for your 1 choice")
        assert page.locator("#recommended .stars, #mine fieldset").count() == 0
        page.locator("#recommended .title a").first.click()
        expect(page.locator("#similar > li")).to_have_count(10)
        page.locator("#item-facts").get_by_role("button", name="Choose").click()
        expect(page.locator("#item-facts").get_by_role("button", name="Remove")).to_be_visible()
        page.go_back()
        expect(page.locator("#status")).to_have_text("10 items for your 2 choices")
        assert "film" not in page.locator("body").inner_text().casefold()


def test_an_id_is_typed_and_an_unknown_one_told(odd: str, browser: Browser) -> None:
    with open_page(browser, f"{odd}/ui?uid=20", DESKTOP) as page:
        expect(page.locator("#unknown")).to_contain_text("There is no user “20” in the data")
        page.get_by_label("User", exact=True).fill(" a/b ")
        page.get_by_role("button", name="Show", exact=True).click()
        expect(page.locator("#status")).to_have_text("10 items for user a/b")
        assert page.url.endswith("/ui?uid=a%2Fb")


def test_ids_beyond_the_numbers_of_javascript_stay_what_they_are(big: str, browser: Browser) -> None:
    with open_page(browser, f"{big}/ui?uid={BIG}", DESKTOP) as page:
        expect(page.locator("#status")).to_have_text(f"10 items for user {BIG}")
        assert page.locator("#rated .title").all_inner_texts() == [f"Joke {BIG}"]
        page.locator("#rated .title a").click()
        expect(page.locator("#item-heading")).to_have_text(f"Joke {BIG}")
        page.get_by_role("link", name="Rate items yourself").click()
        page.get_by_role("combobox", name="Find an item").fill(str(BIG))
        page.get_by_role("option", name=f"Joke {BIG}").click()
        sent = page.expect_request("**/ui/recommendations?*")
        with sent as request:
            page.get_by_label("Your rating, -10 to 10").fill("7.5")
            page.keyboard.press("Enter")
        assert request.value.post_data_json == {"ratings": [{"id": str(BIG), "stars": 7.5}]}
        expect(page.locator("#status")).to_have_text("10 items for your 1 rating")
        assert f"Joke {BIG}" not in page.locator("#recommended .title").all_inner_texts()


@pytest.mark.parametrize("query", ["uid=20", "uid=20&item=1", "rate=1", "uid=banana"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_everything_without_scrolling_sideways(
    query: str, scheme: str, films: str, browser: Browser
) -> None:
    with open_page(browser, f"{films}/ui?{query}", PHONE, tolerated="422", scheme=scheme) as page:
        if query == "rate=1":
            page.get_by_role("button", name="Rate ", exact=False).first.click()
            expect(page.locator("#mine > li")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        for box in (one.bounding_box() for one in page.locator("button, input, fieldset label").all()):
            assert box is None or box["height"] >= 44  # what a finger hits; Apple's Human Interface Guidelines


def test_long_and_right_to_left_titles_fit_a_phone(odd: str, browser: Browser) -> None:
    for id_ in ("007", "סרט", "x" * 256):
        for query in (f"uid={quote(id_)}", f"uid={quote(id_)}&item={quote(id_)}"):
            with open_page(browser, f"{odd}/ui?{query}", PHONE) as page:
                assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


@contextmanager
def _below(prefix: str, url: str) -> Iterator[str]:
    """The URL of a proxy that hands what is below `prefix` to the service at `url`, and answers 404 for the rest."""

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if not self.path.startswith(prefix + "/"):
                self.send_error(404)
                return
            forwarded = urllib.request.Request(url + self.path.removeprefix(prefix), body or None)
            try:
                answer = urllib.request.urlopen(forwarded, timeout=10)
            except urllib.error.HTTPError as error:
                answer = error
            with answer:
                content = answer.read()
                self.send_response(answer.status)
                for name in ("content-type", "content-security-policy"):
                    if name in answer.headers:
                        self.send_header(name, answer.headers[name])
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 the name that http.server looks for

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}{prefix}"
        proxy.shutdown()


def test_it_works_below_any_path(films: str, browser: Browser) -> None:
    with _below("/films/v2", films) as url, open_page(browser, f"{url}/ui?uid=20", DESKTOP) as page:
        page.locator("#recommended .title a").first.click()
        expect(page.locator("#similar > li")).to_have_count(10)
        page.get_by_role("link", name="Rate films yourself").click()
        page.get_by_role("button", name="Rate ", exact=False).first.click()
        _rate(page, 0, 5)
        expect(page.locator("#status")).to_have_text("10 films for your 1 rating")
        assert page.url == f"{url}/ui?rate=1"
        page.get_by_role("combobox", name="Find a film").fill("the")
        expect(page.get_by_role("option").first).to_be_visible()
        page.get_by_role("link", name="Users").click()
        page.get_by_label("User", exact=True).fill("33")
        page.get_by_role("button", name="Show", exact=True).click()
        expect(page.locator("#status")).to_have_text("10 films for user 33")
        assert page.url == f"{url}/ui?uid=33"
        assert page.evaluate("document.querySelector('footer a').href") == f"{url}/docs"
