"""Takes the README's picture of the page: `python -m docs.screenshot http://localhost:8080`, after `make up`."""

import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import expect

from tests.e2e.browser import chromium

PICTURE: Final = Path(__file__).parent / "images" / "ui.png"


def main(url: str) -> None:
    """Writes PICTURE from the page of the service at `url`."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1120, "height": 760}, color_scheme="light")
        page.goto(f"{url}/ui?uid=20")
        expect(page.locator("#recommended > li")).to_have_count(10)
        page.screenshot(path=PICTURE)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8080")
