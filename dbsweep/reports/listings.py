"""Answers of the command line about a run: the JSON contract for scripts, and the same as text for people."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from dbsweep.errors import RunError
from dbsweep.records.choice import Candidate, Choice, Overrule
from dbsweep.records.names import BASE, Metric, TrialState
from dbsweep.records.plan import Trial
from dbsweep.records.record import Scalar
from dbsweep.records.results import Scorecard
from dbsweep.records.run import RunRecord
from dbsweep.reports.learned import unlearned_sentence
from dbsweep.reports.race import race_sentence
from dbsweep.reports.recipe import export_commands
from dbsweep.reports.saving import saving_sentence
from dbsweep.reports.savings import savings_of, savings_sentences
from dbsweep.reports.trials import best_checkpoint
from dbsweep.selection.unmeasurable import unmeasurable
from dbsweep.selection.utility import Utility, utility_of

RUNNERS_UP = 8
"""Candidates listed below the choice."""

CONTRACT_METRICS = (Metric.IDENTITY, Metric.STYLE, Metric.PRIOR)


def scores_json(card: Scorecard, utility: Utility) -> dict[str, float | None]:
    """``{identity, style, prior, utility, …}``: the means of a scorecard; None for NaN, which JSON has no word for."""
    values = {metric: score.value for metric, score in card.scores.items()}
    told = {str(metric): value if math.isfinite(value) else None for metric, value in values.items()}
    contract = {str(metric): told.pop(metric) for metric in CONTRACT_METRICS}
    return {**contract, "utility": utility.value(values), **told}


def trials_json(record: RunRecord) -> list[dict[str, object]]:
    """One object a trial: `trial, settings, state, verdict, onset_step, savings, checkpoints`.

    Each of the scored checkpoints is `{checkpoint, step, epoch, sha256, kept, scores}`, its scores over all images that
    it has drawn, as in `best_json`.
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


def chosen(record: RunRecord, handle: str | None = None) -> Choice:
    """What dbsweep recommends; `handle` is what a person types as RUN.

    Raises:
        RunError: there is none yet, or nothing could be chosen.
    """
    if record.choice is None:
        run, why = handle or record.name, "it is over, but no checkpoint was scored"
        if record.finished is None:  # the ledger cannot tell whether anybody still leads it
            why = f"it is not over; if it was interrupted, go on with `dbsweep resume {run}`"
        raise RunError(f"run {record.name!r} has no choice: {why}; see `dbsweep trials {run}`")
    return record.choice


def kept(record: RunRecord, handle: str | None = None) -> Candidate:
    """The checkpoint to keep: the person's choice, else dbsweep's; RunError if there is none."""
    return chosen(record, handle).best if record.overrule is None else record.overrule.candidate


def settings_of(record: RunRecord, trial_id: str) -> dict[str, Scalar]:
    """The settings of a trial."""
    return next(trial.settings for trial in record.plan.trials if trial.id == trial_id)


def best_json(record: RunRecord, run_folder: Path) -> dict[str, object]:
    """The choice: `run, trial, checkpoint, step, epoch, settings, scores, verdict, path`.

    Where the person overruled dbsweep this is the person's, and `overrule` has `because` and what was recommended.
    """
    best = kept(record)
    verdict = record.verdicts.get(best.trial)
    return {
        "run": record.name,
        "trial": best.trial,
        "checkpoint": best.checkpoint,
        "step": best.step,
        "epoch": best.epoch,
        "settings": settings_of(record, best.trial),
        "scores": scores_json(record.card_of(best.checkpoint), utility_of(record)),
        "verdict": str(verdict.state) if verdict is not None else None,
        "path": str(run_folder / record.checkpoints[best.checkpoint].path),
        **_overrule_json(record, record.overrule),
    }


def _overrule_json(record: RunRecord, overrule: Overrule | None) -> dict[str, object]:
    if overrule is None:
        return {}
    recommended = chosen(record).best
    fields = {"trial": recommended.trial, "checkpoint": recommended.checkpoint, "epoch": recommended.epoch}
    return {"overrule": {"because": overrule.because, "recommended": fields}}


