"""One set of tags on everything that can carry tags."""

from collections.abc import Mapping

import pulumi


def register_default_tags(tags: Mapping[str, str]) -> None:
    """Give every taggable AWS resource that the program registers from now on these tags; its own win.

    A resource is taggable when its class has a `tags` argument, so no list of types has to be kept. The
    components of awsx hand theirs down to their children, autoscaling groups theirs to their machines.
    """

    def add_tags(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not args.type_.startswith(("aws:", "awsx:")) or "tags" not in args.props:
            return None
        own = pulumi.Output.from_input(args.props["tags"] or {})
        as_list = args.type_ == "aws:autoscaling/group:Group"
        merged = own.apply(lambda given: [*_for_machines(tags), *given] if as_list else {**tags, **given})
        return pulumi.ResourceTransformationResult(props={**args.props, "tags": merged}, opts=args.opts)

    pulumi.runtime.register_stack_transformation(add_tags)


def _for_machines(tags: Mapping[str, str]) -> list[Mapping[str, object]]:
    return [{"key": key, "value": value, "propagateAtLaunch": True} for key, value in tags.items()]
