"""What MLflow is told of a run: params, metrics and tags, computed from the ledger's record alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dbsweep import __version__
from dbsweep.config.schema import Experiment
from dbsweep.records.names import BASE, TrialState
from dbsweep.records.results import Checkpoint, Scorecard, StepLog, StepSeries
from dbsweep.records.run import RunRecord
from dbsweep.selection.concept_cards import concept_cards
from dbsweep.selection.utility import utility_of

RUN_TAG = "dbsweep.run"
TRIAL_TAG = "dbsweep.trial"
STEP_TAG = "dbsweep.step"
"""On a trial's run: the last step that has been logged, pictures included; it goes with the step's metrics."""

LATE_TAG = "dbsweep.late_steps"
"""On a trial's run: steps whose scores came after those of later ones and have been logged, with spaces between."""

KEPT_TAG = "dbsweep.kept"
"""On the parent run: the checkpoint to keep, whose scores are its metrics."""

SERIES = "steps/"
"""Begins the names of metrics that are told step by step, beside those of the checkpoints."""

STATUS = {
    TrialState.PENDING: "SCHEDULED",
    TrialState.RUNNING: "RUNNING",
    TrialState.COMPLETED: "FINISHED",
    TrialState.STOPPED: "FINISHED",
    TrialState.FAILED: "FAILED",
    TrialState.INTERRUPTED: "KILLED",
}
"""MLflow's word for a trial's state."""

PARAM_SECTIONS = ("base_model", "clip_skip", "train", "evaluate", "search", "verdict", "choose", "resources")
"""Sections of the experiment that become params: two utilities are the same thing if `choose` is the same. The tracking
section, whose URI may hold a password, does not."""

_NO_NAME = re.compile(r"[^\w.\- ]", re.ASCII)
"""Characters of a token that not every store takes in the name of a metric."""

PARAM_LENGTH = 500
"""Characters of a param's value that every store accepts."""


@dataclass(frozen=True)
class Point:
    """Everything about one step of one trial.

    Attributes:
        metrics: of its training; scores: of its images, none where nobody has looked.
        series: (metric, step, value) of the steps since the point before, thinned.
        late: it was passed over while it was trained, and has been looked at since.
        timestamp_ms: when it was drawn, or the start of the run: telling it again gives the same point.
    """

    checkpoint: Checkpoint
    metrics: Mapping[str, float]
    scores: Mapping[str, float]
    series: tuple[tuple[str, int, float], ...]
    scorecard: Scorecard | None
    late: bool
    timestamp_ms: int


def run_key(record: RunRecord) -> str:
    """Tells this run from another of the same name."""
    return f"{record.name}@{record.started:.3f}"


def run_params(record: RunRecord) -> dict[str, str]:
    """Params of the parent run, by dotted names; of `train` not what is swept, whose value there no trial has."""
    sections = {name: record.experiment[name] for name in PARAM_SECTIONS if name in record.experiment}
    hidden = {f"train.{name}" for name in Experiment.model_validate(record.experiment).search.hidden}
    flat = (each for each in _flat(sections, "") if each[0] not in hidden)
    return {name: str(value)[:PARAM_LENGTH] for name, value in flat if value is not None}


def run_tags(record: RunRecord) -> dict[str, str]:
    """Tags of the parent run: what is known from the start, the choice once there is one, and why it was overruled."""
    tags = {"dbsweep.version": __version__, "dbsweep.trials": str(len(record.plan.trials))}
    if record.base_sha256 is not None:
        tags["dbsweep.base_sha256"] = record.base_sha256
    if record.choice is not None:
        best = record.choice.best
        tags |= {
            "dbsweep.choice.trial": best.trial,
            "dbsweep.choice.checkpoint": best.checkpoint,
            "dbsweep.choice.step": str(best.step),
            "dbsweep.choice.utility": f"{best.utility:.4f}",
            "dbsweep.choice.reason": record.choice.reason,
        }
    if record.overrule is not None:
        tags["dbsweep.overrule.because"] = record.overrule.because
    return tags


