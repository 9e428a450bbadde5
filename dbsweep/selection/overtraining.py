"""Since when a training gives away style or prior without getting identity for it.

A checkpoint is *given away* against an earlier one of the same path when style (or prior) is lower by at least
`VerdictSettings.drop`, and identity has gained less than a fair price for it. Identity and style fall and rise
together for a while in every DreamBooth; what matters is the exchange, not the fall. No gain pays for the last of the
style: where that is lost (`VerdictSettings.lost_level`), or the utility has fallen by `drop` too, the price was unfair.
It raises the alarm when the fall is also more than chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from dbsweep.records.names import Metric
from dbsweep.records.results import Scorecard
from dbsweep.selection.resampling import (
    Floats,
    mean_interval,
    resampled_means,
    resampling_weights,
    skew_corrected_means,
    small_sample_factor,
)
from dbsweep.selection.utility import Utility
from dbsweep.selection.verdict_settings import WATCHED, VerdictSettings


class Unfair(StrEnum):
    """Why a fall was no fair price for what identity gained; where several hold, the first of them."""

    UNPAID = "unpaid"  # identity gained too little
    LOST = "lost"  # nothing is left of the style
    RUINED = "ruined"  # all in all the checkpoint is worth less


@dataclass(frozen=True)
class Loss:
    """A fall of one metric between two checkpoints of a path.

    Attributes:
        before, after: positions in the sequence of scorecards.
        drop: the fall; low, high: its 95% interval, of this pair alone.
        gain: how much identity rose in between; unfair: why that does not pay for the fall.
    """

    metric: Metric
    before: int
    after: int
    drop: float
    low: float
    high: float
    gain: float
    unfair: Unfair


def find_overtraining(cards: Sequence[Scorecard], settings: VerdictSettings) -> Loss | None:
    """The first checkpoint from which style or prior is given away for good.

    An alarm that a later checkpoint takes back (style returns, or identity pays for it after all) does not count.

    Args:
        cards: the base model's first, then the path's by rising step; their samples are paired.

    Returns:
        The loss with the earliest `after`; of several, the one with the largest fall less the gain. None where there
        is none.
    """
    losses = _losses(cards, settings, range(1, len(cards)))
    return min(losses, key=lambda loss: (loss.after, loss.gain - loss.drop), default=None)


def raises_alarm(cards: Sequence[Scorecard], settings: VerdictSettings) -> bool:
    """Whether the latest checkpoint alone raises the alarm: a training is ever alarmed if one of its looks is."""
    last = len(cards) - 1
    return bool(_losses(cards, settings, range(last, last + 1)))


def look_share(look: int, planned: int) -> float:
    """The part of the error that the look-th look (from 1) may spend.

    1 / (planned + 1) up to the planned number, 1 / (look · (look + 1)) after it. Both parts together sum to 1 over any
    number of looks, as Σ_{k>p} 1/(k(k+1)) = 1/(p+1); alpha spending in the sense of Lan & DeMets 1983.
    """
    return 1.0 / (planned + 1) if look <= planned else 1.0 / (look * (look + 1))


def paired_samples(cards: Sequence[Scorecard], metric: Metric) -> Floats:
    """(n_cards, n_samples) of a metric; samples that some card misses (NaN) are left out for all.

    Raises:
        ValueError: the cards have different numbers of samples, so they are not paired.
    """
    samples = np.array([card.scores[metric].samples for card in cards], dtype=np.float64)
    return samples[:, np.isfinite(samples).all(axis=0)]


def _gains(cards: Sequence[Scorecard]) -> Floats:
    """(n, n) how much identity rose from the row's checkpoint to the column's."""
    identity = np.array([card.value(Metric.IDENTITY) for card in cards])
    return np.asarray(identity[None, :] - identity[:, None], dtype=np.float64)


def _worth(cards: Sequence[Scorecard], settings: VerdictSettings) -> Floats:
    """(n,) utility by what counts and the base model's card, the first, has as numbers.

    NaN of a card without identity, whose pictures show no face to measure it by, or whose encoder tells nobody apart.
    """
    counted = (Metric.IDENTITY, *settings.watched)
    measured = {metric: 1.0 for metric in counted if np.isfinite(_value(cards[0], metric))}
    utility = Utility(weights=measured, enough_style=settings.enough_style, enough_prior=settings.enough_prior)
    return np.array(
        [utility.value_of(card) if np.isfinite(_value(card, Metric.IDENTITY)) else np.nan for card in cards]
    )


def _value(card: Scorecard, metric: Metric) -> float:
    return card.value(metric) if metric in card.scores else float("nan")


def _losses(cards: Sequence[Scorecard], settings: VerdictSettings, looks: range) -> list[Loss]:
    worth = _worth(cards, settings)
    return [loss for metric in settings.watched for loss in _losses_of(metric, cards, worth, settings, looks)]


def _losses_of(
    metric: Metric, cards: Sequence[Scorecard], worth: Floats, settings: VerdictSettings, looks: range
) -> list[Loss]:
    """Those of the first look that has any: later ones are told by it."""
    samples = paired_samples(cards, metric)
    if samples.shape[1] < 2:
        return []  # not measurable with this base model and encoder: nothing can be said
    enough = most_that_counts(metric, settings)
    counted = samples - np.maximum(samples.mean(axis=1, keepdims=True) - enough, 0.0)
    unfair = _unfair(metric, counted.mean(axis=1), cards, worth, settings)
    given_away = np.logical_or.reduce(list(unfair.values()))
    for_good = np.logical_and.accumulate(given_away[:, ::-1], axis=1)[:, ::-1]  # at the column's and all later ones
    for after in looks:
        lasting = for_good[:after, after]
        if not lasting.any():
            continue  # spares the bootstrap
        real = np.flatnonzero(lasting & _real_drops(counted[: after + 1], settings))
        if real.size > 0:
            return [_loss(samples, cards, metric, int(before), after, unfair) for before in real]
    return []


def most_that_counts(metric: Metric, settings: VerdictSettings) -> float:
    """Mean of a watched metric above which there is nothing to lose."""
    return settings.enough_style if metric is Metric.STYLE else settings.enough_prior


def _unfair(
    metric: Metric, values: Floats, cards: Sequence[Scorecard], worth: Floats, settings: VerdictSettings
) -> dict[Unfair, npt.NDArray[np.bool_]]:
    """(n, n) each: why the checkpoint of the column gave something away against that of the row."""
    drop = values[:, None] - values[None, :]
    gains = _gains(cards)
    unpaid = gains < np.maximum(settings.identity_gain, settings.fair_price * drop)
    ruined = worth[:, None] - worth[None, :] >= settings.drop
    # Prior comes back as class images are trained, style does not. Without identity no exchange can be judged.
    lost = (metric is Metric.STYLE) & np.isfinite(gains) & (values[None, :] <= settings.lost_level)
    fell = drop >= settings.drop
    return {Unfair.UNPAID: fell & unpaid, Unfair.LOST: fell & lost, Unfair.RUINED: fell & ruined}


def _real_drops(samples: Floats, settings: VerdictSettings) -> npt.NDArray[np.bool_]:
    """(n_earlier,) whether each earlier row is above the last one by more than chance.

    One look compares with all earlier checkpoints at once, so the bootstrap is of the largest of the differences
    (Westfall & Young 1993); over looks and metrics `settings.error` is divided (Bonferroni, `look_share`).

    Where nothing changes two checkpoints scatter alike, and their difference as far up as down, however lopsided they
    are. The base model's prior is 1 in every sample: what differs from it is as lopsided as the checkpoint, and its
    mean is corrected for that.
    """
    tail = settings.error * look_share(len(samples) - 1, settings.planned_looks) / len(WATCHED)
    differences = samples[:-1] - samples[-1]
    drops = differences.mean(axis=1)
    weights = resampling_weights(samples.shape[1], settings.resamples, settings.seed)
    largest = (resampled_means(differences, weights) - drops[:, None]).max(axis=0)
    degrees = _degrees(len(differences), samples.shape[1])
    margin = np.quantile(largest, 1.0 - tail) * small_sample_factor(degrees, tail)
    is_exact = np.ptp(samples[:-1], axis=1) == 0.0
    return np.asarray(np.where(is_exact, skew_corrected_means(differences), drops) > margin, dtype=np.bool_)


def _degrees(comparisons: int, samples: int) -> int:
    """Degrees of freedom behind the spread of the largest of several differences.

    It is ruled by the widest of them, so all have a say; half of each is the scatter of the latest checkpoint, which
    they share, and images that change slowly add less still with every checkpoint, so more than 6 count as 6.
    """
    return min(max(comparisons, 2), 6) * (samples - 1) // 2


def _loss(
    samples: Floats,
    cards: Sequence[Scorecard],
    metric: Metric,
    before: int,
    after: int,
    unfair: Mapping[Unfair, npt.NDArray[np.bool_]],
) -> Loss:
    difference = samples[before] - samples[after]
    low, high = mean_interval(difference)
    gain = cards[after].value(Metric.IDENTITY) - cards[before].value(Metric.IDENTITY)
    why = next(each for each, holds in unfair.items() if holds[before, after])
    return Loss(metric, before, after, float(difference.mean()), low, high, gain, why)
