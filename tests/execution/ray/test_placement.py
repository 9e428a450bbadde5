"""Placement groups on a real Ray of two CPUs: which are removed, and when."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import ray
from ray.air.execution import ResourceRequest
from ray.util.placement_group import PlacementGroup, remove_placement_group

from dbsweep.config.schema import Resources
from dbsweep.execution.backend import Emit
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob
from dbsweep.execution.ray import placement
from dbsweep.execution.ray.backend import RayBackend
from dbsweep.execution.ray.placement import Placements
from dbsweep.records.events import BranchEnded, BranchStarted
from dbsweep.records.names import TrialState
from tests.execution.sweeps import make_branch_jobs

pytestmark = pytest.mark.usefixtures("ray_session")

ONE = ResourceRequest([{"CPU": 1}])
BOTH = ResourceRequest([{"CPU": 2}])


@pytest.fixture
def removed(monkeypatch: pytest.MonkeyPatch) -> list[PlacementGroup]:
    """The groups that are removed, in their order."""
    found: list[PlacementGroup] = []

    def note(group: PlacementGroup) -> None:
        found.append(group)
        remove_placement_group(group)

    monkeypatch.setattr(placement, "remove_placement_group", note)
    return found


@pytest.fixture
def placements(removed: list[PlacementGroup]) -> Iterator[Placements]:
    made = Placements()
    yield made
    made.clear()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_group_is_asked_for_used_and_given_back(placements: Placements, removed: list[PlacementGroup]) -> None:
    assert not placements.has_resources_ready(ONE)
    assert placements.acquire_resources(ONE) is None
    placements.request_resources(ONE)
    (future,) = placements.get_resource_futures()
    ray.wait([future], timeout=60.0)
    assert placements.has_resources_ready(ONE)
    assert not placements.has_resources_ready(BOTH)
    assert not placements.get_resource_futures()
    acquired = placements.acquire_resources(ONE)
    assert acquired is not None
    (task,) = acquired.annotate_remote_entities([ray.remote(lambda: os.getpid())])
    assert ray.get(task.remote()) != os.getpid()
    assert not placements.has_resources_ready(ONE)
    placements.free_resources(acquired)
    assert removed == [acquired.placement_group]


def test_what_is_cancelled_is_removed_once_it_is_placed_and_not_before(
    placements: Placements, removed: list[PlacementGroup]
) -> None:
    placements.request_resources(ONE)
    (future,) = placements.get_resource_futures()
    placements.cancel_resource_request(ONE)
    assert not removed
    ray.wait([future], timeout=60.0)
    assert placements.get_resource_futures() == []
    assert removed == [ray.get(future)]
    assert not placements.has_resources_ready(ONE)


def test_what_waits_for_room_is_removed_when_nothing_has_been_given_back_for_a_while(
    placements: Placements, removed: list[PlacementGroup], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "SETTLED_AFTER_S", 60.0)
    placements.request_resources(ONE)
    until(lambda: placements.has_resources_ready(ONE))
    acquired = placements.acquire_resources(ONE)
    assert acquired is not None
    placements.request_resources(BOTH)
    placements.cancel_resource_request(BOTH)
    placements.get_resource_futures()
    assert not removed, "Ray may be placing it"
    monkeypatch.setattr(placement, "SETTLED_AFTER_S", 0.0)
    placements.get_resource_futures()
    assert len(removed) == 1
    monkeypatch.setattr(placement, "SETTLED_AFTER_S", 60.0)
    placements.request_resources(BOTH)
    placements.free_resources(acquired)  # there is room now, so that this one is placed when it is cancelled
    placements.cancel_resource_request(BOTH)
    placements.get_resource_futures()
    assert removed[1:] == [acquired.placement_group]
    until(lambda: not placements.get_resource_futures() and len(removed) == 3)


def test_who_asks_again_gets_what_was_cancelled(placements: Placements, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "SETTLED_AFTER_S", 60.0)
    placements.request_resources(ONE)
    until(lambda: placements.has_resources_ready(ONE))  # so that there is no room for both
    placements.request_resources(BOTH)
    asked = placements.get_resource_futures()
    placements.cancel_resource_request(BOTH)
    placements.request_resources(ONE)
    assert asked[0] not in placements.get_resource_futures(), "something else is asked for"
    placements.request_resources(BOTH)
    assert asked[0] in placements.get_resource_futures()
    placements.cancel_resource_request(BOTH)
    monkeypatch.setattr(placement, "SETTLED_AFTER_S", 0.0)


def test_a_placed_group_that_is_cancelled_is_removed_at_once(
    placements: Placements, removed: list[PlacementGroup]
) -> None:
    placements.request_resources(ONE)
    until(lambda: placements.has_resources_ready(ONE))
    placements.cancel_resource_request(ONE)
    assert len(removed) == 1
    assert not placements.has_resources_ready(ONE)


def test_in_the_end_all_that_was_asked_for_is_given_back(placements: Placements, removed: list[PlacementGroup]) -> None:
    for _ in range(4):  # Ray has room for two
        placements.request_resources(ONE)
    placements.cancel_resource_request(ONE)
    until(lambda: placements.has_resources_ready(ONE))
    assert placements.acquire_resources(ONE) is not None
    placements.clear()
    assert len(set(removed)) == 4
    assert not placements.get_resource_futures()
    assert not placements.has_resources_ready(ONE)
    until(lambda: ray.available_resources().get("CPU") == 2.0)


def test_nothing_is_lost_however_soon_it_is_cancelled(placements: Placements) -> None:
    """With Ray's own manager one of some thirty groups takes its CPU with it."""
    for turn in range(20):
        until(lambda: ray.available_resources().get("CPU") == 2.0)
        placements.request_resources(ONE)
        time.sleep(turn % 5 * 0.001)
        placements.cancel_resource_request(ONE)
        placements.clear()
    until(lambda: ray.available_resources().get("CPU") == 2.0)


def test_tune_asks_through_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[ResourceRequest] = []
    request = Placements.request_resources

    def note(self: Placements, resource_request: ResourceRequest) -> None:
        asked.append(resource_request)
        request(self, resource_request)

    def body(job: BranchJob, emit: Emit) -> None:
        emit(BranchStarted(branch=job.branch.id, host="here", pid=os.getpid()))
        emit(BranchEnded(branch=job.branch.id, state=TrialState.COMPLETED, last_step=job.branch.end_step))

    monkeypatch.setattr(Placements, "request_resources", note)
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    RayBackend(run, Resources(), body=body).run(make_branch_jobs(run.path)[:1], lambda event: None)
    assert [request.bundles for request in asked] == [[{"CPU": 1.0}]]
