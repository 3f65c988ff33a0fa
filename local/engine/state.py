"""The state of a stack: one record per resource, in order of creation."""

import json
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from local.files import write_whole


@dataclass(frozen=True, kw_only=True)
class Record:
    """A resource that exists: its URN, type, logical name, physical id, and the inputs and outputs it was made with.

    replacement_trigger: as the program registered it; another value is another resource.
    """

    urn: str
    type: str
    name: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    generation: int = 0
    replacement_trigger: Any = None


@dataclass
class State:
    """The records of one stack, saved after every change so that an interrupted run can continue."""

    path: Path
    records: dict[str, Record] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    superseded: list[Record] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the state file; without one, the stack is empty."""
        if not path.exists():
            return cls(path=path)
        stored = json.loads(path.read_text())
        return cls(
            path=path,
            records={record["urn"]: Record(**record) for record in stored["resources"]},
            outputs=stored["outputs"],
            superseded=[Record(**record) for record in stored["superseded"]],
        )

    def put(self, record: Record, *, replaces: Record | None = None) -> None:
        """Store a record; the one that it replaces is deleted at the end of the run."""
        with self._lock:
            if replaces is not None:
                self.superseded.append(replaces)
                self.records.pop(record.urn, None)
            self.records[record.urn] = record
            self.save()

    def drop(self, record: Record) -> None:
        """Remove the record of a deleted resource."""
        with self._lock:
            if self.records.get(record.urn) is record:
                del self.records[record.urn]
            self.superseded = [other for other in self.superseded if other is not record]
            self.save()

    def save(self) -> None:
        """Write the state file whole or not at all."""
        with self._lock:
            document = {
                "outputs": self.outputs,
                "resources": [asdict(record) for record in self.records.values()],
                "superseded": [asdict(record) for record in self.superseded],
            }
            write_whole(self.path, json.dumps(document, indent=1))
