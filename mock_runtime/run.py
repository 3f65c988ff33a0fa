"""Runs a Pulumi program under the SDK's mock runtime."""

import asyncio
import logging
import runpy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pulumi
from pulumi.runtime import mocks

from mock_runtime.recorder import Recorder


def evaluate(
    program: Callable[[], object],
    *,
    monitor: Recorder,
    project: str,
    stack: str,
    config: Mapping[str, str],
    secret_keys: Sequence[str] = (),
    preview: bool = False,
    logger: logging.Logger | None = None,
) -> dict[str, Any]:
    """Run a program to its end, every Output resolved; returns its outputs, without those unknown in a preview.

    Raises what the program, the monitor or its provider raised. Process-wide: one run at a time.
    """
    outputs: dict[str, Any] = {}
    reset_stack: Any = pulumi.runtime.settings.set_root_resource
    reset_stack(None)  # or this run has the transformations and exports of the previous one
    pulumi.runtime.set_all_config(dict(config), list(secret_keys))

    async def resolve() -> None:
        root: Any = pulumi.runtime.get_root_resource()
        for key, value in root.outputs.items():
            output = pulumi.Output.from_input(value)
            if await output.is_known():
                outputs[key] = await output.future()

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def run() -> pulumi.Output[None]:
        program()
        return pulumi.Output.from_input(resolve())

    with _closing_event_loops(), patch.object(mocks.MockEngine, "RequirePulumiVersion", _any_version, create=True):
        pulumi.runtime.set_mocks(
            monitor.mocks, project=project, stack=stack, preview=preview, logger=logger, monitor=monitor
        )
        run()
    return outputs


def _any_version(_engine: mocks.MockEngine, _request: object) -> None:
    """The answer to a program that requires a version of the CLI: there is none here."""


def main_of(project_dir: Path) -> Callable[[], object]:
    """The `__main__.py` of a project as a program."""
    return lambda: runpy.run_path(str(project_dir / "__main__.py"), run_name="__main__")


@contextmanager
def _closing_event_loops() -> Iterator[None]:
    """Close the event loops that the SDK opens, one per thread, and leaves open."""
    loops: list[asyncio.AbstractEventLoop] = []
    new_event_loop = asyncio.new_event_loop

    def new_recorded_loop() -> asyncio.AbstractEventLoop:
        loop = new_event_loop()
        # The first failure is raised; later ones would be logged when garbage is collected.
        loop.set_exception_handler(lambda loop, context: None)
        loops.append(loop)
        return loop

    with patch.object(asyncio, "new_event_loop", new_recorded_loop):
        own = asyncio.new_event_loop()
        asyncio.set_event_loop(own)
        try:
            yield
        finally:
            own.run_until_complete(own.shutdown_default_executor())  # after a failure other resources are in progress
            for loop in loops:
                _cancel_tasks(loop)
                loop.close()
            asyncio.set_event_loop(None)


def _cancel_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what a failure left unfinished; a coroutine that never started would warn when it is collected."""
    if loop.is_closed() or loop.is_running():
        return
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
