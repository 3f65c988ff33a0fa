"""Claims about batch scoring: what it writes, what it keeps of an interrupted run, and what it refuses."""

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from local import emulated_aws
from local.console import Step
from local.settings import REGION, LocalSettings
from model_service.artifact import Artifact, load_artifact, write_artifact
from model_service.batch.__main__ import main
from model_service.batch.progress import Progress
from model_service.catalogue import Item
from model_service.ids import Ids
from model_service.serving.ranking.numpy_engine import NumpyEngine
from model_service.serving.recommender import Recommender, RecommendRequest
from model_service.serving.service import _compute
from model_service.weights import Weights
from tests.model_service.conftest import Trained

ROOT = Path(__file__).parents[2]
UNKNOWN = str(10**9)


def score(artifact: Path, out: Path | str, *options: str) -> int:
    return main(["--artifact", str(artifact), "--out", str(out), *options])


def lists(table: Any) -> dict[Any, list[tuple[Any, ...]]]:
    """By user the rows without the user, in the order of the file."""
    found: dict[Any, list[tuple[Any, ...]]] = {}
    for user, *row in zip(*table.to_pydict().values(), strict=True):
        found.setdefault(user, []).append(tuple(row))
    return found


def answers(artifact: Artifact, users: Sequence[str], n: int = 10) -> dict[Any, list[tuple[Any, ...]]]:
    """By user what the service answers to GET /?uid=, as rows with ranks."""
    recommender = Recommender(artifact)
    requests = [RecommendRequest(user, n, ids="data") for user in users]
    bodies = [json.loads(response.body) for response in _compute(recommender, requests)]
    return {
        (int(user) if artifact.weights.users.are_numbers else user): [
            (id_, rank, stars, title)
            for rank, (id_, (title, stars)) in enumerate(zip(body["ids"], body["response"], strict=True), 1)
        ]
        for user, body in zip(users, bodies, strict=True)
    }


def manifest(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "_manifest.json").read_bytes()))


def test_every_user_gets_what_the_service_answers(trained: Trained, artifact: Artifact, tmp_path: Path) -> None:
    users = artifact.weights.users
    assert score(trained.folder, tmp_path / "out", "--titles", "--users-per-part", "50", "--threads", "3") == 0
    table = pq.read_table(tmp_path / "out")
    assert [str(field.type) for field in table.schema] == ["int64", "int64", "int32", "double", "string"]
    assert lists(table) == answers(artifact, users)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "_SUCCESS",
        "_manifest.json",
        "part-00000.parquet",
        "part-00001.parquet",
        "part-00002.parquet",
    ]
    told = manifest(tmp_path / "out")
    assert (told["model_version"], told["rows"]) == (trained.metadata.model_version, len(table))
    assert (told["complete"], [part["rows"] for part in told["parts"]]) == (True, [500, 500, 200])


def test_a_list_longer_than_what_is_left_has_fewer_ranks(trained: Trained, artifact: Artifact, tmp_path: Path) -> None:
    assert score(trained.folder, tmp_path / "out", "--titles", "--n", "140") == 0
    found = lists(pq.read_table(tmp_path / "out"))
    assert found == answers(artifact, artifact.weights.users, 140)
    assert len({len(rows) for rows in found.values()}) > 1


def test_csv_and_parquet_hold_the_same(trained: Trained, tmp_path: Path) -> None:
    assert (
        score(trained.folder, tmp_path / "parquet") == score(trained.folder, tmp_path / "csv", "--format", "csv") == 0
    )
    one = pq.read_table(tmp_path / "parquet" / "part-00000.parquet")
    other = pyarrow.csv.read_csv(tmp_path / "csv" / "part-00000.csv")
    assert one.column_names == ["user_id", "item_id", "rank", "stars"]
    assert one.to_pydict() == other.to_pydict()


