"""The memory of this process, without a library: also for the environments of other projects."""

from pathlib import Path
from typing import Literal

_STATUS = Path("/proc/self/status")


def resident_mb(which: Literal["VmRSS", "VmHWM"]) -> float:
    """MB of resident memory now (VmRSS), or at its peak (VmHWM)."""
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{which}:"))
    return int(line.split()[1]) * 1024 / 1e6
