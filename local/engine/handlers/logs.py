"""CloudWatch Logs: log group."""

import contextlib
from typing import ClassVar

from local.engine.aws import Aws, ignore_not_found
from local.engine.handlers.base import Handler, Inputs, Outputs, handles


@handles("aws:cloudwatch/logGroup:LogGroup")
class LogGroup(Handler):
    """`aws:cloudwatch/logGroup:LogGroup`."""

    replace_on: ClassVar[frozenset[str]] = frozenset({"name"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        logs = aws.client("logs")
        name = inputs.get("name") or name
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=name, tags=inputs.get("tags") or {})
        if inputs.get("retentionInDays"):
            logs.put_retention_policy(logGroupName=name, retentionInDays=inputs["retentionInDays"])
        arn = _find(aws, name) or ""
        return name, {**inputs, "name": name, "arn": arn.removesuffix(":*")}

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        return _find(aws, id_) is not None

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        ignore_not_found(aws.client("logs").delete_log_group, logGroupName=id_)


def _find(aws: Aws, name: str) -> str | None:
    groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return next((str(group["arn"]) for group in groups if group["logGroupName"] == name), None)
