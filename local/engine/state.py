"""What the engine has made: one record a resource, in the order in which they were made."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Record:
    """A resource that exists: its URN, type, logical name, physical id, and the inputs and outputs it was made with."""

    urn: str
    type: str
    name: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    generation: int = 0


@dataclass
class State:
    """The records of one stack, saved after every change so that an interrupted run can be taken up again."""

    path: Path
    records: dict[str, Record] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    pending_deletes: list[Record] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @classmethod
    def load(cls, path: Path) -> State:
        """Read the state file; without one, the stack is empty."""
        if not path.exists():
            return cls(path=path)
        stored = json.loads(path.read_text())
        return cls(
            path=path,
            records={record["urn"]: Record(**record) for record in stored["resources"]},
            outputs=stored["outputs"],
            pending_deletes=[Record(**record) for record in stored["pending_deletes"]],
        )

    def put(self, record: Record, *, replaces: Record | None = None) -> None:
        """Keep a record; one that it replaces is to be deleted at the end of the run."""
        with self._lock:
            if replaces is not None:
                self.pending_deletes.append(replaces)
                self.records.pop(record.urn, None)
            self.records[record.urn] = record
            self.save()

    def drop(self, record: Record) -> None:
        """Forget a record whose resource was deleted."""
        with self._lock:
            if self.records.get(record.urn) is record:
                del self.records[record.urn]
            self.pending_deletes = [pending for pending in self.pending_deletes if pending is not record]
            self.save()

    def save(self) -> None:
        """Write the state file whole or not at all."""
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            document = {
                "outputs": self.outputs,
                "resources": [asdict(record) for record in self.records.values()],
                "pending_deletes": [asdict(record) for record in self.pending_deletes],
            }
            temporary = self.path.with_suffix(".tmp")
            temporary.write_text(json.dumps(document, indent=1))
            temporary.replace(self.path)
