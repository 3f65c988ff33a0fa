"""Origins as browsers send them, and what is wrong with others."""

import pytest

from model_service.url_settings import origins_problem


@pytest.mark.parametrize(
    "origin",
    [
        "https://films.example.com",
        "http://localhost:3000",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "https://xn--bcher-kva.example",
        "http://films.example.com:443",
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        "capacitor://localhost",
        "*",
    ],
)
def test_an_origin_that_a_browser_sends_is_allowed(origin: str) -> None:
    assert origins_problem([origin]) is None


@pytest.mark.parametrize(
    ("origins", "position", "problem"),
    [
        (["films.example.com"], 0, "has no scheme"),
        ([""], 0, "has no scheme"),
        (["null"], 0, "has no scheme"),
        (["://films.example.com"], 0, "has no scheme"),
        (["https://a.example", "https://b.example/"], 1, "has a path, or a / at its end"),
        (["https://a.example/films?x=1"], 0, "has a path"),
        (["https://Films.example.com"], 0, "has capital letters"),
        (["HTTPS://films.example.com"], 0, "has capital letters"),
        (["https://user@films.example.com"], 0, "has a user name"),
        (["https://films.example.com:443"], 0, "has the port of https itself"),
        (["http://films.example.com:80"], 0, "has the port of http itself"),
        (["https://films.example.com:99999"], 0, "has no valid host or port"),
        (["https://films.example.com:"], 0, "has no valid host or port"),
        (["https://bücher.example"], 0, "has no valid host or port; names in other scripts begin with xn--"),
        (["https://a.example\r\nx: y"], 0, "has no valid host or port"),
        (["https://*.example.com"], 0, "has a *"),
        (["https://a.example", "*"], 1, "has to be alone"),
        (["https://a.example", "https://a.example"], 1, "is named twice"),
    ],
)
def test_what_is_wrong_with_an_origin_is_named(origins: list[str], position: int, problem: str) -> None:
    found = origins_problem(origins)
    assert found is not None
    assert found[0] == position
    assert problem in found[1]
