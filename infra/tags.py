"""Default tags of all resources."""

from collections.abc import Mapping

import pulumi


def register_default_tags(tags: Mapping[str, str]) -> None:
    """Add `tags` to every taggable AWS resource that the program registers from now on; a resource's own tags win.

    A resource is taggable if its class has a `tags` argument. Components of awsx pass theirs to their children, Auto
    Scaling groups to their instances. S3 objects, which take ten tags at most, get none.
    """

    def add_tags(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        taggable = "tags" in args.props and args.type_ != "aws:s3/bucketObjectv2:BucketObjectv2"
        if not args.type_.startswith(("aws:", "awsx:")) or not taggable:
            return None
        own = pulumi.Output.from_input(args.props["tags"] or {})
        as_list = args.type_ == "aws:autoscaling/group:Group"
        merged = own.apply(lambda own_tags: [*_propagated(tags), *own_tags] if as_list else {**tags, **own_tags})
        return pulumi.ResourceTransformationResult(props={**args.props, "tags": merged}, opts=args.opts)

    pulumi.runtime.register_stack_transformation(add_tags)


def _propagated(tags: Mapping[str, str]) -> list[Mapping[str, object]]:
    return [{"key": key, "value": value, "propagateAtLaunch": True} for key, value in tags.items()]
