"""ECS service: created or updated, then waited for until it is steady."""

import time
from typing import Any, ClassVar

from infra.service.diagnosis import diagnose_deployment
from local.engine.aws import Aws, find, tag_list
from local.engine.handlers.base import Handler, Inputs, Outputs, handles
from mock_runtime.values import without_none

STEADY_SECONDS = 300.0


class DeploymentFailedError(Exception):
    """ECS rolled a deployment back or did not complete it; the text has the reason."""


@handles("aws:ecs/service:Service")
class Service(Handler):
    """`aws:ecs/service:Service`."""

    replace_on: ClassVar[frozenset[str]] = frozenset({"name", "cluster", "schedulingStrategy"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        ecs = aws.client("ecs")
        name = inputs.get("name") or name
        if _active(aws, inputs["cluster"], name):
            arn = _describe(aws, inputs["cluster"], name)["serviceArn"]
            return arn, self.update(aws, arn, inputs, inputs, {"name": name})
        made = ecs.create_service(
            **without_none(
                {
                    "cluster": inputs["cluster"],
                    "serviceName": name,
                    "schedulingStrategy": inputs.get("schedulingStrategy") or "REPLICA",
                    "loadBalancers": [_load_balancer(one) for one in inputs.get("loadBalancers") or []],
                    "tags": tag_list(inputs.get("tags"), key="key", value="value") or None,
                }
            ),
            **_changeable(inputs),
        )["service"]
        outputs = {**inputs, "name": name, "arn": made["serviceArn"]}
        self._wait(aws, inputs, name)
        return made["serviceArn"], outputs

    def update(self, aws: Aws, id_: str, old: Inputs, new: Inputs, outputs: Outputs) -> Outputs:
        strategies = "capacityProviderStrategies"
        aws.client("ecs").update_service(
            cluster=new["cluster"],
            service=outputs["name"],
            forceNewDeployment=old.get(strategies) != new.get(strategies),
            **_changeable(new),
        )
        self._wait(aws, new, outputs["name"])
        return {**new, "name": outputs["name"], "arn": id_}

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        return _active(aws, outputs["cluster"], outputs["name"])

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        if self.exists(aws, id_, outputs):
            aws.client("ecs").delete_service(cluster=outputs["cluster"], service=outputs["name"], force=True)

    @staticmethod
    def _wait(aws: Aws, inputs: Inputs, name: str) -> None:
        """Wait until the deployment of the task definition is complete; raises `DeploymentFailedError` if it is not."""
        if not inputs.get("waitForSteadyState"):
            return
        deadline = time.monotonic() + STEADY_SECONDS
        shown = ""
        while True:
            service = _describe(aws, inputs["cluster"], name)
            target = inputs["taskDefinition"]
            primary = next(one for one in service["deployments"] if one["status"] == "PRIMARY")
            failed = [d for d in service["deployments"] if d["taskDefinition"] == target and _rollout(d) == "FAILED"]
            if failed or primary["taskDefinition"] != target:
                raise DeploymentFailedError(_diagnose_deployment(aws, inputs, name, "was rolled back"))
            others = [d for d in service["deployments"] if d is not primary and d["runningCount"] + d["pendingCount"]]
            settled = not others and primary["runningCount"] == service["desiredCount"]
            if _rollout(primary) == "COMPLETED" and settled:
                return
            progress = f"{primary['runningCount']} of {service['desiredCount']} new tasks run"
            if progress != shown:
                aws.log(f"service {name}: {progress}, waiting until they are healthy")
                shown = progress
            if time.monotonic() > deadline:
                raise DeploymentFailedError(
                    _diagnose_deployment(aws, inputs, name, f"was not steady after {STEADY_SECONDS:.0f} s")
                )
            time.sleep(0.3)


def _rollout(deployment: dict[str, Any]) -> str:
    return str(deployment.get("rolloutState"))


def _changeable(inputs: Inputs) -> dict[str, Any]:
    network = inputs.get("networkConfiguration") or {}
    breaker = inputs.get("deploymentCircuitBreaker") or {}
    return without_none(
        {
            "taskDefinition": inputs["taskDefinition"],
            "desiredCount": inputs.get("desiredCount"),
            "capacityProviderStrategy": inputs.get("capacityProviderStrategies"),
            "healthCheckGracePeriodSeconds": inputs.get("healthCheckGracePeriodSeconds"),
            "deploymentConfiguration": {
                "maximumPercent": inputs.get("deploymentMaximumPercent", 200),
                "minimumHealthyPercent": inputs.get("deploymentMinimumHealthyPercent", 100),
                "deploymentCircuitBreaker": {
                    "enable": bool(breaker.get("enable")),
                    "rollback": bool(breaker.get("rollback")),
                },
            },
            "networkConfiguration": {
                "awsvpcConfiguration": {
                    "subnets": network.get("subnets") or [],
                    "securityGroups": network.get("securityGroups") or [],
                    "assignPublicIp": "ENABLED" if network.get("assignPublicIp") else "DISABLED",
                }
            }
            if network
            else None,
        }
    )


def _load_balancer(inputs: dict[str, Any]) -> dict[str, Any]:
    return {key: inputs[key] for key in ("targetGroupArn", "containerName", "containerPort")}


def _describe(aws: Aws, cluster: str, name: str) -> dict[str, Any]:
    """The service; empty when it, or its cluster, does not exist."""
    found = find(lambda: aws.client("ecs").describe_services(cluster=cluster, services=[name])["services"])
    return dict(found[0]) if found else {}


def _active(aws: Aws, cluster: str, name: str) -> bool:
    return bool(_describe(aws, cluster, name).get("status") == "ACTIVE")


def _diagnose_deployment(aws: Aws, inputs: Inputs, name: str, verdict: str) -> str:
    return diagnose_deployment(
        aws.client, cluster=inputs["cluster"], service=name, task_definition=inputs["taskDefinition"], verdict=verdict
    )
