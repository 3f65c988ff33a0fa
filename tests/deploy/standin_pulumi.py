"""A stand-in for the Pulumi CLI's command line: writes down each call, answers as the CLI does, keeps its stacks.

Told what to do by `scenario.json` in the folder STANDIN_DIR: `version`, `events` (sent to the event log of preview,
up, refresh and destroy), `changes`, `outputs`, `exit` and `stderr` (of those four), `stack_exit` (of `stack select`),
`sleep` (seconds of work of those four).
The answers' forms are read off `pulumi/automation/_stack.py`, `_local_workspace.py` and `events.py` of SDK 3.272.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

FOLDER = Path(os.environ["STANDIN_DIR"])
UPDATES = ("preview", "up", "refresh", "destroy")


def main() -> int:
    arguments = [argument for argument in sys.argv[1:] if argument != "--non-interactive"]
    scenario = json.loads((FOLDER / "scenario.json").read_text())
    note(arguments)
    if arguments == ["version"]:
        print(scenario["version"])
        return 0
    stacks = FOLDER / "stacks"
    match arguments[:2]:
        case ["stack", "select"]:
            if scenario.get("stack_exit"):
                print(scenario["stderr"], file=sys.stderr)
                return int(scenario["stack_exit"])
            stack = value(arguments, "--stack")
            if not (stacks / stack).exists():
                print(f"error: no stack named '{stack}' found", file=sys.stderr)
                return 255
        case ["stack", "init"]:
            stacks.mkdir(exist_ok=True)
            (stacks / arguments[2]).touch()
            own = Path(f"Pulumi.{arguments[2]}.yaml")
            if "PULUMI_CONFIG_PASSPHRASE" in os.environ:
                own.write_text(own.read_text() + "encryptionsalt: v1:c2FsdA==:v1:bm9uY2U=:sealed\n")
        case ["stack", "output"]:
            print(json.dumps(scenario["outputs"]))
        case ["stack", "history"]:
            print(json.dumps([summary(scenario)]))
        case ["cancel", "--yes"]:
            pass
        case [command, *_] if command in UPDATES:
            return update(arguments, scenario)
        case _:
            print(f"error: unknown command {arguments!r}", file=sys.stderr)
            return 255
    return 0


def note(arguments: list[str]) -> None:
    """One JSON line a call, with what the configuration file held at that moment."""
    told = {key: text for key, text in os.environ.items() if key.startswith("PULUMI_")}
    file = Path(value(arguments, "--config-file")) if "--config-file" in arguments else None
    call = {
        "arguments": arguments,
        "environment": told,
        "config": file.read_text() if file else "",
        "cwd": str(Path.cwd()),
    }
    with (FOLDER / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps(call) + "\n")


def value(arguments: list[str], option: str) -> str:
    return arguments[arguments.index(option) + 1]


def update(arguments: list[str], scenario: dict[str, object]) -> int:
    events = scenario["events"]
    assert isinstance(events, list)
    send(value(arguments, "--event-log"), events)
    if scenario.get("sleep"):
        wait(float(str(scenario["sleep"])))
    if scenario.get("exit"):
        print(scenario["stderr"], file=sys.stderr)
    return int(str(scenario.get("exit", 0)))


def wait(seconds: float) -> None:
    """Work for so long, or until an interrupt, which is counted."""
    interrupts = []
    signal.signal(signal.SIGINT, lambda *_: interrupts.append(1))
    (FOLDER / "sleeps").touch()
    for _ in range(int(seconds * 20)):
        if interrupts:
            time.sleep(0.3)  # a second one would come now
            break
        time.sleep(0.05)
    (FOLDER / "interrupts").write_text(str(len(interrupts)))


def send(log: str, events: list[object]) -> None:
    """Newer CLIs stream events over gRPC, older ones append them to a file."""
    lines = [json.dumps({"sequence": number, "timestamp": 0, **dict(e)}) for number, e in enumerate(events)]  # type: ignore[call-overload]
    if not log.startswith("tcp://"):
        with Path(log).open("a") as file:
            file.writelines(f"{line}\n" for line in lines)
        return
    import grpc
    from pulumi.runtime.proto import events_pb2, events_pb2_grpc

    with grpc.insecure_channel(log.removeprefix("tcp://")) as channel:
        stub = events_pb2_grpc.EventsStub(channel)
        stub.StreamEvents(iter([events_pb2.EventRequest(event=line) for line in lines]))


def summary(scenario: dict[str, object]) -> dict[str, object]:
    return {
        "kind": "update",
        "startTime": "2026-01-01T00:00:00.000Z",
        "endTime": "2026-01-01T00:00:09.000Z",
        "message": "",
        "environment": {},
        "config": {},
        "result": "succeeded",
        "version": 1,
        "resourceChanges": scenario["changes"],
    }


if __name__ == "__main__":
    sys.exit(main())
