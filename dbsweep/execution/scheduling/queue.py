"""Which branch may start next: the order that the tree of forks dictates, without any back end."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence

from dbsweep.execution.jobs import BranchJob, Fork
from dbsweep.plan.middle import off_middle
from dbsweep.records.events import BranchEnded, CheckpointScored, Event
from dbsweep.records.names import TrialState
from dbsweep.records.results import Scorecard


class BranchQueue:
    """Releases a branch when its parent's fork checkpoint is known; drops it when that will never be.

    Of the released branches the one with the longest chain behind it goes first, so that no worker is left
    alone with the deepest branch at the end; of equal chains the one nearest to the middle of what is searched,
    so that the others soon have something good to be compared with.

    A branch whose parent is none of the given jobs must come with its fork already.
    """

    def __init__(self, jobs: Sequence[BranchJob]) -> None:
        self._jobs = {job.branch.id: job for job in jobs}
        self._order = {
            job.branch.id: (-steps, off_middle(job.sweep.experiment.search, job.branch.settings), i)
            for i, (job, steps) in enumerate(_chains(jobs))
        }
        self._waiting: defaultdict[str, list[str]] = defaultdict(list)  # parent → children not yet released
        self._ready: list[tuple[tuple[int, float, int], str]] = []
        self._running: dict[str, BranchJob] = {}
        self._lineage: dict[str, list[tuple[int, Scorecard]]] = {}
        self._reached: dict[str, int] = {}
        self._halted: set[str] = set()
        for job in jobs:
            if job.branch.parent is None or job.fork is not None:
                self._push(job)
            else:
                self._waiting[job.branch.parent].append(job.branch.id)

    @property
    def finished(self) -> bool:
        """Whether every branch has ended or been dropped."""
        return not self._ready and not self._running and not any(self._waiting.values())

    @property
    def running(self) -> tuple[BranchJob, ...]:
        """The branches taken and not ended."""
        return tuple(self._running.values())

    def job(self, branch: str) -> BranchJob:
        """A branch's job, its fork as far as it is known."""
        return self._jobs[branch]

    def halt(self, branch: str) -> None:
        """The checkpoint that comes is a branch's last: nothing may fork from it."""
        self._halted.add(branch)

    def reached(self, branch: str) -> int:
        """The last step of a branch that is in a checkpoint."""
        return self._reached.get(branch, self._jobs[branch].branch.fork_step)

    def next(self) -> BranchJob | None:
        """Takes a released branch, or None if none is released now."""
        if not self._ready:
            return None
        job = self._jobs[heapq.heappop(self._ready)[1]]
        self._running[job.branch.id] = job
        self._lineage[job.branch.id] = list(job.fork.lineage) if job.fork is not None else []
        return job

    def record(self, event: Event) -> tuple[BranchEnded, ...]:
        """Takes note of an event; returns the ends of the branches that it makes impossible."""
        match event:
            case CheckpointScored():
                self._release(event)
            case BranchEnded():
                if self._running.pop(event.branch, None) is not None:
                    del self._lineage[event.branch]
                return self._drop_children(event)
        return ()

    def drop_all(self, state: TrialState, reason: str) -> tuple[BranchEnded, ...]:
        """Drops every branch that has not started."""
        names = [name for _, name in self._ready]
        names += [name for children in self._waiting.values() for name in children]
        self._ready.clear()
        self._waiting.clear()
        return tuple(_dropped(self._jobs[name], state, reason) for name in names)

    def _push(self, job: BranchJob) -> None:
        heapq.heappush(self._ready, (self._order[job.branch.id], job.branch.id))

    def _release(self, event: CheckpointScored) -> None:
        checkpoint = event.checkpoint
        if checkpoint.branch not in self._running:
            return
        self._reached[checkpoint.branch] = checkpoint.step
        lineage = self._lineage[checkpoint.branch]
        if event.scorecard is not None and checkpoint.step not in dict(lineage):
            lineage.append((checkpoint.step, event.scorecard))
        if checkpoint.branch in self._halted:
            return
        still: list[str] = []
        for name in self._waiting.pop(checkpoint.branch, ()):
            job = self._jobs[name]
            if job.branch.fork_step != checkpoint.step:
                still.append(name)
                continue
            folder = job.sweep.run_folder / checkpoint.path
            self._jobs[name] = job.forked(Fork(step=checkpoint.step, checkpoint=folder, lineage=tuple(lineage)))
            self._push(self._jobs[name])
        self._waiting[checkpoint.branch] = still

    def _drop_children(self, event: BranchEnded) -> tuple[BranchEnded, ...]:
        ends: list[BranchEnded] = []
        for name in self._waiting.pop(event.branch, ()):
            job = self._jobs[name]
            reason = f"{event.branch} ended at step {event.last_step}, before the fork at {job.branch.fork_step}"
            state = TrialState.FAILED if event.state is TrialState.COMPLETED else event.state
            end = _dropped(job, state, f"{reason}: {event.reason}" if event.reason else reason)
            ends += [end, *self._drop_children(end)]
        return tuple(ends)


def _dropped(job: BranchJob, state: TrialState, reason: str) -> BranchEnded:
    return BranchEnded(branch=job.branch.id, state=state, last_step=job.branch.fork_step, reason=reason)


def _chains(jobs: Sequence[BranchJob]) -> list[tuple[BranchJob, int]]:
    """Each job with the steps from its start to the end of its deepest descendant."""
    deepest: dict[str, int] = {}
    for job in reversed(jobs):  # children before parents
        name, parent = job.branch.id, job.branch.parent
        deepest[name] = max(job.branch.end_step, deepest.get(name, 0))
        if parent is not None:
            deepest[parent] = max(deepest.get(parent, 0), deepest[name])
    return [(job, deepest[job.branch.id] - job.branch.fork_step) for job in jobs]