def best_text(record: RunRecord, run_folder: Path, handle: str | None = None) -> list[str]:
    """The choice in words, with what would change it and the runners-up; `handle` is what a person types as RUN."""
    choice, best = chosen(record, handle), kept(record)
    settings = settings_of(record, best.trial)
    lines = [
        f"Run {record.name}: keep {best.checkpoint} (trial {best.trial}, epoch {best.epoch}, step {best.step})",
        "",
        *_overruled(choice, record.overrule),
        choice.reason,
        *filter(None, (unlearned_sentence(record), race_sentence(record), saving_sentence(record))),
        "",
        *(["What would change it:", *(f"- {sentence}" for sentence in choice.changes), ""] if choice.changes else []),
        *(f"Note: {sentence}" for sentence in unmeasurable(record.scorecards[BASE])),
        *(f"  {name:<26} {value}" for name, value in settings.items()),
        "",
        f"  weights  {run_folder / record.checkpoints[best.checkpoint].path}",
        f"  report   {run_folder / 'report' / 'index.html'}",
        *_exports(record, handle or record.name),
        "",
        f"Runners-up by the {choice.formula} (* on the front of identity, style and prior):",
    ]
    return lines + _table(_CANDIDATE_HEADER, (_candidate_row(c) for c in choice.candidates[:RUNNERS_UP]))


def _exports(record: RunRecord, handle: str) -> list[str]:
    """The commands, the first beside the word; what each gives is a comment, so that the line can be pasted."""
    commands = export_commands(record, handle)
    width = max(len(command) for _, command in commands)
    return [
        f"  {'export' if index == 0 else '':<8} {command:<{width}}  # {gives}"
        for index, (gives, command) in enumerate(commands)
    ]


def _overruled(choice: Choice, overrule: Overrule | None) -> list[str]:
    if overrule is None:
        return []
    best = choice.best
    return [
        f"You chose it, because: {overrule.because}",
        f"dbsweep recommends {best.checkpoint} (trial {best.trial}, epoch {best.epoch}, step {best.step}):",
    ]


_CANDIDATE_HEADER = ("", "checkpoint", "trial", "epoch", "identity", "style", "prior", "utility", "")


def _candidate_row(candidate: Candidate) -> tuple[str, ...]:
    scores = (candidate.identity, candidate.style, candidate.prior, candidate.utility)
    return (
        "*" if candidate.on_front else " ",
        candidate.checkpoint,
        candidate.trial,
        str(candidate.epoch),
        *(f"{value:.2f}" for value in scores),
        f"misses {', '.join(candidate.unmet)}" if candidate.unmet else "",
    )


def trials_text(record: RunRecord) -> list[str]:
    """One line a trial: settings, state, verdict, best checkpoint; then what ran out of memory and what was saved."""
    names = list(dict.fromkeys(name for trial in record.plan.trials for name in trial.settings))
    utility = utility_of(record)
    header = ("trial", *names, "state", "verdict", "best epoch", "utility")
    rows = (_trial_row(record, trial, names, utility) for trial in record.plan.trials)
    saving = saving_sentence(record)
    notes = [f"note: {sentence}" for sentence in savings_sentences(record)]
    return [*_table(header, rows), *notes, *(["", saving] if saving else [])]


def _trial_row(record: RunRecord, trial: Trial, names: Sequence[str], utility: Utility) -> tuple[str, ...]:
    found = best_checkpoint(record, trial.id, utility)
    best = (str(found.epoch), f"{found.utility:.2f}") if found is not None else ("–", "–")
    verdict = record.verdicts.get(trial.id)
    settings = (str(trial.settings.get(name, "")) for name in names)
    return (trial.id, *settings, str(record.states[trial.id]), str(verdict.state) if verdict else "–", *best)


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


def runs_text(records: Iterable[RunRecord]) -> list[str]:
    """One line a run, or a sentence where there is none."""
    rows = runs_json(records)
    if not rows:
        return ["No runs yet: `dbsweep run experiments/quickstart.yaml` makes one."]
    header = ("run", "state", "started", "trials", "done", "failed", "best", "utility")
    return _table(header, (_run_row(row) for row in rows))


def _run_row(row: dict[str, object]) -> tuple[str, ...]:
    started = time.strftime("%Y-%m-%d %H:%M", time.localtime(float(str(row["started"]))))
    score = "–" if row["utility"] is None else f"{row['utility']:.2f}"
    counts = (str(row[key]) for key in ("trials", "completed", "failed"))
    return (str(row["run"]), str(row["state"]), started, *counts, str(row["best"] or "–"), score)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns padded to their widest cell."""
    lines = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
