"""The machine and the versions that the numbers belong to."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import wrk
from benchmarks.environments import requirements_of
from benchmarks.paths import ROOT

_PEERS = {
    "mlserver": "mlserver",
    "litserve": "litserve",
    "bentoml": "bentoml",
    "ray": "ray",
    "tutorial": "scikit-surprise",
}


def describe_machine() -> dict[str, Any]:
    """The hardware, versions, the project's commit, and how busy the machine was beforehand."""
    return {
        **hardware(),
        "load_before": round(os.getloadavg()[0], 2),
        "commit": commit(),
        "versions": {
            "Python": platform.python_version(),
            "wrk": wrk.version(wrk.ensure_wrk()),
            **{name: version(name) for name in ("numpy", "uvicorn", "uvloop", "httptools", "starlette", "fastapi")},
            **{name: pinned(environment, name) for environment, name in _PEERS.items()},
        },
    }


def hardware() -> dict[str, Any]:
    """Processor, cores, memory, kernel."""
    return {
        "processor": _first("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
    }


def commit(root: Path = ROOT) -> str:
    """The commit of a checkout, with a plus where its files are not as committed."""
    return _git(root, "rev-parse", "--short", "HEAD") + ("+" if _git(root, "status", "--porcelain", "-uno") else "")


def pinned(environment: str, package: str) -> str:
    """The version of `package` in the requirements of `environment`."""
    for line in requirements_of(environment).read_text().splitlines():
        name, _, found = line.partition("==")
        if name.lower().replace("_", "-") == package:
            return found
    return "unknown"


def _first(path: str, key: str) -> str | None:
    for line in Path(path).read_text().splitlines() if Path(path).is_file() else ():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip()
