"""Forged artifacts, every checksum right: each is refused with a sentence that names the file and what is wrong."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from infra.config.image import ImageSettings
from infra.config.model import ModelSettings
from infra.errors import ProgramError
from infra.image.artifact import read_model
from model_service.ann_index import INDEX_METADATA_FILE, AnnIndexError, IndexMetadata, read_index_metadata
from model_service.artifact import ArtifactError, load_artifact
from model_service.batch.__main__ import main as batch
from model_service.metadata import read_metadata, read_model_version
from tests.model_service.forge import Parts, forge, safetensors, split, write_small

DEEP = '{"a":' * 100_000 + "1" + "}" * 100_000


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return write_small(tmp_path / "artifact")


def nested(path: str, value: Any) -> dict[str, Any]:
    """The object that has `value` at a dotted path."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value  # type: ignore[no-any-return]


def merged(first: Any, second: Any) -> Any:
    if not isinstance(first, dict) or not isinstance(second, dict):
        return second
    return {**first, **{name: merged(first.get(name), value) for name, value in second.items()}}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("data.scale", [float("nan"), 5.0], "holds NaN, which is no JSON number"),
        ("metrics.rmse", float("inf"), "holds Infinity, which is no JSON number"),
        ("metrics.rmse", json.loads("[" * 33 + "]" * 33), "nests more than 32 levels deep"),
        ("data.source", "\ud800", "is no JSON"),
        ("metrics.served_scores.mean", 10**400, "holds a whole number of more than 64 bits"),
        ("metrics.served_scores.mean", 2**63, "holds a whole number of more than 64 bits"),
        ("metrics", [], r"has metrics \[\], expected an object"),
        ("libraries", {"numpy": 2}, "has libraries .*, expected an object of texts"),
        ("hyperparameters.ranking", [], r"has hyperparameters.ranking \[\], expected an object"),
        ("hyperparameters.ranking.fold_in_ridge", "0.1", "fold_in_ridge '0.1', expected a number from 0 to 1e.15"),
        ("hyperparameters.ranking.fold_in_ridge", True, "fold_in_ridge True, expected a number from 0"),
        ("hyperparameters.ranking.log_mean", 0, "log_mean 0, expected a number above 0"),
        ("hyperparameters.ranking.highest_rating", 4.0, r"highest_rating 4.0, but data.scale \[1.0, 5.0\]"),
        ("hyperparameters.c_vector", -1, "c_vector -1, expected a number from 0"),
        ("data.scale", [1e300, 1e301], "data.scale .*, expected two numbers of at most 1e.15, the lower one first"),
        ("data.scale", [5.0, 1.0], "expected two numbers"),
        ("data.scale", [1.0], "expected two numbers"),
        ("data.scale", None, "has hyperparameters.ranking.lowest_rating 1.0, but data.scale None"),
        ("data.users", 6, "metadata.json tells of 6 users, model.safetensors has 5"),
        ("data.items", 5, "metadata.json tells of 5 items, model.safetensors has 6"),
        ("data.ratings", 0, "metadata.json tells of 0 ratings, model.safetensors has 10"),
        ("data.users", 0, "has data.users 0, expected a whole number of at least 1"),
        ("data.items", "6", "has data.items '6', expected a whole number of at least 1"),
        ("data.source", 7, "has data.source 7, expected a text"),
        ("other", 7, r"has other fields than format 3: \['other'\]"),
    ],
)
def test_forged_metadata_is_refused(path: str, value: Any, message: str, parts: Parts, tmp_path: Path) -> None:
    folder = forge(tmp_path / "artifact", (merged(parts[0], nested(path, value)), *parts[1:]))
    refused(folder, message)


@pytest.mark.parametrize("name", ["data", "metrics", "hyperparameters", "libraries"])
def test_a_missing_part_of_the_metadata_is_named(name: str, parts: Parts, tmp_path: Path) -> None:
    rest = {key: value for key, value in parts[0].items() if key != name}
    refused(forge(tmp_path / "artifact", (rest, *parts[1:])), f"metadata.json lacks {name}")


@pytest.mark.parametrize("name", ["scale", "users", "items", "ratings"])
def test_missing_numbers_of_the_data_are_named(name: str, parts: Parts, tmp_path: Path) -> None:
    data = {key: value for key, value in parts[0]["data"].items() if key != name}
    metadata = {**parts[0], "data": data}
    metadata["hyperparameters"] = {}
    refused(forge(tmp_path / "artifact", (metadata, *parts[1:])), f"metadata.json lacks data.{name}, ")


