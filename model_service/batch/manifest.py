"""The manifest of a batch run: what the files are of, and which of them are complete."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from model_service.batch.errors import BatchError
from model_service.metadata import SHORT_DIGITS

FILE: Final = "_manifest.json"
SUCCESS_FILE: Final = "_SUCCESS"
FORMAT: Final = 1


@dataclass(frozen=True, kw_only=True)
class Job:
    """What decides the content of every part: files of equal jobs are equal.

    model_version: 64 hex digits. users: how many are scored. users_checksum: of the listed users, null for all of the
    data.
    """

    model_version: str
    n: int
    format: str
    titles: bool
    users: int
    users_checksum: str | None
    users_per_part: int

    @property
    def parts(self) -> int:
        """How many files there will be."""
        return -(-self.users // self.users_per_part)

    def part_name(self, number: int) -> str:
        """The name of a file; numbers from 0."""
        return f"part-{number:05}.{self.format}"

    def difference(self, other: "Job") -> str:
        """The first field in which an `other` job differs, in words, other first; empty when they are equal."""
        for name, own in asdict(self).items():
            found = getattr(other, name)
            if found == own:
                continue
            if name == "model_version":
                return f"model {found[:SHORT_DIGITS]}, not of {own[:SHORT_DIGITS]}"
            if name == "users_checksum":
                return "other users"
            return f"{name} {found}, not {own}"
        return ""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A complete file."""

    name: str
    rows: int
    bytes: int


@dataclass(kw_only=True)
class Manifest:
    """The content of `_manifest.json`; complete: all parts are there."""

    job: Job
    columns: list[str]
    unknown_users: int
    parts: list[Part] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every part is there."""
        return len(self.parts) == self.job.parts

    @property
    def rows(self) -> int:
        """Of all complete parts."""
        return sum(part.rows for part in self.parts)

    def add(self, part: Part) -> None:
        """Record a complete part."""
        self.parts = sorted([*self.parts, part], key=lambda one: one.name)

    def to_bytes(self) -> bytes:
        """The text of `_manifest.json`."""
        content = {
            "manifest": FORMAT,
            **asdict(self.job),
            "columns": self.columns,
            "unknown_users": self.unknown_users,
            "complete": self.complete,
            "rows": self.rows,
            "parts": [asdict(part) for part in self.parts],
        }
        return (json.dumps(content, indent=2) + "\n").encode()


def read_manifest(content: bytes, where: str) -> Manifest:
    """The manifest of an earlier run; raises BatchError, which names `where`, for what is none of this format."""
    try:
        fields: dict[str, Any] = json.loads(content)
        if fields["manifest"] != FORMAT:
            raise ValueError(f"format {fields['manifest']}")
        return Manifest(
            job=Job(**{name: fields[name] for name in Job.__dataclass_fields__}),
            columns=fields["columns"],
            unknown_users=fields["unknown_users"],
            parts=[Part(**part) for part in fields["parts"]],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BatchError(
            f"{where}/{FILE} is no manifest of format {FORMAT} ({type(error).__name__}: {error}); "
            "give --out a new folder, or delete this one"
        ) from None
