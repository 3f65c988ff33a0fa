"""Protection of a production stack: what serves requests or holds data is neither deleted nor replaced."""

from typing import Final

import pulumi

PROTECTED_TYPES: Final = frozenset(
    {
        "aws:ecr/repository:Repository",
        "aws:ecs/service:Service",
        "aws:lb/loadBalancer:LoadBalancer",
        "aws:s3/bucket:Bucket",
    }
)


def protect_production(*, production: bool) -> None:
    """With `production` protect every resource of these types that the program registers from now on.

    Pulumi then refuses, before the first change, a deletion of the stack and a change that would replace one of them;
    after `pulumi config set production false` and `pulumi up` both are possible.
    """

    def protect(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.type_ not in PROTECTED_TYPES:
            return None
        opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(protect=True))
        return pulumi.ResourceTransformationResult(props=args.props, opts=opts)

    if production:
        pulumi.runtime.register_stack_transformation(protect)