@pytest.mark.parametrize(
    "files",
    [
        {},
        [],
        None,
        "model.safetensors",
        {"model.safetensors": "0" * 64},
        {"model.safetensors": "0" * 64, "items.jsonl": 0},
        {"model.safetensors": "0" * 64, "items.jsonl": "z" * 64},
        {"model.safetensors": "0" * 64, "items.jsonl": "0" * 64, "../../etc/passwd": "0" * 64},
        {"model.safetensors": "0" * 64, "items.jsonl\x00": "0" * 64},
    ],
)
def test_a_list_of_files_other_than_the_artifacts_is_refused(files: Any, parts: Parts, tmp_path: Path) -> None:
    folder = forge(tmp_path / "artifact", parts, files=files)
    refused(folder, r"metadata.json has files .*, expected the SHA-256 of model.safetensors and of items.jsonl")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (DEEP.encode(), "nests more than 32 levels deep"),
        (b'{"a": "\\ud800"}', "holds a text that UTF-8 cannot write"),
        (b'{"a": 1, "a": 2}', "holds a name twice in one object"),
        (b'{"a": 1e999}', "holds a number that is too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is no JSON"),
        (b"\xef\xbb\xbf{}", "is no JSON"),
        (b"\xff\xfe{\x00}\x00", "is no JSON"),
        (b"[]", "is no JSON object"),
        (b"", "is no JSON"),
        (b'{"format": 3.0}', "has format 3.0, this code reads format 3"),
        (b'{"format": "' + b"\\n" * 5000 + b'"}', "has format '.*…, this code reads format 3"),
        (b" " * (16 * 2**20 + 1), "is larger than 16,777,216 bytes"),
    ],
)
def test_metadata_that_is_no_json_of_ours_is_refused(
    content: bytes, message: str, parts: Parts, tmp_path: Path
) -> None:
    folder = forge(tmp_path / "artifact", parts)
    (folder / "metadata.json").write_bytes(content)
    refused(folder, f"metadata.json {message}")


def _header(**changes: Any) -> Any:
    def change(header: dict[str, Any]) -> Any:
        header["item_bias"] |= changes
        return header

    return change


def _shifted(header: dict[str, Any]) -> Any:
    first, second = sorted(header, key=lambda name: header[name]["data_offsets"])[:2]
    header[second]["data_offsets"] = header[first]["data_offsets"]
    header[second] |= {name: header[first][name] for name in ("shape", "dtype")}
    return header


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: 7, "the header of model.safetensors is no JSON object"),
        (lambda _: [], "the header of model.safetensors is no JSON object"),
        (lambda _: {}, r"the tensors of model.safetensors end at byte 0 of \d+"),
        (lambda header: {**header, "item_bias": 7}, "'item_bias' has no data_offsets"),
        (_header(dtype="F16"), "'item_bias' has type 'F16'; known are F32"),
        (_header(dtype=7), "'item_bias' has type 7; known are F32"),
        (_header(shape=[-6]), "'item_bias' has no shape"),
        (_header(shape=[True]), "'item_bias' has no shape"),
        (_header(shape=[2**62, 2**62]), "'item_bias' has 24 bytes, float32.* needs"),
        (_header(data_offsets=[0]), "'item_bias' has no data_offsets"),
        (_header(data_offsets=[8, 0]), "'item_bias' has no data_offsets"),
        (_shifted, "begins at byte 0, the tensor before it ends at"),
    ],
)
def test_a_forged_header_of_the_weights_is_refused(change: Any, message: str, parts: Parts, tmp_path: Path) -> None:
    header, body = split(parts[1])
    changed = json.dumps(change(header)).encode()
    weights = safetensors(changed + b" " * (-len(changed) % 8), body)
    refused(forge(tmp_path / "artifact", (parts[0], weights, parts[2])), f"is unusable: .*{message}", content=True)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (b"", "model.safetensors is too short to be a safetensors file"),
        (safetensors(b"{}", b"", 2**64 - 1), "model.safetensors ends within its header"),
        (safetensors(b" " * (2**20 + 1), b""), "has a header of more than 1,048,576 bytes"),
        (safetensors(DEEP.encode()[: 2**20], b""), "the header of model.safetensors nests more than 32 levels deep"),
    ],
)
def test_weights_without_a_header_are_refused(weights: bytes, message: str, parts: Parts, tmp_path: Path) -> None:
    refused(forge(tmp_path / "artifact", (parts[0], weights, parts[2])), message, content=True)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("item_factors", np.zeros((6, 0), np.float32), "expected a row of factors for each film"),
        ("item_factors", np.zeros((), np.float32), "expected a row of factors for each film"),
        ("item_bias", np.full(6, np.nan, np.float32), "item_bias holds a number that is not finite"),
        ("item_bias", np.full(6, 1e16, np.float32), "item_bias holds a number beyond 1e.15"),
        ("item_counts", np.array([-1, 11, 0, 0, 0, 0], np.int32), "item_counts holds a number below 0"),
        ("item_counts", np.zeros(6, np.int32), "item_counts of model.safetensors does not add up"),
        ("seen_indices", np.array([2, 1, 0, 1, 3, 2, 4, 5, 0, 5], np.int32), "seen_indices does not increase within"),
        ("seen_values", np.full(10, 5.5, np.float32), "seen_values .* has a value that is not from 1 to 5"),
        ("user_ids", np.array([1, 1, 2, 3, 4]), "ids are not in increasing order, each once"),
        ("another", np.zeros(1), "the array 'another' is not one of a model"),
        ("popularity", None, "the array popularity is missing"),
    ],
)
def test_forged_weights_are_refused(name: str, value: Any, message: str, parts: Parts, tmp_path: Path) -> None:
    arrays = {**load(parts[1]), name: value}
    weights = save({name: array for name, array in arrays.items() if array is not None})
    refused(forge(tmp_path / "artifact", (parts[0], weights, parts[2])), f"is unusable: .*{message}", content=True)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"title": "Film 3', b'"title": 3, "x": "', "line 4 of items.jsonl is no film"),
        (b'"year": 1993', b'"year": "1993"', "line 4 of items.jsonl is no film"),
        (b'"year": 1993', b'"year": 1' + b"0" * 30, "line 4 of items.jsonl is no film"),
        (b'["Drama"]', b"[1]", "line 2 of items.jsonl is no film"),
        (b"Film 3", b"Film \\ud800", "line 4 of items.jsonl is no film"),
        (b"Film 3", b"Film \x00", "line 4 of items.jsonl is no film"),
        (b"Film 3", b"Film \xff", "items.jsonl is not UTF-8"),
        (b'"id": "4"', b'"id": "9"', "film 3 has the id '9' in items.jsonl, '4' in the weights"),
        (b"1995}\n", b"1995}", "items.jsonl ends within a line"),
    ],
)
def test_forged_items_are_refused(old: bytes, new: bytes, message: str, parts: Parts, tmp_path: Path) -> None:
    assert parts[2].count(old) >= 1
    forged = parts[2].replace(old, new, 1)
    refused(forge(tmp_path / "artifact", (*parts[:2], forged)), f"is unusable: .*{message}", content=True)


