"""`python -m deploy.checking.program`: one run of `__main__.py` as a preview in an AWS account that is made up.

Standard input: the stack, its whole configuration and the keys stored as secrets, as JSON. Standard output: what the
program planned and told, or why it refused, as JSON. It runs in a folder of its own, so that nothing is written into
the project and no model need be there.
"""

from __future__ import annotations

import json
import logging
import os
import runpy
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import pulumi
from pulumi.runtime import mocks

from deploy.checking.account import AnyAccount
from deploy.project import PROJECT_DIR
from model_service.metadata import METADATA_FILE, Metadata

NO_MODEL: Final = "no trained model yet: make train"


class Planned(mocks.MockMonitor):
    """A monitor that writes down what is registered."""

    def __init__(self, account: AnyAccount) -> None:
        super().__init__(account)
        self.registered: dict[str, dict[str, str]] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the name of the RPC
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            self.registered[response.urn] = {"type": request.type, "name": request.name, "parent": request.parent}
        return response


class Told(logging.Handler):
    """Keeps what the program logs, by level."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: dict[int, list[str]] = {level: [] for level in (logging.INFO, logging.WARNING, logging.ERROR)}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one message."""
        self.messages.setdefault(record.levelno, []).append(record.getMessage())


def run(project: str, stack: str, config: dict[str, str], secret_keys: list[str]) -> dict[str, Any]:
    """What the program plans in the current folder: resources by URN, messages and the outputs that cost told.

    Raises what the program raised.
    """
    told = Told()
    logger = logging.Logger("program")
    logger.addHandler(told)
    account = AnyAccount(region=config.get("aws:region", ""), vpc_id=config.get(f"{project}:vpcId", ""))
    planned = Planned(account)
    pulumi.runtime.set_all_config(config, secret_keys)
    pulumi.runtime.set_mocks(account, project=project, stack=stack, preview=True, logger=logger, monitor=planned)
    exported: dict[str, Any] = {}

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def evaluate() -> None:
        runpy.run_path(str(PROJECT_DIR / "__main__.py"), run_name="__main__")
        root: Any = pulumi.runtime.get_root_resource()
        exported.update(root.outputs)

    evaluate()
    if told.messages[logging.ERROR]:
        raise pulumi.RunError("\n".join(told.messages[logging.ERROR]))
    return {
        "registered": planned.registered,
        "told": told.messages[logging.INFO],
        "warnings": told.messages[logging.WARNING],
        "monthly_usd": exported.get("estimatedMonthlyCostUsd"),
        "costs": exported.get("estimatedCostLines", {}),
    }


def lay_out(folder: Path) -> bool:
    """Make `folder` hold what the program reads of the project; whether there is a trained model among it."""
    own, copy = PROJECT_DIR / "model_service", folder / "model_service"
    copy.mkdir()
    for name in ("Dockerfile", ".dockerignore"):
        shutil.copyfile(own / name, copy / name)
    trained = (own / "artifact" / METADATA_FILE).exists()
    if trained:
        (copy / "artifact").symlink_to(own / "artifact")
    else:
        (copy / "artifact").mkdir()
        none = Metadata(files={}, data={"items": 0}, hyperparameters={}, metrics={}, libraries={})
        (copy / "artifact" / METADATA_FILE).write_bytes(none.to_bytes())
    return trained


def main() -> int:
    """Run the program once; 0 when it planned or refused, anything else is a defect."""
    stdout, sys.stdout = sys.stdout, sys.stderr  # the program's own prints must not mix with the answer
    request = json.load(sys.stdin)
    sys.path.insert(0, str(PROJECT_DIR))
    with tempfile.TemporaryDirectory() as folder:
        trained = lay_out(Path(folder))
        os.chdir(folder)
        try:
            answer = run(**request)
        except pulumi.RunError as error:
            answer = {"refused": str(error)}
        else:
            builds = any(one["type"] == "docker-build:index:Image" for one in answer["registered"].values())
            answer["warnings"] += [] if trained or not builds else [NO_MODEL]
        os.chdir(PROJECT_DIR)
    json.dump(answer, stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
