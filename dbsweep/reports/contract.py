"""Answers of the command line about runs, as JSON: their keys are a contract with scripts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from dbsweep.records.choice import Overrule
from dbsweep.records.names import Metric, TrialState
from dbsweep.records.plan import Trial
from dbsweep.records.results import Scorecard
from dbsweep.records.run import RunRecord
from dbsweep.reports.kept import chosen, kept
from dbsweep.reports.reasons import reason
from dbsweep.reports.savings import savings_of
from dbsweep.reports.subjects import concepts_json
from dbsweep.selection.utility import Utility, utility_of

CONTRACT_METRICS = (Metric.IDENTITY, Metric.STYLE, Metric.PRIOR)


def scores_json(card: Scorecard, utility: Utility) -> dict[str, float | None]:
    """``{identity, style, prior, utility, …}``: the means of a scorecard; None for NaN, which JSON has no word for."""
    values = {metric: score.value for metric, score in card.scores.items()}
    told = {str(metric): value if math.isfinite(value) else None for metric, value in values.items()}
    contract = {str(metric): told.pop(metric) for metric in CONTRACT_METRICS}
    return {**contract, "utility": utility.value(values), **told}


def trials_json(record: RunRecord) -> list[dict[str, object]]:
    """One object a trial: `trial, settings, state, verdict, onset_step, reason, savings, checkpoints`.

    Each of the scored checkpoints is `{checkpoint, step, epoch, sha256, kept, scores}`, its scores over all images that
    it has drawn, as in `best_json`.
    `reason` is the evidence of the verdict, and what ended the trial early.
    `savings` are the settings that it had to change because memory had run out.
    """
    utility = utility_of(record)
    return [_trial_json(record, trial, utility) for trial in record.plan.trials]


def _trial_json(record: RunRecord, trial: Trial, utility: Utility) -> dict[str, object]:
    verdict = record.verdicts.get(trial.id)
    return {
        "trial": trial.id,
        "settings": trial.settings,
        "state": str(record.states[trial.id]),
        "verdict": str(verdict.state) if verdict is not None else None,
        "onset_step": verdict.onset_step if verdict is not None else None,
        "reason": reason(record, trial.id),
        "savings": savings_of(record, trial.id),
        "checkpoints": [
            {
                "checkpoint": checkpoint.id,
                "step": checkpoint.step,
                "epoch": checkpoint.epoch,
                "sha256": checkpoint.sha256,
                "kept": checkpoint.kept,
                "scores": scores_json(record.card_of(checkpoint.id), utility),
            }
            for checkpoint in record.checkpoints_of(trial.id)
            if checkpoint.id in record.scorecards
        ],
    }


def best_json(record: RunRecord, run_folder: Path) -> dict[str, object]:
    """The choice: `run, trial, checkpoint, step, epoch, settings, scores, verdict, path`.

    Where the person overruled dbsweep this is the person's, and `overrule` has `because` and what was recommended.
    Where there are several concepts `concepts` has each one's scores (`dbsweep.reports.subjects.concepts_json`).
    """
    best, concepts = kept(record), concepts_json(record)
    verdict = record.verdicts.get(best.trial)
    return {
        "run": record.name,
        "trial": best.trial,
        "checkpoint": best.checkpoint,
        "step": best.step,
        "epoch": best.epoch,
        "settings": record.settings_of(best.trial),
        "scores": scores_json(record.card_of(best.checkpoint), utility_of(record)),
        "verdict": str(verdict.state) if verdict is not None else None,
        "path": str(run_folder / record.checkpoints[best.checkpoint].path),
        **({"concepts": concepts} if concepts else {}),
        **_overrule_json(record, record.overrule),
    }


def _overrule_json(record: RunRecord, overrule: Overrule | None) -> dict[str, object]:
    if overrule is None:
        return {}
    recommended = chosen(record).best
    fields = {"trial": recommended.trial, "checkpoint": recommended.checkpoint, "epoch": recommended.epoch}
    return {"overrule": {"because": overrule.because, "recommended": fields}}


def runs_json(records: Iterable[RunRecord]) -> list[dict[str, object]]:
    """One object a run: `run, state, started, finished, trials, completed, failed, best, utility`.

    The state is `finished`, `running` or `interrupted`.
    """
    return [
        {
            "run": record.name,
            "state": _state(record),
            "started": record.started,
            "finished": record.finished,
            "trials": len(record.plan.trials),
            "completed": sum(s in (TrialState.COMPLETED, TrialState.STOPPED) for s in record.states.values()),
            "failed": sum(s is TrialState.FAILED for s in record.states.values()),
            "best": record.kept.checkpoint if record.kept else None,
            "utility": record.kept.utility if record.kept else None,
        }
        for record in records
    ]


def _state(record: RunRecord) -> str:
    if record.finished is not None:
        return "finished"
    return str(TrialState.INTERRUPTED if record.interrupted else TrialState.RUNNING)
