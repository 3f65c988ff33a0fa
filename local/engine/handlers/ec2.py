"""EC2: security groups and their rules."""

from typing import Any, ClassVar

from local.engine.aws import Aws, exists, ignore_not_found, tag_list
from local.engine.handlers.base import Handler, Inputs, Outputs, handles
from mock_runtime.values import without_none


@handles("aws:ec2/securityGroup:SecurityGroup")
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
        ignore_not_found(aws.client("ec2").delete_security_group, GroupId=id_)


class SecurityGroupRule(Handler):
    """A rule of a security group; a change creates a new rule."""

    authorize: ClassVar[str]
    revoke: ClassVar[str]
    """The calls of the EC2 API."""

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
        authorize = getattr(aws.client("ec2"), self.authorize)
        made = authorize(GroupId=inputs["securityGroupId"], IpPermissions=[_permission(inputs)])
        rule_id = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]  # derived from the rule, thus that of an old one
        return rule_id, {**inputs, "securityGroupRuleId": rule_id}

    def update(self, aws: Aws, id_: str, old: Inputs, new: Inputs, outputs: Outputs) -> Outputs:
        return {**outputs, **new}

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        describe = aws.client("ec2").describe_security_group_rules
        return exists(lambda: describe(SecurityGroupRuleIds=[id_])["SecurityGroupRules"])

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        revoke = getattr(aws.client("ec2"), self.revoke)
        ignore_not_found(revoke, GroupId=outputs["securityGroupId"], IpPermissions=[_permission(outputs)])


@handles("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
class SecurityGroupIngressRule(SecurityGroupRule):
    """`aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule`."""

    authorize = "authorize_security_group_ingress"
    revoke = "revoke_security_group_ingress"


@handles("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
class SecurityGroupEgressRule(SecurityGroupRule):
    """`aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule`."""

    authorize = "authorize_security_group_egress"
    revoke = "revoke_security_group_egress"


def _permission(inputs: Inputs) -> dict[str, Any]:
    text = without_none({"Description": inputs.get("description")})
    ranges = [{"CidrIp": inputs["cidrIpv4"], **text}] if inputs.get("cidrIpv4") else None
    ranges6 = [{"CidrIpv6": inputs["cidrIpv6"], **text}] if inputs.get("cidrIpv6") else None
    group = inputs.get("referencedSecurityGroupId")
    return without_none(
        {
            "IpProtocol": str(inputs["ipProtocol"]),
            "FromPort": inputs.get("fromPort"),
            "ToPort": inputs.get("toPort"),
            "IpRanges": ranges,
            "Ipv6Ranges": ranges6,
            "UserIdGroupPairs": [{"GroupId": group, **text}] if group else None,
        }
    )
