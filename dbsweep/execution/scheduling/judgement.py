"""The running verdict of one branch: its scorecards, its ancestors', and when it is over."""

from __future__ import annotations

from collections.abc import Sequence

from dbsweep.execution.jobs import BranchJob
from dbsweep.records.results import Scorecard, Verdict
from dbsweep.selection.stopping import FEWEST, should_stop
from dbsweep.selection.verdict import judge
from dbsweep.selection.verdict_settings import VerdictSettings


class Judgement:
    """Judges a branch after each scorecard, as if its path had been trained in one go.

    Its evaluations and its ancestors' share the verdict's chance of error.

    Args:
        job: the branch, its fork's lineage and whether and how patiently an overtrained branch is ended.
        base: scorecard of the untrained model.
    """

    def __init__(self, job: BranchJob, base: Scorecard) -> None:
        lineage = job.fork.lineage if job.fork is not None else ()
        evaluations = sum(milestone.evaluate for milestone in job.branch.milestones)
        self._evaluate = job.sweep.experiment.evaluate
        stated = VerdictSettings.stated(job.sweep.experiment.verdict, job.sweep.experiment.choose.weights)
        self._settings = stated.for_looks(len(lineage) + evaluations)
        self._cards = list(lineage)
        self._base = base
        self._steps_per_epoch = job.branch.steps_per_epoch
        # Only the latest verdicts decide about the end: the ancestors' earlier ones are not judged again.
        seen = range(max(1, len(lineage) - max(self._evaluate.patience, FEWEST)), len(lineage) + 1)
        self._verdicts = [self._judge(self._cards[:n], finished=False) for n in seen]

    def add(self, step: int, card: Scorecard, *, finished: bool) -> Verdict:
        """The verdict with one more scorecard; ``finished`` at the last step of the branch."""
        self._cards.append((step, card))
        self._verdicts.append(self._judge(self._cards, finished=finished))
        return self._verdicts[-1]

    def _judge(self, cards: Sequence[tuple[int, Scorecard]], *, finished: bool) -> Verdict:
        return judge(
            cards,
            self._base,
            finished=finished,
            steps_per_epoch=self._steps_per_epoch,
            settings=self._settings,
        )

    @property
    def over(self) -> bool:
        """Whether the branch should end now; before its first step where its ancestors' verdicts say so at the fork."""
        evaluate = self._evaluate
        return should_stop(self._verdicts, evaluate.patience, stop_overtrained=evaluate.stop_overtrained)

    @property
    def evidence(self) -> str:
        """Of the latest verdict, an ancestor's where there is none yet; empty without any."""
        return self._verdicts[-1].evidence if self._verdicts else ""
