"""Contenders are only compared while they give the same answer."""

from pathlib import Path

import pytest

from benchmarks import artifacts
from benchmarks.agreement import disagreement
from benchmarks.services.numpy_baseline import NumpyBaseline
from benchmarks.sizes import Size
from model_service.artifact import load_artifact
from model_service.serving.recommender import Recommender

_SIZE = Size(films=400, factors=4, users=60, seen=40)
_ANSWER = [["A", 4.5], ["B", 4.25], ["C", 4.25], ["D", 4.0]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(artifacts, "ARTIFACTS", tmp_path)
    return artifacts.ensure_artifact(_SIZE)


def test_the_plain_model_and_the_service_recommend_the_same(folder: Path) -> None:
    plain, ours = NumpyBaseline(folder), Recommender(load_artifact(folder))
    for uid in range(1, _SIZE.users + 1):
        assert disagreement(ours.recommend(str(uid), 10).ranked, plain.answer(uid)["response"]) is None


def test_an_artifact_is_made_once(folder: Path) -> None:
    before = (folder / "metadata.json").stat().st_mtime_ns
    assert artifacts.ensure_artifact(_SIZE) == folder
    assert (folder / "metadata.json").stat().st_mtime_ns == before


def test_every_film_of_a_small_catalogue_was_seen_so_that_surprise_knows_it(folder: Path) -> None:
    assert load_artifact(folder).weights.item_counts.min() >= 1


def test_the_best_scores_stay_within_the_scale_so_that_they_can_be_compared(folder: Path) -> None:
    answers = [NumpyBaseline(folder).answer(uid)["response"] for uid in range(1, _SIZE.users + 1)]
    assert sum(answer[1][1] == 5.0 for answer in answers) == 0


def test_films_with_the_same_score_may_change_places() -> None:
    assert disagreement([_ANSWER[0], ["C", 4.25], ["B", 4.2501], _ANSWER[3]], _ANSWER) is None


def test_a_film_that_ties_with_the_last_place_may_take_it() -> None:
    assert disagreement([*_ANSWER[:3], ["E", 4.0]], _ANSWER) is None


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (_ANSWER[:3], "3 films instead of 4"),
        ([["A", 4.6], *_ANSWER[1:]], "place 1 has score 4.6"),
        ([["Z", 4.5], *_ANSWER[1:]], "place 1 is 'Z' instead of 'A'"),
    ],
)
def test_another_answer_is_told_apart(answer: list[list[object]], problem: str) -> None:
    assert problem in str(disagreement(answer, _ANSWER))
