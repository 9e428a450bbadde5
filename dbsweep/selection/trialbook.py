"""Keeps every trial's state and verdict up to date while the branches that train them report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dbsweep.config.choosing import Judging, Weights
from dbsweep.records.events import AtWork, BranchEnded, BranchStarted, CheckpointScored, Event
from dbsweep.records.names import TrialState
from dbsweep.records.plan import Plan, TrialPath
from dbsweep.records.results import Scorecard, Verdict
from dbsweep.selection.branchbook import BranchBook
from dbsweep.selection.followers import followers_of
from dbsweep.selection.outcome import passed_segments, trial_state
from dbsweep.selection.verdict import judge
from dbsweep.selection.verdict_settings import VerdictSettings


@dataclass(frozen=True, slots=True)
class TrialNews:
    """What an event changed about one trial; None where nothing did."""

    trial: str
    state: TrialState | None
    verdict: Verdict | None


class TrialBook:
    """Puts trials together from branches.

    An event costs time in proportion to the trials that it can change, not to those whose path leads through its branch
    and has left it before: of a deep tree that is most of them.

    Args:
        plan: of the run.
        base: scorecard of the untrained model.
        judging: thresholds of the verdict; weights: of the choice.
    """

    def __init__(
        self, plan: Plan, base: Scorecard, judging: Judging | None = None, weights: Weights | None = None
    ) -> None:
        self._base = base
        self._settings = VerdictSettings.stated(judging or Judging(), weights)
        self._steps_per_epoch = {branch.id: branch.steps_per_epoch for branch in plan.branches}
        followers = followers_of(plan)
        self._branches = {branch.id: BranchBook(branch, followers[branch.id]) for branch in plan.branches}
        self._ended: dict[str, BranchEnded] = {}
        self._reached: dict[str, int] = {}
        self._passed = dict.fromkeys((path.trial for path in plan.paths), 0)  # leading segments that are trained
        self._states = dict.fromkeys(self._passed, TrialState.PENDING)
        self._verdicts: dict[str, Verdict] = {}

    def record(self, event: Event) -> tuple[TrialNews, ...]:
        """Take in one event and tell which trials it changed."""
        if isinstance(event, AtWork):
            return ()
        if isinstance(event, CheckpointScored):
            return self._record_checkpoint(event)
        branch, before = self._branches[event.branch], self._reached.get(event.branch, -1)
        if isinstance(event, BranchStarted):
            self._reached.setdefault(event.branch, branch.fork_step)
            self._ended.pop(event.branch, None)
            return self._news(branch.followers.beyond(before), {})
        self._ended[event.branch] = event
        if event.verdict is None:
            return self._news(branch.followers.beyond(before), {})
        # What the end says holds for the trials that needed the branch to go on.
        verdicts = {path.trial: event.verdict for path in branch.followers.beyond(event.last_step)}
        return self._news(branch.followers.beyond(before), verdicts)

    def _record_checkpoint(self, event: CheckpointScored) -> tuple[TrialNews, ...]:
        checkpoint = event.checkpoint
        branch, before = self._branches[checkpoint.branch], self._reached.get(checkpoint.branch, -1)
        self._reached[checkpoint.branch] = max(before, checkpoint.step)
        if event.scorecard is not None:
            self._add_card(branch, checkpoint.step, event.scorecard)
        verdicts: dict[str, Verdict] = {}
        of_an_end: dict[tuple[tuple[str, int], ...], Verdict] = {}  # trials on one path are one training
        for path in self._latest_of(branch, checkpoint.step):
            if checkpoint.step == path.end_step:
                if path.segments not in of_an_end:
                    of_an_end[path.segments] = self._verdict_at_the_end(path)
                verdicts[path.trial] = of_an_end[path.segments]
            elif event.verdict is not None:
                verdicts[path.trial] = event.verdict
        # A branch that had begun already was running for those that follow it further, and still is.
        return self._news(branch.followers.beyond(before, None if before < 0 else checkpoint.step), verdicts)

    def _add_card(self, branch: BranchBook, step: int, card: Scorecard) -> None:
        first = branch.highest < 0
        branch.add(step, card)
        while first and branch.parent is not None:
            fork_step, branch = branch.fork_step, self._branches[branch.parent]
            branch.left_at = max(branch.left_at, fork_step)

    def _latest_of(self, branch: BranchBook, step: int) -> Sequence[TrialPath]:
        """The trials that a branch's checkpoint belongs to and whose latest it is.

        It is nobody's where a branch that is started again tells its checkpoints once more.
        """
        paths = branch.followers.beyond(step - 1)
        if branch.highest <= step and branch.left_at < step:
            return paths  # nearly always: nothing further down has been scored
        return [path for path in paths if all(scored <= step for scored, _ in self.cards_of(path))]

    def _verdict_at_the_end(self, path: TrialPath) -> Verdict:
        """The verdict of a trial whose last checkpoint has been scored."""
        looks = sum(self._branches[branch].looks(last) for branch, last in path.segments)
        return judge(
            self.cards_of(path),
            self._base,
            finished=True,
            steps_per_epoch=self._steps_per_epoch[path.segments[-1][0]],
            settings=self._settings.for_looks(looks),
        )

    def cards_of(self, path: TrialPath) -> list[tuple[int, Scorecard]]:
        """(step, scorecard) of the trial's scored checkpoints so far, by rising step."""
        return [card for branch, last in path.segments for card in self._branches[branch].cards(last)]

    def _state_of(self, path: TrialPath) -> TrialState:
        passed = passed_segments(path, self._reached, self._passed[path.trial])
        self._passed[path.trial] = passed
        return trial_state(path, self._ended, self._reached, passed)

    def _news(self, moved: Iterable[TrialPath], verdicts: Mapping[str, Verdict]) -> tuple[TrialNews, ...]:
        """Notes what is new of the states of some trials and of the verdicts on others."""
        found = {path.trial: self._state_of(path) for path in moved}
        states = {trial: state for trial, state in found.items() if state is not self._states[trial]}
        known = self._verdicts
        judged = {trial: verdict for trial, verdict in verdicts.items() if verdict != known.get(trial)}
        self._states |= states
        self._verdicts |= judged
        return tuple(TrialNews(each, states.get(each), judged.get(each)) for each in dict.fromkeys((*states, *judged)))
