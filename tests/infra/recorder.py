"""Run a Pulumi program against the mock runtime in a test, and record what it registers."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pulumi_aws
import pulumi_awsx

from mock_runtime.recorder import Recorder, Recording, Resource
from mock_runtime.run import evaluate, main_of
from mock_runtime.stack_config import load_stack_config
from tests.infra import answers

__all__ = ["ROOT", "Recording", "Resource", "run", "run_main", "stack_config"]

with warnings.catch_warnings():
    # Both deprecate parts of themselves that nobody here uses, by a warning when a module is first looked into.
    warnings.simplefilter("ignore", DeprecationWarning)
    LOADED = (pulumi_aws.ec2.Vpc, pulumi_aws.s3.Bucket, pulumi_awsx.ec2.Vpc)

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "recommender"


def run(
    program: Callable[[], object],
    *,
    config: Mapping[str, str] | None = None,
    secret_keys: Sequence[str] = (),
    project: str = PROJECT,
    stack: str = "test",
    preview: bool = False,
    aws: answers.Aws | None = None,
) -> Recording:
    """Run a program to its end, every Output resolved, and return what it registered; its errors are raised."""
    recording = Recording()
    provider = answers.Answers(aws or answers.Aws(), recording.calls, preview=preview)
    recording.exports = evaluate(
        program,
        monitor=Recorder(provider, recording),
        project=project,
        stack=stack,
        config=config or {},
        secret_keys=secret_keys,
        preview=preview,
    )
    return recording


def run_main(
    stack: str, *, config: Mapping[str, object] | None = None, preview: bool = False, aws: answers.Aws | None = None
) -> Recording:
    """Run the whole `__main__.py` with the configuration of a stack file, in the current folder."""
    return run(main_of(ROOT), config=stack_config(stack, config), stack=stack, preview=preview, aws=aws)


def stack_config(stack: str, overrides: Mapping[str, object] | None = None) -> dict[str, str]:
    """What Pulumi would hand the program: defaults, the stack's file, then overrides."""
    return load_stack_config(ROOT, stack, overrides).values
