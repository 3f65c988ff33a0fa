"""EC2: security groups and their rules."""

from __future__ import annotations

from typing import Any, ClassVar

from botocore.exceptions import ClientError

from local.engine.aws import Aws, exists, present, tag_list, unless_missing
from local.engine.handlers.base import Handler, Inputs, Outputs


class SecurityGroup(Handler):
    """`aws:ec2/securityGroup:SecurityGroup`, with standalone rules only."""

    replace_on: ClassVar[frozenset[str]] = frozenset({"name", "vpcId", "description"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        ec2 = aws.client("ec2")
        name = inputs.get("name") or name
        filters = [{"Name": "group-name", "Values": [name]}, {"Name": "vpc-id", "Values": [inputs["vpcId"]]}]
        found = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
        if found:
            group_id = found[0]["GroupId"]
        else:
            description = inputs.get("description") or "Managed by Pulumi"
            group_id = ec2.create_security_group(GroupName=name, Description=description, VpcId=inputs["vpcId"])[
                "GroupId"
            ]
            # AWS opens a new group's egress; the provider closes it again, so that only written rules count.
            every = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
            ec2.revoke_security_group_egress(GroupId=group_id, IpPermissions=every)
            if inputs.get("tags"):
                ec2.create_tags(Resources=[group_id], Tags=tag_list(inputs["tags"]))
        arn = f"arn:aws:ec2:{aws.region}:000000000000:security-group/{group_id}"
        return group_id, {**inputs, "name": name, "arn": arn}

    def update(self, aws: Aws, id_: str, old: Inputs, new: Inputs, outputs: Outputs) -> Outputs:
        aws.client("ec2").create_tags(Resources=[id_], Tags=tag_list(new.get("tags")))
        return {**outputs, **new, "name": outputs["name"]}

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        return exists(lambda: aws.client("ec2").describe_security_groups(GroupIds=[id_])["SecurityGroups"])

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        unless_missing(aws.client("ec2").delete_security_group, GroupId=id_)


class SecurityGroupRule(Handler):
    """`aws:vpc/securityGroupIngressRule` and `...EgressRule`; a change makes a new rule."""

    def __init__(self, *, ingress: bool) -> None:
        self._ingress = ingress

    replace_on: ClassVar[frozenset[str]] = frozenset(
        {
            "securityGroupId",
            "ipProtocol",
            "fromPort",
            "toPort",
            "cidrIpv4",
            "cidrIpv6",
            "referencedSecurityGroupId",
            "prefixListId",
            "description",
        }
    )

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        ec2 = aws.client("ec2")
        open_ = ec2.authorize_security_group_ingress if self._ingress else ec2.authorize_security_group_egress
        try:
            made = open_(GroupId=inputs["securityGroupId"], IpPermissions=[_permission(inputs)])
            rule_id = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        except ClientError as error:
            if "Duplicate" not in error.response["Error"]["Code"]:
                raise
            rule_id = name
        return rule_id, {**inputs, "securityGroupRuleId": rule_id}

    def update(self, aws: Aws, id_: str, old: Inputs, new: Inputs, outputs: Outputs) -> Outputs:
        return {**outputs, **new}

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        group = outputs["securityGroupId"]
        return exists(lambda: aws.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"])

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        ec2 = aws.client("ec2")
        close = ec2.revoke_security_group_ingress if self._ingress else ec2.revoke_security_group_egress
        unless_missing(close, GroupId=outputs["securityGroupId"], IpPermissions=[_permission(outputs)])


def _permission(inputs: Inputs) -> dict[str, Any]:
    text = present({"Description": inputs.get("description")})
    ranges = [{"CidrIp": inputs["cidrIpv4"], **text}] if inputs.get("cidrIpv4") else None
    ranges6 = [{"CidrIpv6": inputs["cidrIpv6"], **text}] if inputs.get("cidrIpv6") else None
    group = inputs.get("referencedSecurityGroupId")
    return present(
        {
            "IpProtocol": str(inputs["ipProtocol"]),
            "FromPort": inputs.get("fromPort"),
            "ToPort": inputs.get("toPort"),
            "IpRanges": ranges,
            "Ipv6Ranges": ranges6,
            "UserIdGroupPairs": [{"GroupId": group, **text}] if group else None,
        }
    )


HANDLERS: dict[str, Handler] = {
    "aws:ec2/securityGroup:SecurityGroup": SecurityGroup(),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": SecurityGroupRule(ingress=True),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": SecurityGroupRule(ingress=False),
}