@pytest.mark.parametrize("encoder", [False, True])
def test_without_stars_without_user_vectors_and_without_the_kernel_lists_are_as_the_service_has_them(
    artifact: Artifact, encoder: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = {name: array for name, array in artifact.weights.arrays().items() if not name.startswith("star_")}
    del arrays["global_mean"]
    if encoder:
        arrays["fold_in_encoder"] = arrays["item_factors"][:, ::-1].copy()
        del arrays["user_factors"]
    plain = replace(artifact, weights=Weights(**arrays))
    rows = np.array([3, -1, 5, 0, -1])
    users = [plain.weights.users[row] if row >= 0 else UNKNOWN for row in rows.tolist()]
    for native in (True, False):
        if not native:
            monkeypatch.setattr(
                "model_service.serving.recommender.make_engine",
                lambda factors, bias, *_, **__: NumpyEngine(factors, bias),
            )
        recommender = Recommender(plain)
        found = recommender.recommend_rows(rows, 7)
        expected = recommender.recommend_many([RecommendRequest(user, 7) for user in users])
        assert found.stars is None
        assert found.lengths.tolist() == [len(one.rows) for one in expected]
        assert found.rows.tolist() == [row for one in expected for row in one.rows]


def test_listed_users_are_scored_in_their_order_and_unknown_ones_are_counted(
    trained: Trained, artifact: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = artifact.weights.users[7], artifact.weights.users[3]
    (tmp_path / "users.txt").write_text(f"{first}\n\n{UNKNOWN}\r\n {second} \n{first}\n")
    assert score(trained.folder, tmp_path / "out", "--titles", "--users", str(tmp_path / "users.txt")) == 0
    found = lists(pq.read_table(tmp_path / "out"))
    assert list(found) == [int(first), int(UNKNOWN), int(second)]
    assert found == answers(artifact, [first, UNKNOWN, second])
    assert "1 of the users are not in the model's data" in capsys.readouterr().out
    assert manifest(tmp_path / "out")["unknown_users"] == 1


@pytest.fixture
def texts(artifact_copy: Path) -> Path:
    """An artifact whose users and items have ids that are no numbers."""
    old = load_artifact(artifact_copy)
    users = Ids.of(f"käufer-{row:04}" for row in range(len(old.weights.users)))
    items = Ids.of(f"tt{row:07}" for row in range(len(old.weights.items)))
    weights = replace(
        old.weights,
        user_ids=users.values,
        user_id_offsets=users.offsets,
        item_ids=items.values,
        item_id_offsets=items.offsets,
    )
    _write(artifact_copy, old, weights, [replace(item, id=id_) for item, id_ in zip(old.items, items, strict=True)])
    return artifact_copy


@pytest.mark.parametrize("format_", ["parquet", "csv"])
def test_ids_that_are_no_numbers_are_texts(format_: str, texts: Path, tmp_path: Path) -> None:
    artifact = load_artifact(texts)
    options = ["--titles", "--users-per-part", "70", "--format", format_]
    assert score(texts, tmp_path / "out", *options) == 0
    parts = sorted((tmp_path / "out").glob("part-*"))
    tables = [pq.read_table(part) if format_ == "parquet" else pyarrow.csv.read_csv(part) for part in parts]
    rank = "int32" if format_ == "parquet" else "int64"
    assert [str(field.type) for field in tables[0].schema] == ["string", "string", rank, "double", "string"]
    assert lists(pa.concat_tables(tables)) == answers(artifact, artifact.weights.users)


def test_listed_ids_are_the_texts_that_they_are(
    texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "users.txt").write_text("käufer-0042\n7\nKäufer-0001\n", encoding="utf-8")
    assert score(texts, tmp_path / "out", "--titles", "--users", str(tmp_path / "users.txt")) == 0
    found = lists(pq.read_table(tmp_path / "out"))
    assert found == answers(load_artifact(texts), ["käufer-0042", "7", "Käufer-0001"])
    assert "2 of the users are not in the model's data" in capsys.readouterr().out


def test_a_finished_run_is_not_repeated(trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert score(trained.folder, tmp_path / "out") == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert score(trained.folder, tmp_path / "out") == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before
    assert "1 of them kept from an earlier run" in capsys.readouterr().out


SLOW = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from model_service.batch import destination
from model_service.batch.__main__ import main
write = destination.FolderDestination.write
def slow(self, name, content):
    if name.startswith("part-00002"):
        (self._folder / f".{name}.new").write_bytes(content[:100])
        time.sleep(60)
    write(self, name, content)
destination.FolderDestination.write = slow
sys.exit(main(sys.argv[1:]))
"""


def _interrupted(arguments: list[str], out: Path, signal_: int) -> tuple[int, str]:
    """A run that is sent a signal while it writes its third part: its status, and what it told."""
    process = subprocess.Popen([sys.executable, "-c", SLOW, *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (out / ".part-00002.parquet.new").exists():
        assert process.poll() is None, "the run ended"
        assert time.monotonic() < deadline, "the run did not come to its third part"
        time.sleep(0.02)
    process.send_signal(signal_)
    _, told = process.communicate(timeout=30)
    return process.returncode, told


def test_a_killed_run_goes_on_after_its_complete_parts(
    trained: Trained, artifact: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    options = ["--titles", "--users-per-part", "20"]
    status, _ = _interrupted(["--artifact", str(trained.folder), "--out", str(out), *options], out, signal.SIGKILL)
    assert status == -signal.SIGKILL
    left = {path.name: path.stat().st_mtime_ns for path in out.iterdir() if path.name.startswith("part-")}
    assert sorted(left) == ["part-00000.parquet", "part-00001.parquet"]
    assert not (out / "_SUCCESS").exists()
    assert manifest(out)["complete"] is False
    assert score(trained.folder, out, *options) == 0
    assert "6 parts, 2 of them kept from an earlier run" in capsys.readouterr().out
    assert {name: (out / name).stat().st_mtime_ns for name in left} == left
    assert lists(pq.read_table(out)) == answers(artifact, artifact.weights.users)
    assert (out / "_SUCCESS").read_bytes() == b""


@pytest.mark.parametrize(("signal_", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_says_how_to_go_on(signal_: int, status: int, trained: Trained, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["--artifact", str(trained.folder), "--out", str(out), "--users-per-part", "20"]
    ended, told = _interrupted(arguments, out, signal_)
    assert (ended, told) == (status, f"interrupted: the same command goes on after the complete parts in {out}\n")


def test_a_part_that_was_cut_off_is_written_again(trained: Trained, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert score(trained.folder, out, "--users-per-part", "50") == 0
    whole = (out / "part-00001.parquet").read_bytes()
    (out / "part-00001.parquet").write_bytes(whole[:-10])
    assert score(trained.folder, out, "--users-per-part", "50") == 0
    assert (out / "part-00001.parquet").read_bytes() == whole


def test_parts_of_another_model_are_refused_and_replaced_only_on_request(
    trained: Trained, artifact_copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert score(trained.folder, out, "--users-per-part", "20") == 0
    other = _other_model(artifact_copy)
    capsys.readouterr()
    assert score(artifact_copy, out, "--users-per-part", "20") == 2
    versions = trained.metadata.short_version, other[:12]
    assert capsys.readouterr().err == (
        f"error: {out} has recommendations of model {versions[0]}, not of {versions[1]}; "
        "--overwrite replaces them, or give --out another folder\n"
    )
    assert manifest(out)["model_version"] == trained.metadata.model_version
    assert score(artifact_copy, out, "--overwrite") == 0
    assert sorted(path.name for path in out.iterdir()) == ["_SUCCESS", "_manifest.json", "part-00000.parquet"]
    assert manifest(out)["model_version"] == other


def _other_model(folder: Path) -> str:
    """Make the artifact in `folder` that of a model with other item vectors; returns its version."""
    old = load_artifact(folder)
    return _write(folder, old, replace(old.weights, item_factors=-old.weights.item_factors), list(old.items))


def _write(folder: Path, old: Artifact, weights: Weights, items: list[Item]) -> str:
    metadata = write_artifact(
        folder,
        weights=weights,
        items=items,
        data=old.metadata.data,
        hyperparameters=old.metadata.hyperparameters,
        metrics={},
        libraries={},
    )
    return metadata.model_version


@pytest.mark.parametrize(
    ("first", "second", "difference"),
    [
        ([], ["--n", "5"], "n 10, not 5"),
        (["--titles"], [], "titles True, not False"),
        ([], ["--format", "csv"], "format parquet, not csv"),
        (["--users-per-part", "7"], [], "users_per_part 7, not 65536"),
    ],
)
def test_parts_of_other_options_are_refused(
    first: list[str],
    second: list[str],
    difference: str,
    trained: Trained,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert score(trained.folder, tmp_path / "out", *first) == 0
    assert score(trained.folder, tmp_path / "out", *second) == 2
    assert f"has recommendations of {difference}; --overwrite replaces them" in capsys.readouterr().err


def test_a_folder_may_be_named_after_the_model(trained: Trained, tmp_path: Path) -> None:
    assert score(trained.folder, tmp_path / "of-{version}" / "lists") == 0
    assert (tmp_path / f"of-{trained.metadata.short_version}" / "lists" / "_SUCCESS").is_file()


def _file(tmp_path: Path) -> list[str]:
    (tmp_path / "file").write_text("x")
    return ["--out", str(tmp_path / "file")]


def _foreign(tmp_path: Path) -> list[str]:
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "letter.txt").write_text("Dear all,")
    return ["--out", str(tmp_path / "foreign"), "--overwrite"]


def _odd_manifest(tmp_path: Path) -> list[str]:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "_manifest.json").write_text("{}")
    return ["--out", str(tmp_path / "odd"), "--overwrite"]


def _users(content: bytes | None) -> Callable[[Path], list[str]]:
    def options(tmp_path: Path) -> list[str]:
        if content is not None:
            (tmp_path / "users").write_bytes(content)
        return ["--out", str(tmp_path / "out"), "--users", str(tmp_path / "users")]

    return options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (_file, r"file cannot be listed: Not a directory"),
        (
            lambda _: ["--out", "/proc/lists"],
            r"/proc/lists/_manifest.json cannot be written: No such file or directory;",
        ),
        (_foreign, r"foreign has files but no _manifest.json, so they are not of a batch run; give --out a new folder"),
        (_odd_manifest, r"odd/_manifest.json is no manifest of format 1 .*; give --out a new folder, or delete this"),
        (_users(None), r"--users .*/users cannot be read: No such file or directory"),
        (_users(b"\n \n"), r"--users .*/users lists no users: it has to list one user id a line"),
        (_users(b"\xff\n"), r"--users .*/users is not a text in UTF-8"),
        (_users(b"1\nanna\n"), r"--users .*/users, line 2: 'anna' is not a whole number, as all user ids of the data"),
        (lambda _: ["--out", "gs://bucket/x"], r"--out gs://bucket/x is not allowed: give a folder, or s3://"),
        (lambda _: ["--out", "s3://bucket"], r"--out s3://bucket is not allowed: an S3 destination is s3://bucket/pre"),
        (lambda path: ["--out", str(path), "--artifact", "/none"], r"no artifact: the folder /none does not exist"),
    ],
)
def test_what_cannot_be_is_told_in_one_sentence(
    options: Callable[[Path], list[str]],
    message: str,
    trained: Trained,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--artifact", str(trained.folder), *options(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert re.fullmatch(f"error: .*{message}.*\n", told)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--n", "0"], "'0' is not a whole number from 1 to 1000"),
        (["--format", "xml"], "invalid choice: 'xml'"),
        (["--threads", "many"], "'many' is not a whole number from 1 to 256"),
        (["--colour"], "unrecognized arguments: --colour"),
    ],
)
def test_an_unknown_option_is_status_2(
    option: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--out", str(tmp_path), *option])
    assert message in capsys.readouterr().err


def _run(arguments: list[str], **settings: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "model_service.batch", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **settings,
    )


def test_a_disk_that_takes_no_more_ends_the_run_and_leaves_no_part(trained: Trained, tmp_path: Path) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    out = tmp_path / "out"
    done = _run(["--artifact", str(trained.folder), "--out", str(out)], preexec_fn=small_files)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {out}/part-00000.parquet cannot be written: File too large")
    assert [path.name for path in out.iterdir()] == ["_manifest.json"]


def test_without_pyarrow_the_run_says_how_to_install_it(trained: Trained, tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['pyarrow'] = None; from model_service.batch.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "--artifact", str(trained.folder), "--out", str(tmp_path / "out")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "needs the package pyarrow" in done.stderr
    assert "requirements-batch.txt" in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_a_terminal_progress_is_a_line_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr("model_service.batch.progress.time.monotonic", lambda: now)
    with Progress(5000, 1000) as progress:
        for _ in range(25):
            now += 1.0
            progress.add(100)
    assert capsys.readouterr().err == "2,000 of 5,000 users, 100 users/s\n3,000 of 5,000 users, 100 users/s\n"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running emulator with the bucket `films`."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        ports = {"aws_port": one.getsockname()[1], "endpoint_port": other.getsockname()[1]}
    folder = tmp_path_factory.mktemp("emulator")
    settings = LocalSettings(**ports, state_dir=folder / "state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", f"unix://{folder}/nothing.sock")
        emulated_aws.ensure_emulator(settings, Step())
        _client(settings.aws_url).create_bucket(Bucket="films")
        yield settings.aws_url
        emulated_aws.stop_emulator(settings)


def _client(url: str) -> Any:
    return boto3.client(
        "s3", endpoint_url=url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
    )


@pytest.fixture
def s3_environment(s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in {
        "AWS_ENDPOINT_URL": s3,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    return s3


def test_a_run_into_s3_holds_the_same_and_goes_on_where_it_was(
    s3_environment: str,
    trained: Trained,
    artifact: Artifact,
    capsys: pytest.CaptureFixture[str],
) -> None:
    client = _client(s3_environment)
    options = ["--titles", "--users-per-part", "50"]
    assert score(trained.folder, "s3://films/lists/all/", *options) == 0
    names = [one["Key"] for one in client.list_objects_v2(Bucket="films", Prefix="lists/all/")["Contents"]]
    assert names == [
        f"lists/all/{name}" for name in ("_SUCCESS", "_manifest.json", *(f"part-0000{n}.parquet" for n in range(3)))
    ]
    for name in ("_SUCCESS", "part-00001.parquet"):
        client.delete_object(Bucket="films", Key=f"lists/all/{name}")
    assert score(trained.folder, "s3://films/lists/all", *options) == 0
    assert "3 parts, 2 of them kept from an earlier run" in capsys.readouterr().out
    found: dict[Any, Any] = {}
    for number in range(3):
        body = client.get_object(Bucket="films", Key=f"lists/all/part-0000{number}.parquet")["Body"].read()
        found |= lists(pq.read_table(pa.BufferReader(body)))
    assert found == answers(artifact, artifact.weights.users)
    assert score(trained.folder, "s3://films/lists/all", "--n", "3") == 2
    assert score(trained.folder, "s3://films/lists/all", "--n", "3", "--overwrite") == 0


def test_a_bucket_that_is_not_there_is_told_in_one_sentence(
    s3_environment: str, trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score(trained.folder, "s3://no-such-bucket/lists/") == 2
    assert re.fullmatch(
        r"error: s3://no-such-bucket/lists/_manifest.json cannot be written: .*NO_SUCH_BUCKET.*\n",
        capsys.readouterr().err,
    )
    assert os.environ["AWS_ENDPOINT_URL"] == s3_environment
