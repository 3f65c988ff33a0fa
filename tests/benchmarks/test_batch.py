"""The page of batch scoring beside `implicit`, and that our side lists what the service would."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.batch import Full, Result, main, make_model, page, run_all
from benchmarks.batch_process import our_scorer
from benchmarks.paths import ROOT
from benchmarks.sizes import Size
from model_service.artifact import load_artifact
from model_service.serving.recommender import Recommender

_SIZE = Size(films=300, factors=4, users=90, seen=10)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    make_model(_SIZE, folder)
    return folder


def test_the_page_tells_medians_and_the_ratio_of_each_round() -> None:
    result = Result(
        size=Size(films=62_000, factors=64, users=1_000_000, seen=25),
        sample=20_000,
        threads=2,
        rounds={"ours": [8000.0, 10000.0, 12000.0], "implicit": [1000.0, 2000.0, 4000.0]},
        peak_mb={"ours": 1500.2, "implicit": 900.0},
        same=0.9999,
        full=Full(users=1_000_000, seconds=61.2, users_per_second=17000.0, peak_mb=1234.0, parts_mb=80.4),
    )
    machine = {"cores": 2, "processor": "A processor", "load_before": 1.5, "commit": "abc"}
    text = page(result, machine, version="0.7.3")
    assert "implicit 0.7.3" in text
    assert "| **ours** | 10,000 (8,000 to 12,000) | 1,500 |" in text
    assert "| implicit, `recommend` of many users | 2,000 (1,000 to 4,000) | 900 |" in text
    assert "Ours scores 5.0 (3.0 to 8.0) times as many users a second" in text
    assert "all 1,000,000 users" in text
    assert "Parquet files (80 MB): 61 s, 17,000 users/s while scoring, peak memory 1,234 MB" in text


def test_our_side_lists_what_the_recommender_lists(model: Path) -> None:
    artifact = load_artifact(model / "artifact")
    recommender = Recommender(artifact)
    rows = our_scorer(model, 2)(np.arange(20, 60), 10)
    assert rows.tolist() == [list(recommender.recommend(uid, 10).rows) for uid in artifact.weights.users[20:60]]


def test_a_contender_answers_one_line_for_each_line(model: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.batch_process", "ours", str(model), "--threads=1", "--n=10"],
        cwd=ROOT,
        input="0 30\n10 40\n",
        capture_output=True,
        text=True,
        check=True,
    )
    ready, *answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert ready == {"ready": True}
    assert len(answers) == 2
    assert all(answer["seconds"] > 0 and answer["peak_mb"] > 0 for answer in answers)


def test_a_run_over_all_users_tells_time_and_memory(model: Path) -> None:
    full = run_all(model, _SIZE.users, 1)
    assert full.users == _SIZE.users
    assert full.users_per_second > 0
    assert full.seconds > 0
    assert 10 < full.peak_mb < 5000


@pytest.mark.parametrize("arguments", [["--users", "many"], ["--rounds", "0"], ["--threads", "-1"]])
def test_a_number_that_cannot_be_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert arguments[1] in capsys.readouterr().err
