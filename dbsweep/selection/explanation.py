"""The choice in plain words: what was chosen, against what, and what would change it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dbsweep.config.choosing import Constraint
from dbsweep.config.figures import apart, decimals, figure
from dbsweep.config.messages import counted
from dbsweep.records.choice import Candidate, Reweighted, Rival
from dbsweep.records.names import Metric
from dbsweep.selection.differences import StepBack
from dbsweep.selection.utility import JUDGED, Utility

_SCALES: Final = {
    Metric.IDENTITY: "your photos' identity",
    Metric.STYLE: "the base model's style",
    Metric.PRIOR: "the base model's prior",
}
_FACTORS: Final = {0.25: "a quarter as much", 0.5: "half as much", 2.0: "twice as much", 4.0: "four times as much"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was chosen and from what.

    Attributes:
        best: the chosen candidate.
        ranked: all candidates, those that meet the constraints first, best utility first.
        back: the step from `ranked[0]` to `best`; None where they are the same.
        utility: what counted.
        missed: each constraint that `best` does not meet, and what it has; NaN for nothing.
        unsound: number of candidates with NaN where the base model has numbers, or of noise.
        finalists: number of the others that a race has left, the first of `ranked`; None where there was no race.
    """

    best: Candidate
    ranked: tuple[Candidate, ...]
    back: StepBack | None
    utility: Utility
    missed: tuple[tuple[Constraint, float], ...]
    unsound: int
    finalists: int | None = None


def explain(outcome: Outcome) -> str:
    """Say what was chosen, against what, and what had no say."""
    sentences = [_chosen(outcome), _rank(outcome), *_constraints(outcome)]
    if outcome.utility.unmeasurable:
        names = " and ".join(metric.value for metric in outcome.utility.unmeasurable)
        sentences.append(f"With this base model and encoder {names} could not be measured and had no say.")
    if outcome.unsound:
        left_out = counted(outcome.unsound, "checkpoint")
        sentences.append(f"Left out: {left_out} whose scores are not numbers or whose images are noise.")
    return " ".join(sentences)


def _chosen(outcome: Outcome) -> str:
    best, utility = outcome.best, outcome.utility
    measured = [metric for metric in JUDGED if math.isfinite(_level(best, metric))]
    levels = [f"{figure(_level(best, metric), 2)} of {_SCALES[metric]}" for metric in measured]
    if len(levels) == len(JUDGED):
        levels[-1] = f"{figure(best.prior, 2)} of its prior"
    told, _ = apart(best.utility, outcome.ranked[0].utility)
    formula = f"the {utility.formula}" if len(utility.weights) > 1 else utility.formula
    return f"{_place(best)} has {_listed(levels)} (smoothed). Its utility is {told}: {formula}."


def _level(row: Candidate, metric: Metric) -> float:
    return {Metric.IDENTITY: row.identity, Metric.STYLE: row.style, Metric.PRIOR: row.prior}[metric]


def _rank(outcome: Outcome) -> str:
    best, top = outcome.best, outcome.ranked[0]
    sound = len(outcome.ranked) - outcome.unsound
    if all(row.utility == 0.0 for row in outcome.ranked):
        names = [metric.value for metric in outcome.utility.weights]
        all_above = f"{', '.join(names[:-1])} and {names[-1]} all" if len(names) > 1 else names[0]
        only = "nearest to the constraints" if outcome.utility.constraints else "one with most identity"
        return f"No checkpoint has {all_above} above 0; this is only the {only}."
    if sound == 1:
        return "It is the only checkpoint with scores and weights, so there was nothing to compare."
    count = sound if outcome.finalists is None else outcome.finalists
    what = "checkpoint" if outcome.finalists is None else "finalist"
    compared = f"{counted(count, what)}{'' if outcome.finalists is None else ' of the race'}"
    able = sum(not row.unmet for row in outcome.ranked[:count]) if not top.unmet else count
    meet = "meets" if able == 1 else "meet"
    among = compared if able == count else f"the {able} of {compared} that {meet} the constraints"
    if outcome.back is None:
        if top.unmet:
            return f"Of {compared} it comes nearest to the constraints."
        return f"That is the highest of {among}, and no earlier checkpoint of its training is shown to be as good."
    told, _ = apart(top.utility, best.utility)
    return (
        f"The highest of {among} is {told}, at step {top.step} of the same training. Step {best.step} is the earliest "
        f"that is as good up to chance (standard error {outcome.back.error:.3f}, expected loss "
        f"{outcome.back.expected_loss:.3f}), and less training is safer."
    )


