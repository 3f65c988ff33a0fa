"""`python -m benchmarks.first_up [COMMIT…]`: `make up` from a bare clone, with empty caches of pip and of image builds.

Without a folder of wheels (PIP_FIND_LINKS) either: packages come from the index. Ports are free ones; clone and stack
are removed afterwards. Writes first_up.md.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.machine import commit, hardware
from benchmarks.paths import HERE, ROOT
from benchmarks.servers import free_port
from local import docker_engine
from local.build_cache import own_ids, remove_build_cache
from local.errors import LocalError

PAGE = HERE / "first_up.md"
_STEP = re.compile(r"• (Docker engine|Emulated AWS|Base image|Trained model|Deployment|First answer)")


@dataclass(frozen=True, kw_only=True)
class FirstUp:
    """One `make up`. steps: seconds by title, in order; venv_mb: MB of `.venv` on disk; cuda: with its libraries."""

    commit: str
    seconds: float
    steps: Mapping[str, float]
    venv_mb: int
    cuda: bool


def measure(revision: str) -> FirstUp:
    """Clone the repository at `revision`, bring it up and take it down; raises BenchmarkError when that fails."""
    with tempfile.TemporaryDirectory(prefix="first-up-") as scratch:
        clone = Path(scratch) / "clone"
        _run(["git", "clone", "--quiet", str(ROOT), str(clone)], Path(scratch))
        _run(["git", "checkout", "--quiet", revision], clone)
        environment = {
            **{key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")},
            "PIP_FIND_LINKS": "",
            "PIP_CACHE_DIR": str(Path(scratch) / "pip"),
            "AWS_PORT": str(free_port()),
            "ENDPOINT_PORT": str(free_port()),
        }
        started = time.monotonic()
        try:
            with subprocess.Popen(
                ["make", "up"],
                cwd=clone,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as process:
                told = [(time.monotonic() - started, line.rstrip()) for line in _shown(process.stdout or ())]
            seconds = time.monotonic() - started
            if process.returncode:
                raise BenchmarkError(f"`make up` at {revision} failed:\n" + "\n".join(line for _, line in told[-10:]))
            return FirstUp(
                commit=commit(clone),
                seconds=seconds,
                steps=step_seconds(told, seconds),
                venv_mb=int(_run(["du", "-sm", ".venv"], clone).split()[0]),
                cuda=any(clone.glob(".venv/lib/*/*/nvidia")),
            )
        finally:
            subprocess.run(["make", "down"], cwd=clone, env=environment, check=False)
            with contextlib.closing(docker_engine.connect()) as client:
                remove_build_cache(client)  # earlier commits leave it


def step_seconds(told: Sequence[tuple[float, str]], seconds: float) -> dict[str, float]:
    """How long each step took, from the lines that begin one; before the first one the packages are installed."""
    begins = {"Packages": 0.0}
    begins |= {found[1]: at for at, line in reversed(told) if (found := _STEP.match(line))}
    ordered = sorted(begins.items(), key=lambda one: one[1])
    ends = [at for _, at in ordered[1:]] + [seconds]
    return {title: end - at for (title, at), end in zip(ordered, ends, strict=True)}


def page(runs: Sequence[FirstUp], machine: Mapping[str, Any]) -> str:
    """The runs side by side."""
    titles = list(dict.fromkeys(title for run in runs for title in run.steps))
    rows = [[title, *(f"{run.steps[title]:.0f}" if title in run.steps else "" for run in runs)] for title in titles]
    rows.append(["**all, seconds**", *(f"**{run.seconds:.0f}**" for run in runs)])
    rows.append(["`.venv`, MB on disk", *(f"{run.venv_mb:,}" for run in runs)])
    rows.append(["PyTorch's build", *("with CUDA's libraries" if run.cuda else "CPU" for run in runs)])
    return "\n".join(
        [
            "# `make up` from a bare clone",
            "",
            f"`.venv/bin/python -m benchmarks.first_up {' '.join(run.commit for run in runs)}`, "
            f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC.",
            f"{machine['processor']}, {machine['cores']} cores. Caches of pip and of image builds were empty; packages",
            "came from a package index, and the base image was made where no container registry could be reached.",
            "While the model is trained, the layers of its image that do not need it are built.",
            "",
            f"| step, seconds | {' | '.join(run.commit for run in runs)} |",
            f"|---|{'---:|' * len(runs)}",
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
        ]
    )


def require_empty_build_cache() -> None:
    """Raise BenchmarkError where an image of this project was built: its layers would not be built again."""
    with contextlib.closing(docker_engine.connect()) as client:
        if own_ids(client.df()["BuildCache"] or []):
            raise BenchmarkError("there is a build cache of this project: `make down` in its clones removes it")


def _shown(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        print(line, end="", flush=True)
        yield line


def _run(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def main() -> int:
    """Measure each commit, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_up", description=str(__doc__).partition("\n")[0])
    parser.add_argument("commits", nargs="*", default=["HEAD"], metavar="COMMIT", help="of this repository (HEAD)")
    options = parser.parse_args()
    try:
        require_empty_build_cache()
        PAGE.write_text(page([measure(one) for one in options.commits], hardware()), encoding="utf-8")
    except (BenchmarkError, LocalError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"written: {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
