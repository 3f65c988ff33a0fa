"""`python -m deploy.comment`: the result of `pulumi preview` as Markdown, for a comment on a pull request."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

COMMENT_CHARACTERS: Final = 65_536
"""GitHub's limit for a comment, in characters."""
_RESERVED_CHARACTERS: Final = 4_096
_ESTIMATE: Final = "Estimated cost"


def comment(*, stack: str, diff: str, plan: Mapping[str, Any] | None) -> str:
    """The comment: the number of changes by operation, the monthly cost, and the diff.

    diff: what `pulumi preview --diff` printed. plan: what `pulumi preview --json` printed; None when the preview
    failed. Of a diff that is too long only the end is included, which has the errors.
    """
    parts = [f"### What this would do to the stack `{stack}`"]
    if plan is None:
        parts.append("**The preview failed.**")
    else:
        parts += [_changes(plan.get("changeSummary") or {}), _cost(plan.get("diagnostics") or [])]
    opened = " open" if plan is None else ""
    parts.append(f"<details{opened}><summary>The diff</summary>\n\n{_fenced(_truncate_start(diff))}\n</details>")
    return "\n\n".join(part for part in parts if part) + "\n"


def _changes(summary: Mapping[str, int]) -> str:
    counted = [f"{count} to {step}" for step, count in sorted(summary.items()) if step != "same"]
    return f"**{', '.join(counted) or 'No changes'}**, {summary.get('same', 0)} as they are."


def _cost(diagnostics: list[Mapping[str, str]]) -> str:
    """The estimate that the program logs in a preview; empty without one."""
    tables = [one["message"].strip() for one in diagnostics if one.get("message", "").lstrip().startswith(_ESTIMATE)]
    return _fenced(tables[0]) if tables else ""


def _truncate_start(diff: str) -> str:
    room = COMMENT_CHARACTERS - _RESERVED_CHARACTERS
    return diff if len(diff) <= room else f"(the beginning is left out)\n{diff[-room:]}"


def _fenced(text: str) -> str:
    """A block of code that no run of backticks inside it can end."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text.rstrip()}\n{fence}"


def _plan(path: Path) -> Mapping[str, Any] | None:
    """The plan in a file; None when it is missing, incomplete or has an error, thus the preview failed."""
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    if not isinstance(plan, dict) or any(one.get("severity") == "error" for one in plan.get("diagnostics") or []):
        return None
    return plan


def main(arguments: list[str] | None = None) -> int:
    """Print the comment; 0, or 2 when there is no diff to read."""
    parser = argparse.ArgumentParser(prog="python -m deploy.comment", description=__doc__)
    parser.add_argument("--stack", required=True, help="such as dev")
    parser.add_argument("--diff", required=True, type=Path, help="output of pulumi preview --diff")
    parser.add_argument("--plan", required=True, type=Path, help="output of pulumi preview --json")
    options = parser.parse_args(arguments)
    if not options.diff.is_file():
        print(f"There is no file {options.diff}; make it with: pulumi preview --diff > {options.diff}", file=sys.stderr)
        return 2
    print(comment(stack=options.stack, diff=options.diff.read_text(encoding="utf-8"), plan=_plan(options.plan)), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
