"""Claims about alarms and the dashboard: each on a metric that exists, with a limit that means something."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.config.monitoring import MonitoringSettings
from infra.monitoring.alarms import MIN_REQUESTS, endpoint_alarms, model_alarms, service_alarms
from infra.monitoring.monitoring import (
    EndpointMonitoring,
    EndpointMonitoringArgs,
    ServiceMonitoring,
    ServiceMonitoringArgs,
)
from model_service.serving.telemetry import emf
from tests.infra.recorder import Recording, run, run_main
from tests.infra.settings import replace

ON = MonitoringSettings(enabled=True, alarm_email="team@example.com", latency_p95_alarm_ms=400)
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"

LOAD_BALANCER = {"LoadBalancer": "app/films/1"}
TARGETS = {"TargetGroup": "targetgroup/films/2", **LOAD_BALANCER}
SERVICE = {"ClusterName": "films", "ServiceName": "films-1"}
MODEL = {"Service": "films", "ModelVersion": "0123456789ab"}

DIMENSIONS_BY_METRIC = {
    "RequestCount": LOAD_BALANCER,
    "HTTPCode_Target_5XX_Count": LOAD_BALANCER,
    "HTTPCode_ELB_5XX_Count": LOAD_BALANCER,
    "TargetResponseTime": TARGETS,
    "HealthyHostCount": TARGETS,
    "UnHealthyHostCount": TARGETS,
    "CPUUtilization": SERVICE,
    "MemoryUtilization": SERVICE,
    **dict.fromkeys(emf._UNITS, MODEL),
}
"""The dimensions under which each metric is published; under any others an alarm would never see data."""


def watched(settings: MonitoringSettings = ON) -> Recording:
    def program() -> None:
        watch = EndpointMonitoring(
            "films",
            EndpointMonitoringArgs(
                **settings.args(),
                arn_suffix=LOAD_BALANCER["LoadBalancer"],
                target_group_arn_suffix=TARGETS["TargetGroup"],
            ),
        )
        ServiceMonitoring(
            "films",
            ServiceMonitoringArgs(
                endpoint=watch,
                cluster_name=SERVICE["ClusterName"],
                service_name=SERVICE["ServiceName"],
                model_service=MODEL["Service"],
                model_version=MODEL["ModelVersion"],
                min_tasks=2,
            ),
        )

    return run(program)


@pytest.fixture(scope="module")
def films() -> Recording:
    return watched()


def series(alarm: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {query["id"]: query["metric"] for query in alarm["metricQueries"] if "metric" in query}


def evaluate(expression: str, **values: float) -> float:
    """CloudWatch's metric math, as far as the alarms use it."""
    functions = {"IF": lambda c, a, b: a if c else b, "FILL": lambda value, _: value, "ABS": abs}
    return float(eval(expression, {"__builtins__": {}, **functions, **values}))  # noqa: S307 the alarms' own text


def test_nobody_who_does_not_ask_gets_an_alarm(project: Path) -> None:
    recorded = run_main("prod", config={"monitoring": False})
    assert not [resource for resource in recorded if resource.type.startswith(("aws:cloudwatch/m", "aws:sns/"))]
    assert "alarms" not in recorded.one("aws:ecs/service:Service").inputs
    assert "METRICS_NAMESPACE" not in told_to_the_task(recorded)


def test_a_deployment_is_rolled_back_when_users_feel_it(project: Path) -> None:
    recorded = run_main("dev", config={"monitoring": True})
    alarms = recorded.one("aws:ecs/service:Service").inputs["alarms"]
    assert (alarms["enable"], alarms["rollback"]) == (True, True)
    assert set(alarms["alarmNames"]) == {"recommender-dev-errors", "recommender-dev-latency"}


def test_the_model_writes_under_the_name_that_the_alarms_look_for(project: Path) -> None:
    recorded = run_main("dev", config={"monitoring": True})
    told = told_to_the_task(recorded)
    (metric,) = series(recorded.one(ALARM, "-score-drift").inputs).values()
    assert metric["namespace"] == told["METRICS_NAMESPACE"]
    assert metric["dimensions"] == {"Service": told["SERVICE_NAME"], "ModelVersion": told["MODEL_VERSION"]}


def told_to_the_task(recorded: Recording) -> dict[str, str]:
    definitions = recorded.one("aws:ecs/taskDefinition:TaskDefinition").inputs["containerDefinitions"]
    return {variable["name"]: variable["value"] for variable in json.loads(definitions)[0]["environment"]}


def test_every_alarm_tells_the_topic_when_it_rings_and_when_it_is_over(films: Recording) -> None:
    topic = films.one("aws:sns/topic:Topic")
    subscription = films.one("aws:sns/topicSubscription:TopicSubscription").inputs
    assert len(films.all(ALARM)) == 8
    for alarm in films.all(ALARM):
        assert alarm.inputs["alarmActions"] == alarm.inputs["okActions"] == [f"arn:of:{topic.name}"]
        assert alarm.inputs["alarmDescription"]
    assert (subscription["protocol"], subscription["endpoint"]) == ("email", "team@example.com")


