"""Where regret and misjudged onsets come from: what `benchmarks.selection` prints beside its results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks.selection_curves import CardData, SubjectCurves
from benchmarks.selection_detection import told_onset, true_onset
from benchmarks.selection_judge import worth
from benchmarks.selection_methods import Floats, Judged
from benchmarks.selection_ours import WAY
from benchmarks.selection_schedule import WAYS
from dbsweep.config.choosing import Choosing
from dbsweep.records.names import BASE, Metric
from dbsweep.selection.smoothing import smoothed
from dbsweep.selection.utility import utility_for


def causes(subjects: Sequence[Judged]) -> dict[str, Any]:
    """What the sweeps are like, and where the product sees other than the oracle.

    `best_at_rate`: subjects by the learning rate, and what else is swept, of their best checkpoint. `best_at_end`:
    those whose best checkpoint is the last of its training. `lost_with`: by the value of each swept setting, the
    oracle's utility of the best checkpoint of the sweep less that of the best one with this value, the mean over
    subjects. `chosen_at_rate`: subjects by the learning rate, and so on, of ours. `right_rate`: those whose choice has
    that of the best. `rank_agreement`: Spearman's correlation of the product's utility, of the first looks and
    smoothed, with the oracle's over the checkpoints of a sweep, and over the best half of them in the oracle's eyes,
    means over subjects. `identity_agreement`: the same of identity alone, ours and plain CLIP-I; `style_agreement`: of
    style, by itself and times identity; `prior_agreement`: of prior. `onsets_at_rate`: trainings by learning rate and
    whether the told onset is within one checkpoint of the true one, earlier, or later.
    """
    rates = [trial.settings for trial in subjects[0].curves.trials]
    best = [np.unravel_index(int(s.utility.argmax()), s.utility.shape) for s in subjects]
    onsets = {rate: {"within_1": 0, "early": 0, "late": 0} for rate in rates}
    for subject in subjects:
        look_every = WAYS[WAY].look_every(subject.curves)
        for rate, row, trial in zip(rates, subject.utility, subject.curves.trials, strict=True):
            off = told_onset(trial, subject.curves, look_every=look_every) - true_onset(row)
            onsets[rate]["within_1" if abs(off) <= 1 else "early" if off < 0 else "late"] += 1
    return {
        "best_at_rate": _counts(rates, [int(trial) for trial, _ in best]),
        "best_at_end": sum(int(place) == s.utility.shape[1] - 1 for s, (_, place) in zip(subjects, best, strict=True)),
        "lost_with": lost_with(subjects),
        "chosen_at_rate": _counts(rates, [subject.choice[0] for subject in subjects]),
        "right_rate": sum(subject.choice[0] == int(trial) for subject, (trial, _) in zip(subjects, best, strict=True)),
        "rank_agreement": {
            "all": round(float(np.mean([_agreement(subject, 1.0) for subject in subjects])), 3),
            "best_half": round(float(np.mean([_agreement(subject, 0.5) for subject in subjects])), 3),
        },
        "identity_agreement": {
            "identity": _part_agreement(subjects, "identity", lambda card: card.values[Metric.IDENTITY]),
            "subject_fidelity": _part_agreement(
                subjects, "identity", lambda card: card.values[Metric.SUBJECT_FIDELITY]
            ),
        },
        "style_agreement": {
            "style": _part_agreement(subjects, "style", lambda card: card.values[Metric.STYLE]),
            "style_times_identity": _part_agreement(subjects, "style", _subject_in_style),
        },
        "prior_agreement": _part_agreement(subjects, "prior", lambda card: card.values[Metric.PRIOR]),
        "onsets_at_rate": onsets,
    }


def seen_utility(curves: SubjectCurves) -> Floats:
    """(trials, checkpoints) the product's utility of the first looks, smoothed along each training."""
    utility = utility_for(Choosing(), curves.base.card(BASE))
    values = [utility.value_of(card) for _, _, card in smoothed(curves.candidates())]
    return np.reshape(np.array(values), (len(curves.trials), -1))


def _agreement(subject: Judged, share: float) -> float:
    truth, seen = subject.utility.ravel(), seen_utility(subject.curves).ravel()
    among = truth >= np.quantile(truth, 1.0 - share)
    return float(spearmanr(truth[among], seen[among]).statistic)


def _part_agreement(subjects: Sequence[Judged], part: str, seen: Callable[[CardData], float]) -> float:
    """Spearman's correlation of what the product sees with a part of the oracle's utility, the mean over sweeps."""
    found = []
    for curves in (subject.curves for subject in subjects):
        points = [point for trial in curves.trials for point in trial.checkpoints]
        truth = [getattr(worth(point.oracle, curves), part) for point in points]
        found.append(spearmanr(truth, [seen(point.card) for point in points]).statistic)
    return round(float(np.mean(found)), 3)


def _subject_in_style(card: CardData) -> float:
    enough = Choosing().enough_style
    return float(
        np.clip(card.values[Metric.STYLE] / enough, 0.0, 1.0) * np.clip(card.values[Metric.IDENTITY], 0.0, 1.0)
    )


def lost_with(subjects: Sequence[Judged]) -> dict[str, float]:
    """As `causes` has it."""
    swept = [trial.swept for trial in subjects[0].curves.trials]
    values = list(dict.fromkeys((name, value) for settings in swept for name, value in settings.items()))
    best = np.array([subject.utility.max(axis=1) for subject in subjects])  # (subjects, trials)
    lost = {}
    for name, value in values:
        among = [settings[name] == value for settings in swept]
        lost[f"{name} {value:g}"] = round(float((best.max(axis=1) - best[:, among].max(axis=1)).mean()), 4)
    return lost


def _counts(rates: Sequence[str], places: Sequence[int]) -> dict[str, int]:
    return {rate: places.count(place) for place, rate in enumerate(rates)}
