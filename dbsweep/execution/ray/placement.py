"""The CPUs and GPUs of trials: asked for and given back so that Ray loses none of them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, TypeAlias

import ray
from ray.air.execution import ResourceManager, ResourceRequest
from ray.air.execution.resources.placement_group import PlacementGroupAcquiredResources
from ray.tune.execution import tune_controller
from ray.util.placement_group import PlacementGroup, remove_placement_group

SETTLED_AFTER_S = 1.0
"""Ray needs milliseconds to place a group that there is room for. One that is not placed by then waits for room."""

_Asked: TypeAlias = tuple[ResourceRequest, PlacementGroup]


class Placements(ResourceManager):  # type: ignore[misc]
    """Placement groups for Tune's trials, in place of Ray's own `PlacementGroupResourceManager`.

    If a group is removed while Ray places it, its CPUs and GPUs are lost until Ray ends (ray-project/ray#64693). Tune
    cancels what it has just asked for whenever a trial can take over another one's worker. Here a cancelled group is
    kept for a while: the next trial that asks for the same gets it; otherwise it is removed as soon as it is placed, or
    when it has become clear that it waits for room.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        # By the future through which Ray tells that the group is placed.
        self._asked: dict[Any, _Asked] = {}
        self._cancelled: dict[Any, _Asked] = {}
        self._placed: list[_Asked] = []
        self._in_use: set[PlacementGroup] = set()
        self._last_change = 0.0

    def request_resources(self, resource_request: ResourceRequest) -> None:
        """Asks Ray for a group, or takes back one that was cancelled."""
        future = _of(resource_request, self._cancelled.items())
        if future is not None:
            self._asked[future] = self._cancelled.pop(future)
        else:
            group = resource_request.to_placement_group()
            self._asked[group.ready()] = (resource_request, group)

    def cancel_resource_request(self, resource_request: ResourceRequest) -> None:
        """One group fewer is wanted: the last of those that are not placed yet, or one that is placed."""
        future = _of(resource_request, reversed(self._asked.items()))
        if future is not None:
            self._cancelled[future] = self._asked.pop(future)
            self._last_change = time.monotonic()
        else:
            remove_placement_group(self._take(resource_request))

    def has_resources_ready(self, resource_request: ResourceRequest) -> bool:
        """Whether a group of this kind is placed and free."""
        self.update_state()
        return any(request == resource_request for request, _ in self._placed)

    def acquire_resources(self, resource_request: ResourceRequest) -> PlacementGroupAcquiredResources | None:
        """A placed group for one trial; None where there is none."""
        if not self.has_resources_ready(resource_request):
            return None
        group = self._take(resource_request)
        self._in_use.add(group)
        return PlacementGroupAcquiredResources(placement_group=group, resource_request=resource_request)

    def free_resources(self, acquired_resource: PlacementGroupAcquiredResources) -> None:
        """A trial's worker has ended; now Ray may place groups that have waited for room."""
        self._in_use.remove(acquired_resource.placement_group)
        remove_placement_group(acquired_resource.placement_group)
        self._last_change = time.monotonic()

    def get_resource_futures(self) -> list[Any]:
        """What to wait for: each resolves when one of the groups that are wanted is placed."""
        self._remove_cancelled()
        return list(self._asked)

    def update_state(self) -> None:
        """Looks which groups have been placed."""
        self._placed += [self._asked.pop(future) for future in _resolved(self._asked)]
        self._remove_cancelled()

    def clear(self) -> None:
        """Removes all groups, those that Ray is just placing once they are placed."""
        if ray.is_initialized():
            waiting = self._asked | self._cancelled
            _resolved(waiting, SETTLED_AFTER_S)
            for group in (*(group for _, group in (*waiting.values(), *self._placed)), *self._in_use):
                remove_placement_group(group)
        self._begin()

    def __del__(self) -> None:
        self.clear()

    def _take(self, resource_request: ResourceRequest) -> PlacementGroup:
        """A placed group of this kind, for somebody else to keep."""
        found = next(entry for entry in self._placed if entry[0] == resource_request)
        self._placed.remove(found)
        return found[1]

    def _remove_cancelled(self) -> None:
        settled = time.monotonic() >= self._last_change + SETTLED_AFTER_S
        for future in list(self._cancelled) if settled else _resolved(self._cancelled):
            remove_placement_group(self._cancelled.pop(future)[1])


def use_in_tune() -> None:
    """From now on Tune asks for the resources of its trials through `Placements`."""
    tune_controller.PlacementGroupResourceManager = Placements


def _of(request: ResourceRequest, groups: Iterable[tuple[Any, _Asked]]) -> Any:  # noqa: ANN401
    """The future of the first group that this was asked for."""
    return next((future for future, (asked, _) in groups if asked == request), None)


def _resolved(futures: dict[Any, Any], timeout_s: float = 0.0) -> list[Any]:
    """Those of the futures that have resolved, once all have or the time is over."""
    if not futures:
        return []
    return list(ray.wait(list(futures), num_returns=len(futures), timeout=timeout_s)[0])
