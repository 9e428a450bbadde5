"""The checkpoint to recommend: best utility, less training where the difference is no more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dbsweep.errors import RunError
from dbsweep.records import Candidate, Checkpoint, Choice, Metric, Scorecard, TrialPath, utility
from dbsweep.selection.explanation import explain
from dbsweep.selection.front import pareto_front
from dbsweep.selection.resampling import RESAMPLES, Floats, resampled_means, resampling_weights

JUDGED = (Metric.IDENTITY, Metric.STYLE, Metric.PRIOR)
"""What the utility and the Pareto front are made of."""


@dataclass(frozen=True)
class ChoiceSettings:
    """How the choice is made.

    Attributes:
        standard_errors: how far below the best utility an earlier checkpoint may lie, in standard errors of the
            paired difference; 0 takes the best.
        resamples: bootstrap draws.
        seed: of the bootstrap.
    """

    standard_errors: float = 1.0
    resamples: int = RESAMPLES
    seed: int = 0


@dataclass(frozen=True)
class _Entry:
    """A candidate, and what it was measured by."""

    row: Candidate
    branch: str
    card: Scorecard
    sound: bool


def choose(
    candidates: Sequence[tuple[str, Checkpoint, Scorecard]],
    *,
    paths: Sequence[TrialPath] = (),
    settings: ChoiceSettings | None = None,
) -> Choice:
    """Recommend one checkpoint of a sweep.

    The utility is `dbsweep.records.utility`. The best one gives way to the earliest checkpoint *of the same
    training* whose utility is within one standard error: steps of trainings with other learning rates do not
    compare. The standard error is that of the difference of the two utilities, by a bootstrap that resamples the
    prompts and seeds of each metric together for both checkpoints.

    Policies: a metric that is NaN at every candidate could not be measured with this base model and encoder, and
    counts as 1 for all; a candidate with any other NaN has utility 0 and is never chosen. Equal utilities go to the
    fewer steps, then to the trial and checkpoint that come first in the alphabet; where all utilities are 0, to the
    highest identity. Candidates come in any order; the choice does not depend on it.

    Args:
        candidates: (trial id, checkpoint, its scorecard), one for each distinct checkpoint; the trial is the one
            whose settings the person would be told.
        paths: the plan's; with them, checkpoints of the branches that the best one was forked from count as
            earlier ones of the same training. Without, only those of its own branch.
        settings: `ChoiceSettings()` when None.

    Raises:
        RunError: there are no candidates, or none has finite scores.
    """
    settings = settings or ChoiceSettings()
    if not candidates:
        raise RunError(
            "no checkpoint of this run has been scored, so there is none to choose; see why its trials failed"
        )
    values = np.array([[card.value(metric) for metric in JUDGED] for _, _, card in candidates])
    measured = np.isfinite(values).any(axis=0)
    values[:, ~measured] = 1.0
    sound = np.isfinite(values).all(axis=1)
    if not measured.any() or not sound.any():
        raise RunError(
            f"none of the {len(candidates)} scored checkpoints has scores that are numbers: their images are blank, or "
            "the base model's were; lower `learning_rate`, or check the base model and the encoder"
        )
    front = pareto_front(values)
    entries = [_entry(*each, *rest) for each, *rest in zip(candidates, values, sound, front, strict=True)]
    ranked = sorted(entries, key=_rank)
    metrics = [metric for metric, is_measured in zip(JUDGED, measured, strict=True) if is_measured]
    best, error = _earliest_equal(ranked, metrics, paths, settings)
    rows = tuple(entry.row for entry in ranked)
    unmeasured = [metric for metric in JUDGED if metric not in metrics]
    reason = explain(best.row, rows, error, unmeasured, unsound=int((~sound).sum()))
    return Choice(best=best.row, reason=reason, candidates=rows)


def _entry(
    trial: str, checkpoint: Checkpoint, card: Scorecard, values: Floats, sound: np.bool_, on_front: np.bool_
) -> _Entry:
    row = Candidate(
        trial=trial,
        checkpoint=checkpoint.id,
        step=checkpoint.step,
        epoch=checkpoint.epoch,
        identity=card.value(Metric.IDENTITY),
        style=card.value(Metric.STYLE),
        prior=card.value(Metric.PRIOR),
        utility=utility(dict(zip(JUDGED, values.tolist(), strict=True))),
        on_front=bool(on_front),
    )
    return _Entry(row, checkpoint.branch, card, bool(sound))


def _rank(entry: _Entry) -> tuple[float, bool, float, int, str, str]:
    row = entry.row
    hopeless = -row.identity if row.utility == 0.0 and np.isfinite(row.identity) else 0.0
    return (-row.utility, not entry.sound, hopeless, row.step, row.trial, row.checkpoint)


def _earliest_equal(
    ranked: Sequence[_Entry], metrics: Sequence[Metric], paths: Sequence[TrialPath], settings: ChoiceSettings
) -> tuple[_Entry, float]:
    """The earliest entry of the best one's training that is as good but for chance, and the standard error."""
    best = ranked[0]
    earlier = [entry for entry in ranked[1:] if entry.row.utility > 0.0 and _leads_to(entry, best, paths)]
    for entry in sorted(earlier, key=lambda entry: entry.row.step):
        error = _standard_error(best.card, entry.card, metrics, settings)
        if best.row.utility - entry.row.utility <= settings.standard_errors * error:
            return entry, error
    return best, 0.0


def _leads_to(entry: _Entry, best: _Entry, paths: Sequence[TrialPath]) -> bool:
    """Whether the best entry's weights were trained through this entry's."""
    if entry.row.step >= best.row.step:
        return False
    if entry.branch == best.branch:
        return True
    both = ((entry.branch, entry.row.step), (best.branch, best.row.step))
    return any(all(step <= dict(path.segments).get(branch, -1) for branch, step in both) for path in paths)


def _standard_error(a: Scorecard, b: Scorecard, metrics: Sequence[Metric], settings: ChoiceSettings) -> float:
    """Standard error of the difference of two utilities, with the samples of each metric resampled in pairs."""
    reciprocals = np.full((2, settings.resamples), float(len(JUDGED) - len(metrics)))  # unmeasured ones count as 1
    for index, metric in enumerate(metrics):
        draws = _mean_draws(a, b, metric, settings.seed + index, settings.resamples)
        reciprocals += 1.0 / np.clip(draws, 1e-9, 1.0)
    utilities = len(JUDGED) / reciprocals
    return float((utilities[0] - utilities[1]).std(ddof=1))


def _mean_draws(a: Scorecard, b: Scorecard, metric: Metric, seed: int, resamples: int) -> Floats:
    """(2, resamples) bootstrap means; metrics differ in their number of samples, so each has its own weights."""
    samples = np.array([a.scores[metric].samples, b.scores[metric].samples], dtype=np.float64)
    samples = samples[:, np.isfinite(samples).all(axis=0)]
    if samples.shape[1] < 2:  # nothing to resample: the spread of this metric is unknown and adds none
        return np.repeat([[a.value(metric)], [b.value(metric)]], resamples, axis=1)
    return resampled_means(samples, resampling_weights(samples.shape[1], resamples, seed))
