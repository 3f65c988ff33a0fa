"""Artifacts of any content: refused with one sentence, or every route answers below 500 with JSON."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from model_service.artifact import Artifact, ArtifactError, load_artifact
from model_service.serving.app import create_app
from model_service.serving.service import RecommenderService
from model_service.serving.settings import Settings
from tests.model_service.client import Client
from tests.model_service.forge import Parts, forge, safetensors, split, write_small
from tests.model_service.fuzzing import fuzz

FUZZ = fuzz(60)
ODD = [
    *(None, True, False, 0, 1, -1, 2, 5, 10**15, 2**31, 2**63 - 1, 2**63, 10**400, -(10**400)),
    *(0.0, -0.0, 0.5, 1e-300, 1e15, 1e38, 1e300, float("nan"), float("inf"), float("-inf")),
    *("", "a", "\ud800", "\x00", "../../etc/passwd", "7", "\n", "é", "null", "1e5", [], [[]], {}, {"": {}}),
    *([1.0, 5.0], [5.0, 1.0], [1.0, 1e-300], [1], [None, None], ["1", "5"], [-1e15, 1e15], {"mean": 10**400}),
]
values = st.one_of(
    st.sampled_from(ODD),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    ),
    st.integers(1, 300).map(lambda depth: json.loads("[" * depth + "]" * depth)),
)
edits = st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=4), st.integers(0, 4)), min_size=1, max_size=3)
number_values = st.sampled_from([0, 1, -1, 2, 6, 1e-30, 1e6, 1e15, 1e20, 3e38, np.inf, -np.inf, np.nan, 2**31 - 1])
dtypes = st.sampled_from([np.float32, np.float64, np.int64, np.int32, np.uint8, np.float16, np.bool_])


class Harness:
    """One application whose model is replaced; making it anew for each example would take most of the time."""

    def __init__(self, folder: Path, runner: asyncio.Runner) -> None:
        self._folder = folder
        self.bases = [write_small(folder / f"base{counts}", counts=counts) for counts in (False, True)]
        self._service = RecommenderService(Settings(artifact_dir=folder / "forged"))
        self._client = Client(create_app(self._service), runner)

    def check(self, parts: Parts, metadata: bytes | None = None, **fields: Any) -> str | None:
        """The message with which the artifact of these parts is refused; None where it is served.

        metadata: the content of metadata.json, as it is.
        """
        folder = forge(self._folder / "forged", parts, **fields)
        if metadata is not None:
            (folder / "metadata.json").write_bytes(metadata)
        try:
            artifact = load_artifact(folder)
        except ArtifactError as refused:
            message = str(refused)
            assert str(folder) in message
            assert "\n" not in message
            assert message.isprintable()
            assert 40 < len(message) < 500 + 2 * len(str(folder))
            return message
        self._ask(artifact)
        return None

    def _ask(self, artifact: Artifact) -> None:
        """Every route answers below 500, with JSON that any parser reads."""
        self._service.model = None
        self._service.load()
        assert self._service.model is not None, self._service._problem
        users, items = artifact.weights.users, artifact.weights.items
        gets = ["/", "/health", "/ready", "/model", "/items", "/items?q=film", "/items?genre=war", "/users", "/metrics"]
        gets += ["/ui", "/ui/users", "/openapi.json", "/?uid=404", "/?uid=404&genre=drama&order=stars", "/users?n=100"]
        for uid in {users[0], users[len(users) - 1], users[len(users) // 2]}:
            told = quote(uid, safe="")
            gets += [f"/?uid={told}", f"/?uid={told}&order=stars&n=100&ids=text", f"/users/{told}", f"/ui/users/{told}"]
        for item in {items[0], items[len(items) - 1]}:
            gets += [f"/items/{quote(item, safe='')}", f"/items/{quote(item, safe='')}/similar"]
        for url in gets:
            answer = self._client.get(url)
            assert answer.status_code < 500, (url, answer.text)
            if answer.headers["content-type"].startswith("application/json"):
                json.loads(answer.content, parse_constant=_refuse)
        what = {"count": 3} if artifact.scale is None else {"stars": artifact.scale[1]}
        ids = [items[0], items[len(items) - 1]]
        bodies: list[tuple[str, dict[str, Any]]] = [
            ("/recommendations", {"ratings": [{"id": id_, **what} for id_ in dict.fromkeys(ids)], "n": 100}),
            ("/recommendations", {"ratings": [{"id": ids[0]}], "order": "stars"}),
            ("/recommendations", {"uid": users[0]}),
            ("/recommendations", {"ratings": [{"title": artifact.items[0].title[:300] or "x", **what}]}),
            ("/predict", {"pairs": [{"uid": uid, "id": id_} for uid in (users[0], "404") for id_ in ids]}),
        ]
        for url, body in bodies:
            answer = self._client.post(url, json=body)
            assert answer.status_code < 500, (url, body, answer.text)
            json.loads(answer.content, parse_constant=_refuse)


def _refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    with asyncio.Runner() as runner:
        yield Harness(tmp_path_factory.mktemp("fuzz"), runner)


def mutate(draw: st.DrawFn, value: Any) -> Any:
    """`value` with one of its parts, at any depth, replaced, removed or doubled under another name."""
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 3)) == 0:
        return draw(values)
    key = draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
    changed: Any = dict(value) if isinstance(value, dict) else list(value)
    action = draw(st.integers(0, 4))
    if action == 0:
        del changed[key]
    elif action == 1 and isinstance(changed, dict):
        changed[draw(st.text(max_size=4) | st.sampled_from(["files", "../x", "\x00"]))] = draw(values)
    else:
        changed[key] = mutate(draw, value[key])
    return changed


def edited(content: bytes, edits: list[tuple[int, bytes, int]]) -> bytes:
    for place, inserted, removed in edits:
        place %= len(content) + 1
        content = content[:place] + inserted + content[place + removed :]
    return content


def encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


@FUZZ
@given(data=st.data(), base=st.integers(0, 1), times=st.integers(1, 3))
def test_any_metadata_with_a_right_checksum(harness: Harness, data: st.DataObject, base: int, times: int) -> None:
    metadata, weights, items = harness.bases[base]
    changed: Any = metadata
    for _ in range(times):
        changed = mutate(data.draw, changed)
        changed = changed if isinstance(changed, dict) else {"data": changed}
    harness.check((changed, weights, items))


@FUZZ
@given(base=st.integers(0, 1), value=values | st.dictionaries(st.text(max_size=9), values, max_size=3))
def test_any_list_of_files_with_a_right_checksum(harness: Harness, base: int, value: Any) -> None:
    assert harness.check(harness.bases[base], files=value) is not None


@FUZZ
@given(content=st.binary(max_size=200) | values.map(encoded) | edits)
def test_any_bytes_as_metadata(harness: Harness, content: Any) -> None:
    if isinstance(content, list):
        content = edited((harness._folder / "baseFalse" / "metadata.json").read_bytes(), content)
    harness.check(harness.bases[0], metadata=content)


@FUZZ
@given(data=st.data(), base=st.integers(0, 1), length=st.none() | st.integers(0, 2**64 - 1) | st.integers(0, 2000))
def test_any_header_of_tensors(harness: Harness, data: st.DataObject, base: int, length: int | None) -> None:
    metadata, weights, items = harness.bases[base]
    header, body = split(weights)
    changed = (
        encoded(mutate(data.draw, header)) if data.draw(st.booleans()) else edited(encoded(header), data.draw(edits))
    )
    if data.draw(st.booleans()):
        length = None
        changed += b" " * (-len(changed) % 8)
    harness.check((metadata, safetensors(changed, body, length), items))


@FUZZ
@given(edits=edits, base=st.integers(0, 1))
def test_any_bytes_as_tensors(harness: Harness, edits: list[tuple[int, bytes, int]], base: int) -> None:
    metadata, weights, items = harness.bases[base]
    harness.check((metadata, edited(weights, edits), items))


@FUZZ
@given(data=st.data(), base=st.integers(0, 1), times=st.integers(1, 2))
def test_any_numbers_in_any_array(harness: Harness, data: st.DataObject, base: int, times: int) -> None:
    metadata, weights, items = harness.bases[base]
    arrays = load(weights)
    for _ in range(times):
        name = data.draw(st.sampled_from(sorted(arrays)))
        array = arrays[name].copy()
        action = data.draw(st.integers(0, 5))
        if action == 0 and len(arrays) > 1:
            del arrays[name]
            continue
        with np.errstate(all="ignore"):
            if action == 1:
                array = array.astype(data.draw(dtypes))
            elif action == 2:
                array = array.reshape(data.draw(st.sampled_from([(-1,), (1, -1), (-1, 1), (1, -1, 1)])))
            elif action == 3:
                array = array[: data.draw(st.integers(0, len(array)))]
            elif action == 4:
                array[...] = np.array(data.draw(number_values)).astype(array.dtype)
            elif array.size:
                place = data.draw(st.integers(0, array.size - 1))
                array.flat[place] = np.array(data.draw(number_values)).astype(array.dtype)
        arrays[name] = np.ascontiguousarray(array)
    harness.check((metadata, save(arrays), items))


@FUZZ
@given(data=st.data(), base=st.integers(0, 1))
def test_any_items(harness: Harness, data: st.DataObject, base: int) -> None:
    metadata, weights, items = harness.bases[base]
    if data.draw(st.booleans()):
        items = edited(items, data.draw(edits))
    else:
        lines = items.splitlines(keepends=True)
        row = data.draw(st.integers(0, len(lines) - 1))
        changed = mutate(data.draw, json.loads(lines[row]))
        lines[row] = (
            json.dumps(changed, sort_keys=True, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass")
            + b"\n"
        )
        items = b"".join(lines)
    harness.check((metadata, weights, items))


def test_what_is_forged_is_served_where_nothing_was_changed(harness: Harness) -> None:
    for base in harness.bases:
        assert harness.check(base) is None
