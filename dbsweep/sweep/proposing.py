"""Rounds of a search that learns: what the results so far make worth trying next, planned and kept in the ledger."""

from __future__ import annotations

from dbsweep.config.schema import Experiment
from dbsweep.plan.rounds import extend_plan
from dbsweep.plan.space import Point, points_of
from dbsweep.records.plan import Plan
from dbsweep.records.run import RunRecord
from dbsweep.selection.utility import utility_of
from dbsweep.sweep.photo_counts import count_class_images, count_photos, photo_sizes
from dbsweep.sweep.planning import local_rates


def next_round(experiment: Experiment, record: RunRecord) -> Plan | None:
    """The run's plan with the next points that the searcher proposes; None when it has no more."""
    search = experiment.search
    observed = observations(experiment, record)
    count = min(search.suggest_at_once, search.samples - len(observed))
    if count < 1:
        return None
    from dbsweep.execution.ray.suggestions import suggest  # loads ray and optuna

    points = suggest(search.sampled, observed, count, experiment.train.seed)
    plan = extend_plan(
        experiment,
        record.plan,
        points,
        count_photos(experiment),
        local_rates(experiment),
        photo_sizes=photo_sizes(experiment),
        class_images=count_class_images(experiment),
    )
    return None if plan is record.plan else plan


def observations(experiment: Experiment, record: RunRecord) -> list[tuple[Point, float]]:
    """Each sampled point with the best utility of any checkpoint of its trials; 0 where none has been scored."""
    utility, names = utility_of(record), tuple(experiment.search.sampled)
    worth = {checkpoint: utility.value_of(card) for checkpoint, card in record.scorecards.items()}
    points = {_values(point, names): (point, 0.0) for point in points_of(experiment, record.plan.trials)}
    for trial in record.plan.trials:
        best = max((worth.get(c.id, 0.0) for c in record.checkpoints_of(trial.id)), default=0.0)
        point, so_far = points[_values(trial.settings, names)]
        points[_values(trial.settings, names)] = (point, max(best, so_far))
    return list(points.values())


def _values(settings: Point, names: tuple[str, ...]) -> tuple[object, ...]:
    return tuple(settings[name] for name in names)
