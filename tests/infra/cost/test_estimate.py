"""Claims about the estimate: what it names is what the program makes, and what AWS publishes is what it asks."""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from infra.config.service import WorkingHours
from infra.cost import prices
from infra.cost.estimate import MODEL_METRICS, Estimate, estimate
from infra.cost.prices import HOURS_A_MONTH, Price
from infra.cost.tasks import share_of_week
from model_service.serving.telemetry import emf
from tests.infra.config.test_load import settings_of
from tests.infra.recorder import Recording, run_main

DEAR: Mapping[str, object] = {"vpcEndpoints": True, "wafRateLimit": 1000, "monitoring": True, "maxCount": 6}


def estimated(stack: str = "dev", **config: object) -> Estimate:
    return estimate(settings_of(config, stack))


def counted(estimate: Estimate, words: str) -> float:
    """The number of the only line that goes on with these words; 0 where there is none."""
    found = [line.what for line in estimate.lines if line.what.partition(" ")[2].startswith(words)]
    assert len(found) <= 1
    return float(found[0].split()[0]) if found else 0.0


def test_two_small_tasks_cost_what_awss_own_example_says() -> None:
    """0.25 vCPU and 0.5 GB all month long: 730 h x (0.25 x 0.04048 + 0.5 x 0.004445) = 9.01 US dollars."""
    (tasks,) = [line for line in estimated(desiredCount=2).lines if "Fargate tasks" in line.what]
    assert tasks.monthly_usd == pytest.approx(2 * 9.01, abs=0.01)


def test_arm_is_cheaper_and_more_tasks_are_dearer() -> None:
    assert (
        estimated(cpuArchitecture="ARM64").monthly_usd < estimated().monthly_usd < estimated(desiredCount=2).monthly_usd
    )


def test_autoscaling_is_shown_at_its_most() -> None:
    scaled, fixed = estimated(maxCount=4), estimated(desiredCount=4)
    assert scaled.monthly_usd == estimated().monthly_usd < scaled.busy_usd
    assert scaled.busy_usd == pytest.approx(fixed.monthly_usd, abs=0.02)
    assert "every task that autoscaling may start" in scaled.table()
    assert "autoscaling" not in fixed.table()


@pytest.mark.parametrize(
    ("count", "percent", "on_spot"), [(4, 0, 0), (4, 50, 2), (1, 50, 0), (4, 100, 4), (0, 50, 0), (11, 70, 7)]
)
def test_the_first_task_is_not_on_spot_unless_all_are(count: int, percent: int, on_spot: int) -> None:
    told = estimated(desiredCount=count, spotPercent=percent)
    assert (counted(told, "Fargate Spot tasks"), counted(told, "Fargate tasks")) == (on_spot, count - on_spot)


def test_spot_is_cheaper() -> None:
    assert estimated(desiredCount=4, spotPercent=50).monthly_usd < estimated(desiredCount=4).monthly_usd


@pytest.mark.parametrize(
    ("days", "start", "end", "share"),
    [
        ("MON-FRI", "07:00", "20:00", 65 / 168),
        ("FRI-MON", "00:00", "12:00", 48 / 168),
        ("MON,WED", "10:00", "11:30", 3 / 168),
        ("MON-WED,TUE", "10:00", "11:00", 3 / 168),
        ("SUN", "00:00", "23:00", 23 / 168),
    ],
)
def test_a_service_that_sleeps_is_paid_while_it_is_awake(days: str, start: str, end: str, share: float) -> None:
    assert share_of_week(WorkingHours(days=days, start=start, end=end, timezone="UTC")) == pytest.approx(share)


def test_a_sleeping_service_still_pays_for_its_load_balancer() -> None:
    awake, asleep = estimated(), estimated(workingHours="MON-FRI 07:00-20:00 Europe/Berlin")
    assert asleep.monthly_usd < awake.monthly_usd
    assert [line for line in asleep.lines if "balancer" in line.what] == [
        line for line in awake.lines if "balancer" in line.what
    ]


@pytest.mark.parametrize(("count", "machines"), [(1, 1), (2, 1), (3, 2), (5, 3)])
def test_machines_are_counted_by_what_fits_on_one(count: int, machines: int) -> None:
    told = estimated(launchType="EC2", desiredCount=count)
    assert counted(told, "instances t3.medium") == machines
    assert counted(told, "GB of the instances' disks") == 30 * machines
    assert counted(told, "Fargate tasks") == 0


def test_a_task_that_fills_a_machine_has_it_alone() -> None:
    told = estimated(launchType="EC2", desiredCount=2, cpu=2048, memoryMib=4096, instanceType="t3.large")
    assert counted(told, "instances t3.large") == 2


