"""Generates the tables of the documents, and the `config:` block of Pulumi.yaml: `python -m docs.render` (`make docs`).

A table is between the comments `<!-- NAME -->` and `<!-- /NAME -->`. With `--check` nothing is written: status 1 when a
document is not up to date.
"""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import markdown
from docs.speed import RESULTS, load_result, speed
from docs.tables import commands, costs, service, stacks
from infra.config.schema import configuration_tables, pulumi_yaml
from local.settings import PROJECT_DIR


@dataclass(frozen=True, kw_only=True)
class Block:
    """A generated table of a document."""

    document: str
    name: str
    generate: Callable[[], str]

    def replace_in(self, text: str) -> str:
        """`text` with the table generated anew; raises LookupError without the comments around it."""
        pattern = re.compile(rf"(<!-- {self.name} -->\n).*?(<!-- /{self.name} -->)", flags=re.DOTALL)
        if not pattern.search(text):
            raise LookupError(f"{self.document} has no <!-- {self.name} --> … <!-- /{self.name} -->")
        table = self.generate()
        return pattern.sub(lambda match: f"{match[1]}{table}\n{match[2]}", text)


BLOCKS = (
    Block(document="README.md", name="commands", generate=commands),
    Block(document="docs/configuration.md", name="settings", generate=configuration_tables),
    Block(document="docs/configuration.md", name="stacks", generate=stacks),
    Block(document="docs/configuration.md", name="service", generate=service),
    Block(document="docs/performance.md", name="speed", generate=speed),
    Block(document="docs/aws-account.md", name="costs", generate=costs),
)


def render(document: str, text: str) -> str:
    """The document's text with everything generated anew."""
    if document == "Pulumi.yaml":
        return pulumi_yaml(text)
    if document == "benchmarks/results.md":
        return markdown(load_result(), plot=RESULTS.with_suffix(".png").name)
    for block in BLOCKS:
        text = block.replace_in(text) if block.document == document else text
    return text


def main() -> int:
    """Write the documents, or with `--check` compare them."""
    stale = False
    for document in ("Pulumi.yaml", "benchmarks/results.md", *dict.fromkeys(block.document for block in BLOCKS)):
        path: Path = PROJECT_DIR / document
        old = path.read_text(encoding="utf-8")
        new = render(document, old)
        if new == old:
            continue
        if "--check" in sys.argv[1:]:
            print(f"{document} is not up to date: make docs", file=sys.stderr)
            stale = True
        else:
            path.write_text(new, encoding="utf-8")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
