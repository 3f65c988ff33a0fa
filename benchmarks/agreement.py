"""Compares the responses of two services, before anything is timed."""

from collections.abc import Sequence
from typing import Any

TopK = Sequence[Sequence[Any]]  # title and score, best first
TOLERANCE = 2e-4  # stars: contenders sum in different orders and precisions, and round to six digits


def disagreement(answer: TopK, reference: TopK) -> str | None:
    """What differs between `answer` and `reference`, or None: scores within TOLERANCE, titles equal but for ties."""
    if len(answer) != len(reference):
        return f"{len(answer)} films instead of {len(reference)}"
    for place, (ours, theirs) in enumerate(zip(answer, reference, strict=True), start=1):
        if abs(float(ours[1]) - float(theirs[1])) > TOLERANCE:
            return f"place {place} has score {ours[1]} instead of {theirs[1]}"
        tied = [film[0] for film in reference if abs(float(film[1]) - float(ours[1])) <= TOLERANCE]
        last = abs(float(ours[1]) - float(reference[-1][1])) <= TOLERANCE
        if ours[0] not in tied and not last:
            return f"place {place} is {ours[0]!r} instead of {theirs[0]!r}"
    return None
