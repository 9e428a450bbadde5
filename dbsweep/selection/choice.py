"""The checkpoint to recommend: best utility, or less training where that is shown to cost next to nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dbsweep.config.choosing import Choosing
from dbsweep.config.messages import counted
from dbsweep.errors import RunError
from dbsweep.records.choice import Candidate, Choice, Reweighted, Rival
from dbsweep.records.names import Metric
from dbsweep.records.plan import TrialPath
from dbsweep.records.results import Checkpoint, Scorecard
from dbsweep.selection.differences import StepBack, step_back, utility_difference, utility_lead
from dbsweep.selection.explanation import Outcome, explain, what_would_change
from dbsweep.selection.front import pareto_front
from dbsweep.selection.resampling import RESAMPLES
from dbsweep.selection.smoothing import choosable
from dbsweep.selection.utility import JUDGED, Utility

FACTORS = (0.5, 2.0, 0.25, 4.0)
"""Changes of a weight that the sensitivity of the choice is tried with, the smallest first."""

RIVALS = 3
"""Other trials whose best checkpoints are compared with the choice."""


@dataclass(frozen=True, slots=True)
class ChoiceSettings:
    """How the choice is made.

    Attributes:
        standard_errors: how far below the best utility an earlier checkpoint may lie, in standard errors of the
            paired difference; 0 takes the best.
        tolerance: the most utility that it may be expected to lose (`StepBack.expected_loss`); 0 takes the best.
        resamples: bootstrap draws.
        seed: of the bootstrap.
    """

    standard_errors: float = 1.0
    tolerance: float = 0.02
    resamples: int = RESAMPLES
    seed: int = 0


def choice_settings(choosing: Choosing) -> ChoiceSettings:
    """The settings that a `choose` section states."""
    return ChoiceSettings(standard_errors=choosing.standard_errors, tolerance=choosing.tolerance)


@dataclass(frozen=True, slots=True)
class Entry:
    """A candidate, and what it was measured by.

    Attributes:
        sound: every metric that counts is a number.
        shortfall: from meeting the constraints, see `Utility.shortfall`.
        finalist: not left behind in the race.
    """

    row: Candidate
    branch: str
    card: Scorecard
    sound: bool
    shortfall: float
    finalist: bool = True


@dataclass(frozen=True, slots=True)
class Pick:
    """Entries by rank, the one that is chosen, and the step back to it if it is not the first."""

    ranked: tuple[Entry, ...]
    best: Entry
    back: StepBack | None


Candidates = Sequence[tuple[str, Checkpoint, Scorecard]]


def _check(candidates: Candidates, utility: Utility) -> None:
    """RunError where nothing can be compared."""
    if not candidates:
        raise RunError(
            "no checkpoint of this run has been scored, so there is none to choose; see why its trials failed"
        )
    if not utility.weights:
        names = " and ".join(metric.value for metric in utility.unmeasurable if metric in JUDGED)
        raise RunError(
            f"{names} cannot be measured with this base model and encoder, and nothing else counts (choose.weights): "
            "no checkpoint can be called the best"
        )


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
    that scatter is else the luckiest.

    Candidates that meet the constraints go before those that do not, and these by how much they miss (Deb 2000, "An
    efficient constraint handling method for genetic algorithms", section 3); then the utility decides. The best one
    gives way to the earliest checkpoint *of the same training* that is no worse but for chance, that can be shown to
    lose next to nothing, and whose constraints are no worse: steps of trainings with other learning rates do not
    compare. No worse but for chance is the one-standard-error rule (Breiman et al. 1984, "Classification and Regression
    Trees", section 3.4.3) with the standard error of the difference of the two utilities, by a bootstrap that resamples
    prompts and seeds of each metric together for both checkpoints. Alone it would go the further back the fewer images
    there are, since a wide error hides any loss (Altman & Bland 1995, "Absence of evidence is not evidence of
    absence"); so the expected loss must also be within a tolerance. Constraints are asked of the means, not of their
    intervals.

    Policies: what cannot be measured has no say, and a candidate with any other NaN has utility 0 and is never chosen
    (`dbsweep.selection.utility`). Equal utilities go to the fewer steps, then to the trial and checkpoint that come
    first in the alphabet; where all utilities are 0, to the highest identity. Too few samples (one a metric) give no
    standard error: then the best utility wins. Candidates come in any order; the choice does not depend on it.

    Args:
        candidates: (trial id, checkpoint, its scorecard), one for each distinct checkpoint; the trial is the one
            whose settings the person would be told. Those whose weights are not kept are no candidates, but neighbours.
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
    _check(candidates, utility)
    pick = pick_smoothed(candidates, utility, paths, settings, finalists)
    if not pick.best.sound:
        raise RunError(
            f"of {counted(len(candidates), 'scored checkpoint')} none has scores that are numbers: their images are "
            "blank, or the base model's were; lower `learning_rate`, or check the base model and the encoder"
        )
    rows = tuple(entry.row for entry in pick.ranked)
    unsound = sum(not entry.sound for entry in pick.ranked)
    left = None if finalists is None else sum(entry.sound and entry.finalist for entry in pick.ranked)
    outcome = Outcome(pick.best.row, rows, pick.back, utility, unsound, left)
    rivals = _rivals(pick, utility, settings)

    def taken(changed: Utility) -> Candidate:
        return pick_smoothed(candidates, changed, paths, settings).best.row

    # Those that have left the race may look better on their few images as it is: then no change makes them win.
    as_it_is = (pick.best.row.checkpoint, taken(utility).checkpoint)
    sensitivity = _sensitivity(utility, taken, as_it_is)
    free = taken(replace(utility, constraints=()))
    return Choice(
        best=pick.best.row,
        reason=explain(outcome),
        candidates=rows,
        formula=utility.formula,
        rivals=rivals,
        sensitivity=sensitivity,
        changes=what_would_change(outcome, rivals, sensitivity, FACTORS, None if free.checkpoint in as_it_is else free),
    )


def pick_smoothed(
    candidates: Candidates,
    utility: Utility,
    paths: Sequence[TrialPath],
    settings: ChoiceSettings,
    finalists: Collection[str] | None = None,
) -> Pick:
    """What `choose` takes of candidates, at least one, that have been smoothed; what is taken may be unsound."""
    values = np.array([[card.value(metric) for metric in JUDGED] for _, _, card in candidates])
    values[:, [metric in utility.unmeasurable for metric in JUDGED]] = 1.0
    front = pareto_front(values)
    entries = [
        _entry(*each, utility, on_front=bool(on_front), finalist=finalists is None or each[1].id in finalists)
        for each, on_front in zip(candidates, front, strict=True)
    ]
    ranked = tuple(sorted(entries, key=_rank))
    return Pick(ranked, *_earliest_equal(ranked, utility, paths, settings))


def _entry(
    trial: str, checkpoint: Checkpoint, card: Scorecard, utility: Utility, *, on_front: bool, finalist: bool
) -> Entry:
    row = Candidate(
        trial=trial,
        checkpoint=checkpoint.id,
        step=checkpoint.step,
        epoch=checkpoint.epoch,
        identity=card.value(Metric.IDENTITY),
        style=card.value(Metric.STYLE),
        prior=card.value(Metric.PRIOR),
        utility=utility.value_of(card),
        on_front=on_front,
        unmet=tuple(str(limit) for limit in utility.unmet(card)),
    )
    counted = [card.value(metric) for metric in utility.weights]
    sound = bool(counted) and bool(np.isfinite(counted).all())
    return Entry(row, checkpoint.branch, card, sound, utility.shortfall(card), finalist)


def _rank(entry: Entry) -> tuple[bool, bool, float, float, float, int, str, str]:
    row = entry.row
    hopeless = -row.identity if row.utility == 0.0 and np.isfinite(row.identity) else 0.0
    place = (entry.shortfall, -row.utility, hopeless, row.step, row.trial, row.checkpoint)
    return (not entry.sound, not entry.finalist, *place)


def _earliest_equal(
    ranked: Sequence[Entry], utility: Utility, paths: Sequence[TrialPath], settings: ChoiceSettings
) -> tuple[Entry, StepBack | None]:
    """The earliest entry of the best one's training that costs next to nothing, and the step back to it."""
    best = ranked[0]
    way = _way_to(best, paths)
    earlier = [entry for entry in ranked[1:] if entry.row.utility > 0.0 and entry.row.step <= way.get(entry.branch, 0)]
    allowed = [entry for entry in earlier if entry.shortfall <= best.shortfall and entry.finalist]
    for entry in sorted(allowed, key=lambda entry: entry.row.step):
        back = step_back(best.card, entry.card, utility, settings.resamples, settings.seed)
        if back.lead <= settings.standard_errors * back.error and back.expected_loss <= settings.tolerance:
            return entry, back
    return best, None


