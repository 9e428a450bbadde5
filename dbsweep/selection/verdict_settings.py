"""When a verdict calls a training overtrained, ready or collapsed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dbsweep.config.choosing import Judging, Weights
from dbsweep.records.names import Metric
from dbsweep.selection.resampling import RESAMPLES

WATCHED = (Metric.STYLE, Metric.PRIOR)
"""What overtraining destroys."""


@dataclass(frozen=True)
class VerdictSettings:
    """The thresholds of a verdict.

    Identity, style and prior are on the scale 0 to 1 of `dbsweep.records.names.Metric`.

    Attributes:
        drop: smallest fall of style or prior that matters, in units of the base model's.
        enough_style, enough_prior: mean style and prior above which there is nothing to lose. Samples keep their
            scatter around them.
        identity_gain: a rise of identity below this is none.
        fair_price: a fall of x is worth a rise of identity of at least `fair_price` · x.
        lost_level: style at or below this is lost, which no rise of identity is worth: pictures of a style are then
            plain ones of the subject.
        error: chance that a training in which nothing changes is ever called overtrained.
        planned_looks: number of checkpoints that will be judged, as far as known; `error` is shared among them (see
            `dbsweep.selection.overtraining.look_share`). It holds for more looks too, which then see less. Set it with
            `for_looks`.
        ready_identity: from here on the subject counts as learned.
        collapsed_level: identity, style and prior all at or below this is noise.
        collapsed_quality: image quality at or below this is noise, blur or burnt colours. Noise scores about 0.45 where
            whole pictures in other poses and styles score 0.85 and more (`dbsweep.scoring.quality`).
        watched: what of style and prior has a say: what weighs nothing in the choice ends no training either.
        resamples: bootstrap draws.
        seed: of the bootstrap.
    """

    drop: float = 0.15
    enough_style: float = 0.7
    enough_prior: float = 0.5
    identity_gain: float = 0.05
    fair_price: float = 0.5
    lost_level: float = 0.2
    error: float = 0.05
    planned_looks: int = 10
    ready_identity: float = 0.5
    collapsed_level: float = 0.1
    collapsed_quality: float = 0.5
    watched: tuple[Metric, ...] = WATCHED
    resamples: int = RESAMPLES
    seed: int = 0

    @classmethod
    def stated(cls, judging: Judging, weights: Weights | None = None) -> VerdictSettings:
        """As the experiment file's `verdict` section states them, and the `choose` section's weights."""
        weighs = (weights or Weights()).model_dump()
        return cls(**judging.model_dump(), watched=tuple(metric for metric in WATCHED if weighs[metric] > 0.0))

    def for_looks(self, count: int) -> VerdictSettings:
        """The same settings for a training with this number of evaluated checkpoints (a branch's with its parents')."""
        return replace(self, planned_looks=max(count, 1))
