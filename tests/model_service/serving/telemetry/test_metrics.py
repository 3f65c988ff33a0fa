"""Counting, Prometheus's text, CloudWatch's embedded lines, and how many CPUs there are to use."""

import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_service.artifact import Artifact
from model_service.serving.cache import EncodedResponse
from model_service.serving.service import RecommenderService
from model_service.serving.settings import Settings
from model_service.serving.supervisor import available_cpus, whole_cpus
from model_service.serving.telemetry.emf import EmfReporter, embedded_metrics
from model_service.serving.telemetry.metrics import Metrics, Reading
from model_service.serving.telemetry.prometheus import exposition
from model_service.serving.telemetry.recorder import RequestRecorder
from tests.model_service.conftest import Trained


def _recorder(metrics: Metrics, worker: int = 0) -> RequestRecorder:
    return RequestRecorder(metrics.row(worker))


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([200, 304, 404, 500]), st.floats(0, 100)), max_size=100))
def test_what_workers_count_adds_up(answers: list[tuple[int, int, float]]) -> None:
    metrics = Metrics(3)
    for worker, status, seconds in answers:
        _recorder(metrics, worker).count_response(status, seconds)
    reading = metrics.read()
    assert reading.requests == sum(reading.buckets) == len(answers)
    assert reading["responses_4xx"] == sum(status == 404 for _, status, _ in answers)
    assert reading["latency_sum"] == pytest.approx(sum(seconds for _, _, seconds in answers))


@given(st.lists(st.floats(1e-6, 30), min_size=1, max_size=300), st.integers(1, 100))
def test_the_sample_of_latencies_has_their_quantiles_to_a_factor_of_root_two(latencies: list[float], most: int) -> None:
    metrics = Metrics()
    for seconds in latencies:
        _recorder(metrics).count_response(200, seconds)
    sample = list(metrics.read().latency_sample(most))
    assert len(sample) == min(most, len(latencies))
    assert sample == sorted(sample)
    for place, value in enumerate(sample):
        rank = (place + 0.5) / len(sample) * len(latencies)
        true = sorted(latencies)[min(int(rank), len(latencies) - 1)]
        before = sorted(latencies)[max(int(rank) - 1, 0)]
        assert before / 1.42 - 5e-5 <= value <= true * 1.42 + 5e-5


def test_a_replaced_worker_leaves_its_counts_and_not_its_connections() -> None:
    metrics = Metrics(2)
    _recorder(metrics, 1).count_response(200, 0.1)
    _recorder(metrics, 1).set_gauge("connections", 7)
    metrics.reset_gauges(1)
    assert metrics.read().requests == 1
    assert metrics.read()["connections"] == 0


def test_prometheus_histograms_are_cumulative_and_every_metric_is_described_once() -> None:
    metrics = Metrics()
    for seconds in (1e-5, 0.003, 0.004, 99.0):
        _recorder(metrics).count_response(200, seconds)
    _recorder(metrics).record_cache_hit(EncodedResponse(b"", b"", 10, 41.5))
    lines = exposition(metrics.read(), "0123456789ab").decode().splitlines()
    buckets = [int(line.split()[1]) for line in lines if "_bucket" in line]
    assert buckets == sorted(buckets)
    assert (buckets[0], buckets[-1]) == (1, 4)
    assert "recommender_request_seconds_count 4" in lines
    assert "recommender_score_stars_sum 41.5" in lines
    described = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(described) == len(set(described))
    for line in lines:
        name = line.split("{")[0].split()[0]
        assert line.startswith("#") or any(
            name in (one, *(one + end for end in ("_bucket", "_sum", "_count"))) for one in described
        )


def _line(reading: Reading, expected: float | None = None, star_width: float = 1.0) -> dict[str, object]:
    told = embedded_metrics(
        reading,
        namespace="Recommender",
        service="films-prod",
        model_version="0123456789ab",
        expected_score=expected,
        star_width=star_width,
        milliseconds=1_700_000_000_000,
    )
    return dict(json.loads(told))


def test_the_drift_is_in_stars_of_five_on_any_scale() -> None:
    metrics = Metrics()
    _recorder(metrics).record_computed(EncodedResponse(b"", b"", 2, 120.0))
    assert _line(metrics.read(), expected=50.0, star_width=25.0)["ScoreDrift"] == 0.4


