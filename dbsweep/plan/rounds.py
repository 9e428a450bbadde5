"""Plans that grow: a searcher proposes further points when it has seen the results of the earlier ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbsweep.config.axes import SearchAxis, Selected, Values
from dbsweep.config.messages import counted
from dbsweep.config.schema import Experiment
from dbsweep.config.search import SearcherName
from dbsweep.plan.branches import make_branches
from dbsweep.plan.buckets import Size
from dbsweep.plan.cost import cost_of
from dbsweep.plan.courses import courses_of
from dbsweep.plan.photos import Photos, photos_of, steps_per_epoch
from dbsweep.plan.rates import Rates
from dbsweep.plan.space import Point, drawn_points, grid_size, more_trials
from dbsweep.plan.tree import grow_tree
from dbsweep.records.plan import Cost, Plan, Trial
from dbsweep.records.record import Scalar

# What a proposed point costs at most: the sampled value of these settings that makes an epoch count the most steps.
_COSTLY_WHEN_HIGH = ("epochs",)
_COSTLY_WHEN_LOW = ("batch_size", "gradient_accumulation")


def extend_plan(
    experiment: Experiment,
    plan: Plan,
    points: Sequence[Point],
    photo_counts: Sequence[int],
    rates: Rates,
    *,
    photo_sizes: Sequence[Sequence[Size]] | None = None,
    class_images: Sequence[int] | None = None,
) -> Plan:
    """The plan with the trials of further points on a tree of their own; the same plan if all are known.

    What has been planned keeps its names. The new trials share stages with each other, not with earlier ones: those
    have been trained, and the states at which a fork could start are no longer kept.
    """
    trials = more_trials(experiment, plan.trials, points)
    if not trials:
        return plan
    photos = photos_of(experiment, photo_counts, photo_sizes, class_images)
    nodes = grow_tree(courses_of(experiment, trials, photos), planting=trials[0].id)
    branches, paths = make_branches(nodes, experiment, earlier=len(plan.branches))
    branches, paths = (*plan.branches, *branches), (*plan.paths, *paths)
    courses = courses_of(experiment, (*plan.trials, *trials), photos)
    return plan.model_copy(
        update={
            "trials": (*plan.trials, *trials),
            "stages": (*plan.stages, *(node.record() for node in nodes)),
            "branches": branches,
            "paths": paths,
            "cost": cost_of(experiment, courses, branches, photos, rates),
        }
    )


def proposals(experiment: Experiment, cost: Cost, photos: Sequence[Photos]) -> Iterator[str]:
    """What a plan does not know yet, in a sentence, with an upper bound."""
    search = experiment.search
    left = search.samples - search.points_known
    if search.searcher is SearcherName.RANDOM or left == 0:
        return
    are = "is" if search.points_known == 1 else "are"
    steps = cost.steps_shared + left * _steps_at_most(experiment, photos)
    yield (
        f"searcher {search.searcher.value}: the {counted(search.points_known, 'point')} above {are} drawn at random; "
        f"up to {left} more are proposed from their results, {search.suggest_at_once} at a time, and join as trees of "
        f"their own: at most {search.samples * grid_size(experiment):,} trials and {steps:,} steps"
    )


def _steps_at_most(experiment: Experiment, photos: Sequence[Photos]) -> int:
    """Optimizer steps of one proposed point with all grid axes, if nothing were shared."""
    point = drawn_points(experiment, 1)[0] | {
        name: _extreme(axis, high=name in _COSTLY_WHEN_HIGH)
        for name, axis in experiment.search.sampled.items()
        if name in _COSTLY_WHEN_HIGH + _COSTLY_WHEN_LOW
    }
    trials: tuple[Trial, ...] = more_trials(experiment, [Trial(id="t001", settings={})], [point])
    trains = [experiment.train_for(trial.settings) for trial in trials]
    return sum(train.epochs * steps_per_epoch(photos, train) for train in trains)


def _extreme(axis: SearchAxis, *, high: bool) -> Scalar:
    match axis:
        case Selected() | Values():
            values: tuple[Scalar, ...] = axis.choice if isinstance(axis, Selected) else axis.values
        case _:
            bounds = axis.model_dump()
            values = tuple(round(bound) for bound in next(iter(bounds.values())))
    numbers = [value for value in values if not isinstance(value, str)]
    return max(numbers) if high else min(numbers)
