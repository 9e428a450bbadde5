"""The running verdict of one branch: its scorecards, its ancestors', and when it is over."""

from __future__ import annotations

from collections.abc import Sequence

from dbsweep.config.schema import Evaluate
from dbsweep.records import Scorecard, Verdict, VerdictState
from dbsweep.selection.stopping import should_stop
from dbsweep.selection.verdict import judge


class Judgement:
    """Judges a branch after each scorecard, as if its path had been trained in one go.

    Args:
        lineage: (step, scorecard) of the ancestors up to the fork, by rising step.
        base: scorecard of the untrained model.
        evaluate: says whether and how patiently an overtrained branch is ended.
    """

    def __init__(self, lineage: Sequence[tuple[int, Scorecard]], base: Scorecard, evaluate: Evaluate) -> None:
        self._cards = list(lineage)
        self._base = base
        self._evaluate = evaluate
        # Only the latest verdicts decide about the end: the ancestors' earlier ones are not judged again.
        seen = range(max(1, len(lineage) + 1 - evaluate.patience), len(lineage) + 1)
        self._verdicts = [judge(self._cards[:count], base, finished=False) for count in seen]

    def add(self, step: int, card: Scorecard, *, finished: bool) -> Verdict:
        """The verdict with one more scorecard; ``finished`` at the last step of the branch."""
        self._cards.append((step, card))
        self._verdicts.append(judge(self._cards, self._base, finished=finished))
        return self._verdicts[-1]

    @property
    def over(self) -> bool:
        """Whether the branch should end now."""
        collapsed = bool(self._verdicts) and self._verdicts[-1].state is VerdictState.COLLAPSED
        asked = self._evaluate.stop_overtrained or collapsed
        return asked and should_stop(self._verdicts, self._evaluate.patience)
