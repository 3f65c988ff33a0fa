"""The approximate index: what it may miss, what it may not, and when it is refused or not asked."""

import importlib
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model_service.ann_index import INDEX_FILE, INDEX_METADATA_FILE, AnnIndex, AnnIndexError, read_index
from model_service.artifact import Artifact, load_artifact, write_artifact
from model_service.build_index import build_index, main
from model_service.catalogue import Item
from model_service.serving.ranking.ann import AnnEngine
from model_service.serving.ranking.engine import make_engine
from model_service.serving.ranking.top_k import Query, TopK
from model_service.serving.recommender import Recommender, RecommendRequest
from model_service.serving.settings import Settings
from tests.model_service.client import serving
from tests.model_service.make import make_weights

_ROOT = Path(__file__).parents[4]
_FILMS, _USERS, _FACTORS = 4000, 60, 8


def _make(folder: Path, *, films: int = _FILMS, seed: int = 1) -> None:
    """An artifact whose users have seen the 40 films that they would like best, and some more."""
    generator = np.random.default_rng(seed)
    users = generator.normal(size=(_USERS, _FACTORS)).astype(np.float32)
    items = (generator.normal(size=(films, _FACTORS)) * generator.uniform(0.2, 1, (films, 1))).astype(np.float32)
    bias = generator.normal(scale=0.3, size=films).astype(np.float32)
    best = np.argsort(-(users @ items.T + bias), axis=1)[:, :40]
    seen = [np.union1d(row, generator.integers(films, size=20)).astype(np.int32) for row in best]
    weights = make_weights(users, items, [rows.tolist() for rows in seen], bias=bias)
    write_artifact(
        folder,
        weights=weights,
        items=[Item(id=str(row + 1), title=f"Film {row}", genres=("Drama",), year=2000) for row in range(films)],
        data={"scale": [-100.0, 100.0], "seed": seed},
        hyperparameters={"factors": _FACTORS},
        metrics={},
        libraries={},
    )


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("indexed") / "artifact"
    _make(folder)
    build_index(folder, recall=0.97)
    return folder


@pytest.fixture
def copy(indexed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(indexed, tmp_path / "artifact"))


def _index(folder: Path, artifact: Artifact) -> AnnIndex:
    films, factors = artifact.weights.item_factors.shape
    return read_index(folder, model_version=artifact.metadata.model_version, items=films, factors=factors)


class _Recorder:
    """An exact engine that keeps the queries that it was asked."""

    name = "recorder"

    def __init__(self, artifact: Artifact) -> None:
        self._engine = make_engine(artifact.weights.item_factors, artifact.weights.item_bias)
        self.asked: list[Query] = []

    def top_k(self, queries: list[Query]) -> list[TopK]:
        self.asked += queries
        return self._engine.top_k(queries)


def _engines(folder: Path) -> tuple[Artifact, _Recorder, AnnEngine]:
    artifact = load_artifact(folder)
    exact = _Recorder(artifact)
    weights = artifact.weights
    return artifact, exact, AnnEngine(exact, _index(folder, artifact), weights.item_factors, weights.item_bias)


def test_the_index_misses_few_films_and_tells_how_many(indexed: Path) -> None:
    artifact = load_artifact(indexed)
    index = _index(indexed, artifact)
    exact, approximate = Recommender(artifact), Recommender(artifact, index)
    ids = [*artifact.weights.users]
    hits = sum(len({*exact.recommend(uid, 10).rows} & {*approximate.recommend(uid, 10).rows}) for uid in ids)
    assert index.metadata.probes < index.metadata.lists
    assert hits / (10 * len(ids)) >= 0.95
    assert abs(index.metadata.recall_at_10 - hits / (10 * len(ids))) < 0.05


def test_seen_and_excluded_films_are_left_out(indexed: Path) -> None:
    artifact = load_artifact(indexed)
    approximate = Recommender(artifact, _index(indexed, artifact))
    for uid in [*artifact.weights.users]:
        first = approximate.recommend(uid, 10).rows
        exclude = first[:3]
        second = approximate.recommend_many([RecommendRequest(uid, 10, None, exclude)])[0].rows
        assert len(first) == len(second) == 10
        user = approximate.user(uid)
        assert user is not None
        assert not {*first} & {*user.seen.tolist()}
        assert not {*second} & {*user.seen.tolist(), *exclude}


def test_scores_and_order_are_the_exact_ones(indexed: Path) -> None:
    artifact, exact, engine = _engines(indexed)
    vectors = artifact.weights.user_factors
    everything = exact.top_k([Query(vector=vector, n=_FILMS, exclude=np.zeros(0, np.int32)) for vector in vectors])
    exact.asked.clear()
    found = engine.top_k([Query(vector=vector, n=20, exclude=np.zeros(0, np.int32)) for vector in vectors])
    assert exact.asked == []
    for best, whole in zip(found, everything, strict=True):
        places = np.argsort(whole.rows)[best.rows]
        assert (np.diff(places) > 0).all()
        assert best.scores.tobytes() == whole.scores[places].tobytes()


