"""`python -m tests.docs.provider.record FOLDER`: writes `calls.json` from the logs of Terraform's AWS provider.

In FOLDER, with main.tf and AWS_ENDPOINT_URL at an emulated AWS (AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING at one with
that service) and TF_LOG_PROVIDER=DEBUG:

    TF_LOG_PATH=create.log terraform apply -auto-approve
    TF_LOG_PATH=read.log terraform plan
    TF_LOG_PATH=update.log terraform apply -auto-approve -var team=2
    TF_LOG_PATH=delete.log terraform destroy -auto-approve -var team=2
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

PHASES: Final = ("create", "read", "update", "delete")
CALLS: Final = Path(__file__).with_name("calls.json")
_SIGNED: Final = re.compile(r"Credential=[^/]+/\d+/[^/]*/(?P<service>[a-z0-9-]+)/aws4_request")


def calls_by_type(log: str) -> dict[str, set[str]]:
    """Terraform's resource types with the calls of the provider for each, as `service:Operation`.

    service: as it is signed, which is the prefix of its IAM actions but for the few in `tests.docs.needs`.
    """
    types: dict[str, str] = {}
    calls: defaultdict[str, set[str]] = defaultdict(set)
    for entry in re.split(r"^(?=\d{4}-\d\d-\d\dT)", log, flags=re.MULTILINE):
        request = _field(entry, "tf_req_id")
        if kind := _field(entry, "tf_resource_type"):
            types[request] = kind
        signed = _SIGNED.search(entry)
        if "HTTP Request Sent" in entry and signed:
            calls[request].add(f"{signed['service']}:{_field(entry, 'rpc.method')}")
    found: defaultdict[str, set[str]] = defaultdict(set)
    for request, made in calls.items():
        found[types.get(request, "provider")] |= made
    return found


def _field(line: str, name: str) -> str:
    found = re.search(rf"(?<!\S){re.escape(name)}=(\S+)", line)
    return found[1] if found else ""


def main(folder: Path) -> None:
    """Write the calls of each type by phase."""
    recorded: defaultdict[str, dict[str, list[str]]] = defaultdict(dict)
    for phase in PHASES:
        for kind, calls in calls_by_type((folder / f"{phase}.log").read_text(encoding="utf-8")).items():
            recorded[kind][phase] = sorted(calls)
    CALLS.write_text(json.dumps(dict(sorted(recorded.items())), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
