"""ECS: cluster and task definition."""

import json
from typing import Any, ClassVar

from local.engine.aws import Aws, ignore_not_found, tag_list
from local.engine.handlers.base import Handler, Inputs, Outputs, handles
from mock_runtime.values import without_none


@handles("aws:ecs/cluster:Cluster")
class Cluster(Handler):
    """`aws:ecs/cluster:Cluster`."""

    replace_on: ClassVar[frozenset[str]] = frozenset({"name"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        name = inputs.get("name") or name
        tags = tag_list(inputs.get("tags"), key="key", value="value")
        made = aws.client("ecs").create_cluster(clusterName=name, settings=inputs.get("settings") or [], tags=tags)
        arn = made["cluster"]["clusterArn"]
        return arn, {**inputs, "name": name, "arn": arn}

    def update(self, aws: Aws, id_: str, old: Inputs, new: Inputs, outputs: Outputs) -> Outputs:
        if new.get("settings"):
            aws.client("ecs").update_cluster_settings(cluster=id_, settings=new["settings"])
        return {**new, "name": outputs["name"], "arn": id_}

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        found = aws.client("ecs").describe_clusters(clusters=[id_])["clusters"]
        return any(cluster["status"] == "ACTIVE" for cluster in found)

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        ignore_not_found(aws.client("ecs").delete_cluster, cluster=id_)


@handles("aws:ecs/clusterCapacityProviders:ClusterCapacityProviders")
class ClusterCapacityProviders(Handler):
    """`aws:ecs/clusterCapacityProviders:ClusterCapacityProviders`."""

    replace_on: ClassVar[frozenset[str]] = frozenset({"clusterName"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        aws.client("ecs").put_cluster_capacity_providers(
            cluster=inputs["clusterName"],
            capacityProviders=inputs.get("capacityProviders") or [],
            defaultCapacityProviderStrategy=inputs.get("defaultCapacityProviderStrategies") or [],
        )
        return inputs["clusterName"], inputs

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        found = aws.client("ecs").describe_clusters(clusters=[id_])["clusters"]
        return any(set(outputs.get("capacityProviders") or []) <= set(c["capacityProviders"]) for c in found)

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        ignore_not_found(
            aws.client("ecs").put_cluster_capacity_providers,
            cluster=id_,
            capacityProviders=[],
            defaultCapacityProviderStrategy=[],
        )


@handles("aws:ecs/taskDefinition:TaskDefinition")
class TaskDefinition(Handler):
    """`aws:ecs/taskDefinition:TaskDefinition`; every change registers a new revision."""

    replace_on: ClassVar[frozenset[str]] = frozenset(
        {
            "containerDefinitions",
            "cpu",
            "memory",
            "executionRoleArn",
            "taskRoleArn",
            "family",
            "networkMode",
            "runtimePlatform",
            "requiresCompatibilities",
            "volumes",
        }
    )

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        platform = inputs.get("runtimePlatform") or {}
        made = aws.client("ecs").register_task_definition(
            **without_none(
                {
                    "family": inputs["family"],
                    "containerDefinitions": json.loads(inputs["containerDefinitions"]),
                    "cpu": _text(inputs.get("cpu")),
                    "memory": _text(inputs.get("memory")),
                    "executionRoleArn": inputs.get("executionRoleArn"),
                    "taskRoleArn": inputs.get("taskRoleArn"),
                    "networkMode": inputs.get("networkMode"),
                    "requiresCompatibilities": inputs.get("requiresCompatibilities"),
                    "runtimePlatform": without_none(
                        {
                            "cpuArchitecture": platform.get("cpuArchitecture"),
                            "operatingSystemFamily": platform.get("operatingSystemFamily"),
                        }
                    )
                    or None,
                    "volumes": [_volume(one) for one in inputs.get("volumes") or []] or None,
                    "tags": tag_list(inputs.get("tags"), key="key", value="value") or None,
                }
            )
        )["taskDefinition"]
        arn = made["taskDefinitionArn"]
        return inputs["family"], {
            **inputs,
            "arn": arn,
            "arnWithoutRevision": arn.rpartition(":")[0],
            "revision": made["revision"],
        }

    def update(self, aws: Aws, id_: str, old: Inputs, new: Inputs, outputs: Outputs) -> Outputs:
        return {**outputs, **new}

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        ecs = aws.client("ecs")
        try:
            found = ecs.describe_task_definition(taskDefinition=outputs["arn"])["taskDefinition"]
        except ecs.exceptions.ClientException:
            return False
        return bool(found["status"] == "ACTIVE")

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        if not outputs.get("skipDestroy"):
            aws.client("ecs").deregister_task_definition(taskDefinition=outputs["arn"])


def _volume(inputs: dict[str, Any]) -> dict[str, Any]:
    host = {"sourcePath": inputs["hostPath"]} if inputs.get("hostPath") else {}
    return {"name": inputs["name"], "host": host}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
