"""Claims about how many tasks run, and when."""

import pulumi
import pytest

from infra.config.service import ScheduledMinimum, ServiceSettings
from infra.service.autoscaling import autoscale
from tests.infra.recorder import Recording, run
from tests.infra.service.replacement import replaced
from tests.infra.service.test_fargate_service import SERVICE, service
from tests.infra.settings import replace

TARGET = "aws:appautoscaling/target:Target"
POLICY = "aws:appautoscaling/policy:Policy"
ACTION = "aws:appautoscaling/scheduledAction:ScheduledAction"
MORNING = ScheduledMinimum(name="morning", schedule="cron(0 7 ? * MON-FRI *)", timezone="Europe/Berlin", min_count=9)
HOURS = "MON-FRI 07:05-20:00 Europe/Berlin"


def scaled(settings: ServiceSettings) -> Recording:
    return run(
        lambda: autoscale(
            "films",
            settings,
            cluster_name="cluster",
            service_name="service",
            request_label="app/films/1/targetgroup/films/2",
            opts=pulumi.ResourceOptions(),
        )
    )


def test_load_is_followed_by_what_was_asked_for_alone() -> None:
    assert scaled(SERVICE).all(POLICY) == []
    only_cpu = scaled(replace(SERVICE, max_count=6))
    assert [one.name for one in only_cpu.all(POLICY)] == ["films-scaling-cpu"]
    all_three = scaled(replace(SERVICE, max_count=6, memory_target_percent=70, requests_per_target=500))
    found = {
        one.inputs["targetTrackingScalingPolicyConfiguration"]["predefinedMetricSpecification"][
            "predefinedMetricType"
        ]: one.inputs["targetTrackingScalingPolicyConfiguration"]
        for one in all_three.all(POLICY)
    }
    assert {metric: one["targetValue"] for metric, one in found.items()} == {
        "ECSServiceAverageCPUUtilization": SERVICE.cpu_target_percent,
        "ECSServiceAverageMemoryUtilization": 70,
        "ALBRequestCountPerTarget": 500,
    }


def test_only_requests_are_counted_at_the_target_group() -> None:
    recorded = scaled(replace(SERVICE, max_count=6, memory_target_percent=70, requests_per_target=500))
    labels = {
        one.name: one.inputs["targetTrackingScalingPolicyConfiguration"]["predefinedMetricSpecification"].get(
            "resourceLabel"
        )
        for one in recorded.all(POLICY)
    }
    assert labels.pop("films-scaling-requests") == "app/films/1/targetgroup/films/2"
    assert set(labels.values()) == {None}


def test_the_clock_changes_the_bounds_and_a_deployment_leaves_them() -> None:
    recorded = scaled(replace(SERVICE, scheduled_minimums=(MORNING,)))
    action = recorded.one(ACTION).inputs
    assert (action["schedule"], action["timezone"]) == ("cron(0 7 ? * MON-FRI *)", "Europe/Berlin")
    assert action["scalableTargetAction"] == {"minCapacity": 9, "maxCapacity": 9}
    assert recorded.one(TARGET).ignore_changes == ("minCapacity", "maxCapacity")
    assert scaled(replace(SERVICE, max_count=6)).one(TARGET).ignore_changes == ()
    assert recorded.all(POLICY) == []


def test_outside_working_hours_nothing_runs() -> None:
    recorded = scaled(replace(SERVICE, working_hours=HOURS))
    opening, closing = recorded.one(ACTION, "-open").inputs, recorded.one(ACTION, "-close").inputs
    assert (opening["schedule"], closing["schedule"]) == ("cron(5 7 ? * MON-FRI *)", "cron(0 20 ? * MON-FRI *)")
    assert opening["scalableTargetAction"] == {"minCapacity": 2, "maxCapacity": 2}
    assert closing["scalableTargetAction"] == {"minCapacity": 0, "maxCapacity": 0}
    assert {opening["timezone"], closing["timezone"]} == {"Europe/Berlin"}


@pytest.mark.parametrize("change", [{"max_count": 6}, {"scheduled_minimums": (MORNING,)}, {"working_hours": HOURS}])
def test_whatever_moves_the_number_of_tasks_owns_it(change: dict[str, object]) -> None:
    made = service(replace(SERVICE, **change))
    assert made.one("aws:ecs/service:Service").ignore_changes == ("desiredCount",)


def test_the_number_of_tasks_is_held_where_nothing_scales_it() -> None:
    """So that a count that somebody, or a removed setting, left is corrected when the bounds are registered."""
    held = scaled(SERVICE)
    assert (held.one(TARGET).inputs["minCapacity"], held.one(TARGET).inputs["maxCapacity"]) == (2, 2)
    assert held.one(TARGET).ignore_changes == ()
    assert held.all(ACTION) == []


SCHEDULED = [{"working_hours": HOURS}, {"scheduled_minimums": (MORNING,)}, {"working_hours": HOURS, "max_count": 6}]


@pytest.mark.parametrize("schedule", SCHEDULED)
@pytest.mark.parametrize(
    "change",
    [
        {"working_hours": "", "scheduled_minimums": ()},
        {"desired_count": 5},
        {"max_count": 20},
        {"working_hours": "MON-SUN 06:00-22:00 UTC"},
        {"scheduled_minimums": (replace(MORNING, min_count=3),)},
    ],
)
def test_changed_bounds_that_a_schedule_moves_are_registered_anew(
    schedule: dict[str, object], change: dict[str, object]
) -> None:
    """The engine sees no difference: its state has the bounds of the day the target was made."""
    before, after = (service(replace(SERVICE, **{**schedule, **more})) for more in ({}, change))
    order = replaced(before, after)
    assert order.pop("films-scaling") == "old first"
    assert order == {}
    target = after.one(TARGET).inputs
    assert target["minCapacity"] == after.one("aws:ecs/service:Service").inputs["desiredCount"]


@pytest.mark.parametrize("schedule", SCHEDULED)
def test_a_deployment_leaves_the_bounds_that_a_schedule_has_set(schedule: dict[str, object]) -> None:
    before, after = (service(replace(SERVICE, **schedule, cpu=cpu, memory_mib=1024)) for cpu in (256, 512))
    assert replaced(before, after) == {"films-definition": "new first"}
    assert after.one(TARGET).ignore_changes == ("minCapacity", "maxCapacity")


def test_removed_autoscaling_narrows_the_bounds_in_place() -> None:
    before, after = service(replace(SERVICE, max_count=6)), service(SERVICE)
    assert replaced(before, after) == {}
    assert (after.one(TARGET).inputs["minCapacity"], after.one(TARGET).inputs["maxCapacity"]) == (2, 2)
    assert after.one(TARGET).urn == before.one(TARGET).urn


def test_the_fewest_tasks_are_those_of_the_quietest_hour() -> None:
    assert SERVICE.min_tasks == SERVICE.desired_count
    assert replace(SERVICE, scheduled_minimums=(replace(MORNING, min_count=1),)).min_tasks == 1
    assert replace(SERVICE, scheduled_minimums=(MORNING,)).min_tasks == SERVICE.desired_count
    assert replace(SERVICE, working_hours=HOURS).min_tasks == 0
