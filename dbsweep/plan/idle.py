"""Settings of `train` that are given and change nothing, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from dbsweep.config.concept import FILEWORDS
from dbsweep.config.messages import counted, shown
from dbsweep.config.schema import Experiment, LearningRateSchedule, Train
from dbsweep.plan.courses import Course, text_encoder_epochs

_RATE = LearningRateSchedule

_NEEDS: tuple[tuple[tuple[str, ...], str, Callable[[Train], bool]], ...] = (
    (
        ("lr_step_rules",),
        "lr_scheduler piecewise_constant",
        lambda train: train.lr_scheduler is _RATE.PIECEWISE_CONSTANT,
    ),
    (
        ("lr_warmup_steps",),
        "another lr_scheduler, such as constant_with_warmup",
        lambda train: train.lr_scheduler.warms_up,
    ),
    (
        ("lr_num_cycles",),
        "lr_scheduler cosine_with_restarts",
        lambda train: train.lr_scheduler is _RATE.COSINE_WITH_RESTARTS,
    ),
    (
        ("lr_min_ratio",),
        "lr_scheduler linear, cosine or cosine_with_restarts",
        lambda train: train.lr_scheduler.falls_to_a_share,
    ),
    (("lr_power",), "lr_scheduler polynomial", lambda train: train.lr_scheduler is _RATE.POLYNOMIAL),
    (
        ("lora_alpha", "lora_dropout", "lora_targets", "lora_dora", "lora_plus_ratio", "lora_max_norm"),
        "lora_rank above 0",
        lambda train: train.lora_rank > 0,
    ),
    (
        ("text_encoder_learning_rate",),
        "a text_encoder_ratio with which the text encoder trains",
        lambda train: text_encoder_epochs(train) > 0,
    ),
    (
        ("prior_loss_weight",),
        "class_images_per_instance above 0",
        lambda train: train.class_images_per_instance > 0,
    ),
    (
        ("multires_noise_discount",),
        "multires_noise_iterations above 0",
        lambda train: train.multires_noise_iterations > 0,
    ),
    (("keep_tags",), "shuffle_tags or tag_dropout", lambda train: train.shuffle_tags or train.tag_dropout > 0.0),
)
"""Settings, what they need, and whether a trial has it."""

_OF_CAPTIONS = ("shuffle_tags", "tag_dropout")


def idle_settings(experiment: Experiment, courses: Sequence[Course]) -> Iterator[str]:
    """A sentence for each setting that has no effect on some trials, or on any, although it is not the default."""
    trains = [course.train for course in courses]
    for name in experiment.search.hidden:
        given = getattr(experiment.train, name)
        if given not in (Train.model_fields[name].default, *(getattr(train, name) for train in trains)):
            yield f"train.{name} has no effect, got {shown(given)}: search.{name} is swept; set that instead"
    for names, need, has_need in _NEEDS:
        yield from _idle(names, need, trains, has_need)
    if not any(FILEWORDS in concept.instance_prompt for concept in experiment.concepts):
        yield from _idle(_OF_CAPTIONS, f"{FILEWORDS} in an instance_prompt", trains, lambda _: False)


def _idle(names: Sequence[str], need: str, trains: Sequence[Train], has_need: Callable[[Train], bool]) -> Iterator[str]:
    lacking = [train for train in trains if not has_need(train)]
    for name in names:
        default = Train.model_fields[name].default
        idle = sum(getattr(train, name) != default for train in lacking)
        if idle:
            some = f" on {idle:,} of {counted(len(trains), 'trial')}" if idle < len(trains) else ""
            yield f"{name} has no effect{some}: it needs {need}"
