"""The record of a started local stack, in the state folder until `make down`."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from local.files import write_whole


@dataclass(frozen=True, kw_only=True)
class StackRecord:
    """Ports of the emulated AWS and of its load balancer, and this machine's part of the stack's configuration."""

    aws_port: int
    endpoint_port: int
    config: dict[str, Any] = field(default_factory=dict)


def load_record(state_dir: Path) -> StackRecord | None:
    """The record in `state_dir`; None when there is none, or a damaged one."""
    try:
        stored = json.loads(_file(state_dir).read_text())
        return StackRecord(
            aws_port=int(stored["aws_port"]), endpoint_port=int(stored["endpoint_port"]), config=dict(stored["config"])
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def save_record(state_dir: Path, record: StackRecord) -> None:
    """Write the record whole or not at all."""
    write_whole(_file(state_dir), json.dumps(asdict(record)))


def delete_record(state_dir: Path) -> None:
    """Remove the record; none is no error."""
    _file(state_dir).unlink(missing_ok=True)


def _file(state_dir: Path) -> Path:
    return state_dir / "stack.json"
