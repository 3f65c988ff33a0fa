"""The artifact folder: round trip, tampering, interrupted writing."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from model_service import artifact as artifact_module
from model_service.artifact import Artifact, ArtifactError, Weights, load_artifact, write_artifact
from model_service.catalogue import Item, MappedItems, encode_items
from model_service.ids import Ids
from model_service.metadata import read_metadata, read_model_version, sha256_file
from model_service.safetensors_mmap import map_tensors
from tests.model_service.conftest import Trained
from tests.model_service.make import make_weights

FILES = ("model.safetensors", "items.jsonl", "metadata.json")


def test_serving_reads_what_training_wrote(trained: Trained, artifact: Artifact) -> None:
    ratings, weights = trained.ratings, artifact.weights
    assert tuple(artifact.items) == ratings.catalogue
    assert artifact.metadata == trained.metadata
    assert artifact.scale == (1.0, 5.0)
    assert weights.item_counts.tolist() == np.bincount(ratings.item_rows).tolist()
    seen = {
        (weights.users[user], weights.items[item])
        for user in range(len(weights.users))
        for item in weights.seen_indices[weights.seen_indptr[user] : weights.seen_indptr[user + 1]]
    }
    pairs = zip(ratings.user_rows.tolist(), ratings.item_rows.tolist(), strict=True)
    assert seen == {(ratings.user_ids[user], ratings.item_ids[item]) for user, item in pairs}


def test_arrays_are_mapped_read_only_and_equal_to_the_safetensors_package(trained: Trained) -> None:
    path = trained.folder / "model.safetensors"
    mapped, expected = map_tensors(path), load_file(path)
    assert mapped.keys() == expected.keys()
    for name, array in mapped.items():
        np.testing.assert_array_equal(array, expected[name])
        assert array.dtype == expected[name].dtype
        assert not array.flags.owndata
        assert not array.flags.writeable


def test_the_version_is_the_content_and_needs_only_the_standard_library(trained: Trained) -> None:
    version = read_model_version(trained.folder)
    assert re.fullmatch("[0-9a-f]{12}", version)
    assert json.loads((trained.folder / "metadata.json").read_text())["model_version"].startswith(version)
    program = (
        "import sys; from model_service.metadata import read_model_version as read; "
        f"print(read({str(trained.folder)!r})); "
        "assert not {'numpy', 'safetensors', 'torch'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == version


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0.0, 0.3, 0.6, 0.999])
def test_a_flipped_byte_is_refused_with_the_name_of_the_file(name: str, place: float, artifact_copy: Path) -> None:
    path = artifact_copy / name
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 0x04
    path.write_bytes(content)
    for read in (load_artifact, read_model_version):
        with pytest.raises(ArtifactError) as refused:
            read(artifact_copy)
        assert str(path) in str(refused.value)
        assert "changed after training" in str(refused.value) or "has format" in str(refused.value)
        assert "`make train`" in str(refused.value)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name: str, artifact_copy: Path) -> None:
    (artifact_copy / name).unlink()
    with pytest.raises(ArtifactError, match=rf"{name} is missing; `make train` makes a new one"):
        load_artifact(artifact_copy)


@pytest.mark.parametrize("name", FILES)
def test_a_cut_file_is_refused(name: str, artifact_copy: Path) -> None:
    path = artifact_copy / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArtifactError, match=name):
        load_artifact(artifact_copy)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"no artifact: the folder .*nothing does not exist; `make train`"):
        read_model_version(tmp_path / "nothing")


def test_another_format_is_refused(artifact_copy: Path) -> None:
    path = artifact_copy / "metadata.json"
    path.write_text(path.read_text().replace('"format": 3', '"format": 2'))
    with pytest.raises(ArtifactError, match="has format 2, this code reads format 3"):
        read_metadata(artifact_copy)


def test_metrics_and_libraries_are_not_part_of_the_version(
    trained: Trained, artifact: Artifact, tmp_path: Path
) -> None:
    def write(folder: str, hyperparameters: dict[str, object], metrics: dict[str, object]) -> str:
        return write_artifact(
            tmp_path / folder,
            weights=artifact.weights,
            items=artifact.items,
            data=artifact.metadata.data,
            hyperparameters=hyperparameters,
            metrics=metrics,
            libraries={},
        ).model_version

    same = dict(artifact.metadata.hyperparameters)
    assert write("a", same, {"rmse": 1.0}) == trained.metadata.model_version
    assert write("b", same | {"factors": 99}, {}) != trained.metadata.model_version


class _PowerCutError(Exception):
    pass


@pytest.mark.parametrize("moment", ["encode_items", "sha256_file", "_fsync_tree", "rename"])
def test_an_interrupted_write_leaves_the_old_artifact_unchanged(
    moment: str, artifact: Artifact, artifact_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: (artifact_copy / name).read_bytes() for name in FILES}

    def cut(*_: object) -> None:
        raise _PowerCutError

    if moment == "rename":
        rename = Path.rename
        monkeypatch.setattr(Path, "rename", lambda path, to: cut() if path.name.endswith(".new") else rename(path, to))
    else:
        monkeypatch.setattr(artifact_module, moment, cut)
    with pytest.raises(_PowerCutError):
        _write_again(artifact, artifact_copy)
    monkeypatch.undo()
    assert {name: (artifact_copy / name).read_bytes() for name in FILES} == before
    assert [path.name for path in artifact_copy.parent.iterdir()] == ["artifact"]
    _write_again(artifact, artifact_copy)
    assert load_artifact(artifact_copy).metadata.metrics == {}
    assert [path.name for path in artifact_copy.parent.iterdir()] == ["artifact"]


def test_modes_do_not_depend_on_the_umask(trained: Trained) -> None:
    assert trained.folder.stat().st_mode & 0o777 == 0o755
    assert {(trained.folder / name).stat().st_mode & 0o777 for name in FILES} == {0o644}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("star_user_bias", np.zeros(3, np.float32), r"star_user_bias is float32\[3\], expected float32\[120\]"),
        ("star_user_bias", None, r"star_user_factors, .* have to be there together"),
        ("user_factors", None, "either user_factors or fold_in_encoder is needed"),
        ("fold_in_rhs", np.zeros(3, np.float32), r"fold_in_rhs is float32\[3\], expected float64"),
        ("item_bias", np.zeros(150, np.float64), r"item_bias is float64\[150\], expected float32\[150\]"),
        ("global_mean", np.array([np.nan], np.float32), "global_mean holds a number that is not finite"),
        ("seen_values", np.full(5000, -np.inf, np.float32), "seen_values holds a number that is not finite"),
        ("user_ids", np.zeros(120, np.int64), "increasing order"),
        ("seen_indptr", np.zeros(121, np.int64), "seen_indptr is not a CSR row pointer"),
        ("seen_indices", np.full(5000, 150, np.int32), "seen_indices has an item row outside the catalogue"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    name: str, value: np.ndarray[tuple[int], np.dtype[np.generic]], message: str, artifact: Artifact
) -> None:
    with pytest.raises(ValueError, match=message):
        Weights(**{**artifact.weights.arrays(), name: value})


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """An artifact of three users and three films with texts as ids, 3, 3 and 6 bytes long."""
    ids = Ids.of(["007", "é1", "電影"])
    eye = np.eye(3, dtype=np.float32)
    weights = replace(
        make_weights(eye, eye, [[0], [1], [2]]),
        user_ids=ids.values,
        user_id_offsets=ids.offsets,
        item_ids=ids.values,
        item_id_offsets=ids.offsets,
    )
    write_artifact(
        tmp_path / "artifact",
        weights=weights,
        items=[Item(id=id_, title=f"Film {id_}") for id_ in ids],
        data={"scale": [1.0, 5.0]},
        hyperparameters={},
        metrics={},
        libraries={},
    )
    return tmp_path / "artifact"


def _damage(folder: Path, **changed: Any) -> None:
    """Replaces arrays (None: leaves them out) and lines of items, with checksums that match."""
    lines = changed.pop("items", None)
    arrays = {**load_file(folder / "model.safetensors"), **changed}
    save_file({name: array for name, array in arrays.items() if array is not None}, folder / "model.safetensors")
    if lines is not None:
        (folder / "items.jsonl").write_bytes(lines)
    old = read_metadata(folder)
    files = {name: sha256_file(folder / name) for name in FILES[:2]}
    (folder / "metadata.json").write_bytes(replace(old, files=files).to_bytes())


def _row(*numbers: int, dtype: type[np.generic] = np.int64) -> NDArray[Any]:
    return np.array(numbers, dtype)


@pytest.mark.parametrize("kind", ["user", "item"])
@pytest.mark.parametrize(
    ("array", "value", "message"),
    [
        ("id_offsets", _row(0, 3, 6, 99), "do not increase from 0 to the length of their text"),
        ("id_offsets", _row(0, 3, 99, 12), "do not increase"),
        ("id_offsets", _row(0, -3, 6, 12), "do not increase"),
        ("id_offsets", _row(-3, 3, 6, 12), "do not increase"),
        ("id_offsets", _row(0, 6, 3, 12), "do not increase"),
        ("id_offsets", _row(0, -(2**63), 6, 12), "do not increase"),
        ("id_offsets", _row(0, 2**63 - 1, 6, 12), "do not increase"),
        ("id_offsets", _row(0, 2**63 - 1, -2, 12), "do not increase"),
        ("id_offsets", _row(0, 3, 3, 12), "do not increase"),
        ("id_offsets", _row(), "do not increase"),
        ("id_offsets", _row(0, 4, 6, 12), "cut a character in two"),
        ("id_offsets", _row(0, 3, 12), r"is (int64|float32)\[.*\], expected"),
        ("id_offsets", _row(0, 3, 6, 12, dtype=np.int32), r"are int32\[4\], expected one row of int64"),
        ("id_offsets", _row(0, 3, 6, 12).reshape(2, 2), r"are int64\[2, 2\], expected one row of int64"),
        ("id_offsets", None, r"are uint8\[12\], expected one row of int64"),
        ("ids", np.frombuffer("007é1電影".encode()[:-1] + b"\xff", np.uint8), "not UTF-8"),
        ("ids", np.frombuffer("007é1電影".encode()[:-1], np.uint8), "do not increase"),
        ("ids", np.frombuffer("007電影é1".encode(), np.uint8), "increasing order"),
        ("ids", np.frombuffer(b"077007777777", np.uint8), "increasing order"),
        ("ids", _row(1, 2, 3), r"are int64\[3\], expected one row of uint8"),
        ("ids", np.zeros(0, np.uint8), "do not increase"),
    ],
)
def test_damaged_text_ids_are_refused_with_a_sentence(
    kind: str, array: str, value: NDArray[Any] | None, message: str, texts: Path
) -> None:
    _damage(texts, **{f"{kind}_{array}": value})
    with pytest.raises(ArtifactError, match=f"is unusable: .*{message}.*; `make train`"):
        load_artifact(texts)


def test_films_with_other_ids_than_the_weights_are_refused(texts: Path) -> None:
    lines = (texts / "items.jsonl").read_bytes()
    for changed, message in (
        (
            lines.replace(b'"id": "007"', b'"id": "7"'),
            r"film 0 has the id '7' in items.jsonl, '007' in the weights",
        ),
        (lines.replace("電影".encode(), "電".encode()), "film 2 has the id '電' in items.jsonl"),
        (lines.replace(b'"id": "007"', b'"id": 7'), "line 1 of items.jsonl is no film"),
        (lines + lines.splitlines(keepends=True)[0], "items.jsonl has 4 films, model.safetensors 3"),
        (lines.replace(b'"id"', b'"key"'), "line 1 of items.jsonl is no film"),
        (lines.replace(b'"title"', b"title"), "is unusable"),
    ):
        _damage(texts, items=changed)
        with pytest.raises(ArtifactError, match=f"{message}.*; `make train`"):
            load_artifact(texts)
    _damage(texts, items=lines)
    assert [item.id for item in load_artifact(texts).items] == ["007", "é1", "電影"]


def test_rows_of_seen_films_that_overflow_are_refused(artifact: Artifact) -> None:
    indptr = artifact.weights.seen_indptr.copy()
    indptr[1:3] = 2**63 - 1, -2
    with pytest.raises(ValueError, match="seen_indptr is not a CSR row pointer"):
        Weights(**{**artifact.weights.arrays(), "seen_indptr": indptr})


def test_films_in_another_order_are_not_written(artifact: Artifact, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="in the same order"):
        write_artifact(
            tmp_path / "artifact",
            weights=artifact.weights,
            items=list(artifact.items)[::-1],
            data={},
            hyperparameters={},
            metrics={},
            libraries={},
        )


_ITEMS = st.builds(
    Item,
    id=st.integers(0, 2**62),
    title=st.text(st.characters(exclude_categories=["Cs"])),
    genres=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3).map(tuple),
    year=st.none() | st.integers(1800, 2100),
)


@given(st.lists(_ITEMS, min_size=1, max_size=8))
def test_any_title_survives(tmp_path_factory: pytest.TempPathFactory, items: list[Item]) -> None:
    path = tmp_path_factory.mktemp("items") / "items.jsonl"
    path.write_bytes(encode_items(items))
    mapped = MappedItems(path)
    assert list(mapped) == items
    assert mapped[1:] == items[1:]
    with pytest.raises(IndexError):
        mapped[len(items)]


def _write_again(artifact: Artifact, folder: Path) -> None:
    write_artifact(
        folder,
        weights=artifact.weights,
        items=artifact.items,
        data=artifact.metadata.data,
        hyperparameters={},
        metrics={},
        libraries={},
    )
