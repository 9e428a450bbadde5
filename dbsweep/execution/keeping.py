"""Which weights and fork states a running sweep no longer needs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from dbsweep.records.events import BranchEnded, BranchStarted, CheckpointScored, Event
from dbsweep.records.names import TrialState
from dbsweep.records.plan import Plan, TrialPath
from dbsweep.records.results import Checkpoint, Scorecard

SPARE_STATES = 2
"""A branch goes on without the state that it started from once it has so many of its own."""

DONE = (TrialState.COMPLETED, TrialState.STOPPED)
"""Ends after which a branch is never gone on with."""


class Dispensable(NamedTuple):
    """What may go now, each told once."""

    weights: tuple[Checkpoint, ...] = ()
    states: tuple[Checkpoint, ...] = ()


class Keeping:
    """Follows a sweep's events and tells what can be dropped.

    Weights are kept while their checkpoint is among the best of a trial whose path leads through it. Whoever has fallen
    behind never comes back, so what is left in the end does not depend on the order of events. A fork's state is kept
    until its branch and all that start there have ended, or have two states of their own.

    Nothing is told of the two latest checkpoints of a running branch: its worker may still drop their states.

    Args:
        plan: of the sweep, later rounds included.
        best: checkpoints of a trial whose weights are kept; None keeps all.
        rank: of a scorecard; the smallest is the best.
    """

    def __init__(self, plan: Plan, best: int | None, rank: Callable[[Scorecard], tuple[float, ...]]) -> None:
        self._best = best
        self._rank = rank
        self._branches = {branch.id: branch for branch in plan.branches}
        self._through: defaultdict[str, list[TrialPath]] = defaultdict(list)
        for path in plan.paths:
            for name, _ in path.segments:
                self._through[name].append(path)
        self._children: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
        for branch in plan.branches:
            if branch.parent is not None:
                self._children[branch.parent, branch.fork_step].append(branch.id)
        self._found: defaultdict[str, dict[int, CheckpointScored]] = defaultdict(dict)
        self._scored: dict[str, CheckpointScored] = {}  # the same by id
        self._best_of_trial: dict[str, frozenset[str]] = {}
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
                outdone = self._rank_anew(branch, event.checkpoint.step)
            case BranchEnded():
                branch, outdone = event.branch, []
                self._ends[branch] = event.state
        weights = self._weights(branch, outdone)
        return Dispensable(self._new("weights", weights), self._new("state", self._states(branch)))

    def _new(self, what: str, checkpoints: Sequence[Checkpoint]) -> tuple[Checkpoint, ...]:
        fresh = tuple(c for c in checkpoints if (what, c.id) not in self._told)
        self._told |= {(what, c.id) for c in fresh}
        return fresh

    def _rank_anew(self, branch: str, step: int) -> list[CheckpointScored]:
        """Ranks the trials that lead through a new checkpoint; returns those that are now among the best of none."""
        if self._best is None:
            return []
        outdone: set[str] = set()
        for path in self._through[branch]:
            if dict(path.segments)[branch] < step:
                continue
            best, before = frozenset(self._best_of(path)), self._best_of_trial.get(path.trial, frozenset())
            self._best_of_trial[path.trial] = best
            self._needed.update(best - before)
            self._needed.subtract(before - best)
            outdone |= before - best
        return [self._scored[key] for key in sorted(outdone) if not self._needed[key]]

    def _weights(self, branch: str, outdone: Sequence[CheckpointScored]) -> list[Checkpoint]:
        """Of the checkpoints that an event may have made dispensable, those that are."""
        if self._best is None:
            return []
        events = (*self._found[branch].values(), *outdone)
        return [e.checkpoint for e in events if not self._needed[e.checkpoint.id] and self._is_settled(e)]

    def _best_of(self, path: TrialPath) -> list[str]:
        """Ids of the best checkpoints of a trial so far; equal ones go by their steps."""
        events = (e for branch, last in path.segments for s, e in self._found[branch].items() if s <= last)
        ranked = sorted(
            (*self._rank(event.scorecard), event.checkpoint.step, event.checkpoint.id)
            for event in events
            if event.scorecard is not None
        )
        return [str(key[-1]) for key in ranked[: self._best]]

    def _is_settled(self, event: CheckpointScored) -> bool:
        branch = event.checkpoint.branch
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
