"""The policy pack: `pulumi preview --policy-pack policy`."""

from collections.abc import Callable, Iterator, Sequence

from links import Typed, open_buckets, reachable_tasks
from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from rules import RULES, Rule


def on_resources(rule: Rule) -> ResourceValidationPolicy:
    """The rule as a policy on every resource of its types."""

    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        check = rule.checks.get(args.resource_type)
        for violation in check(args.props) if check else ():
            report_violation(f"{args.name} {violation}", None)

    level = EnforcementLevel.MANDATORY if rule.mandatory else EnforcementLevel.ADVISORY
    return ResourceValidationPolicy(
        name=rule.name, description=rule.description, validate=validate, enforcement_level=level
    )


def on_stack(name: str, description: str, check: Callable[[Sequence[Typed]], Iterator[str]]) -> StackValidationPolicy:
    """A check of all resources together as a policy on the stack."""

    def validate(args: StackValidationArgs, report_violation: ReportViolation) -> None:
        for violation in check([(one.resource_type, one.name, one.props) for one in args.resources]):
            report_violation(violation, None)

    return StackValidationPolicy(
        name=name, description=description, validate=validate, enforcement_level=EnforcementLevel.MANDATORY
    )


PolicyPack(
    name="recommender",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        *map(on_resources, RULES),
        on_stack(
            "no-public-tasks",
            "Tasks accept traffic from security groups only, such as the load balancer's.",
            reachable_tasks,
        ),
        on_stack("no-open-buckets", "Every bucket has a public access block.", open_buckets),
    ],
)
