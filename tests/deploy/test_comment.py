"""What a pull request is told of a preview."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.comment import COMMENT_CHARACTERS, comment, main
from infra.cost.estimate import Estimate
from infra.cost.tasks import CostLine

PLAN = {
    "changeSummary": {"same": 12, "update": 1, "create": 3},
    "diagnostics": [
        {"severity": "info", "message": "Plain HTTP"},
        {
            "severity": "info",
            "message": Estimate(
                prices="list prices of us-east-1",
                lines=(CostLine(what="load balancer", monthly_usd=19.71),),
                busy_usd=19.71,
                beside=("traffic",),
            ).table(),
        },
    ],
}


def test_it_counts_what_changes_and_shows_the_programs_own_estimate() -> None:
    told = comment(stack="dev", diff="+ aws:ecs/service:Service", plan=PLAN)
    assert "`dev`" in told
    assert "**3 to create, 1 to update**, 12 as they are." in told
    assert "    19.71  load balancer" in told
    assert "Plain HTTP" not in told
    assert "+ aws:ecs/service:Service" in told


def test_a_diff_without_changes_is_said_to_be_one() -> None:
    assert "**No changes**, 12 as they are." in comment(stack="dev", diff="", plan={"changeSummary": {"same": 12}})


def test_a_long_diff_keeps_its_end_and_fits_into_a_comment() -> None:
    told = comment(stack="dev", diff="x" * 2 * COMMENT_CHARACTERS + "the last line", plan=PLAN)
    assert len(told) <= COMMENT_CHARACTERS
    assert "the last line" in told
    assert "the beginning is left out" in told


def test_backticks_in_a_diff_do_not_end_its_block() -> None:
    told = comment(stack="dev", diff="a\n```\n<b>not markup</b>", plan=PLAN)
    assert "````text\na\n```\n<b>not markup</b>\n````" in told


@pytest.mark.parametrize(
    "plan", [None, "", "error: no such stack", json.dumps({"diagnostics": [{"severity": "error", "message": "no"}]})]
)
def test_a_failed_preview_is_told_as_one_with_its_last_words(
    plan: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    diff, planned = tmp_path / "preview.txt", tmp_path / "preview.json"
    diff.write_text("error: no VPC", encoding="utf-8")
    if plan is not None:
        planned.write_text(plan, encoding="utf-8")
    assert main(["--stack", "dev", "--diff", str(diff), "--plan", str(planned)]) == 0
    told = capsys.readouterr().out
    assert "**The preview failed.**" in told
    assert "error: no VPC" in told


def test_without_a_diff_it_says_how_to_make_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    diff = tmp_path / "preview.txt"
    assert main(["--stack", "dev", "--diff", str(diff), "--plan", str(tmp_path / "preview.json")]) == 2
    assert f"pulumi preview --diff > {diff}" in capsys.readouterr().err
