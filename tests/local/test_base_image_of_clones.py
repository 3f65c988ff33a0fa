"""Base images of several clones on one Docker engine."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import ImageNotFound

from local import base_image
from local.base_image import ensure_base_image, remove_base_image, used_by_another_clone
from local.console import Step


class Engine:
    """A Docker engine's images: names by image, which goes with its last name."""

    def __init__(self, **names: list[str]) -> None:
        self.names = names
        self.images = self
        self.api = self

    def get(self, reference: str) -> Any:
        if not any(reference in tags for tags in self.names.values()):
            raise ImageNotFound(reference)

    def list(self, name: str) -> list[Any]:
        return [SimpleNamespace(tags=list(tags)) for tags in self.names.values()]

    def tag(self, image: str, reference: str) -> None:
        next(tags for tags in self.names.values() if image in tags).append(reference)

    def remove(self, tag: str, force: bool) -> None:
        self.names = {id_: kept for id_, tags in self.names.items() if (kept := [one for one in tags if one != tag])}


@pytest.fixture(autouse=True)
def _no_making(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Any:
        raise AssertionError("an image was pulled or made")

    monkeypatch.setattr(base_image, "_recipe", lambda: "bookworm-1234")
    monkeypatch.setattr(base_image, "_pull", fails)
    monkeypatch.setattr(base_image, "_make", fails)


@pytest.mark.parametrize("found", ["recommender-base:bookworm-1234", "recommender-base:bookworm-1234-bbbb"])
def test_one_that_another_clone_made_is_used_and_stays_when_this_one_goes_down(found: str) -> None:
    engine: Any = Engine(image=[found])
    assert ensure_base_image(engine, Step(), clone="aaaa") == "recommender-base:bookworm-1234-aaaa"
    assert used_by_another_clone(engine, clone="aaaa")
    remove_base_image(engine, clone="aaaa")
    assert engine.names == {"image": [found]}


def test_the_last_clone_that_goes_removes_it_and_leaves_other_images() -> None:
    others = {"other": ["python:3.12-slim-bookworm"], "alike": ["recommender-base-of-others:1-aaaa"]}
    engine: Any = Engine(image=["recommender-base:bookworm-1234-aaaa"], **others)
    ensure_base_image(engine, Step(), clone="aaaa")
    assert not used_by_another_clone(engine, clone="aaaa")
    remove_base_image(engine, clone="aaaa")
    assert engine.names == others


def test_one_of_another_recipe_is_not_used() -> None:
    engine: Any = Engine(image=["recommender-base:trixie-1234-bbbb"], pulled=["python:3.12-slim-bookworm"])
    assert ensure_base_image(engine, Step(), clone="aaaa") == "python:3.12-slim-bookworm"
