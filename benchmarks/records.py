"""The journal of a run, line by line, from which an interrupted benchmark resumes."""

import json
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.wrk import Load


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One contender, once, on one size; `error` says why there are no numbers."""

    size: str
    contender: str
    round: int
    error: str | None = None
    ready_seconds: float | None = None
    resident_mb: float | None = None
    load: Load | None = None
    single_connection: Load | None = None  # one connection

    @property
    def key(self) -> tuple[str, str, int]:
        """What makes it the same measurement."""
        return self.size, self.contender, self.round


def median(values: Iterable[float]) -> float:
    """The median; raises ValueError without values."""
    numbers = list(values)
    if not numbers:
        raise ValueError("there is no median of nothing")
    return float(statistics.median(numbers))


@dataclass(kw_only=True)
class Journal:
    """A file with the plan in its first line and a record in each other one."""

    path: Path
    plan: dict[str, Any]
    records: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path, plan: dict[str, Any], *, fresh: bool) -> "Journal":
        """The journal of `plan`: what there is of the same plan is taken up unless `fresh`."""
        journal = cls(path=path, plan=plan)
        lines = list(_lines(path)) if path.is_file() and not fresh else []
        if lines and lines[0] == plan:
            journal.records = lines[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(line) + "\n" for line in [plan, *journal.records]))
        return journal

    def add(self, kind: str, content: dict[str, Any]) -> None:
        """Append a record."""
        record = {"kind": kind, **content}
        self.records.append(record)
        with self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")

    def add_measurement(self, measurement: Measurement) -> None:
        """Append a measurement."""
        self.add("measurement", asdict(measurement))

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The records of a kind, without the kind."""
        return [{k: v for k, v in record.items() if k != "kind"} for record in self.records if record["kind"] == kind]

    def measurements(self) -> list[Measurement]:
        """All measurements."""
        return [_measurement(record) for record in self.of("measurement")]

    def close(self) -> None:
        """The benchmark is complete: the next one starts anew."""
        self.path.unlink(missing_ok=True)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines: the last one may have been cut off by an interruption."""
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return


def _measurement(record: dict[str, Any]) -> Measurement:
    loads = {name: Load(**record[name]) if record[name] else None for name in ("load", "single_connection")}
    return Measurement(**{**record, **loads})
