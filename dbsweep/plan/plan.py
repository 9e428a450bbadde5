"""From an experiment to its plan: trials, stages, branches, paths and cost."""

from __future__ import annotations

from collections.abc import Sequence

from dbsweep.config.schema import Experiment
from dbsweep.config.search import SearcherName
from dbsweep.errors import ConfigError, Fault
from dbsweep.plan.branches import make_branches
from dbsweep.plan.buckets import Size
from dbsweep.plan.cost import cost_of
from dbsweep.plan.courses import courses_of
from dbsweep.plan.idle import idle_settings
from dbsweep.plan.notes import notes_on, outrun, own_class_images
from dbsweep.plan.photos import photos_of, steps_per_epoch
from dbsweep.plan.rates import Rates, rates_for
from dbsweep.plan.rounds import proposals
from dbsweep.plan.space import make_trials
from dbsweep.plan.tree import grow_tree
from dbsweep.records.plan import Plan


def make_plan(
    experiment: Experiment,
    photo_counts: Sequence[int],
    rates: Rates | None = None,
    *,
    alone: bool = False,
    photo_sizes: Sequence[Sequence[Size]] | None = None,
    class_images: Sequence[int] | None = None,
) -> Plan:
    """Plans a sweep; of a search that proposes points from results, what is known before there are any.

    Args:
        photo_counts: instance images of each concept, in the experiment's order.
        rates: for the forecast of disk and time; by default what `rates_for` knows about the base model.
        alone: train every trial by itself, to check that sharing changes nothing.
        photo_sizes: of each concept's photos, upright; needed where aspect_ratio_buckets may be on.
        class_images: the user's own of each concept, which need not be drawn.

    Raises:
        ConfigError: the search makes too many trials, or proposes them from results that training alone cannot have.
    """
    if alone and experiment.search.searcher is not SearcherName.RANDOM:
        message = f"{experiment.search.searcher.value} proposes from results, so --alone cannot repeat it; use random"
        raise ConfigError(experiment.name, [Fault("search.searcher", message)])
    if experiment.counts_steps:
        raise ValueError("lengths in steps must be made epochs first: dbsweep.plan.lengths.in_epochs")
    rates = rates_for(experiment) if rates is None else rates
    photos = photos_of(experiment, photo_counts, photo_sizes, class_images)
    trials, removed = make_trials(experiment)
    courses = courses_of(experiment, trials, photos)
    nodes = grow_tree(courses, share=not alone)
    branches, paths = make_branches(nodes, experiment)
    cost = cost_of(experiment, courses, branches, photos, rates)
    return Plan(
        steps_per_epoch=steps_per_epoch(photos, experiment.train),
        trials=trials,
        stages=tuple(node.record() for node in nodes),
        branches=branches,
        paths=paths,
        cost=cost,
        notes=(
            *removed,
            *proposals(experiment, cost, photos),
            *outrun(experiment, branches),
            *idle_settings(experiment, courses),
            *own_class_images(experiment, courses, photos),
            *notes_on(experiment, courses, branches, cost, photos, rates),
        ),
    )


def plan_json(plan: Plan) -> dict[str, int]:
    """The answer of `dbsweep plan --json`; its keys are a contract with scripts."""
    return {
        "trials": len(plan.trials),
        "branches": len(plan.branches),
        "steps_alone": plan.cost.steps_alone,
        "steps_shared": plan.cost.steps_shared,
        "images": plan.cost.images,
        "disk_bytes": plan.cost.disk_bytes,
    }
