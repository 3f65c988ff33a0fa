"""Every engine gives what scoring every film gives, to the last bit."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from model_service.native.build import BuildError, build
from model_service.serving.ranking import engine, native, numpy_engine
from model_service.serving.ranking.native import NativeEngine, NativeError
from model_service.serving.ranking.numpy_engine import NumpyEngine
from model_service.serving.ranking.sharded import ShardedEngine
from model_service.serving.ranking.similar import SUPPORT, SimilarItems
from model_service.serving.ranking.top_k import Engine, Query, QueryBlock, exact_scores

Floats = NDArray[np.float32]
ENGINES = ("numpy", "native", "native with AVX2", "native portable", "native in parts")


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("native") / "topn.so")


@pytest.fixture(params=ENGINES, scope="session")
def make(request: pytest.FixtureRequest, library: Path) -> Callable[[Floats, Floats], Engine]:
    if request.param == "numpy":
        return NumpyEngine
    instructions = {"native portable": 0, "native with AVX2": 1}.get(request.param)
    native_engine = partial(NativeEngine, library=library, instructions=instructions)
    return partial(ShardedEngine, make=native_engine, threads=3) if "parts" in request.param else native_engine


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A random model and what is asked of it."""

    factors: Floats
    bias: Floats
    queries: list[Query]


def _numbers(draw: st.DrawFn, shape: tuple[int, ...]) -> Floats:
    """Few distinct numbers, so that scores tie; numbers an ulp apart, so that they nearly do; or of every size."""
    one = np.float32(0.7)
    kinds = [
        st.sampled_from([-1.5, 0.0, 0.25, 2.0]),
        st.sampled_from([float(one), float(np.nextafter(one, np.float32(1))), float(np.nextafter(one, np.float32(0)))]),
        st.floats(-4, 4, width=32),
        st.floats(-(2.0**60), 2.0**60, width=32),
        st.floats(width=32, allow_nan=False, allow_infinity=False),
    ]
    return draw(hnp.arrays(np.float32, shape, elements=draw(st.sampled_from(kinds))))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    films, k = draw(st.integers(1, 150)), draw(st.integers(1, 13))
    queries = []
    for _ in range(draw(st.integers(1, 5))):
        skip = np.flatnonzero(draw(hnp.arrays(np.bool_, films))).astype(np.int32)
        skip = skip[: draw(st.sampled_from([0, len(skip), films]))]
        if draw(st.integers(0, 9)) == 0:
            skip = np.arange(films, dtype=np.int32)
        only = draw(st.none() | hnp.arrays(np.bool_, films))
        queries.append(Query(vector=_numbers(draw, (k,)), n=draw(st.integers(0, films + 3)), exclude=skip, mask=only))
    return Case(factors=_numbers(draw, (films, k)), bias=_numbers(draw, (films,)), queries=queries)


def _brute_force(case: Case, query: Query) -> tuple[list[int], list[float]]:
    scores = exact_scores(query.vector, case.factors, case.bias).tolist()
    left_out = set(query.exclude.tolist())
    rows = [row for row in range(len(scores)) if row not in left_out and (query.mask is None or query.mask[row])]
    best = sorted(rows, key=lambda row: (-scores[row], row))[: query.n]
    return best, [scores[row] for row in best]


@settings(max_examples=80, deadline=None)
@given(case=cases())
def test_an_engine_finds_what_scoring_every_film_finds(make: Callable[[Floats, Floats], Engine], case: Case) -> None:
    engine = make(case.factors, case.bias)
    together = engine.top_k(case.queries)
    for query, answer in zip(case.queries, together, strict=True):
        assert (answer.rows.tolist(), answer.scores.tolist()) == _brute_force(case, query)
        alone = engine.top_k([query])[0]
        assert (alone.rows.tolist(), alone.scores.tolist()) == (answer.rows.tolist(), answer.scores.tolist())