def test_an_embedded_line_names_every_value_it_has_and_keeps_cloudwatchs_limits() -> None:
    metrics = Metrics()
    recorder = _recorder(metrics)
    for number in range(250):
        recorder.count_response(200, number / 1000)
    recorder.count_response(500, 0.1)
    recorder.count_response(503, 0.001)
    recorder.record_rejection()
    recorder.record_computed(EncodedResponse(b"", b"", 2, 8.0, cold_start=True))
    recorder.record_computed(EncodedResponse(b"", b"", 0, 0.0, empty=True))
    line = _line(metrics.read(), expected=3.5)
    directive = line["_aws"]["CloudWatchMetrics"][0]  # type: ignore[index]
    assert directive["Namespace"] == "Recommender"
    assert directive["Dimensions"] == [["Service", "ModelVersion"]]
    assert {one["Name"] for one in directive["Metrics"]} == set(line) - {"_aws", "Service", "ModelVersion"}
    counted = {name: value for name, value in line.items() if name not in ("_aws", "Latency")}
    assert counted == {
        "Service": "films-prod",
        "ModelVersion": "0123456789ab",
        "Requests": 252,
        "Errors": 1,
        "Rejections": 1,
        "EmptyResponses": 1,
        "ColdStarts": 1,
        "ScoreMean": 4.0,
        "ScoreDrift": 0.5,
    }
    latency = line["Latency"]
    assert isinstance(latency, list)
    assert len(latency) == 100
    assert latency[49] == pytest.approx(125, rel=0.42)
    assert latency[98] == pytest.approx(247, rel=0.42)


def test_a_minute_without_requests_claims_no_latency_and_no_score() -> None:
    line = _line(Metrics().read(), expected=3.5)
    assert line["Requests"] == 0
    assert not {"Latency", "ScoreMean", "ScoreDrift"} & set(line)


def test_the_reporter_writes_once_a_minute_what_was_new_in_it(capfd: pytest.CaptureFixture[str]) -> None:
    now = 1000.0
    metrics = Metrics()
    reporter = EmfReporter(
        metrics, namespace="Recommender", service="films", model_version="0123456789ab", clock=lambda: now
    )
    for moment, requests in ((1030.0, 3), (1061.0, 2), (1090.0, 0), (1121.0, 4)):
        now = moment
        for _ in range(requests):
            _recorder(metrics).count_response(200, 0.001)
        reporter.tick()
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["Requests"] for line in lines] == [5, 4]


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "50000 100000\n"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "25000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.25),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu.max": "rubbish"}, None),
        ({}, None),
    ],
)
def test_the_control_groups_quota_is_kept(files: dict[str, str], cpus: float | None, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert available_cpus({}, tmp_path) == (cpus or len(os.sched_getaffinity(0)))


@pytest.mark.parametrize(
    ("told", "cpus"), [('{"Limits": {"CPU": 0.25, "Memory": 512}}', 0.25), ("{}", None), ("no json", None)]
)
def test_the_limit_of_an_ecs_task_is_read_from_its_metadata(told: str, cpus: float | None, tmp_path: Path) -> None:
    class Metadata(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/v4/abc/task" else 404)
            self.end_headers()
            self.wfile.write(told.encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Metadata)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        environment = {"ECS_CONTAINER_METADATA_URI_V4": f"http://127.0.0.1:{server.server_port}/v4/abc"}
        assert available_cpus(environment, tmp_path) == (cpus or len(os.sched_getaffinity(0)))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_metadata_that_cannot_be_reached_changes_nothing(tmp_path: Path) -> None:
    for address in ("http://127.0.0.1:1/v4", "rubbish", ""):
        assert available_cpus({"ECS_CONTAINER_METADATA_URI_V4": address}, tmp_path) == len(os.sched_getaffinity(0))


def test_a_part_of_a_cpu_still_gets_a_worker() -> None:
    assert [whole_cpus(cpus) for cpus in (0.25, 1.0, 1.9, 2.0, 16.0)] == [1, 1, 1, 2, 16]


def test_drift_is_held_against_what_training_served(trained: Trained, artifact: Artifact) -> None:
    service = RecommenderService(Settings(artifact_dir=trained.folder))
    service.load()
    assert service.expected_score == artifact.metadata.metrics["served_scores"]["mean"]
