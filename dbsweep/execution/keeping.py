"""Which weights and fork states a running sweep no longer needs."""

from __future__ import annotations

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from dbsweep.records.events import BranchEnded, BranchStarted, CheckpointScored, Event
from dbsweep.records.names import TrialState
from dbsweep.records.plan import Plan
from dbsweep.records.results import Checkpoint, Scorecard
from dbsweep.selection.followers import followers_of

SPARE_STATES = 2
"""A branch goes on without the state that it started from once it has so many of its own."""

DONE = (TrialState.COMPLETED, TrialState.STOPPED)
"""Ends after which a branch is never gone on with."""


_Ranked: TypeAlias = tuple[tuple[float, ...], int, str]
"""A checkpoint's rank, step and id; equal ranks go by their steps."""


class Dispensable(NamedTuple):
    """What may go now, each told once."""

    weights: tuple[Checkpoint, ...] = ()
    states: tuple[Checkpoint, ...] = ()


class Keeping:
    """Follows a sweep's events and tells what can be dropped.

    Weights are kept while their checkpoint is among the best of a trial whose path leads through it. Whoever has fallen
    behind never comes back, so what is left in the end does not depend on the order of events. A fork's state is kept
    until its branch and all that start there have ended, or have two states of their own.

    Nothing is told of the two latest checkpoints of a running branch: its worker may still drop their states. Nor of
    those that are passed over: whether they are among the best is not known before the end.

    Args:
        plan: of the sweep, later rounds included.
        best: checkpoints of a trial whose weights are kept; None keeps all.
        rank: of a scorecard; the smallest is the best.
    """

    def __init__(self, plan: Plan, best: int | None, rank: Callable[[Scorecard], tuple[float, ...]]) -> None:
        self._best = best
        self._rank = rank
        self._branches = {branch.id: branch for branch in plan.branches}
        self._passed_over = {
            (branch.id, m.step) for branch in plan.branches for m in branch.milestones if not m.evaluate and not m.fork
        }
        self._followers = followers_of(plan)
        self._children: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
        for branch in plan.branches:
            if branch.parent is not None:
                self._children[branch.parent, branch.fork_step].append(branch.id)
        self._found: defaultdict[str, dict[int, CheckpointScored]] = defaultdict(dict)
        self._scored: dict[str, CheckpointScored] = {}  # the same by id
        self._best_of_trial: defaultdict[str, list[_Ranked]] = defaultdict(list)  # the best first
        self._needed: Counter[str] = Counter()  # checkpoint id → trials that it is among the best of
        self._ends: dict[str, TrialState] = {}
        self._told: set[tuple[str, str]] = set()

    def record(self, event: Event) -> Dispensable:
        """Takes in one event and tells what it makes dispensable."""
        match event:
            case BranchStarted():
                self._ends.pop(event.branch, None)
                return Dispensable()
            case CheckpointScored():
                branch = event.checkpoint.branch
                self._found[branch][event.checkpoint.step] = self._scored[event.checkpoint.id] = event
                outdone = self._rank_anew(event)
            case BranchEnded():
                branch, outdone = event.branch, []
                self._ends[branch] = event.state
        weights = self._weights(branch, outdone)
        return Dispensable(self._new("weights", weights), self._new("state", self._states(branch)))

    def _new(self, what: str, checkpoints: Sequence[Checkpoint]) -> tuple[Checkpoint, ...]:
        fresh = tuple(c for c in checkpoints if (what, c.id) not in self._told)
        self._told |= {(what, c.id) for c in fresh}
        return fresh

    def _rank_anew(self, event: CheckpointScored) -> list[CheckpointScored]:
        """Ranks a checkpoint in the trials that lead through it; returns those that are now among the best of none."""
        checkpoint = event.checkpoint
        if self._best is None or event.scorecard is None:
            return []
        ranked: _Ranked = (self._rank(event.scorecard), checkpoint.step, checkpoint.id)
        outdone: set[str] = set()
        for path in self._followers[checkpoint.branch].beyond(checkpoint.step - 1):
            best = self._best_of_trial[path.trial]
            if ranked in best:  # a branch that was started again tells it once more
                continue
            insort(best, ranked)
            self._needed[checkpoint.id] += 1
            for _, _, key in best[self._best :]:
                self._needed[key] -= 1
                outdone.add(key)
            del best[self._best :]
        outdone.discard(checkpoint.id)  # it is among its branch's own
        return [self._scored[key] for key in sorted(outdone) if not self._needed[key]]

    def _weights(self, branch: str, outdone: Sequence[CheckpointScored]) -> list[Checkpoint]:
        """Of the checkpoints that an event may have made dispensable, those that are."""
        if self._best is None:
            return []
        events = {e.checkpoint.id: e for e in (*self._found[branch].values(), *outdone)}.values()
        left = [
            e for e in events if not self._needed[e.checkpoint.id] and ("weights", e.checkpoint.id) not in self._told
        ]
        return [event.checkpoint for event in left if self._is_settled(event)]

    def _is_settled(self, event: CheckpointScored) -> bool:
        branch = event.checkpoint.branch
        if (branch, event.checkpoint.step) in self._passed_over:
            return False
        return branch in self._ends or sum(s > event.checkpoint.step for s in self._found[branch]) >= SPARE_STATES

    def _states(self, branch: str) -> list[Checkpoint]:
        """Fork checkpoints, of this branch and the one that it comes from, that nobody will start from again."""
        forks = [(branch, m.step) for m in self._branches[branch].milestones if m.fork]
        parent = self._branches[branch].parent
        if parent is not None:
            forks.append((parent, self._branches[branch].fork_step))
        free = [(name, step) for name, step in forks if step in self._found[name] and self._is_past(name, step)]
        return [self._found[name][step].checkpoint for name, step in free]

    def _is_past(self, branch: str, step: int) -> bool:
        users = (branch, *self._children[branch, step])
        return all(
            self._ends.get(user) in DONE or sum(s > step for s in self._found[user]) >= SPARE_STATES for user in users
        )