@pytest.mark.parametrize("name", ["metadata.json", "model.safetensors", "items.jsonl"])
def test_what_is_no_plain_file_is_refused(name: str, parts: Parts, tmp_path: Path) -> None:
    path = forge(tmp_path / "artifact", parts) / name
    content = path.read_bytes()

    def replaced(message: str) -> None:
        refused(path.parent, f"cannot be read: .*{name}: {message}")

    path.unlink()
    os.mkfifo(path)
    replaced("not a regular file")
    path.unlink()
    path.mkdir()
    replaced("not a regular file")
    path.rmdir()
    (tmp_path / name).write_bytes(content)
    path.symlink_to(tmp_path / name)
    replaced("a link, which an image would not carry")


def refused(folder: Path, message: str, *, content: bool = False) -> None:
    """Serving and the program refuse an artifact with one sentence; `content`: the program sees checksums only."""
    with pytest.raises(ArtifactError, match=message) as by_serving:
        load_artifact(folder)
    sentence = str(by_serving.value)
    assert sentence.isprintable()
    assert any(name in sentence for name in ("metadata.json", "model.safetensors", "items.jsonl"))
    assert len(sentence) < 400 + len(str(folder))
    assert "`make train` makes a new one" in sentence
    if content or " tells of " in sentence:
        assert read_model_version(folder) == read_metadata(folder).short_version
        return
    with pytest.raises(ArtifactError, match=message):
        read_model_version(folder)
    with pytest.raises(ProgramError) as by_program:
        read_model(folder, ImageSettings(), ModelSettings())
    assert f"There is no model to deploy in {folder}: {sentence}\nTo fix it: make train" in str(by_program.value)


def test_the_batch_refuses_with_the_same_sentence_and_writes_nothing(
    parts: Parts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = forge(tmp_path / "artifact", parts, files={})
    assert batch(["--artifact", str(folder), "--out", str(tmp_path / "out")]) == 2
    with pytest.raises(ArtifactError) as by_serving:
        load_artifact(folder)
    assert capsys.readouterr().err == f"error: {by_serving.value}\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"longest": "1"}, "has longest '1', expected a number above 0"),
        ({"longest": 10**400}, "holds a whole number of more than 64 bits"),
        ({"lists": 0}, "has lists 0, expected a whole number of at least 1"),
        ({"probes": True}, "has probes True, expected a whole number of at least 1"),
        ({"library": None}, "has library None, expected a text"),
        ({"recall_at_10": 2}, "has recall_at_10 2, expected a number from 0 to 1"),
        ({"recall_at_10": float("nan")}, "holds NaN, which is no JSON number"),
        ({"other": 1}, "has other fields than format 1"),
        ({"model_version": 1}, "has model_version 1, expected a text"),
    ],
)
def test_forged_metadata_of_an_index_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    write_small(tmp_path / "artifact")
    version = read_metadata(tmp_path / "artifact").model_version
    path = tmp_path / "artifact" / INDEX_METADATA_FILE
    about = IndexMetadata(
        model_version=version,
        checksum="0" * 64,
        library="faiss",
        lists=1,
        probes=1,
        longest=1.0,
        recall_at_10=1.0,
        measured_users=1,
    )
    path.write_bytes(about.to_bytes())
    assert read_index_metadata(tmp_path / "artifact", model_version=version) == about
    path.write_text(json.dumps({**json.loads(about.to_bytes()), **change}))
    with pytest.raises(AnnIndexError, match=message) as refused:
        read_index_metadata(tmp_path / "artifact", model_version=version)
    assert str(refused.value).isprintable()
