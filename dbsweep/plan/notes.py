"""Sentences about a plan: what cannot be shared and why, and settings that may not mean what they seem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dbsweep.config.axes import AxisKind
from dbsweep.config.messages import counted
from dbsweep.config.schema import Experiment
from dbsweep.config.search import SchedulerName, Search
from dbsweep.plan.amounts import bytes_text
from dbsweep.plan.cost import latest_checkpoints
from dbsweep.plan.courses import Course
from dbsweep.plan.looks import look_epochs, look_every_of
from dbsweep.plan.photos import Photos, class_images_used, steps_per_epoch, uses_by_size, uses_per_epoch
from dbsweep.plan.rates import Rates
from dbsweep.plan.space import grace_epochs, longest_epochs, rungs_of
from dbsweep.plan.tree import grow_tree
from dbsweep.records.plan import Branch, Cost

_FEW_EVALUATIONS = 3
_MUCH_DISK = 50 * 10**9
"""Bytes of weights from which on a person is told how to keep fewer."""
_LEAST_LORA_RATE = 1e-5
"""Below it a LoRA hardly moves; kohya's and diffusers' scripts take 1e-4, and Lion a tenth of it."""


def notes_on(
    experiment: Experiment,
    courses: Sequence[Course],
    branches: Sequence[Branch],
    cost: Cost,
    photos: Sequence[Photos],
    rates: Rates,
) -> tuple[str, ...]:
    """All notes on a plan, the costly ones first."""
    return (
        *_unshared_schedules(courses, cost),
        *_long_warmups(courses),
        *_slow_loras(courses),
        *_uneven_epochs(courses, photos),
        *_bucketed(courses, photos),
        *_few_evaluations(experiment, courses),
        *_grids_of_what_may_be_gone(experiment),
        _disk(experiment, branches, rates),
    )


def outrun(experiment: Experiment, branches: Sequence[Branch]) -> Iterator[str]:
    """What the scheduler may do to the plan."""
    search, longest, grace = experiment.search, longest_epochs(experiment), grace_epochs(experiment)
    yield from _idle(search)
    if search.scheduler is SchedulerName.NONE or len(branches) < 2:
        return  # nobody to compare
    if search.scheduler is SchedulerName.OUTRUN and grace < longest:
        yield (
            f"scheduler outrun: from epoch {grace} on a branch ends once another one is surely ahead of it at the same "
            "epoch, so the plan's figures are upper bounds"
        )
    elif grace < longest:
        rungs = [f"{rung:g}" for rung in rungs_of(grace, search.reduction_factor, longest) if rung < longest]
        yield (
            f"scheduler asha: a branch whose utility is not in the best 1/{search.reduction_factor:g} ends at the "
            f"first evaluation from epoch {' and '.join(rungs)} on, so the plan's figures are upper bounds"
        )
    elif search.grace_epochs != "auto":
        yield (
            f"scheduler {search.scheduler} ends nothing: grace_epochs is {grace} and the longest trial has "
            f"{counted(longest, 'epoch')}; lower it"
        )


def _idle(search: Search) -> Iterator[str]:
    """Settings that another scheduler would need."""
    fields, scheduler = type(search).model_fields, search.scheduler
    if scheduler is SchedulerName.NONE and search.grace_epochs != fields["grace_epochs"].default:
        yield "grace_epochs has no effect: it needs search.scheduler outrun or asha"
    if scheduler is not SchedulerName.OUTRUN and search.catch_up != fields["catch_up"].default:
        yield "catch_up has no effect: it needs search.scheduler outrun"
    if scheduler is not SchedulerName.ASHA and search.reduction_factor != fields["reduction_factor"].default:
        yield "reduction_factor has no effect: it needs search.scheduler asha"


def own_class_images(experiment: Experiment, courses: Sequence[Course], photos: Sequence[Photos]) -> Iterator[str]:
    """Which concepts have more class images of the user's own than any trial uses, or fewer."""
    for index, (concept, each) in enumerate(zip(experiment.concepts, photos, strict=True)):
        there, folder = each.class_images, concept.class_images.folder
        if there == 0:
            continue
        used = max(class_images_used(each, course.train) for course in courses)
        if used < there:
            yield (
                f"concepts[{index}]: {used:,} of the {there:,} class images in {folder} are used, the first by name;"
                " the others need a higher class_images_per_instance"
            )
        if used > there:
            yield (
                f"concepts[{index}]: {used:,} class images are used: {there:,} in {folder}, and {used - there:,} that"
                " the base model draws; a lower class_images_per_instance needs fewer"
            )


def _unshared_schedules(courses: Sequence[Course], cost: Cost) -> Iterator[str]:
    dependent = {course.train.lr_scheduler.value for course in courses if course.train.lr_scheduler.depends_on_length}
    if not dependent:
        return
    shared = [replace(course, schedule_epochs=None) for course in courses]
    more = cost.steps_shared - sum(node.steps for node in grow_tree(shared))
    if more:
        depend = "depends" if len(dependent) == 1 else "depend"
        yield (
            f"lr_scheduler {' and '.join(sorted(dependent))} {depend} on the total length, so trials of different "
            f"epochs share nothing: {counted(more, 'step')} more than with a constant schedule"
        )


