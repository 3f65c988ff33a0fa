"""`python -m model_service.batch`: recommendations for all users, or a list of them, as Parquet or CSV files."""

import argparse
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final, NoReturn

from model_service.artifact import artifact_folder, load_artifact
from model_service.batch.errors import BatchError
from model_service.metadata import ArtifactError
from model_service.serving.supervisor import available_cpus, whole_cpus

FORMATS: Final = ("parquet", "csv")
USERS_PER_PART: Final = 65_536
MAX_N: Final = 1000
_MAX_THREADS: Final = 256
_VERSION: Final = "{version}"


class _Terminated(KeyboardInterrupt):
    """SIGTERM: ECS stops the task."""


def main(arguments: list[str] | None = None) -> int:
    """Score with the options of the command line.

    Returns 0, 2 for what cannot be done, with a message, 130 after Ctrl-C and 143 after SIGTERM.
    """
    options = _parser().parse_args(arguments)
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        return _score(options)
    except (ArtifactError, BatchError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stopped:
        print(f"interrupted: the same command goes on after the complete parts in {options.out}", file=sys.stderr)
        return 143 if isinstance(stopped, _Terminated) else 130
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(*_: Any) -> NoReturn:
    raise _Terminated


def _score(options: argparse.Namespace) -> int:
    started = time.monotonic()
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise BatchError(
            f"batch scoring needs the package pyarrow ({error}): `pip install -r "
            "model_service/requirements-batch.txt`; in an image `--build-arg EXTRAS=batch`"
        ) from None
    from model_service.batch.destination import destination
    from model_service.batch.run import Options, run

    artifact = load_artifact(options.artifact)
    version = artifact.metadata.short_version
    where = options.out.replace(_VERSION, version).rstrip("/") or "/"
    into = destination(where, os.environ)
    chosen = Options(
        n=options.n,
        format=options.format,
        titles=options.titles,
        users=options.users,
        users_per_part=options.users_per_part,
        threads=options.threads or whole_cpus(available_cpus(os.environ)),
        overwrite=options.overwrite,
    )
    outcome = run(artifact, into, where, chosen)
    manifest, job = outcome.manifest, outcome.manifest.job
    kept = f", {outcome.kept:,} of them kept from an earlier run" if outcome.kept else ""
    print(
        f"{manifest.rows:,} rows for {job.users:,} users by model {version} in {where}: "
        f"{job.parts:,} {'part' if job.parts == 1 else 'parts'}{kept}"
    )
    if manifest.unknown_users:
        print(f"{manifest.unknown_users:,} of the users are not in the model's data: they have the most liked films")
    rate = f", {outcome.users_per_second:,.0f} users/s while scoring" if outcome.kept < job.parts else ""
    print(f"{time.monotonic() - started:.1f} s{rate}, peak memory {_peak_mib():,.0f} MiB")
    return 0


def _peak_mib() -> float:
    """The peak of this program's resident memory; off Linux, that of the process that started it counts too."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model_service.batch",
        description="Write recommendations for all users of a model; an interrupted run goes on where it was.",
    )
    add = parser.add_argument
    add(
        "--out",
        required=True,
        metavar="PATH",
        help=f"a folder, or s3://bucket/prefix/; {_VERSION} in it stands for the model's version",
    )
    add("--artifact", type=Path, default=artifact_folder(), metavar="FOLDER", help="the folder written by training")
    add("--n", type=_number(1, MAX_N), default=10, help="items for each user (10)")
    add("--format", choices=FORMATS, default=FORMATS[0], help="of the files (parquet)")
    add("--titles", action="store_true", help="write the items' titles too")
    add("--users", type=Path, metavar="FILE", help="score the users in this file, one id a line; all if omitted")
    add(
        "--users-per-part",
        type=_number(1, 10_000_000),
        default=USERS_PER_PART,
        metavar="U",
        help=f"users in a file ({USERS_PER_PART})",
    )
    add("--threads", type=_number(1, _MAX_THREADS), help="threads that score; one per whole CPU if omitted")
    add("--overwrite", action="store_true", help="replace files of another model or of other options")
    return parser


def _number(low: int, high: int) -> Any:
    def parse(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return parse


if __name__ == "__main__":
    sys.exit(main())
