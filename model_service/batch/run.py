"""A batch run: scores the parts that are missing at the destination, on several threads, and records each one."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from model_service.artifact import Artifact
from model_service.batch.destination import Destination
from model_service.batch.errors import BatchError
from model_service.batch.manifest import FILE, SUCCESS_FILE, Job, Manifest, Part, read_manifest
from model_service.batch.progress import Progress
from model_service.batch.tables import COLUMNS, TITLE, encode, join, table, titles_of, user_blocks
from model_service.batch.users import Users, all_users, id_array, listed_users
from model_service.serving.recommender import Recommender, RowLists

_USERS_PER_CALL: Final = 1024  # a pass over the items serves them all; their state fits into the processor's cache
_PARTS_AHEAD: Final = 1  # being scored while the one before is written


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to score; users: a file that lists them, None for all of the data. overwrite: files of another job too."""

    n: int
    format: str
    titles: bool
    users: Path | None
    users_per_part: int
    threads: int
    overwrite: bool


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """kept: parts that an earlier run had completed. users_per_second: of this run; 0 where nothing was left to do."""

    manifest: Manifest
    kept: int
    users_per_second: float


def run(artifact: Artifact, into: Destination, where: str, options: Options) -> Outcome:
    """Make all parts exist at the destination, then its file `_SUCCESS`; raises BatchError.

    where: the destination in words. Parts of the same model and options are kept, whatever interrupted the run that
    wrote them.
    """
    ids = artifact.weights.users
    users = all_users(ids) if options.users is None else listed_users(ids, options.users)
    job = Job(
        model_version=artifact.metadata.model_version,
        n=options.n,
        format=options.format,
        titles=options.titles,
        users=len(users),
        users_checksum=users.checksum,
        users_per_part=options.users_per_part,
    )
    manifest, finished = _take_up(job, users, into, where, overwrite=options.overwrite)
    kept, rate = len(manifest.parts), 0.0
    if not manifest.complete:
        rate = _score(artifact, users, manifest, into, options.threads)
    if not finished:
        into.write(SUCCESS_FILE, b"")
    return Outcome(manifest=manifest, kept=kept, users_per_second=rate)


def _take_up(job: Job, users: Users, into: Destination, where: str, *, overwrite: bool) -> tuple[Manifest, bool]:
    """The manifest with the parts that can be kept, and whether `_SUCCESS` is there; what cannot stay is deleted."""
    sizes = into.sizes()
    fresh = Manifest(job=job, columns=[*COLUMNS, *([TITLE] if job.titles else [])], unknown_users=users.unknown)
    if sizes and FILE not in sizes:
        raise BatchError(f"{where} has files but no {FILE}, so they are not of a batch run; give --out a new folder")
    found = read_manifest(into.read(FILE), where) if sizes else fresh
    difference = job.difference(found.job)
    if difference and not overwrite:
        raise BatchError(
            f"{where} has recommendations of {difference}; --overwrite replaces them, or give --out another folder"
        )
    fresh.parts = [] if difference else [part for part in found.parts if sizes.get(part.name) == part.bytes]
    if fresh.complete and SUCCESS_FILE in sizes:
        return fresh, True
    replaced = {found.job.part_name(number) for number in range(found.job.parts)} if difference else set()
    for name in sorted(sizes.keys() & {SUCCESS_FILE, *replaced}):
        into.delete(name)
    into.write(FILE, fresh.to_bytes())
    return fresh, False


def _score(artifact: Artifact, users: Users, manifest: Manifest, into: Destination, threads: int) -> float:
    """Score and write the parts that the manifest lacks; returns the users a second."""
    job, recommender = manifest.job, Recommender(artifact)
    item_ids = id_array(artifact.weights.items)
    titles = titles_of(artifact.items) if job.titles else None
    done = {part.name for part in manifest.parts}
    spans = {
        number: slice(number * job.users_per_part, min((number + 1) * job.users_per_part, job.users))
        for number in range(job.parts)
    }
    missing = [number for number in spans if job.part_name(number) not in done]
    scored = job.users - sum(spans[number].stop - spans[number].start for number in missing)
    queued: deque[tuple[int, list[Future[RowLists]]]] = deque()
    pool = ThreadPoolExecutor(threads, "scoring")

    def finish(progress: Progress) -> None:
        number, futures = queued.popleft()
        lists = []
        for future in futures:
            lists.append(future.result())
            progress.add(len(lists[-1].lengths))
        rows = table(users.ids[spans[number]], join(lists), item_ids, titles)
        content, name = encode(rows, job.format), job.part_name(number)
        into.write(name, content)
        manifest.add(Part(name=name, rows=len(rows), bytes=len(content)))
        into.write(FILE, manifest.to_bytes())

    try:
        with Progress(job.users, scored) as progress:
            for number in missing:
                blocks = user_blocks(users.rows[spans[number]], _USERS_PER_CALL)
                queued.append((number, [pool.submit(recommender.recommend_rows, block, job.n) for block in blocks]))
                if len(queued) > _PARTS_AHEAD:
                    finish(progress)
            while queued:
                finish(progress)
            return progress.rate
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
