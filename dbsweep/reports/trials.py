"""The trial table: one row a trial, with its settings, verdict and best checkpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from dbsweep.config.messages import setting
from dbsweep.records.names import Metric
from dbsweep.records.record import Scalar
from dbsweep.records.run import RunRecord
from dbsweep.reports.families import heads
from dbsweep.reports.reasons import reason
from dbsweep.reports.strips import swept_settings
from dbsweep.reports.words import number, setting_name, standing
from dbsweep.selection.utility import Utility, utility_of


@dataclass(frozen=True, slots=True)
class Cell:
    """A value of the table: what is shown, and what it sorts by."""

    text: str
    sort: Scalar


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial.

    Attributes:
        strip: id of the trial whose film strip shows it.
        settings: one cell for each of `TrialTable.settings`.
        badge: kind and text of its state or verdict.
        scores: utility, identity, style and prior at its best checkpoint.
        utility: 0 to 1, for the bar; 0 when nothing was scored.
        best: the epoch of that checkpoint.
        chosen: the choice is a checkpoint of this trial.
    """

    trial: str
    strip: str
    settings: tuple[Cell, ...]
    badge: tuple[str, str]
    evidence: str
    scores: tuple[Cell, ...]
    utility: float
    best: Cell
    chosen: bool


@dataclass(frozen=True, slots=True)
class TrialTable:
    """All trials, best utility first.

    Attributes:
        settings: names of the swept settings, the columns.
        common: what all trials have in common, in words; may be empty.
    """

    settings: tuple[str, ...]
    common: str
    rows: tuple[TrialRow, ...]


@dataclass(frozen=True, slots=True)
class Best:
    """A trial's best checkpoint: its epoch, values of at least `SCORE_COLUMNS`, and what they are worth, 0 to 1."""

    epoch: int
    values: Mapping[Metric, float]
    utility: float


SCORE_COLUMNS = (Metric.IDENTITY, Metric.STYLE, Metric.PRIOR)


def trial_table(record: RunRecord) -> TrialTable:
    """The table of a run; trials without scores come last."""
    swept = swept_settings(record)
    strip_of = heads(record.plan)
    utility = utility_of(record)
    rows = [_row(record, utility, t.id, t.settings, swept, strip_of[t.id]) for t in record.plan.trials]
    rows.sort(key=lambda row: (not row.chosen, -row.utility))
    return TrialTable(tuple(setting_name(name) for name in swept), common_settings(record), tuple(rows))


def common_settings(record: RunRecord) -> str:
    """The settings that all trials have in common, in words: `epochs 12, class images per instance 4`; may be empty."""
    swept = swept_settings(record)
    first = record.plan.trials[0].settings if record.plan.trials else {}
    return ", ".join(f"{setting_name(name)} {setting(value)}" for name, value in first.items() if name not in swept)


def _row(
    record: RunRecord,
    utility: Utility,
    trial: str,
    settings: dict[str, Scalar],
    swept: tuple[str, ...],
    strip: str,
) -> TrialRow:
    verdict = record.verdicts.get(trial)
    best = best_checkpoint(record, trial, utility)
    worth = best.utility if best is not None else float("nan")
    values = best.values if best is not None else {}
    scores = [worth, *(values.get(metric, float("nan")) for metric in SCORE_COLUMNS)]
    return TrialRow(
        trial=trial,
        strip=strip,
        settings=tuple(_setting_cell(settings.get(name)) for name in swept),
        badge=standing(record.states[trial], verdict.state if verdict is not None else None),
        evidence=reason(record, trial),
        scores=tuple(_score_cell(value) for value in scores),
        utility=worth if best is not None else 0.0,
        best=Cell("–", -1) if best is None else Cell(str(best.epoch), best.epoch),
        chosen=record.kept is not None and record.kept.trial == trial,
    )


def best_checkpoint(record: RunRecord, trial: str, utility: Utility) -> Best | None:
    """The chosen checkpoint if it is this trial's, else the trial's best, the earliest of equals; None without scores.

    Checkpoints whose weights were dropped, or that have no number, are nobody's to take and passed over. Scores are
    those that the choice compared, once there is one: a trial does not seem to beat the choice by luck.
    """
    chosen = record.kept
    compared = {c.checkpoint: c for c in record.choice.candidates} if record.choice is not None else {}
    best: Best | None = None
    for checkpoint in record.checkpoints_of(trial):
        card = record.scorecards.get(checkpoint.id)
        if not checkpoint.kept or card is None or any(metric not in card.scores for metric in SCORE_COLUMNS):
            continue
        values = {metric: score.value for metric, score in card.scores.items()}
        if all(math.isnan(values[metric]) for metric in SCORE_COLUMNS):
            continue  # blank images
        found = Best(checkpoint.epoch, values, utility.value(values))
        if (candidate := compared.get(checkpoint.id)) is not None:
            scores = (candidate.identity, candidate.style, candidate.prior)
            found = Best(checkpoint.epoch, dict(zip(SCORE_COLUMNS, scores, strict=True)), candidate.utility)
        if chosen is not None and (trial, checkpoint.id) == (chosen.trial, chosen.checkpoint):
            return found
        if best is None or found.utility > best.utility:
            best = found
    return best


def _setting_cell(value: Scalar | None) -> Cell:
    return Cell("–", -1) if value is None else Cell(setting(value), value)


def _score_cell(value: float) -> Cell:
    return Cell(number(value), -1 if value != value else round(value, 6))