def kept_scores(record: RunRecord) -> dict[str, float]:
    """Metrics of the parent run: the scores of the checkpoint to keep over all its images; none while there is none.

    By them runs are compared with each other. Where there are several concepts, identity, style and prior of each are
    there too: ``concepts.1 zwx/identity``.
    """
    if record.kept is None:
        return {}
    card = record.card_of(record.kept.checkpoint)
    return {**_scores(record, card), **_scores_by_concept(record, card)}


def _scores_by_concept(record: RunRecord, card: Scorecard) -> dict[str, float]:
    cards = concept_cards(card, record.scorecards.get(BASE, card))
    if not cards:
        return {}
    concepts = Experiment.model_validate(record.experiment).concepts
    return {
        f"concepts.{place} {_NO_NAME.sub('_', concept.instance_token)}/{metric.value}": score.value
        for place, (concept, own) in enumerate(zip(concepts, cards, strict=False))
        for metric, score in own.scores.items()
    }


def _scores(record: RunRecord, card: Scorecard) -> dict[str, float]:
    values = {metric.value: score.value for metric, score in card.scores.items()}
    return values | {"utility": utility_of(record).value_of(card)}


def trial_tags(record: RunRecord, trial: str) -> dict[str, str]:
    """Tags of a trial's run: its state, its verdict, and whether it was chosen."""
    tags = {"dbsweep.state": record.states[trial].value}
    verdict = record.verdicts.get(trial)
    if verdict is not None:
        tags |= {"dbsweep.verdict": verdict.state.value, "dbsweep.evidence": verdict.evidence}
        if verdict.onset_step is not None:
            tags["dbsweep.onset_step"] = str(verdict.onset_step)
    if record.choice is not None:
        chosen = record.choice.best.trial == trial
        tags["dbsweep.chosen"] = str(record.choice.best.step) if chosen else "no"
    reasons = [record.failures[branch] for branch, _ in record.path_of(trial).segments if branch in record.failures]
    return tags | ({"dbsweep.reason": reasons[0]} if reasons else {})


def trial_points(record: RunRecord, trial: str, run_folder: Path) -> tuple[Point, ...]:
    """The trial's checkpoints by rising step, shared ones included."""
    return tuple(_point(record, checkpoint, run_folder) for checkpoint in record.checkpoints_of(trial))


def _point(record: RunRecord, checkpoint: Checkpoint, run_folder: Path) -> Point:
    card, log = record.scorecards.get(checkpoint.id), record.logs[checkpoint.id]
    metrics: dict[str, float] = {
        "epoch": checkpoint.epoch,
        "loss": log.loss,
        "instance_loss": log.instance_loss,
        "prior_loss": log.prior_loss,
        "learning_rate": log.learning_rate,
        "grad_norm": log.grad_norm,
        "text_encoder_learning_rate": log.text_encoder_learning_rate,
        "steps_per_s": log.steps_per_s,
        "images_per_s": log.images_per_s,
        "memory_bytes": log.memory_bytes,
    }
    return Point(
        checkpoint=checkpoint,
        metrics=metrics,
        scores=_scores(record, card) if card is not None else {},
        series=tuple(_series(log)),
        scorecard=card,
        late=record.is_late(checkpoint),
        timestamp_ms=_timestamp_ms(record, card, run_folder),
    )


def _series(log: StepLog) -> Iterator[tuple[str, int, float]]:
    if log.series is None:
        return
    for name in StepSeries.model_fields:
        if name != "steps":
            values: tuple[float, ...] = getattr(log.series, name)
            yield from ((f"{SERIES}{name}", step, value) for step, value in zip(log.series.steps, values, strict=True))


def _timestamp_ms(record: RunRecord, card: Scorecard | None, run_folder: Path) -> int:
    if card is not None and card.images:
        picture = run_folder / card.images[0].path
        if picture.is_file():
            return int(picture.stat().st_mtime * 1000)
    return int(record.started * 1000)


def _flat(value: object, name: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}" if name else str(key))
    else:
        yield name, value
