"""The checkpoint to recommend, why it is taken, and what would change that."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace

from dbsweep.config.messages import counted
from dbsweep.errors import RunError
from dbsweep.records.choice import Candidate, Choice
from dbsweep.records.plan import TrialPath
from dbsweep.selection.alternatives import FACTORS, rivals_of, sensitivity_of
from dbsweep.selection.explanation import Outcome, explain, what_would_change
from dbsweep.selection.pick import Candidates, ChoiceSettings, Pick, pick_smoothed
from dbsweep.selection.smoothing import choosable
from dbsweep.selection.utility import JUDGED, Utility


def choose(
    candidates: Candidates,
    *,
    utility: Utility | None = None,
    paths: Sequence[TrialPath] = (),
    settings: ChoiceSettings | None = None,
    finalists: Collection[str] | None = None,
) -> Choice:
    """Recommend one checkpoint of a sweep.

    What is compared are scores as the neighbours in training say too (`dbsweep.selection.smoothing`): the best of many
    that scatter is else the luckiest. Which one is then taken, and the policies for NaN, ties and too few samples, are
    those of `pick_smoothed`.

    Args:
        candidates: in any order. Those whose weights are not kept are no candidates, but neighbours. The trial is the
            one whose settings the person would be told.
        utility: what counts; equal weights and no constraints when None.
        paths: the plan's; with them, checkpoints of the branches that the best one was forked from count as
            earlier ones of the same training. Without, only those of its own branch.
        settings: `ChoiceSettings()` when None.
        finalists: ids of the checkpoints that a race has left, with equally many samples (`dbsweep.selection.race`):
            only they can be chosen, and the others, of fewer samples, are listed behind them. All when None.

    Raises:
        RunError: there are no candidates, none has finite scores, or nothing that counts can be measured.
    """
    settings, utility, candidates = settings or ChoiceSettings(), utility or Utility(), choosable(candidates)
    pick = _pick(candidates, utility, paths, settings, finalists)

    def taken(changed: Utility) -> Candidate:
        return pick_smoothed(candidates, changed, paths, settings).best.row

    # Those that have left the race may look better on their few images as it is: then no change makes them win.
    as_it_is = (pick.best.row.checkpoint, taken(utility).checkpoint)
    free = taken(replace(utility, constraints=()))
    outcome = _outcome(pick, utility, has_raced=finalists is not None)
    rivals, sensitivity = rivals_of(pick, utility, settings), sensitivity_of(utility, taken, as_it_is)
    return Choice(
        best=pick.best.row,
        reason=explain(outcome),
        candidates=outcome.ranked,
        formula=utility.formula,
        rivals=rivals,
        sensitivity=sensitivity,
        changes=what_would_change(outcome, rivals, sensitivity, FACTORS, None if free.checkpoint in as_it_is else free),
    )


def best_of(
    candidates: Candidates,
    *,
    utility: Utility | None = None,
    settings: ChoiceSettings | None = None,
    finalists: Collection[str] | None = None,
) -> Candidate:
    """The checkpoint that `choose` recommends, without its reasons, which take most of the time; all else as there."""
    return _pick(choosable(candidates), utility or Utility(), (), settings or ChoiceSettings(), finalists).best.row


def _pick(
    candidates: Candidates,
    utility: Utility,
    paths: Sequence[TrialPath],
    settings: ChoiceSettings,
    finalists: Collection[str] | None,
) -> Pick:
    """What is taken of smoothed candidates; RunError where that cannot be told, or is of no use."""
    _check(candidates, utility)
    pick = pick_smoothed(candidates, utility, paths, settings, finalists)
    _check_sound(pick)
    return pick


def _check(candidates: Candidates, utility: Utility) -> None:
    """RunError where nothing can be compared."""
    if not candidates:
        raise RunError(
            "no checkpoint of this run has scores that are numbers, and none can be chosen; `dbsweep trials` says why"
        )
    if not utility.weights:
        names = " and ".join(metric.value for metric in utility.unmeasurable if metric in JUDGED)
        raise RunError(
            f"{names} cannot be measured with this base model and encoder, and nothing else counts (choose.weights): "
            "no checkpoint can be called the best"
        )


def _check_sound(pick: Pick) -> None:
    """RunError where even the best one cannot be chosen."""
    if not pick.best.sound:
        raise RunError(
            f"of {counted(len(pick.ranked), 'scored checkpoint')} none has scores that are numbers: their images are "
            "blank or noise (verdict.collapsed_quality), or the base model's were; lower `learning_rate`, or check the "
            "base model and the encoder"
        )


def _outcome(pick: Pick, utility: Utility, *, has_raced: bool) -> Outcome:
    """What is said about the choice, put together."""
    ranked = tuple(entry.row for entry in pick.ranked)
    unsound = sum(not entry.sound for entry in pick.ranked)
    left = sum(entry.sound and entry.finalist for entry in pick.ranked) if has_raced else None
    card = pick.best.card
    values = {metric: score.value for metric, score in card.scores.items()}
    missed = tuple((limit, values.get(limit.metric, math.nan)) for limit in utility.unmet(card))
    return Outcome(pick.best.row, ranked, pick.back, utility, missed, unsound, left)