def _long_warmups(courses: Sequence[Course]) -> Iterator[str]:
    late = [
        course.steps
        for course in courses
        if course.train.lr_scheduler.warms_up and course.train.lr_warmup_steps >= course.steps
    ]
    if late:
        yield (
            f"lr_warmup_steps is not less than the length of {len(late):,} of {len(courses):,} trials (the shortest has"
            f" {min(late):,} steps), which never reach their learning rate; lower it"
        )


def _slow_loras(courses: Sequence[Course]) -> Iterator[str]:
    """That the default, or what whole networks want, is no rate for a LoRA; Prodigy's is never as low."""
    rates = [course.train.peak_learning_rates[0] for course in courses if course.train.lora_rank > 0]
    if rates and max(rates) < _LEAST_LORA_RATE:
        yield (
            f"learning_rate {max(rates):g} is one for whole networks, with which a LoRA hardly learns: try 1e-4, as"
            " kohya's and diffusers' scripts do"
        )


def _uneven_epochs(courses: Sequence[Course], photos: Sequence[Photos]) -> Iterator[str]:
    uses = uses_per_epoch(photos)
    repeats = "" if uses == sum(each.count for each in photos) else ", repeats counted,"
    are = f"{repeats} {'is' if uses == 1 else 'are'}"
    trains = [course.train for course in courses if not course.train.aspect_ratio_buckets]
    batches = sorted({(train.batch_size, train.gradient_accumulation) for train in trains})
    for batch_size, accumulation in batches:
        images = batch_size * accumulation
        if uses % images:
            yield (
                f"{counted(uses, 'photo')}{are} not divisible by batch_size × gradient_accumulation = {batch_size} × "
                f"{accumulation}: the last step of every epoch has {uses % images} of {images} images"
            )


def _bucketed(courses: Sequence[Course], photos: Sequence[Photos]) -> Iterator[str]:
    """Which sizes there are, and how long an epoch is where they do not fill their batches."""
    found: dict[str, int] = {}
    for train in (course.train for course in courses if course.train.aspect_ratio_buckets):
        uses = uses_by_size(photos, train)
        sizes = ", ".join(f"{count} of {width}×{height}" for (width, height), count in sorted(uses.items()))
        steps, full = steps_per_epoch(photos, train), train.batch_size * train.gradient_accumulation
        found[f"aspect_ratio_buckets: an epoch has {sizes} pixels"] = max(0, steps - -(-uses.total() // full))
    for sentence, more in found.items():
        yield f"{sentence}, {counted(more, 'step')} more than if all had one size" if more else sentence


def _few_evaluations(experiment: Experiment, courses: Sequence[Course]) -> Iterator[str]:
    # The end of a trial is evaluated too, whether or not it is a multiple.
    apart = look_epochs(experiment)
    few = sum(-(-course.epochs // apart) < _FEW_EVALUATIONS for course in courses)
    if few:
        distances = {"look_every": look_every_of(experiment), "every_epochs": experiment.evaluate.every_epochs}
        lower = next((name for name, distance in distances.items() if distance > 1), None)
        fix = f"lower evaluate.{lower} ({distances[lower]})" if lower is not None else "train for more epochs"
        seen = " that are looked at" if distances["look_every"] > 1 else ""
        yield (
            f"{few:,} of {counted(len(courses), 'trial')} {'has' if few == 1 else 'have'} fewer than "
            f"{_FEW_EVALUATIONS} checkpoints{seen}, too few to see when overtraining begins; {fix}"
        )


def _grids_of_what_may_be_gone(experiment: Experiment) -> Iterator[str]:
    """Checkpoints that a grid names and that need not be among the best, whose weights are kept."""
    keep = experiment.checkpoints.keep
    for number, grid in enumerate(experiment.grids, start=1):
        axis = grid.axis(AxisKind.CHECKPOINT)
        names = [str(value) for value in axis.values if value not in ("base", "best", "runner_up")] if axis else []
        if names and keep != "all":
            yield (
                f"grid {number} draws {', '.join(names)}, whose weights checkpoints.keep: {keep} may have dropped by "
                "then: what is gone is left out, and said"
            )


def _disk(experiment: Experiment, branches: Sequence[Branch], rates: Rates) -> str:
    milestones = [milestone for branch in branches for milestone in branch.milestones]
    forks = sum(milestone.fork for milestone in milestones)
    states = f", {forks:,} of them with {bytes_text(rates.state_bytes)} of state to fork from" if forks else ""
    basis = f" ({rates.basis})" if rates.basis else ""
    latest = f"; {latest_checkpoints(rates, len(branches)):,} states of {bytes_text(rates.state_bytes)} to resume from"
    much = len(milestones) * rates.weight_bytes >= _MUCH_DISK and experiment.checkpoints.keep == "all"
    fewer = (
        "; to make fewer raise evaluate.every_epochs, to keep fewer set checkpoints.keep: 2 and evaluate.look_every: 1"
        if much
        else ""
    )
    return f"{counted(len(milestones), 'checkpoint')} of {bytes_text(rates.weight_bytes)}{states}{basis}{latest}{fewer}"
