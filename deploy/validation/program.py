"""`python -m deploy.validation.program`: one run of `__main__.py` as a preview in a made-up AWS account.

Standard input: project, stack, configuration and the keys stored as secrets, as JSON. Standard output: the planned
resources and messages, or why the program refused, as JSON. It runs in a temporary folder, so that nothing is written
into the project and no trained model is needed.
"""

import json
import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pulumi

from infra.aws_limits import default_subnets
from infra.config.arns import own_account
from local.settings import PROJECT_DIR
from mock_runtime.fake_account import ACCOUNT, FakeAccount
from mock_runtime.recorder import Recorder, Recording
from mock_runtime.run import evaluate, main_of
from model_service.metadata import ARTIFACT_FILES, METADATA_FILE, Metadata, sha256_file

NO_MODEL: Final = "no trained model yet: make train"


class LogCapture(logging.Handler):
    """The messages that the program logs, by level."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: dict[int, list[str]] = {level: [] for level in (logging.INFO, logging.WARNING, logging.ERROR)}

    def emit(self, record: logging.LogRecord) -> None:
        """Store one message."""
        self.messages.setdefault(record.levelno, []).append(record.getMessage())


def run(project: str, stack: str, values: dict[str, str], secret_keys: list[str]) -> dict[str, Any]:
    """The program's plan in the current folder: resources by URN, messages and the outputs about costs.

    Raises what the program raised.
    """
    log = LogCapture()
    logger = logging.Logger("program")
    logger.addHandler(log)
    recording = Recording()
    region = values.get("aws:region", "")
    account = FakeAccount(
        region=region,
        vpc_id=values.get(f"{project}:vpcId", ""),
        account=account_id(project, values) or ACCOUNT,
        default_subnet_count=default_subnets(region),
    )
    outputs = evaluate(
        main_of(PROJECT_DIR),
        monitor=Recorder(account, recording),
        project=project,
        stack=stack,
        config=values,
        secret_keys=secret_keys,
        preview=True,
        logger=logger,
    )
    if log.messages[logging.ERROR]:
        raise pulumi.RunError("\n".join(log.messages[logging.ERROR]))
    return {
        "registered": {one.urn: {"type": one.type, "name": one.name, "parent": one.parent} for one in recording},
        "messages": log.messages[logging.INFO],
        "warnings": log.messages[logging.WARNING],
        "monthly_usd": outputs.get("estimatedMonthlyCostUsd"),
        "costs": outputs.get("estimatedCostLines", {}),
    }


def account_id(project: str, values: Mapping[str, str]) -> str:
    """The stack's account as far as the settings tell it, by those of the provider first; empty where they do not."""
    roles = re.findall(r"arn:[\w-]+:iam::(\d{12}):role/", values.get("aws:assumeRoles", ""))
    allowed = re.findall(r"\d{12}", values.get("aws:allowedAccountIds", ""))
    if roles or len(allowed) == 1:
        return str([*allowed, *roles][-1])
    prefix = f"{project}:"
    return own_account({key.removeprefix(prefix): text for key, text in values.items() if key.startswith(prefix)})


def create_workspace(folder: Path) -> bool:
    """Put into `folder` what the program reads of the project; returns whether there is a trained model."""
    own, copy = PROJECT_DIR / "model_service", folder / "model_service"
    copy.mkdir()
    for name in ("Dockerfile", ".dockerignore"):
        shutil.copyfile(own / name, copy / name)
    trained = (own / "artifact" / METADATA_FILE).exists()
    if trained:
        (copy / "artifact").symlink_to(own / "artifact")
    else:
        (copy / "artifact").mkdir()
        for name in ARTIFACT_FILES:
            (copy / "artifact" / name).touch()
        empty = Metadata(
            files={name: sha256_file(copy / "artifact" / name) for name in ARTIFACT_FILES},
            data={"users": 1, "items": 1, "ratings": 0, "scale": None},
            hyperparameters={},
            metrics={},
            libraries={},
        )
        (copy / "artifact" / METADATA_FILE).write_bytes(empty.to_bytes())
    return trained


def main() -> int:
    """Run the program once; 0 when it planned or refused, anything else is a defect."""
    stdout, sys.stdout = sys.stdout, sys.stderr  # the program's own prints must not mix with the result
    request = json.load(sys.stdin)
    sys.path.insert(0, str(PROJECT_DIR))
    with tempfile.TemporaryDirectory() as folder:
        trained = create_workspace(Path(folder))
        os.chdir(folder)
        try:
            result = run(**request)
        except pulumi.RunError as error:
            result = {"refused": str(error)}
        else:
            builds = any(one["type"] == "docker-build:index:Image" for one in result["registered"].values())
            result["warnings"] += [] if trained or not builds else [NO_MODEL]
        os.chdir(PROJECT_DIR)
    json.dump(result, stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
