"""What a checkpoint is worth to the person, as the experiment file states it.

One policy for numbers that are missing, for every place that shows or uses a utility. A metric that is NaN on the
untrained model's own card cannot be measured with this base model and encoder: it is left out of the mean, and a
constraint on it is not asked. Any other NaN is a fault of the checkpoint: its utility is 0 and a constraint on it
is not met. So is the utility of images that the verdict takes for noise, whatever they score: an encoder gives noise no
fixed place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from dbsweep.config.choosing import Choosing, Constraint, Judging
from dbsweep.records.names import BASE, Metric
from dbsweep.records.results import Scorecard
from dbsweep.records.run import RunRecord
from dbsweep.selection.resampling import Floats

JUDGED = (Metric.IDENTITY, Metric.STYLE, Metric.PRIOR)
"""What the utility is made of."""


@dataclass(frozen=True, slots=True)
class Utility:
    """The weighted harmonic mean of identity, style times identity, and prior, and constraints.

    A picture in a style is worth something as far as it shows the subject, so style counts times identity, where that
    counts too.

    Attributes:
        weights: of the metrics that count, each above 0; those that cannot be measured are not among them.
        enough_style, enough_prior: style and prior count as 1 from here on.
        constraints: those that can be checked.
        unmeasurable: metrics that would have counted or been constrained but are NaN on the base model's card.
        noise_quality: image quality at or below which images are noise.
    """

    weights: Mapping[Metric, float] = field(default_factory=lambda: dict.fromkeys(JUDGED, 1.0))
    constraints: tuple[Constraint, ...] = ()
    unmeasurable: tuple[Metric, ...] = ()
    enough_style: float = 1.0
    enough_prior: float = 1.0
    noise_quality: float = 0.0

    def value(self, scores: Mapping[Metric, float]) -> float:
        """Σw / Σ(w/x) with each x in units of what is enough of it, clipped to [0, 1], and style then times identity.

        0 if one of them is NaN, missing or not above 0.
        """
        counted = [scores.get(metric, math.nan) for metric in self.weights]
        if not counted or not all(value > 0.0 for value in counted):
            return 0.0
        return float(self.values({metric: np.asarray(scores[metric]) for metric in self.weights}))

    def values(self, scores: Mapping[Metric, Floats]) -> Floats:
        """`value` of arrays of finite scores, element by element; 1e-9 of a metric in place of less."""
        counted = {metric: np.clip(scores[metric] / self.enough(metric), 1e-9, 1.0) for metric in self.weights}
        if Metric.IDENTITY in counted and Metric.STYLE in counted:
            counted[Metric.STYLE] = counted[Metric.STYLE] * counted[Metric.IDENTITY]
        parts = [weight / counted[metric] for metric, weight in self.weights.items()]
        return np.asarray(sum(self.weights.values()) / np.sum(parts, axis=0), dtype=np.float64)

    def needed(self, metric: Metric, scores: Mapping[Metric, float], target: float) -> float:
        """The score of a metric with which the value would be `target`, the others as they are; infinite if none would.

        1 / value is linear in 1 / x, so two of its values tell the rest.
        """
        enough = self.enough(metric)
        whole, half = (self.value({**scores, metric: share * enough}) for share in (1.0, 0.5))
        if not whole >= target > 0.0:
            return math.inf
        slope = 1.0 / half - 1.0 / whole
        if slope == 0.0:  # of next to no weight: any score will do
            return enough
        return enough * slope / (1.0 / target - 1.0 / whole + slope)

    def enough(self, metric: Metric) -> float:
        """The score from which on more of a metric is no better."""
        return {Metric.STYLE: self.enough_style, Metric.PRIOR: self.enough_prior}.get(metric, 1.0)

    def value_of(self, card: Scorecard) -> float:
        """`value` of the means of a scorecard; 0 of noise."""
        return 0.0 if self.is_noise(card) else self.value({m: score.value for m, score in card.scores.items()})

    def is_noise(self, card: Scorecard) -> bool:
        """Whether the images are noise, blurred or burnt, by their quality if that was measured."""
        return Metric.QUALITY in card.scores and card.value(Metric.QUALITY) <= self.noise_quality

    def unmet(self, card: Scorecard) -> tuple[Constraint, ...]:
        """The constraints that a scorecard does not meet."""
        return tuple(limit for limit in self.constraints if _shortfall(limit, card) > 0.0)

    def shortfall(self, card: Scorecard) -> float:
        """How far a scorecard is from meeting all constraints: the sum over them, in the metrics' units.

        Infinite for noise, if there are any.
        """
        return sum(math.inf if self.is_noise(card) else _shortfall(limit, card) for limit in self.constraints)

    def reweighted(self, metric: Metric, factor: float) -> Utility:
        """The same with one weight multiplied."""
        return replace(self, weights={**self.weights, metric: factor * self.weights[metric]})

    @property
    def formula(self) -> str:
        """In words: ``harmonic mean of identity, style times identity (0.7 of style is enough) and prior``."""
        both = Metric.IDENTITY in self.weights
        terms = [_term(metric, weight, self.enough(metric), both) for metric, weight in self.weights.items()]
        if len(terms) == 1:
            metric = next(iter(self.weights))
            return _term(metric, 1.0, self.enough(metric), both)
        return f"harmonic mean of {', '.join(terms[:-1])} and {terms[-1]}"


def _term(metric: Metric, weight: float, enough: float, with_identity: bool) -> str:
    coupled = metric is Metric.STYLE and with_identity
    name = f"{metric.value} times {Metric.IDENTITY.value}" if coupled else metric.value
    said = [f"weight {weight:g}"] if weight != 1.0 else []
    if enough < 1.0:
        said.append(f"{enough:g} of {metric.value} is enough" if coupled else f"{enough:g} is enough")
    return f"{name} ({', '.join(said)})" if said else name


def _shortfall(limit: Constraint, card: Scorecard) -> float:
    return limit.shortfall(card.value(limit.metric) if limit.metric in card.scores else math.nan)


def utility_for(choosing: Choosing, base: Scorecard | None, judging: Judging | None = None) -> Utility:
    """The utility that a `choose` section states.

    Args:
        judging: the `verdict` section, which says what is noise; its defaults when None.
        base: the untrained model's card, which tells what cannot be measured; None while it is not known.
    """
    stated = {metric: float(getattr(choosing.weights, metric.value)) for metric in JUDGED}
    asked = [metric for metric in Metric if stated.get(metric, 0.0) > 0.0 or _limits(choosing, metric)]
    missing = tuple(metric for metric in asked if base is not None and _is_missing(base, metric))
    return Utility(
        weights={metric: weight for metric, weight in stated.items() if weight > 0.0 and metric not in missing},
        constraints=tuple(limit for limit in choosing.limits if limit.metric not in missing),
        unmeasurable=missing,
        enough_style=choosing.enough_style,
        enough_prior=choosing.enough_prior,
        noise_quality=(judging or Judging()).collapsed_quality,
    )


def _limits(choosing: Choosing, metric: Metric) -> bool:
    return any(limit.metric is metric for limit in choosing.limits)


def _is_missing(base: Scorecard, metric: Metric) -> bool:
    return metric not in base.scores or math.isnan(base.value(metric))


def utility_of(record: RunRecord) -> Utility:
    """The utility of a run: its experiment file's, less what could not be measured."""
    # Runs from before there were these sections have none.
    choosing = Choosing.model_validate(record.experiment.get("choose") or {})
    judging = Judging.model_validate(record.experiment.get("verdict") or {})
    return utility_for(choosing, record.scorecards.get(BASE), judging)
