"""What is wrong with a file, collected in one run: the first lines of each kind, and how many there are."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from model_service.data.ratings import DataError

SHOWN = 10
_MAX_TEXT = 60


@dataclass
class _Kind:
    fix: str
    count: int = 0
    examples: list[str] = field(default_factory=list)


class Problems:
    """Problems by kind."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def add(self, kind: str, example: str = "", *, fix: str, count: int = 1) -> None:
        """Count `count` problems of a `kind`, a clause such as "the value is no number"; keeps the first SHOWN examples.

        example: the place and what stands there. fix: what settles it, an option where there is one.
        """
        if count < 1:
            return
        found = self._kinds.setdefault(kind, _Kind(fix))
        found.count += count
        if example and len(found.examples) < SHOWN:
            found.examples.append(example)

    def __bool__(self) -> bool:
        return bool(self._kinds)

    def __len__(self) -> int:
        return sum(kind.count for kind in self._kinds.values())

    def lines(self) -> Iterator[str]:
        """Each kind with its count, its examples, and what settles it."""
        for clause, kind in self._kinds.items():
            times = f" ({kind.count:,} times)" if kind.count > 1 else ""
            yield f"{clause}{times}"
            yield from (f"  {example}" for example in kind.examples)
            if kind.count > len(kind.examples) > 0:
                yield f"  and {kind.count - len(kind.examples):,} more"
            yield f"  To fix it: {kind.fix}"

    def raise_for(self, what: str) -> None:
        """Raise DataError with all problems of `what`; nothing without one."""
        if self._kinds:
            raise DataError("\n".join([f"{what} cannot be read as ratings:", *self.lines()]))

    def extend(self, other: "Problems") -> None:
        """Add the problems of `other`."""
        for clause, kind in other._kinds.items():
            for example in kind.examples:
                self.add(clause, example, fix=kind.fix)
            if kind.count > len(kind.examples):
                self.add(clause, fix=kind.fix, count=kind.count - len(kind.examples))


def quoted(text: str) -> str:
    """`text` in quotation marks, shortened, control characters escaped."""
    shown = text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"
    return '"' + "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in shown) + '"'
