"""An interrupted benchmark goes on where it was, and only that one."""

from pathlib import Path

from benchmarks.records import Journal
from tests.benchmarks.make import failure, measurement

_PLAN = {"plan": {"rounds": 3}}


def test_what_was_measured_is_taken_up_again(tmp_path: Path) -> None:
    first = Journal.open(tmp_path / "journal", _PLAN, fresh=False)
    first.add_measurement(measurement("ray", 100))
    first.add_measurement(failure("mlserver"))
    first.add("overload", {"size": "1682"})
    again = Journal.open(tmp_path / "journal", _PLAN, fresh=False)
    assert again.measurements() == [measurement("ray", 100), failure("mlserver")]
    assert again.of("overload") == [{"size": "1682"}]


def test_a_line_that_was_cut_off_is_measured_again(tmp_path: Path) -> None:
    first = Journal.open(tmp_path / "journal", _PLAN, fresh=False)
    first.add_measurement(measurement("ray", 100))
    first.add_measurement(measurement("ray", 200, number=1))
    first.path.write_text(first.path.read_text()[:-20])
    again = Journal.open(tmp_path / "journal", _PLAN, fresh=False)
    again.add_measurement(measurement("ray", 300, number=1))
    rates = [
        one.load.requests_per_second for one in Journal.open(first.path, _PLAN, fresh=False).measurements() if one.load
    ]
    assert rates == [100, 300]


def test_another_plan_begins_anew(tmp_path: Path) -> None:
    Journal.open(tmp_path / "journal", _PLAN, fresh=False).add_measurement(measurement("ray", 100))
    assert Journal.open(tmp_path / "journal", {"plan": {"rounds": 5}}, fresh=False).records == []


def test_fresh_begins_anew_and_so_does_the_run_after_a_complete_one(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal.open(path, _PLAN, fresh=False).add_measurement(measurement("ray", 100))
    assert Journal.open(path, _PLAN, fresh=True).records == []
    Journal.open(path, _PLAN, fresh=False).close()
    assert Journal.open(path, _PLAN, fresh=False).records == []