def test_a_machine_without_a_price_is_told_and_not_guessed() -> None:
    told = estimated(launchType="EC2", instanceType="c7i.48xlarge")
    assert counted(told, "instances c7i.48xlarge") == 0
    assert "instances of type c7i.48xlarge, whose price is not known here" in told.table()


def test_nothing_costs_anything_on_an_emulated_aws(project: Path) -> None:
    assert estimated("local").lines == ()
    assert "estimatedMonthlyCostUsd" not in run_main("local").exports


@pytest.mark.parametrize(
    "config",
    [{}, {"network": "new", "natGateways": "single", **DEAR}, {"network": "new", "natGateways": "perZone"}],
    ids=["small", "dear", "gateways"],
)
def test_the_estimate_counts_what_the_program_makes(project: Path, config: Mapping[str, object]) -> None:
    recorded, told = run_main("dev", config=config), estimated(**config)
    made = recorded.census()
    assert counted(told, "application load balancer") == made["aws:lb/loadBalancer:LoadBalancer"]
    assert counted(told, "dashboard") == made["aws:cloudwatch/dashboard:Dashboard"]
    assert counted(told, "metrics in") == metrics_in_alarms(recorded)
    assert counted(told, "firewall") == made["aws:wafv2/webAcl:WebAcl"]
    assert counted(told, "Fargate tasks") == recorded.one("aws:ecs/service:Service").inputs["desiredCount"]
    assert counted(told, "VPC endpoints") == 2 * interface_endpoints(recorded)
    addressed = recorded.one("aws:ecs/service:Service").inputs["networkConfiguration"]["assignPublicIp"]
    assert bool(counted(told, "public IPv4 addresses of the tasks")) is addressed
    assert counted(told, "rules of the firewall") == sum(
        len(acl.inputs["rules"]) for acl in recorded.all("aws:wafv2/webAcl:WebAcl")
    )


def metrics_in_alarms(recorded: Recording) -> int:
    alarms = recorded.all("aws:cloudwatch/metricAlarm:MetricAlarm")
    return sum("metric" in query for alarm in alarms for query in alarm.inputs["metricQueries"])


def interface_endpoints(recorded: Recording) -> int:
    endpoints = recorded.all("aws:ec2/vpcEndpoint:VpcEndpoint")
    return sum(endpoint.inputs["vpcEndpointType"] == "Interface" for endpoint in endpoints)


@pytest.mark.parametrize(("strategy", "gateways"), [("none", 0), ("single", 1), ("perZone", 2)])
def test_each_nat_gateway_is_paid_with_its_address(strategy: str, gateways: int) -> None:
    told = estimated(network="new", natGateways=strategy, vpcEndpoints=True)
    assert counted(told, "NAT gateways") == gateways
    assert counted(told, "public IPv4 addresses of the NAT gateways") == gateways
    assert ("data through NAT" in told.table()) is bool(gateways)


def test_an_internal_balancer_has_no_address_to_pay_for() -> None:
    assert counted(estimated(network="new", internal=True), "public IPv4 addresses of the load balancer") == 0


def test_every_metric_of_the_model_is_paid_for() -> None:
    assert len(emf._UNITS) == MODEL_METRICS


def test_the_preview_shows_the_table_and_the_outputs_keep_it(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    run_main("prod", preview=True)
    told = estimate(settings_of({}, "prod"))
    assert f"{told.monthly_usd:.2f}  US dollars a month" in caplog.text
    exports = run_main("prod").exports
    assert exports["estimatedMonthlyCostUsd"] == told.monthly_usd
    assert exports["estimatedCostLines"] == {line.what: round(line.monthly_usd, 2) for line in told.lines}


def test_the_lines_add_up_and_the_dearest_comes_first() -> None:
    told = estimated("prod", wafRateLimit=500)
    amounts = [line.monthly_usd for line in told.lines]
    assert amounts == sorted(amounts, reverse=True)
    assert told.monthly_usd == pytest.approx(sum(amounts), abs=0.01)
    assert all(amount > 0 for amount in amounts)


def test_every_price_has_a_page_a_unit_and_a_month_in_the_past() -> None:
    values = [
        item for value in vars(prices).values() for item in (value.values() if isinstance(value, dict) else [value])
    ]
    found = [value for value in values if isinstance(value, Price)]
    assert len(found) >= 18
    for price in found:
        assert price.usd > 0
        assert re.search("pricing", price.page, re.IGNORECASE)
        assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", price.seen)
        assert price.seen <= f"{date.today():%Y-%m}"


def test_an_hourly_price_is_paid_all_month_and_a_monthly_one_once() -> None:
    assert prices.LOAD_BALANCER.monthly == pytest.approx(0.0225 * HOURS_A_MONTH)
    assert prices.DASHBOARD.monthly == 3.0