def _constraints(outcome: Outcome) -> list[str]:
    if not outcome.utility.constraints:
        return []
    if outcome.missed:
        # One that has left the race, or has no number for something else, may meet them all.
        none = "No checkpoint" if all(row.unmet for row in outcome.ranked) else "None that could be chosen"
        missed = _listed([f"`{limit}` ({_short(limit, value)})" for limit, value in outcome.missed])
        return [f"{none} meets all constraints; this one misses {missed}."]
    return [f"It meets {_listed([f'`{limit}`' for limit in outcome.utility.constraints])}."]


def _short(limit: Constraint, value: float) -> str:
    """A value that is not allowed, with as many decimals as it takes to see that."""
    return "not a number" if math.isnan(value) else figure(value, decimals(value, limit.limit))


def what_would_change(
    outcome: Outcome,
    rivals: Sequence[Rival],
    sensitivity: Sequence[Reweighted],
    tried: Sequence[float],
    unconstrained: Candidate | None,
) -> tuple[str, ...]:
    """Sentences on how firm the choice is.

    Args:
        rivals: best checkpoints of other trials, best first.
        sensitivity: the changes of weight that change the choice.
        tried: the factors that were tried.
        unconstrained: what would be chosen without the constraints, if that is another.
    """
    sentences = [_rival(rival, outcome) for rival in rivals[:1]]
    if outcome.best.utility > 0.0 and len(outcome.utility.weights) > 1 and len(outcome.ranked) - outcome.unsound > 1:
        sentences += [
            f"If {r.metric.value} counted {_FACTORS[r.factor]}, {_place(r.best)} would win." for r in sensitivity
        ]
        if not sensitivity:
            span = f"from {_FACTORS[min(tried)]} to {_FACTORS[max(tried)]}"
            sentences.append(f"No single weight changes it, {span}.")
    if unconstrained is not None:
        told, _ = apart(unconstrained.utility, outcome.best.utility)
        sentences.append(f"Without the constraints {_place(unconstrained)}, with utility {told}, would be chosen.")
    return tuple(sentences)


def _rival(rival: Rival, outcome: Outcome) -> str:
    row = rival.candidate
    lead = f"The best of another trial is {_place(row)} with utility {row.utility:.2f}"
    differs = any(_level(row, metric) != _level(outcome.best, metric) for metric in outcome.utility.weights)
    if differs and rival.low == rival.high == 0.0:  # of whatever images: both have enough of it
        return f"{lead}, the same: what counts does not tell the two apart."
    if round(rival.low, 2) == round(rival.high, 2) == 0.0:
        return f"{lead}, the same: they differ by less than 0.01 with 95% confidence."
    if math.isfinite(rival.low):
        chance = "which may be chance" if rival.low <= 0.0 else "which is more than chance"
        how_much = _signed(rival.lead) if round(rival.lead, 2) else "as much"
        lead += f": {how_much} (95% interval {_signed(rival.low)} to {_signed(rival.high)}), {chance}"
    if rival.low <= 0.0:
        raced = row in outcome.ranked[: outcome.finalists or 0]  # it has drawn more than the first look has
        more = "evaluate.race.images_per_prompt" if raced else "evaluate.images_per_prompt"
        return f"{lead}. More images per prompt ({more}) can tell the two apart."
    if rival.needs is None:
        return f"{lead}."
    metric, value = rival.needs
    needed, has = apart(value, _level(row, metric))
    return f"{lead}. With {metric.value} {needed} instead of {has} it would draw level."


def _signed(value: float) -> str:
    rounded = round(value, 2) + 0.0
    return f"{abs(rounded):.2f} {'more' if rounded < 0.0 else 'less'}"


def _place(row: Candidate) -> str:
    return f"{row.trial} at epoch {row.epoch} (step {row.step})"


def _listed(texts: Sequence[str]) -> str:
    *rest, last = texts
    return f"{', '.join(rest)} and {last}" if rest else last
