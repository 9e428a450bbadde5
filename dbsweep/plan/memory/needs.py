"""How much memory the trials of an experiment need, each need once, and what a device has.

A trial trains and draws in turns, so it needs the larger of the two.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from dbsweep.config.concept import FILEWORDS
from dbsweep.config.schema import Experiment, Train
from dbsweep.plan.courses import text_encoder_epochs
from dbsweep.plan.memory.drawing import DrawingMemory, drawing_memory
from dbsweep.plan.memory.encoders import scoring_bytes
from dbsweep.plan.memory.ladder import Half, images_per_pass
from dbsweep.plan.memory.model_files import size_of
from dbsweep.plan.memory.training import TrainingMemory, training_memory
from dbsweep.plan.space import make_trials
from dbsweep.records.record import Record, Scalar

USELESS = 0.01
"""Share of the need that a step down the ladder must save to be taken."""

WRITTEN = ("precision", "optimizer", "gradient_checkpointing")
"""Settings of `train` that saving memory leaves alone where the experiment file has them. Smaller passes make the same
step of as many images, so a batch size that is written is kept by them."""

_EXACT = (
    "resolution", "batch_size", "gradient_accumulation", "precision", "gradient_checkpointing", "optimizer",
    "lora_rank", "lora_targets", "lora_dora",
)  # fmt: skip
_OR_NOT = ("class_images_per_instance", "prior_loss_weight", "ema_decay")
"""Swept settings that the need of memory depends on; of the second kind, on whether they are 0."""


class Device(Record):
    """The memory that one trial has.

    Attributes:
        memory_bytes: its share.
        name: for the person: ``the GPU's 24.0 GB``.
        half: the half precision that it computes fast; None if it has none.
    """

    memory_bytes: int
    name: str
    half: Half | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """Trials that need the same memory.

    Attributes:
        named: what tells them from other cases, in words; empty where there is one case.
    """

    train: Train
    training: TrainingMemory
    drawing: DrawingMemory
    named: str

    @property
    def drawing_decides(self) -> bool:
        """Whether drawing its checkpoints needs more than training."""
        return self.drawing.total > self.training.total

    @property
    def memory(self) -> TrainingMemory | DrawingMemory:
        """What needs the most."""
        return self.drawing if self.drawing_decides else self.training


def need_of(experiment: Experiment) -> int:
    """Bytes of the trial that needs the most."""
    return max(case.memory.total for case in cases_of(experiment))


def left_alone(experiment: Experiment, *, freed: Collection[str] = ()) -> set[str]:
    """Settings of `train` that saving memory may not change.

    They differ between trials, or what they make would, or they are `WRITTEN`.

    Args:
        freed: written ones that may change all the same.
    """
    swept = set(experiment.search.axes)
    if swept & {"lora_dropout", "aspect_ratio_buckets"}:
        swept.add("batch_size")  # for some trials smaller passes would make other steps
    return swept | (experiment.train.model_fields_set.intersection(WRITTEN) - set(freed))


def cases_of(experiment: Experiment) -> tuple[Case, ...]:
    """The trials by what they need, each need once."""
    by_need: dict[tuple[Scalar, ...], Mapping[str, Scalar]] = {}
    for trial in make_trials(experiment)[0]:
        by_need.setdefault(_need_key(trial.settings), trial.settings)
    trains = [experiment.train_for(settings) for settings in by_need.values()]
    distinct = {_described(train): train for train in trains}
    varying = [column for column in zip(*distinct, strict=True) if len(set(column)) > 1]
    labels = [", ".join(words) for words in zip(*varying, strict=True)] or [""] * len(distinct)
    size, scoring = size_of(experiment.base_model), scoring_bytes(experiment.evaluate)
    drawn_at, on_gpu = experiment.train.resolution, experiment.resources.gpus_per_trial > 0
    cases = []
    for train, label in zip(distinct.values(), labels, strict=True):
        training = training_memory(train, size, prompts=prompts_of(experiment, train), scoring_bytes=scoring)
        drawing = drawing_memory(training, size, drawn_at, on_gpu=on_gpu, in_half=train.frozen_in_half)
        cases.append(Case(train, training, drawing, label))
    return tuple(cases)


def _need_key(settings: Mapping[str, Scalar]) -> tuple[Scalar, ...]:
    """The same for trials that need the same; thousands of them are not looked at more closely."""
    exact = (settings.get(name, "") for name in _EXACT)
    return (*exact, *(settings.get(name, 1) == 0 for name in _OR_NOT), _text_encoder_trains(settings))


def _text_encoder_trains(settings: Mapping[str, Scalar]) -> bool:
    """Whether it does in a trial, by the two settings that every trial names."""
    return round(float(settings["epochs"]) * float(settings["text_encoder_ratio"])) > 0


def _described(train: Train) -> tuple[str, ...]:
    """All that the need depends on, each in words."""
    return (
        f"resolution {train.resolution}",
        f"batch_size {train.batch_size}",
        "in one pass a step" if train.gradient_accumulation == 1 else "in several passes a step",
        "with class images" if images_per_pass(train) > train.batch_size else "without class images",
        f"text encoder {'trains' if text_encoder_epochs(train) > 0 else 'frozen'}",
        f"precision {train.precision}",
        f"gradient_checkpointing {str(train.gradient_checkpointing).lower()}",
        f"optimizer {train.optimizer}",
        "with an average" if train.ema_decay > 0.0 else "without an average",
        f"lora_rank {train.lora_rank}",
        f"lora_targets {train.lora_targets}" if train.lora_rank > 0 else "whole networks",
        f"lora_dora {str(train.lora_dora).lower()}",
    )


def prompts_of(experiment: Experiment, train: Train) -> int:
    """Different prompts that a pass may have."""
    texts = [text for concept in experiment.concepts for text in (concept.instance_prompt, concept.class_prompt)]
    if any(FILEWORDS in text for text in texts):
        return images_per_pass(train)
    return len(texts) + (1 if train.caption_dropout > 0.0 else 0)
