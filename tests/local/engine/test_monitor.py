"""The engine that deploys without the Pulumi CLI: what it makes, changes, replaces, leaves alone and removes."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs

from local.engine.aws import Aws, auto_name
from local.engine.events import Events
from local.engine.handlers import HANDLERS
from local.engine.handlers.base import Handler, Inputs, Outputs
from local.engine.monitor import Engine, ResourceFailedError, delete_records
from local.engine.state import State
from local.engine.unsupported import UnsupportedError

TYPE = "aws:shelf/thing:Thing"


class Shelf(Handler):
    """A handler whose AWS is a dictionary; colour can be changed in place, size cannot."""

    replace_on: ClassVar[frozenset[str]] = frozenset({"size"})

    def __init__(self) -> None:
        self.things: dict[str, Inputs] = {}

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        self.things[name] = inputs
        return name, {**inputs, "arn": f"arn:{name}"}

    def update(self, aws: Aws, id_: str, old: Inputs, new: Inputs, outputs: Outputs) -> Outputs:
        self.things[id_] = new
        return {**new, "arn": outputs["arn"]}

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        return id_ in self.things

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        del self.things[id_]


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    handler = Shelf()
    monkeypatch.setitem(HANDLERS, TYPE, handler)
    return handler


class Run:
    """Runs of an engine over one state file, with the events of the last."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state.json"
        self.told: list[dict[str, Any]] = []

    def bring(
        self,
        dry_run: bool = False,
        type_: str = TYPE,
        custom: bool = True,
        remote: bool = False,
        trigger: Any = None,
        **inputs: Any,
    ) -> dict[str, Any]:
        self.stream = io.StringIO()
        aws = Aws(endpoint_url="", region="", registry_host="", docker_cli=Path("docker"), log=print)
        self.state = State.load(self.path)
        self.engine = Engine(aws=aws, state=self.state, events=Events(self.stream), dry_run=dry_run)
        try:
            self.engine.set_current("urn:thing", remote=remote, trigger=trigger)
            made = self.engine.new_resource(MockResourceArgs(type_, "thing", inputs, custom=custom and not remote))
            self.id, outputs = made
            return outputs
        finally:
            self._read()

    def again(self, type_: str) -> None:
        """Register something more, which has to fail, with the same engine."""
        self.stream.truncate(0)
        self.stream.seek(0)
        with pytest.raises(ResourceFailedError):
            self.engine.new_resource(MockResourceArgs(type_, "thing", {}, custom=True))
        self._read()

    def _read(self) -> None:
        self.told = [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def operations(self) -> list[str]:
        return [
            event["operation"] for event in self.told if event["kind"] == "resource" and event["seconds"] is not None
        ]


def test_a_resource_is_made_once_and_then_left_alone(tmp_path: Path, shelf: Shelf) -> None:
    run = Run(tmp_path)
    made = run.bring(colour="red")
    assert run.operations() == ["create"]
    assert run.bring(colour="red") == made
    assert run.operations() == ["same"]
    assert list(shelf.things) == [auto_name("thing", generation=0)]


def test_a_change_that_can_be_made_in_place_keeps_the_resource(tmp_path: Path, shelf: Shelf) -> None:
    run = Run(tmp_path)
    made = run.bring(colour="red")
    assert run.bring(colour="blue") == {"colour": "blue", "arn": made["arn"]}
    assert run.operations() == ["update"]


def test_a_change_that_cannot_makes_a_new_one_before_the_old_goes(tmp_path: Path, shelf: Shelf) -> None:
    run = Run(tmp_path)
    made = run.bring(size=1)
    assert run.bring(size=2)["arn"] != made["arn"]
    assert run.operations() == ["replace"]
    assert len(shelf.things) == 2
    delete_records(run.state.superseded, aws=run.engine._aws, state=run.state, events=Events(io.StringIO()))
    assert list(shelf.things.values()) == [{"size": 2}]
    assert State.load(run.path).superseded == []


def test_a_replacement_of_what_there_is_one_of_comes_after_the_old_one_has_gone(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shelf, "delete_before_replace", True)
    run = Run(tmp_path)
    run.bring(size=1)
    run.bring(size=2)
    assert run.operations() == ["replace"]
    assert list(shelf.things.values()) == [{"size": 2}]
    assert run.state.superseded == []


def test_another_replacement_trigger_makes_a_new_one_and_the_first_is_only_recorded(
    tmp_path: Path, shelf: Shelf
) -> None:
    run = Run(tmp_path)
    run.bring(colour="red")
    operations = []
    for trigger in ("small", "small", "large"):
        run.bring(colour="red", trigger=trigger)
        operations += run.operations()
    assert operations == ["update", "same", "replace"]


def test_a_resource_is_replaced_with_the_one_that_it_names(tmp_path: Path, shelf: Shelf) -> None:
    run = Run(tmp_path)
    for size, expected in ((1, ["create", "create"]), (1, ["same", "same"]), (2, ["replace", "replace"])):
        run.bring(size=size)
        run.engine.set_current("urn:other", replace_with=["urn:thing"])
        run.engine.new_resource(MockResourceArgs(TYPE, "other", {"colour": "red"}, custom=True))
        run._read()
        assert run.operations() == expected


def test_a_resource_that_somebody_removed_is_made_again(tmp_path: Path, shelf: Shelf) -> None:
    run = Run(tmp_path)
    run.bring(colour="red")
    shelf.things.clear()
    run.bring(colour="red")
    assert run.operations() == ["create"]


def test_a_preview_knows_the_id_of_what_is_changed_in_place_and_not_of_what_is_replaced(
    tmp_path: Path, shelf: Shelf
) -> None:
    run = Run(tmp_path)
    run.bring(colour="red", size=1)
    run.bring(dry_run=True, colour="blue", size=1)
    assert run.id == auto_name("thing", generation=0)
    run.bring(dry_run=True, colour="red", size=2)
    assert not run.id


def test_a_preview_tells_and_touches_nothing(tmp_path: Path, shelf: Shelf) -> None:
    run = Run(tmp_path)
    run.bring(dry_run=True, colour="red")
    assert run.operations() == ["create"]
    assert shelf.things == {}
    assert not run.path.exists()


def test_a_type_without_a_handler_stops_the_run_with_its_name(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with pytest.raises(ResourceFailedError, match="aws:moon/base:Base"):
        run.bring(type_="aws:moon/base:Base")
    assert "the program needs the resource type aws:moon/base:Base" in run.told[-1]["message"]


def test_what_one_setting_asks_for_in_vain_is_told_once(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with pytest.raises(ResourceFailedError):
        run.bring(type_="aws:sns/topic:Topic")
    assert "the setting monitoring needs" in run.told[-1]["message"]
    run.again(type_="aws:cloudwatch/dashboard:Dashboard")
    assert run.told == []
    run.again(type_="aws:wafv2/webAcl:WebAcl")
    assert ["wafRateLimit" in one["message"] for one in run.told] == [True]


def test_a_component_that_a_provider_would_make_is_not_taken_for_made(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with pytest.raises(ResourceFailedError, match="the setting network needs the resource type awsx:ec2:Vpc"):
        run.bring(type_="awsx:ec2:Vpc", remote=True)
    assert run.bring(type_="recommender:infra:Network", custom=False) == {}


def test_a_function_without_an_answer_is_told_as_an_event_and_not_as_a_stack_trace(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.bring(type_="recommender:infra:Network", custom=False)
    with pytest.raises(UnsupportedError, match="the setting domain needs the function aws:route53/getZone"):
        run.engine.call(MockCallArgs("aws:route53/getZone:getZone", {}, ""))
    assert run.engine.failed


def test_a_defect_is_told_with_its_type(tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(*_: Any) -> Any:
        raise KeyError("vpcId")

    monkeypatch.setattr(shelf, "create", defect)
    run = Run(tmp_path)
    with pytest.raises(ResourceFailedError):
        run.bring()
    assert run.told[-1]["message"] == "KeyError: 'vpcId'"


def test_an_interrupted_write_leaves_the_old_state(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path)
    run.bring(colour="red")

    def interrupted(*_: Any, **__: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.bring(colour="blue")
    monkeypatch.undo()
    assert State.load(run.path).records["urn:thing"].inputs == {"colour": "red"}