def _way_to(best: Entry, paths: Sequence[TrialPath]) -> dict[str, int]:
    """Through which branches, and up to which step of each, the best entry's weights were trained, itself left out."""
    way: dict[str, int] = {}
    through = next((path for path in paths if any(branch == best.branch for branch, _ in path.segments)), None)
    for branch, last_step in through.segments if through is not None else ():
        if branch == best.branch:
            break
        way[branch] = last_step  # a branch has one parent, so that all trials come the same way
    return way | {best.branch: best.row.step - 1}


def _rivals(pick: Pick, utility: Utility, settings: ChoiceSettings) -> tuple[Rival, ...]:
    """The best checkpoints of other trials that could have been chosen."""
    firsts: dict[str, Entry] = {}
    for entry in pick.ranked:
        if entry.row.utility > 0.0 and entry.shortfall <= pick.best.shortfall:
            firsts.setdefault(entry.row.trial, entry)
    others = [entry for trial, entry in firsts.items() if trial not in (pick.best.row.trial, pick.ranked[0].row.trial)]
    return tuple(_rival(pick.best, entry, utility, settings) for entry in others[:RIVALS])


def _rival(best: Entry, entry: Entry, utility: Utility, settings: ChoiceSettings) -> Rival:
    low, high = utility_lead(best.card, entry.card, utility, settings.resamples, settings.seed)
    lead = utility_difference(best.card, entry.card, utility)
    return Rival(
        candidate=entry.row, lead=lead, low=low, high=high, needs=_needs(entry, entry.row.utility + lead, utility)
    )


def _needs(entry: Entry, target: float, utility: Utility) -> tuple[Metric, float] | None:
    """The value of its weakest metric with which an entry's utility would be `target`, the others as they are.

    The weakest is the one that would help most if it were whole. None where even that would not do, or where the target
    is 0, as it may be over the few images that a finalist of the race shares with the entry.
    """
    scores = {metric: entry.card.value(metric) for metric in utility.weights}
    weakest = max(scores, key=lambda metric: utility.value({**scores, metric: utility.enough(metric)}))
    level = utility.needed(weakest, scores, target)
    return (weakest, level) if np.isfinite(level) else None


def _sensitivity(
    utility: Utility, taken: Callable[[Utility], Candidate], as_it_is: Collection[str]
) -> tuple[Reweighted, ...]:
    if len(utility.weights) < 2:
        return ()
    found = []
    for metric in utility.weights:
        for factor in FACTORS:
            other = taken(utility.reweighted(metric, factor))
            if other.checkpoint not in as_it_is:
                found.append(Reweighted(metric=metric, factor=factor, best=other))
                break
    return tuple(found)