def test_filters_long_answers_and_too_few_candidates_are_answered_exactly(indexed: Path) -> None:
    artifact, exact, engine = _engines(indexed)
    vector = artifact.weights.user_factors[0]
    nothing = np.zeros(0, np.int32)
    only = np.zeros(_FILMS, np.bool_)
    only[::7] = True
    queries = [
        Query(vector=vector, n=10, exclude=nothing, mask=only),
        Query(vector=vector, n=10, exclude=nothing),
        Query(vector=vector, n=_FILMS, exclude=nothing),
        Query(vector=vector, n=10, exclude=np.arange(_FILMS - 100, dtype=np.int32)),
    ]
    answers = engine.top_k(queries)
    assert exact.asked == [queries[0], queries[2], queries[3]]
    for answer, query in zip(answers, queries, strict=True):
        if query in exact.asked:
            assert answer.rows.tolist() == exact.top_k([query])[0].rows.tolist()


def test_a_search_that_finds_too_few_is_answered_exactly(indexed: Path) -> None:
    artifact, exact, _ = _engines(indexed)
    index = _index(indexed, artifact)
    narrow = AnnIndex(faiss_index=index.faiss_index, metadata=replace(index.metadata, probes=1))
    engine = AnnEngine(exact, narrow, artifact.weights.item_factors, artifact.weights.item_bias)
    rows = engine.top_k([Query(vector=artifact.weights.user_factors[0], n=1500, exclude=np.zeros(0, np.int32))])[0].rows
    assert len(exact.asked) == 1
    assert len(rows) == 1500


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_is_refused(indexed: Path, value: float) -> None:
    engine = _engines(indexed)[2]
    vector = np.full(_FACTORS, value, np.float32)
    with pytest.raises(ValueError, match="finite"):
        engine.top_k([Query(vector=vector, n=10, exclude=np.zeros(0, np.int32))])


def test_a_catalogue_of_a_few_films_can_be_indexed(tmp_path: Path) -> None:
    _make(tmp_path / "small", films=70)
    about = build_index(tmp_path / "small", recall=1.0)
    assert 1 <= about.probes <= about.lists < 70
    assert about.recall_at_10 >= 0.95


def test_answers_are_exact_unless_a_size_is_set_and_passed(indexed: Path) -> None:
    assert Settings().ann_min_items == 0
    for minimum, index in ((0, "exact"), (_FILMS + 1, "exact"), (_FILMS, None)):
        with serving(Settings(artifact_dir=indexed, ann_min_items=minimum)) as client:
            told = client.get("/model").json()
            if index is None:
                about = _index(indexed, load_artifact(indexed)).metadata
                assert told["index"]["recall_at_10"] == about.recall_at_10
                assert told["index"]["library"].startswith("faiss-cpu ")
                assert "approximate" in told["engine"]
                assert len(client.get("/?uid=5").json()["response"]) == 10
            else:
                assert told["index"] == index


def test_an_index_of_another_model_is_refused(copy: Path, tmp_path: Path) -> None:
    _make(tmp_path / "other", seed=2)
    for name in (INDEX_FILE, INDEX_METADATA_FILE):
        shutil.copy(copy / name, tmp_path / "other")
    with serving(Settings(artifact_dir=tmp_path / "other", ann_min_items=1)) as client:
        refused = client.get("/ready")
    assert refused.status_code == 503
    assert "the approximate index in" in refused.text
    assert "python -m model_service.build_index --artifact" in refused.text


def test_a_new_model_removes_the_old_index(copy: Path) -> None:
    _make(copy, seed=3)
    assert not (copy / INDEX_FILE).exists()


def test_a_missing_or_changed_index_is_refused(copy: Path) -> None:
    artifact = load_artifact(copy)
    path = copy / INDEX_FILE
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(AnnIndexError, match="does not match its checksum"):
        _index(copy, artifact)
    path.unlink()
    with pytest.raises(AnnIndexError, match="no approximate index"):
        _index(copy, artifact)
    (copy / INDEX_METADATA_FILE).write_text('{"format": 99}')
    with pytest.raises(AnnIndexError, match="another format"):
        _index(copy, artifact)


def test_without_the_library_the_message_says_how_to_get_it(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    artifact = load_artifact(copy)
    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(AnnIndexError, match=r"--build-arg EXTRAS=approximate.*ANN_MIN_ITEMS=0 answers exactly"):
        _index(copy, artifact)
    with pytest.raises(SystemExit, match="faiss-cpu"):
        main(["--artifact", str(copy)])
    with pytest.raises(SystemExit):
        main(["--recall", "2"])
    assert "above 0 and at most 1" in capsys.readouterr().err


def test_the_library_in_the_image_is_the_one_that_was_tested_with_its_hashes() -> None:
    text = (_ROOT / "model_service" / "requirements-approximate.txt").read_text()
    pins = re.findall(r"^[a-z][^\\]*==\S+", text, re.MULTILINE)
    assert any(pin.startswith("faiss-cpu==") for pin in pins)
    assert {*pins} <= {*(_ROOT / "constraints.txt").read_text().splitlines()}
    assert len(re.findall(r"^[a-z][^\\]*==\S+ \\\n    --hash=sha256:", text, re.MULTILINE)) == len(pins)