def test_without_an_address_there_are_alarms_but_no_mail() -> None:
    recorded = watched(replace(ON, alarm_email=""))
    assert recorded.all("aws:sns/topicSubscription:TopicSubscription") == []
    assert recorded.all(ALARM)


def test_every_alarm_looks_where_its_metric_is_published(films: Recording) -> None:
    for alarm in films.all(ALARM):
        for metric in series(alarm.inputs).values():
            assert metric["dimensions"] == DIMENSIONS_BY_METRIC[metric["metricName"]], alarm.name


def test_every_alarm_rings_for_one_expression_over_its_own_metrics(films: Recording) -> None:
    for alarm in films.all(ALARM):
        returned = [query for query in alarm.inputs["metricQueries"] if query["returnData"]]
        assert len(returned) == 1, alarm.name
        expression = returned[0].get("expression", returned[0]["id"])
        used = set(re.findall(r"\b[a-z_]+\b", expression))
        assert used == set(series(alarm.inputs)), alarm.name
        assert alarm.inputs["datapointsToAlarm"] <= alarm.inputs["evaluationPeriods"], alarm.name


def test_the_model_writes_every_metric_that_is_looked_at(films: Recording) -> None:
    body = json.loads(films.one("aws:cloudwatch/dashboard:Dashboard").inputs["dashboardBody"])
    shown = {m[1] for w in body["widgets"] for m in w["properties"].get("metrics", []) if m[0] == "Recommender"}
    alarmed = {
        metric["metricName"]
        for alarm in films.all(ALARM)
        for metric in series(alarm.inputs).values()
        if metric["namespace"] == "Recommender"
    }
    assert shown == set(emf._UNITS)
    assert alarmed <= set(emf._UNITS)


@pytest.mark.parametrize(
    ("requests", "target_errors", "balancer_errors", "percent"),
    [
        (1000, 10, 0, 1.0),
        (1000, 0, 1000, 50.0),
        (0, 0, 50, 100.0),
        (MIN_REQUESTS - 1, MIN_REQUESTS - 1, 0, 0.0),
        (MIN_REQUESTS, MIN_REQUESTS, 0, 100.0),
    ],
)
def test_the_error_rate_counts_both_kinds_and_ignores_a_handful(
    requests: float, target_errors: float, balancer_errors: float, percent: float
) -> None:
    errors, _ = endpoint_alarms(load_balancer=LOAD_BALANCER, target_group=TARGETS, latency_ms=1)
    known = {"requests": requests, "target_errors": target_errors, "balancer_errors": balancer_errors}
    assert evaluate(errors.expression, **known) == pytest.approx(percent)


def test_latency_is_compared_in_milliseconds() -> None:
    _, latency = endpoint_alarms(load_balancer=LOAD_BALANCER, target_group=TARGETS, latency_ms=400)
    assert latency.metrics["seconds"].stat == "p95"
    assert evaluate(latency.expression, requests=100, seconds=0.401) > latency.threshold
    assert evaluate(latency.expression, requests=100, seconds=0.399) < latency.threshold
    assert evaluate(latency.expression, requests=1, seconds=9) < latency.threshold


def test_no_healthy_task_at_all_is_an_alarm_and_no_request_is_none(films: Recording) -> None:
    missing = {alarm.name: alarm.inputs["treatMissingData"] for alarm in films.all(ALARM)}
    assert [name for name, treated in missing.items() if treated == "breaching"] == ["films-tasks"]
    tasks = films.one(ALARM, "-tasks").inputs
    assert (tasks["comparisonOperator"], tasks["threshold"]) == ("LessThanThreshold", 2)


def test_a_stack_that_may_sleep_is_not_woken_for_having_no_tasks() -> None:
    roles = [a.role for a in service_alarms(service=SERVICE, target_group=TARGETS, min_tasks=0)]
    assert roles == ["unhealthy", "cpu", "memory"]


def test_drift_counts_in_both_directions() -> None:
    drift = next(alarm for alarm in model_alarms(model=MODEL) if alarm.role == "score-drift")
    assert evaluate(drift.expression, drift=-0.6) > drift.threshold
    assert evaluate(drift.expression, drift=0.4) < drift.threshold


def test_the_dashboard_shows_every_alarm_and_overlaps_nowhere(films: Recording) -> None:
    widgets = json.loads(films.one("aws:cloudwatch/dashboard:Dashboard").inputs["dashboardBody"])["widgets"]
    shown = {arn for widget in widgets for arn in widget["properties"].get("alarms", [])}
    assert shown == {f"arn:of:{alarm.name}" for alarm in films.all(ALARM)}
    cells = [
        (x, y)
        for widget in widgets
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"enabled": False}, r'alarmEmail is "a@example.com", but there are no alarms'),
        ({"latency_p95_alarm_ms": 0}, r"latency_p95_alarm_ms\n  Input should be greater than or equal to 1"),
    ],
)
def test_settings_that_watch_nothing_are_refused(changed: dict[str, Any], message: str) -> None:
    values = {"enabled": True, "alarm_email": "a@example.com", "latency_p95_alarm_ms": 1} | changed
    with pytest.raises(ValueError, match=message):
        MonitoringSettings(**values)
