"""The build cache that this project's image builds leave in the Docker engine: found among others', and removed."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import docker
from docker.errors import APIError

OWN_COMMANDS: Final = ("/build/prune.py", "/build/requirements.txt", "/build/native/", "unchecked-hash /app")
"""A part of every command in this project's Dockerfiles. The engine's records have no label, but their command."""

CacheRecord = dict[str, Any]


def remove_build_cache(client: docker.DockerClient) -> int:
    """Remove this project's build cache and return its bytes; what a running build uses, and others' cache, stays."""
    freed = 0
    ids = own_ids(client.df()["BuildCache"] or [])
    while ids:  # a record goes after those that are built on it
        kept = set()
        for one in sorted(ids):
            try:
                done = client.api.prune_builds(filters={"id": one}, all=True)  # type: ignore[arg-type] # not in the stubs
            except APIError:
                kept.add(one)
                continue
            freed += int(done.get("SpaceReclaimed") or 0)
            if one not in (done.get("CachesDeleted") or []):
                kept.add(one)
        if kept == ids:
            break
        ids = kept
    return freed


def own_ids(records: Iterable[CacheRecord]) -> set[str]:
    """The ids of this project's records: its commands, what they are built on and what is built on them.

    Without the base image's own record, and what was only copied onto it, if others ran commands on that base image.
    """
    by_id = {str(record["ID"]): record for record in records}
    lines = {id_: list(_line(id_, by_id)) for id_ in by_id}
    own = {id_ for id_, record in by_id.items() if _is_own(record)}
    own_bases = {lines[id_][-1] for id_ in own}
    shared_bases = {lines[id_][-1] for id_, record in by_id.items() if _is_command(record) and id_ not in own}
    below = {one for id_ in own for one in lines[id_]} - shared_bases
    above = {id_ for id_, line in lines.items() if own & set(line)}
    return below | above | {id_ for id_, line in lines.items() if line[-1] in own_bases - shared_bases}


def _is_command(record: CacheRecord) -> bool:
    return " from exec " in str(record.get("Description"))


def _is_own(record: CacheRecord) -> bool:
    return _is_command(record) and any(part in record["Description"] for part in OWN_COMMANDS)


def _line(id_: str, by_id: dict[str, CacheRecord]) -> Iterator[str]:
    """A record and what it is built on, the base image's record last; of several parents the first."""
    while id_ in by_id:
        yield id_
        record = by_id[id_]
        id_ = str((record.get("Parents") or [record.get("Parent")])[0])
