"""Keeps every trial's state and verdict up to date while the branches that train them report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from dbsweep.config.choosing import Judging
from dbsweep.records.events import BranchEnded, BranchStarted, CheckpointScored, Event
from dbsweep.records.names import TrialState
from dbsweep.records.plan import Plan, TrialPath
from dbsweep.records.results import Checkpoint, Scorecard, Verdict
from dbsweep.selection.outcome import trial_state
from dbsweep.selection.overtraining import VerdictSettings
from dbsweep.selection.verdict import judge


@dataclass(frozen=True, slots=True)
class TrialNews:
    """What an event changed about one trial; None where nothing did."""

    trial: str
    state: TrialState | None
    verdict: Verdict | None


class TrialBook:
    """Puts trials together from branches.

    An event costs time proportional to the trials whose path leads through its branch.

    Args:
        plan: of the run.
        base: scorecard of the untrained model.
        judging: thresholds of the verdict.
    """

    def __init__(self, plan: Plan, base: Scorecard, judging: Judging | None = None) -> None:
        self._base = base
        self._settings = VerdictSettings.stated(judging or Judging())
        self._steps_per_epoch = {branch.id: branch.steps_per_epoch for branch in plan.branches}
        self._paths = {path.trial: path for path in plan.paths}
        self._through: defaultdict[str, list[TrialPath]] = defaultdict(list)
        for path in plan.paths:
            for branch, _ in path.segments:
                self._through[branch].append(path)
        evaluated = {branch.id: [m.step for m in branch.milestones if m.evaluate] for branch in plan.branches}
        self._looks = {
            path.trial: sum(step <= last for branch, last in path.segments for step in evaluated[branch])
            for path in plan.paths
        }
        self._starts = {branch.id: branch.fork_step for branch in plan.branches}
        self._ended: dict[str, BranchEnded] = {}
        self._reached: dict[str, int] = {}
        self._cards: defaultdict[str, dict[int, Scorecard]] = defaultdict(dict)
        self._highest: dict[str, int] = {}  # of the steps of each branch's cards
        self._states = dict.fromkeys(self._paths, TrialState.PENDING)
        self._verdicts: dict[str, Verdict] = {}

    def record(self, event: Event) -> tuple[TrialNews, ...]:
        """Take in one event and tell which trials it changed."""
        if isinstance(event, CheckpointScored):
            return self._record_checkpoint(event)
        if isinstance(event, BranchStarted):
            self._reached.setdefault(event.branch, self._starts[event.branch])
            self._ended.pop(event.branch, None)
            return self._news(self._through[event.branch], {})
        self._ended[event.branch] = event
        return self._news(self._through[event.branch], self._verdicts_at_the_end(event))

    def _record_checkpoint(self, event: CheckpointScored) -> tuple[TrialNews, ...]:
        checkpoint = event.checkpoint
        self._reached[checkpoint.branch] = max(self._reached.get(checkpoint.branch, 0), checkpoint.step)
        if event.scorecard is not None:
            self._cards[checkpoint.branch][checkpoint.step] = event.scorecard
            self._highest[checkpoint.branch] = max(self._highest.get(checkpoint.branch, 0), checkpoint.step)
        paths = self._through[checkpoint.branch]
        verdicts: dict[str, Verdict] = {}
        of_an_end: dict[tuple[tuple[str, int], ...], Verdict] = {}  # trials on one path are one training
        for path in paths:
            if not self._is_latest(path, checkpoint):
                continue
            if checkpoint.step == path.end_step:
                if path.segments not in of_an_end:
                    of_an_end[path.segments] = self._verdict_at_the_end(path)
                verdicts[path.trial] = of_an_end[path.segments]
            elif event.verdict is not None:
                verdicts[path.trial] = event.verdict
        return self._news(paths, verdicts)

    def _is_latest(self, path: TrialPath, checkpoint: Checkpoint) -> bool:
        """Whether a checkpoint of one of its branches belongs to a trial and is its latest scored one.

        It is not where a branch that is started again tells its checkpoints once more.
        """
        if not any(branch == checkpoint.branch and checkpoint.step <= last for branch, last in path.segments):
            return False
        # Nearly always: no branch of the path has come further. Thousands of trials may lead through here.
        if all(self._highest.get(branch, 0) <= checkpoint.step for branch, _ in path.segments):
            return True
        return all(step <= checkpoint.step for step, _ in self.cards_of(path))

    def _verdict_at_the_end(self, path: TrialPath) -> Verdict:
        """The verdict of a trial whose last checkpoint has been scored."""
        return judge(
            self.cards_of(path),
            self._base,
            finished=True,
            steps_per_epoch=self._steps_per_epoch[path.segments[-1][0]],
            settings=self._settings.for_looks(self._looks[path.trial]),
        )

    def _verdicts_at_the_end(self, end: BranchEnded) -> dict[str, Verdict]:
        """What the end of a branch says of the trials that needed it to go on."""
        if end.verdict is None:
            return {}
        paths = self._through[end.branch]
        return {path.trial: end.verdict for path in paths if dict(path.segments)[end.branch] > end.last_step}

    def cards_of(self, path: TrialPath) -> list[tuple[int, Scorecard]]:
        """(step, scorecard) of the trial's scored checkpoints so far, by rising step."""
        cards = ((s, c) for branch, last in path.segments for s, c in self._cards[branch].items() if s <= last)
        return sorted(cards, key=lambda pair: pair[0])

    def _news(self, paths: Iterable[TrialPath], verdicts: dict[str, Verdict]) -> tuple[TrialNews, ...]:
        news = []
        for path in paths:
            state = trial_state(path, self._ended, self._reached)
            new_state = state if state is not self._states[path.trial] else None
            verdict = verdicts.get(path.trial)
            new_verdict = verdict if verdict != self._verdicts.get(path.trial) else None
            self._states[path.trial] = state
            if new_verdict is not None:
                self._verdicts[path.trial] = new_verdict
            if new_state is not None or new_verdict is not None:
                news.append(TrialNews(path.trial, new_state, new_verdict))
        return tuple(news)
