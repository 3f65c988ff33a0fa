"""Claims about the estimate: what it names is what the program makes, and what AWS publishes is what it asks."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.config.service import WorkingHours
from infra.cost.estimate import MODEL_METRICS, Estimate, estimate
from infra.cost.prices import price_list
from infra.cost.tasks import share_of_week, tasks_that_fit
from infra.errors import ConfigError
from infra.instance_types import INSTANCE_TYPES
from model_service.serving.telemetry import emf
from tests.infra.answers import Aws
from tests.infra.config.test_load import settings_of
from tests.infra.recorder import Recording, run_main

EXISTING: Mapping[str, object] = {
    "network": "existing",
    "vpcId": "vpc-given",
    "publicSubnetIds": ["subnet-1", "subnet-2", "subnet-3"],
}
GPU: Mapping[str, object] = {"launchType": "EC2", "instanceType": "g4dn.xlarge"}
DEAR: Mapping[str, object] = {"vpcEndpoints": True, "wafRateLimit": 1000, "monitoring": True, "maxCount": 6}


def estimated(stack: str = "dev", **config: object) -> Estimate:
    return estimate(settings_of(config, stack))


def priced_in(region: str, **config: object) -> Estimate:
    return estimated("dev", **{"aws:region": region, **config})


def counted(estimate: Estimate, words: str) -> float:
    """The number of the only line that goes on with these words; 0 where there is none."""
    found = [line.what for line in estimate.lines if line.what.partition(" ")[2].startswith(words)]
    assert len(found) <= 1
    return float(found[0].split()[0]) if found else 0.0


def test_two_small_tasks_cost_what_awss_own_example_says() -> None:
    """0.25 vCPU and 0.5 GB all month long: 730 h x (0.25 x 0.04048 + 0.5 x 0.004445) = 9.01 US dollars."""
    (tasks,) = [line for line in priced_in("us-east-1", desiredCount=2).lines if "Fargate tasks" in line.what]
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


@pytest.mark.parametrize(
    ("region", "task", "balancer"),
    [
        ("us-west-2", 0.25 * 0.04048 + 0.5 * 0.004445, 0.0225),
        ("eu-west-1", 0.25 * 0.04048 + 0.5 * 0.004445, 0.0252),
        ("eu-central-1", 0.25 * 0.04656 + 0.5 * 0.00511, 0.027),
        ("ap-northeast-1", 0.25 * 0.05056 + 0.5 * 0.00553, 0.0243),
        ("sa-east-1", 0.25 * 0.0696 + 0.5 * 0.0076, 0.034),
    ],
)
def test_a_stack_is_priced_by_its_own_region(region: str, task: float, balancer: float) -> None:
    told = {line.what.partition(" ")[2][:13]: line.monthly_usd for line in priced_in(region, desiredCount=1).lines}
    assert told["Fargate tasks"] == pytest.approx(730 * task)
    assert told["application l"] == pytest.approx(730 * balancer)


def test_the_headline_names_the_region_and_the_date_of_its_prices() -> None:
    headline = priced_in("eu-west-1").table().splitlines()[0]
    assert headline == f"Estimated cost (list prices of eu-west-1, table of {price_list('eu-west-1').date}):"


def test_a_region_that_the_configuration_leaves_to_the_provider_is_asked_for() -> None:
    assert "(list prices of eu-central-1, " in priced_in("").table()


def test_a_region_without_prices_is_priced_as_another_one_and_says_so() -> None:
    told, reference = (priced_in(region, internal=True) for region in ("af-south-1", "us-east-1"))
    assert "(list prices of us-east-1, table of " in told.table()
    assert "which has none of af-south-1):" in told.table()
    assert told.lines == reference.lines


def test_a_price_that_the_region_lacks_is_said_to_be_another_regions() -> None:
    told = [line.what for line in priced_in("sa-east-1", monitoring=True).lines]
    substituted = [line for line in told if "at the price of" in line]
    assert substituted == [f"{MODEL_METRICS} metrics of the model, at the price of us-east-1"]


def test_the_load_balancer_pays_an_address_in_every_default_subnet_of_the_account(project: Path) -> None:
    six = Aws(default_subnets=[f"subnet-{letter}" for letter in "abcdef"])
    recorded = run_main("dev", preview=True, aws=six)
    addresses = "public IPv4 addresses of the load balancer, one a subnet"
    assert recorded.exports["estimatedCostLines"][f"6 {addresses}"] == pytest.approx(6 * 3.65)
    assert len(recorded.one("aws:lb/loadBalancer:LoadBalancer").inputs["subnets"]) == 6


@pytest.mark.parametrize(
    ("region", "config", "addresses"),
    [
        ("us-east-1", {}, 6),
        ("us-west-2", {}, 4),
        ("eu-central-1", {}, 3),
        ("us-east-1", EXISTING, 3),
        ("us-east-1", {"network": "new"}, 2),
    ],
)
def test_without_an_account_the_default_subnets_are_those_of_a_new_one(
    region: str, config: Mapping[str, object], addresses: int
) -> None:
    assert counted(priced_in(region, **config), "public IPv4 addresses of the load balancer") == addresses


def test_the_busiest_hour_counts_the_scheduled_minimums() -> None:
    minimums = ['{"name": "sale", "schedule": "cron(0 7 * * ? *)", "minCount": 8}']
    scheduled = estimated(desiredCount=2, scheduledMinimums=minimums)
    assert scheduled.monthly_usd == estimated(desiredCount=2).monthly_usd
    assert scheduled.busy_usd == pytest.approx(estimated(desiredCount=8).monthly_usd, abs=0.02)
    assert estimated(desiredCount=2, maxCount=4, scheduledMinimums=minimums).busy_usd == scheduled.busy_usd
    assert estimated(desiredCount=2, maxCount=12, scheduledMinimums=minimums).busy_usd > scheduled.busy_usd


def test_the_table_says_what_it_did_not_look_at() -> None:
    *_, beside, last = estimated().table().splitlines()
    assert beside.strip().startswith("beside: data to the internet $0.09 a GB")
    assert last.strip().startswith("not looked at: ")
    for omitted in ("data between zones", "DNS", "free tiers", "Savings Plans", "support", "taxes"):
        assert omitted in last


def test_a_machine_with_a_gpu_is_priced() -> None:
    (machine,) = [line for line in priced_in("us-east-1", **GPU).lines if "g4dn.xlarge" in line.what]
    assert machine.monthly_usd == pytest.approx(730 * 0.526)


def test_the_tasks_of_every_machine_with_a_price_can_be_counted() -> None:
    machines = {name for name in price_list("us-east-1").prices if "." in name}
    assert machines
    assert machines <= set(INSTANCE_TYPES)


def test_tasks_on_ports_of_a_machine_share_its_network_interface() -> None:
    told = estimated(launchType="EC2", networkMode="bridge", desiredCount=4)
    assert counted(told, "instances t3.medium") == 1


def test_a_task_with_a_gpu_has_it_alone() -> None:
    assert counted(estimated(**GPU, gpus=1, desiredCount=2), "instances g4dn.xlarge") == 2


def test_the_estimate_and_the_settings_count_alike_what_fits_on_a_machine() -> None:
    """The settings refuse a maximum of machines that the tasks fill."""
    for mode in ("awsvpc", "bridge"):
        config = {"launchType": "EC2", "networkMode": mode, "maxInstances": 1}
        fitting = tasks_that_fit(settings_of(config).service)
        settings_of({**config, "desiredCount": fitting - 1})
        with pytest.raises(ConfigError, match="maxInstances"):
            settings_of({**config, "desiredCount": fitting})


def test_the_minutes_of_builds_are_told_where_codebuild_builds() -> None:
    words = "image builds in CodeBuild, by the minute"
    assert words in estimated(builder="codebuild").beside
    assert words not in estimated().beside
    assert words not in estimated(builder="codebuild", imageUri="ghcr.io/films/recommender:1.0").beside


def test_the_images_in_an_existing_repository_are_its_owners() -> None:
    assert counted(estimated(), "GB for 20 images") == 2
    existing = "arn:aws:ecr:eu-central-1:444455556666:repository/films"
    assert "images" not in estimated(repositoryArn=existing).table()
