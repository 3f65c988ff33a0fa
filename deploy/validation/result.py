"""The result of validating a stack's settings, and its report."""

import textwrap
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

UNSEEN: Final = (
    "Not checked, since it takes the account: quotas, names that are taken, permissions, and whether the domain's "
    "zone, certificates, networks, keys, secrets and images that are named exist."
)
_LINE: Final = 118
"""Characters in a line of the report, where it has a choice."""
WHOLE: Final[Mapping[str, str]] = {"awsx:ec2:Vpc": "with its subnets, route tables and gateways"}
"""Types that stand for more than one resource, and for which."""


@dataclass(frozen=True, kw_only=True, order=True)
class PlannedResource:
    """A resource that would be made. component: the type of the project's component that it belongs to."""

    component: str
    type: str
    name: str


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """Valid settings, and the plan of the program for them.

    settings: those that differ from the defaults, as text, secrets left out. resources: without the components.
    estimate: the monthly cost line by line, as the program logs it; empty where nothing costs anything.
    monthly_usd, costs: the same total and lines as numbers, US dollars. warnings: allowed, but probably not intended.
    """

    stack: str
    settings: Mapping[str, str]
    resources: tuple[PlannedResource, ...]
    estimate: str
    monthly_usd: float
    costs: Mapping[str, float]
    warnings: tuple[str, ...]

    def report(self, *, resources: bool = False) -> str:
        """The check in lines for people; with `resources` every resource by its name."""
        parts = [_settings(self), _resources(self, named=resources), self.estimate or "Estimated cost: none"]
        parts += [f"Warning: {warning}" for warning in self.warnings]
        return "\n\n".join([*parts, f"{UNSEEN}\nThe settings of {self.stack} are valid."])

    def __str__(self) -> str:
        return self.report()


def _settings(result: CheckResult) -> str:
    if not result.settings:
        return f"No setting of {result.stack} differs from the defaults."
    width = max(map(len, result.settings))
    lines = [f"  {key:{width}}  {value}" for key, value in result.settings.items()]
    return "\n".join([f"Settings of {result.stack} that differ from the defaults:", *lines])


def _resources(result: CheckResult, *, named: bool) -> str:
    by_component: dict[str, list[PlannedResource]] = {}
    for resource in result.resources:
        by_component.setdefault(resource.component, []).append(resource)
    width = max(map(len, by_component), default=0)
    lines = [f"It would make {len(result.resources)} resources in {len(by_component)} components:"]
    for component, made in by_component.items():
        if named:
            lines += [f"  {component}", *(f"    {_kind(one.type)}  {one.name}" for one in made)]
        else:
            counted = Counter(_kind(one.type) for one in made)
            kinds = ", ".join(kind if count == 1 else f"{count}\u00a0{kind}" for kind, count in counted.items())
            beginning = f"  {component:{width}} {len(made):3}  "
            wrapped = textwrap.wrap(
                beginning.replace(" ", "\u00a0") + kinds, _LINE, subsequent_indent=" " * len(beginning)
            )
            lines += [line.replace("\u00a0", " ") for line in wrapped]
    return "\n".join(lines)


def _kind(type_: str) -> str:
    """`ecs.Service` of `aws:ecs/service:Service`; of other packages than AWS's the package's name."""
    package, module, name = type_.split(":")
    kind = f"{module.partition('/')[0] if package == 'aws' else package}.{name}"
    return f"{kind} ({WHOLE[type_]})" if type_ in WHOLE else kind
