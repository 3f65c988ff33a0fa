"""The permissions boundary of all roles."""

from typing import Final

import pulumi

ROLE_TYPE: Final = "aws:iam/role:Role"


def register_permissions_boundary(policy_arn: str) -> None:
    """Set `policy_arn` as the boundary of every IAM role that the program registers from now on; empty: of none.

    The components that the program uses of awsx create no roles.
    """

    def add_boundary(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.type_ != ROLE_TYPE:
            return None
        return pulumi.ResourceTransformationResult(
            props={**args.props, "permissions_boundary": policy_arn}, opts=args.opts
        )

    if policy_arn:
        pulumi.runtime.register_stack_transformation(add_boundary)