def _large(films: int, k: int, users: int) -> Case:
    rng = np.random.default_rng(films)
    factors = rng.standard_normal((films, k), dtype=np.float32)
    factors[films // 2 :: 7] = factors[0 : (films - films // 2 + 6) // 7]  # the same film twice: exact ties
    vectors = rng.standard_normal((users, k), dtype=np.float32)
    skips = [np.unique(rng.integers(0, films, films // 9)).astype(np.int32) for _ in range(users)]
    queries = [
        Query(vector=v, n=1 + 40 * (i % 5), exclude=s) for i, (v, s) in enumerate(zip(vectors, skips, strict=True))
    ]
    return Case(factors=factors, bias=rng.standard_normal(films, dtype=np.float32), queries=queries)


def test_many_films_in_several_blocks_are_one_ranking(
    make: Callable[[Floats, Floats], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numpy_engine, "_BLOCK_SCORES", 1 << 12)
    monkeypatch.setattr(native, "_PACKED_ROWS", 1 << 10)
    case = _large(films=5003, k=17, users=21)  # the kernel takes eight at once
    for query, answer in zip(case.queries, make(case.factors, case.bias).top_k(case.queries), strict=True):
        assert (answer.rows.tolist(), answer.scores.tolist()) == _brute_force(case, query)


@settings(max_examples=60, deadline=None)
@given(case=cases(), n=st.integers(0, 20))
def test_a_block_of_users_has_the_answers_of_its_queries(library: Path, case: Case, n: int) -> None:
    engine = NativeEngine(case.factors, case.bias, library=library)
    block = QueryBlock(
        vectors=np.stack([query.vector for query in case.queries]),
        n=min(n, len(case.bias)),
        exclude=np.concatenate([query.exclude for query in case.queries]),
        lengths=np.array([len(query.exclude) for query in case.queries]),
    )
    rows, lengths = engine.top_k_block(block)
    expected = [answer.rows.tolist() for answer in engine.top_k(block.queries())]
    assert [part.tolist() for part in np.split(rows, np.cumsum(lengths)[:-1])] == expected


def test_a_block_that_does_not_fit_is_refused(library: Path) -> None:
    engine = NativeEngine(np.ones((40, 3), np.float32), np.zeros(40, np.float32), library=library)
    fine = QueryBlock(vectors=np.ones((2, 3), np.float32), n=5, exclude=np.zeros(1, np.int32), lengths=np.array([1, 0]))
    for change, message in (
        ({"vectors": np.ones((2, 4), np.float32)}, "float32\\[2, 3\\]"),
        ({"vectors": np.full((2, 3), np.nan, np.float32)}, "has to hold finite numbers"),
        ({"lengths": np.array([1, 1])}, "add up to the 1 rows"),
        ({"n": 41}, "n=41 is not allowed: it has to be from 0 to 40"),
    ):
        with pytest.raises(ValueError, match=message):
            engine.top_k_block(replace(fine, **change))


def test_no_question_has_no_answer(make: Callable[[Floats, Floats], Engine]) -> None:
    assert make(np.ones((3, 2), np.float32), np.zeros(3, np.float32)).top_k([]) == []


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite_is_refused(make: Callable[[Floats, Floats], Engine], bad: float) -> None:
    found = make(np.ones((40, 3), np.float32), np.zeros(40, np.float32))
    vectors = np.ones((2, 3), np.float32)
    vectors[1, 2] = bad
    with pytest.raises(ValueError, match="has to hold finite numbers"):
        found.top_k([Query(vector=vector, n=1, exclude=np.zeros(0, np.int32)) for vector in vectors])


def test_a_vector_or_a_mask_of_another_length_is_refused(make: Callable[[Floats, Floats], Engine]) -> None:
    found = make(np.ones((40, 3), np.float32), np.zeros(40, np.float32))
    nothing = np.zeros(0, np.int32)
    with pytest.raises(ValueError, match="the films have 3 factors"):
        found.top_k([Query(vector=np.ones(4, np.float32), n=1, exclude=nothing)])
    with pytest.raises(ValueError, match="there are 40 films"):
        found.top_k([Query(vector=np.ones(3, np.float32), n=1, exclude=nothing, mask=np.ones(39, np.bool_))])
    with pytest.raises(ValueError, match="has to be of float32"):
        found.top_k([Query(vector=np.ones(3, np.float64), n=1, exclude=nothing)])


def test_a_negative_n_is_refused() -> None:
    with pytest.raises(ValueError, match="n=-1 is not allowed"):
        Query(vector=np.ones(4, np.float32), n=-1, exclude=np.zeros(0, np.int32))


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 40)), elements=st.floats(-9, 9, width=32)),
    st.floats(-9, 9, width=32),
)
def test_a_score_is_the_sum_from_left_to_right_in_float64(factors: Floats, bias: float) -> None:
    vector = factors[0]
    expected = []
    for row in factors.tolist():
        total = float(bias)
        for own, other in zip(vector.tolist(), row, strict=True):
            total += own * other
        expected.append(total)
    assert exact_scores(vector, factors, np.full(len(factors), bias, np.float32)).tolist() == expected


def test_the_pages_of_a_large_mapped_file_are_given_back(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "_LARGE_BYTES", 0)
    case = _large(films=20_000, k=64, users=1)
    case.factors.tofile(tmp_path / "factors")
    mapped = np.memmap(tmp_path / "factors", np.float32, "r", shape=case.factors.shape)
    found = NativeEngine(mapped, case.bias, library=library)
    assert _resident_kib(tmp_path / "factors") < case.factors.nbytes / 1024 / 10
    expected = _brute_force(case, case.queries[0])[0]
    assert all(found.top_k(case.queries)[0].rows.tolist() == expected for _ in range(native._RELEASE_AFTER))
    assert _resident_kib(tmp_path / "factors") < case.factors.nbytes / 1024 / 10


def _resident_kib(path: Path) -> int:
    lines = Path("/proc/self/smaps").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.endswith(str(path)))
    return next(int(line.split()[1]) for line in lines[start:] if line.startswith("Rss:"))


