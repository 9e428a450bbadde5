"""Which checkpoint is taken: the best utility, or less training where that is shown to cost next to nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from dbsweep.config.choosing import Choosing
from dbsweep.records.choice import Candidate
from dbsweep.records.names import Metric
from dbsweep.records.plan import TrialPath
from dbsweep.records.results import Checkpoint, Scorecard
from dbsweep.selection.differences import StepBack, step_back
from dbsweep.selection.front import pareto_front
from dbsweep.selection.resampling import RESAMPLES
from dbsweep.selection.utility import JUDGED, Utility

Candidates = Sequence[tuple[str, Checkpoint, Scorecard]]
"""(trial id, checkpoint, its scorecard), one for each distinct checkpoint."""


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
    tolerance: float = 0.005
    resamples: int = RESAMPLES
    seed: int = 0


def choice_settings(choosing: Choosing) -> ChoiceSettings:
    """The settings that a `choose` section states."""
    return ChoiceSettings(standard_errors=choosing.standard_errors, tolerance=choosing.tolerance)


@dataclass(frozen=True, slots=True)
class Entry:
    """A candidate, and what it was measured by.

    Attributes:
        sound: every metric that counts is a number, and the images are not noise.
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


def pick_smoothed(
    candidates: Candidates,
    utility: Utility,
    paths: Sequence[TrialPath],
    settings: ChoiceSettings,
    finalists: Collection[str] | None = None,
) -> Pick:
    """What `dbsweep.selection.choice.choose` takes of candidates that have been smoothed, at least one.

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

    Policies: what cannot be measured has no say, and a candidate with any other NaN, or of noise, has utility 0 and
    goes last (`dbsweep.selection.utility`): what is taken is unsound only where all are. Equal utilities go to the
    fewer steps, then to the trial and checkpoint that come first in the alphabet; where all utilities are 0, to the
    highest identity. Too few samples (one a metric) give no standard error: then the best utility wins. The order of
    the candidates does not matter.
    """
    ranked = rank_smoothed(candidates, utility, finalists)
    return Pick(ranked, *_earliest_equal(ranked, utility, paths, settings))


def rank_smoothed(
    candidates: Candidates, utility: Utility, finalists: Collection[str] | None = None
) -> tuple[Entry, ...]:
    """The candidates of `pick_smoothed`, best first."""
    values = np.array([[card.value(metric) for metric in JUDGED] for _, _, card in candidates])
    missing = [metric in utility.unmeasurable for metric in JUDGED] | np.isnan(values).all(axis=0)
    values[:, missing] = 1.0  # what nobody has cannot keep anybody off the front
    values[[utility.is_noise(card) for _, _, card in candidates]] = np.nan
    front = pareto_front(values)
    entries = [
        _entry(*each, utility, on_front=bool(on_front), finalist=finalists is None or each[1].id in finalists)
        for each, on_front in zip(candidates, front, strict=True)
    ]
    return tuple(sorted(entries, key=_rank))


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
    sound = bool(counted) and bool(np.isfinite(counted).all()) and not utility.is_noise(card)
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
    """Through which branches, and up to which step of each, the best entry's weights were trained."""
    way: dict[str, int] = {}
    through = next((path for path in paths if any(branch == best.branch for branch, _ in path.segments)), None)
    for branch, last_step in through.segments if through is not None else ():
        if branch == best.branch:
            break
        way[branch] = last_step  # a branch has one parent, so that all trials come the same way
    return way | {best.branch: best.row.step}
