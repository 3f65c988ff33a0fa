"""Elastic Load Balancing: load balancer, target group, listener, listener rule."""

from typing import Any, ClassVar

from local.engine.aws import Aws, attribute_list, exists, find, ignore_not_found, tag_list
from local.engine.handlers.base import Handler, Inputs, Outputs, handles
from mock_runtime.values import without_none

LOAD_BALANCER_ATTRIBUTES = {
    "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
    "enableDeletionProtection": "deletion_protection.enabled",
    "enableHttp2": "routing.http2.enabled",
    "idleTimeout": "idle_timeout.timeout_seconds",
}
TARGET_GROUP_ATTRIBUTES = {
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "loadBalancingAlgorithmType": "load_balancing.algorithm.type",
    "slowStart": "slow_start.duration_seconds",
}
MAX_NAME_LENGTH = 32


@handles("aws:lb/loadBalancer:LoadBalancer")
class LoadBalancer(Handler):
    """`aws:lb/loadBalancer:LoadBalancer`."""

    replace_on: ClassVar[frozenset[str]] = frozenset({"name", "internal", "loadBalancerType"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        elb = aws.client("elbv2")
        name = _validate_name(inputs.get("name") or name)
        found = find(lambda: elb.describe_load_balancers(Names=[name])["LoadBalancers"])
        if not found:
            found = elb.create_load_balancer(
                Name=name,
                Subnets=inputs.get("subnets") or [],
                SecurityGroups=inputs.get("securityGroups") or [],
                Scheme="internal" if inputs.get("internal") else "internet-facing",
                Type=inputs.get("loadBalancerType") or "application",
                **_tags(inputs),
            )["LoadBalancers"]
        return found[0]["LoadBalancerArn"], self._outputs(aws, found[0], inputs)

    def update(self, aws: Aws, id_: str, old: Inputs, new: Inputs, outputs: Outputs) -> Outputs:
        elb = aws.client("elbv2")
        elb.set_security_groups(LoadBalancerArn=id_, SecurityGroups=new.get("securityGroups") or [])
        return self._outputs(aws, elb.describe_load_balancers(LoadBalancerArns=[id_])["LoadBalancers"][0], new)

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        return exists(lambda: aws.client("elbv2").describe_load_balancers(LoadBalancerArns=[id_])["LoadBalancers"])

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        ignore_not_found(aws.client("elbv2").delete_load_balancer, LoadBalancerArn=id_)

    @staticmethod
    def _outputs(aws: Aws, found: dict[str, Any], inputs: Inputs) -> Outputs:
        arn = found["LoadBalancerArn"]
        attributes = attribute_list(inputs, LOAD_BALANCER_ATTRIBUTES)
        if attributes:
            aws.client("elbv2").modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)
        return {
            **inputs,
            "name": found["LoadBalancerName"],
            "arn": arn,
            "arnSuffix": arn.split(":loadbalancer/")[-1],
            "dnsName": found["DNSName"],
            "zoneId": found["CanonicalHostedZoneId"],
            "vpcId": found.get("VpcId", ""),
        }


@handles("aws:lb/targetGroup:TargetGroup")
class TargetGroup(Handler):
    """`aws:lb/targetGroup:TargetGroup`."""

    replace_on: ClassVar[frozenset[str]] = frozenset({"name", "port", "protocol", "targetType", "vpcId"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        elb = aws.client("elbv2")
        name = _validate_name(inputs.get("name") or name)
        found = find(lambda: elb.describe_target_groups(Names=[name])["TargetGroups"])
        if not found:
            found = elb.create_target_group(
                Name=name,
                Protocol=inputs["protocol"],
                Port=inputs["port"],
                VpcId=inputs["vpcId"],
                TargetType=inputs["targetType"],
                **_tags(inputs),
                **_health_check(inputs),
            )["TargetGroups"]
        return found[0]["TargetGroupArn"], self._outputs(aws, found[0], inputs)

    def update(self, aws: Aws, id_: str, old: Inputs, new: Inputs, outputs: Outputs) -> Outputs:
        elb = aws.client("elbv2")
        found = elb.modify_target_group(TargetGroupArn=id_, **_health_check(new))["TargetGroups"][0]
        return self._outputs(aws, found, new)

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        return exists(lambda: aws.client("elbv2").describe_target_groups(TargetGroupArns=[id_])["TargetGroups"])

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        ignore_not_found(aws.client("elbv2").delete_target_group, TargetGroupArn=id_)

    @staticmethod
    def _outputs(aws: Aws, found: dict[str, Any], inputs: Inputs) -> Outputs:
        arn = found["TargetGroupArn"]
        attributes = attribute_list(inputs, TARGET_GROUP_ATTRIBUTES)
        if attributes:
            aws.client("elbv2").modify_target_group_attributes(TargetGroupArn=arn, Attributes=attributes)
        return {**inputs, "name": found["TargetGroupName"], "arn": arn, "arnSuffix": arn.split(":")[-1]}


@handles("aws:lb/listener:Listener")
class Listener(Handler):
    """`aws:lb/listener:Listener`."""

    replace_on: ClassVar[frozenset[str]] = frozenset({"loadBalancerArn"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        elb = aws.client("elbv2")
        load_balancer = inputs["loadBalancerArn"]
        listeners = elb.describe_listeners(LoadBalancerArn=load_balancer)["Listeners"]
        arn = next((one["ListenerArn"] for one in listeners if one["Port"] == inputs["port"]), None)
        if arn:
            return arn, self.update(aws, arn, inputs, inputs, {})
        arn = elb.create_listener(LoadBalancerArn=load_balancer, **_listener_arguments(inputs))["Listeners"][0][
            "ListenerArn"
        ]
        return arn, {**inputs, "arn": arn}

    def update(self, aws: Aws, id_: str, old: Inputs, new: Inputs, outputs: Outputs) -> Outputs:
        aws.client("elbv2").modify_listener(ListenerArn=id_, **_listener_arguments(new))
        return {**new, "arn": id_}

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        return exists(lambda: aws.client("elbv2").describe_listeners(ListenerArns=[id_])["Listeners"])

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        ignore_not_found(aws.client("elbv2").delete_listener, ListenerArn=id_)


@handles("aws:lb/listenerRule:ListenerRule")
class ListenerRule(Handler):
    """`aws:lb/listenerRule:ListenerRule`; without a priority, the rule follows those that the listener has."""

    replace_on: ClassVar[frozenset[str]] = frozenset({"listenerArn"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        elb = aws.client("elbv2")
        rules = _rules(aws, inputs["listenerArn"])
        arguments = {"Actions": _actions(inputs), "Conditions": _conditions(inputs)}
        same = (rule for rule in rules if _is_same(rule, inputs, arguments["Conditions"]))
        arn = next((rule["RuleArn"] for rule in same), None)
        if arn:
            return arn, self.update(aws, arn, inputs, inputs, {})
        priority = inputs.get("priority") or max((int(rule["Priority"]) for rule in rules), default=0) + 1
        made = elb.create_rule(ListenerArn=inputs["listenerArn"], Priority=int(priority), **arguments, **_tags(inputs))[
            "Rules"
        ][0]
        return made["RuleArn"], {**inputs, "priority": priority, "arn": made["RuleArn"]}

    def update(self, aws: Aws, id_: str, old: Inputs, new: Inputs, outputs: Outputs) -> Outputs:
        elb = aws.client("elbv2")
        rule = elb.modify_rule(RuleArn=id_, Actions=_actions(new), Conditions=_conditions(new))["Rules"][0]
        priority = new.get("priority") or int(rule["Priority"])
        if int(priority) != int(rule["Priority"]):
            elb.set_rule_priorities(RulePriorities=[{"RuleArn": id_, "Priority": int(priority)}])
        return {**new, "priority": priority, "arn": id_}

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        return exists(lambda: aws.client("elbv2").describe_rules(RuleArns=[id_])["Rules"])

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        ignore_not_found(aws.client("elbv2").delete_rule, RuleArn=id_)


def _rules(aws: Aws, listener: str) -> list[dict[str, Any]]:
    """The rules of a listener without its default one."""
    found = find(lambda: aws.client("elbv2").describe_rules(ListenerArn=listener)["Rules"])
    return [rule for rule in found or [] if not rule["IsDefault"]]


def _is_same(rule: dict[str, Any], inputs: Inputs, conditions: list[dict[str, Any]]) -> bool:
    """Whether an interrupted run made this rule: priorities are unique, and so are the program's conditions."""
    if inputs.get("priority"):
        return int(rule["Priority"]) == int(inputs["priority"])
    return all(any(one.items() <= found.items() for found in rule["Conditions"]) for one in conditions)


def _actions(inputs: Inputs) -> list[dict[str, Any]]:
    return [_action(action) for action in inputs["actions"]]


def _conditions(inputs: Inputs) -> list[dict[str, Any]]:
    """Conditions on path, host and method; raises `ValueError` for those that the emulator does not evaluate."""
    fields = {"pathPattern": "path-pattern", "hostHeader": "host-header", "httpRequestMethod": "http-request-method"}
    made = []
    for condition in inputs["conditions"]:
        for key, value in condition.items():
            if value is None:
                continue
            if key not in fields:
                raise ValueError(f"the emulated load balancer has no condition {key}: use {', '.join(fields)}")
            made.append({"Field": fields[key], "Values": value["values"]})
    return made


def _listener_arguments(inputs: Inputs) -> dict[str, Any]:
    return {
        "Port": inputs["port"],
        "Protocol": inputs.get("protocol") or "HTTP",
        "DefaultActions": [_action(action) for action in inputs["defaultActions"]],
    }


def _action(action: dict[str, Any]) -> dict[str, Any]:
    fixed = action.get("fixedResponse") or {}
    response = {key[0].upper() + key[1:]: value for key, value in fixed.items()}
    return without_none(
        {
            "Type": action["type"],
            "TargetGroupArn": action.get("targetGroupArn"),
            "FixedResponseConfig": response or None,
        }
    )


def _health_check(inputs: Inputs) -> dict[str, Any]:
    check = inputs.get("healthCheck") or {}
    matcher = check.get("matcher")
    return without_none(
        {
            "HealthCheckPath": check.get("path"),
            "HealthCheckPort": check.get("port"),
            "HealthCheckProtocol": check.get("protocol"),
            "HealthCheckIntervalSeconds": check.get("interval"),
            "HealthCheckTimeoutSeconds": check.get("timeout"),
            "HealthyThresholdCount": check.get("healthyThreshold"),
            "UnhealthyThresholdCount": check.get("unhealthyThreshold"),
            "Matcher": {"HttpCode": str(matcher)} if matcher else None,
        }
    )


def _tags(inputs: Inputs) -> dict[str, Any]:
    """The argument Tags, which must not be empty."""
    tags = tag_list(inputs.get("tags"))
    return {"Tags": tags} if tags else {}


def _validate_name(name: str) -> str:
    """`name`, if it is within AWS's limit, which the emulator does not enforce; else `ValueError`.

    Source: CreateLoadBalancer (Elastic Load Balancing API).
    """
    if len(name) > MAX_NAME_LENGTH:
        raise ValueError(f"the name {name!r} has {len(name)} characters; load balancers and target groups allow 32")
    return name