def test_without_the_library_numpy_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = tmp_path / "topn.so"
    with pytest.raises(NativeError, match=r"topn.so cannot be used .* python -m model_service.native.build builds it"):
        NativeEngine(np.ones((1, 1), np.float32), np.ones(1, np.float32), library=absent)
    monkeypatch.setattr(engine, "NativeEngine", lambda *arrays: NativeEngine(*arrays, library=absent))
    assert engine.make_engine(np.ones((1, 1), np.float32), np.ones(1, np.float32)).name == "numpy"


def test_threads_share_only_what_is_worth_it(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "NativeEngine", partial(NativeEngine, library=library))
    monkeypatch.setattr(engine, "_MIN_SHARD_SIZE", 100)
    names = [
        engine.make_engine(np.ones((films, 1), np.float32), np.ones(films, np.float32), threads=2).name
        for films in (199, 200, 300)
    ]
    assert names == ["native", "native, 2 threads", "native, 2 threads"]


def test_a_library_with_another_interface_is_refused(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_ABI", 99)
    with pytest.raises(NativeError, match="has interface 3, expected 99"):
        NativeEngine(np.ones((1, 1), np.float32), np.ones(1, np.float32), library=library)


def test_the_systems_compiler_builds_the_same_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv("CC", raising=False)
    case = _large(films=500, k=5, users=3)
    found = NativeEngine(case.factors, case.bias, library=build(tmp_path / "made" / "topn.so")).top_k(case.queries)
    assert [answer.rows.tolist() for answer in found] == [_brute_force(case, query)[0] for query in case.queries]


def test_a_compiler_that_fails_or_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "false")
    with pytest.raises(BuildError, match=r"^false -std=c11 .* failed"):
        build(tmp_path / "topn.so")
    monkeypatch.setenv("CC", str(tmp_path / "cc"))
    with pytest.raises(BuildError, match="set CC to a C compiler"):
        build(tmp_path / "topn.so")
    assert not (tmp_path / "topn.so").exists()


@settings(max_examples=60, deadline=None)
@given(case=cases(), data=st.data())
def test_neighbours_are_those_of_the_exact_cosines_shrunk_by_support(case: Case, data: st.DataObject) -> None:
    films = len(case.factors)
    row, query = data.draw(st.integers(0, films - 1)), case.queries[0]
    dots = exact_scores(case.factors[row], case.factors, np.zeros(films, np.float32))
    lengths = np.sqrt(np.square(case.factors, dtype=np.float64).sum(axis=1))
    counts = np.arange(films) % 7 * 30
    cosines = np.clip(dots / np.maximum(lengths * lengths[row], 2.0**-500), -1, 1)
    similarities = (cosines * (counts / (counts + SUPPORT))).tolist()
    left_out = set(query.exclude.tolist())
    rows = [at for at in range(films) if at not in left_out and (query.mask is None or query.mask[at])]
    best = sorted(rows, key=lambda at: (-similarities[at], at))[: query.n]
    found = SimilarItems(case.factors, counts).top_k(row, query.n, query.exclude, query.mask)
    assert (found.rows.tolist(), found.scores.tolist()) == (best, [similarities[at] for at in best])
