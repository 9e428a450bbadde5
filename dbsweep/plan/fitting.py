"""Whether training fits the device, what makes it fit, and how a person is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dbsweep.config.concept import FILEWORDS
from dbsweep.config.schema import Experiment, Train
from dbsweep.plan.courses import text_encoder_epochs
from dbsweep.plan.ladder import Half, Savings, images_per_pass, savings_text, useful_steps
from dbsweep.plan.memory import GIB, TrainingMemory, training_memory
from dbsweep.plan.model_files import size_of
from dbsweep.plan.sizes import encoder_bytes
from dbsweep.plan.space import make_trials
from dbsweep.records.record import Record, Scalar

USELESS = 0.01
"""Share of the need that a step must save to be taken."""

_SHOWN = 6
_SMALL_LORA = 8

_EXACT = (
    "resolution", "batch_size", "gradient_accumulation", "precision", "gradient_checkpointing", "optimizer",
    "lora_rank", "lora_targets",
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
    memory: TrainingMemory
    named: str


@dataclass(frozen=True, slots=True)
class Fit:
    """An experiment whose training fits the device as well as may be, and what a person should know of it."""

    experiment: Experiment
    notes: tuple[str, ...]


def fit(experiment: Experiment, device: Device | None) -> Fit:
    """Chooses the settings that save memory, where `train.memory` is auto, and tells the forecast.

    The choice is one for all trials, so that they differ in what is swept and in nothing else, and it is made here,
    once: what is chosen stands in the run's experiment file, and the weights depend on no device that a worker meets.

    Args:
        device: None where it is not known.
    """
    if device is None:
        return Fit(experiment, (_unknown(experiment),) if experiment.resources.gpus_per_trial > 0 else ())
    if experiment.train.memory != "auto":
        return Fit(experiment, tuple(_forecast(experiment, device)))
    savings = _savings(experiment, device)
    chosen = _with(experiment, savings)
    need = f"as given, training needs {_gb(_need(experiment))} of {device.name}"
    if not savings:
        told = f"memory auto: {need}; nothing is changed"
    else:
        told = f"memory auto: {need}, so all trials train with {savings_text(savings)}"
    return Fit(chosen, (told, *_forecast(chosen, device)))


def _savings(experiment: Experiment, device: Device) -> Savings:
    """The first steps down the ladder with which all trials fit, or all steps that save anything."""

    def need(savings: Savings) -> int:
        return _need(_with(experiment, savings))

    swept = set(experiment.search.axes)
    if swept & {"lora_dropout", "aspect_ratio_buckets"}:
        swept.add("batch_size")  # for some trials smaller passes would make other steps
    ladder = useful_steps(experiment.train, need, half=device.half, keep_weights=False, swept=swept, useless=USELESS)
    taken: Savings = {}
    while need(taken) > device.memory_bytes:
        further = next(ladder, None)
        if further is None:
            break
        taken = further
    return taken


def _with(experiment: Experiment, savings: Mapping[str, Scalar]) -> Experiment:
    if not savings:
        return experiment
    return experiment.model_copy(update={"train": experiment.train_for(savings)})


def _need(experiment: Experiment) -> int:
    return max(case.memory.total for case in _cases(experiment))


def _cases(experiment: Experiment) -> tuple[Case, ...]:
    """The trials by what they need, each need once."""
    by_need: dict[tuple[Scalar, ...], Mapping[str, Scalar]] = {}
    for trial in make_trials(experiment)[0]:
        by_need.setdefault(_need_key(trial.settings), trial.settings)
    trains = [experiment.train_for(settings) for settings in by_need.values()]
    distinct = {_described(train): train for train in trains}
    varying = [column for column in zip(*distinct, strict=True) if len(set(column)) > 1]
    labels = [", ".join(words) for words in zip(*varying, strict=True)] or [""] * len(distinct)
    size, scoring = size_of(experiment.base_model), encoder_bytes(experiment.evaluate.encoder)
    return tuple(
        Case(train, training_memory(train, size, prompts=prompts_of(experiment, train), scoring_bytes=scoring), label)
        for train, label in zip(distinct.values(), labels, strict=True)
    )


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
    )


def prompts_of(experiment: Experiment, train: Train) -> int:
    """Different prompts that a pass may have."""
    texts = [text for concept in experiment.concepts for text in (concept.instance_prompt, concept.class_prompt)]
    if any(FILEWORDS in text for text in texts):
        return images_per_pass(train)
    return len(texts) + (1 if train.caption_dropout > 0.0 else 0)


def _forecast(experiment: Experiment, device: Device) -> Iterator[str]:
    cases = sorted(_cases(experiment), key=lambda case: -case.memory.total)
    if device.half is None and cases[0].memory.total <= device.memory_bytes:
        return  # on the CPU memory is hardly ever short, and other programs share it
    for case in cases[:_SHOWN]:
        yield _case_text(experiment, case, device)
    if len(cases) > _SHOWN:
        yield f"memory: {len(cases) - _SHOWN} more settings need less"


def _case_text(experiment: Experiment, case: Case, device: Device) -> str:
    named = f" ({case.named})" if case.named else ""
    need = f"memory: training{named} needs about {_gb(case.memory.total)} of {device.name}"
    parts = f"({case.memory.parts_text()})"
    if case.memory.total <= device.memory_bytes:
        return f"{need} {parts}: fits"
    means = list(_means(experiment, case, device))
    advice = f"what makes it fit: {'; or '.join(means)}" if means else f"only {_least(case)} may make it fit"
    return f"{need} {parts}: does not fit and will probably run out of memory; {advice}"


def _means(experiment: Experiment, case: Case, device: Device) -> Iterator[str]:
    """Changes of which each alone makes a case fit, those that keep most of what is trained first."""

    def need(changes: Mapping[str, Scalar]) -> int:
        return max(each.memory.total for each in _cases(_alone(experiment, case, changes)))

    train = case.train
    if train.memory != "auto":
        for savings in useful_steps(train, need, half=device.half, keep_weights=False, useless=USELESS):
            if (total := need(savings)) <= device.memory_bytes:
                yield f"train.memory auto, which may take {savings_text(savings)} ({_gb(total)})"
                break
    if text_encoder_epochs(train) > 0 and (total := need({"text_encoder_ratio": 0.0})) <= device.memory_bytes:
        yield f"train.text_encoder_ratio 0 ({_gb(total)})"
    if train.lora_rank == 0 and (total := need({"lora_rank": _SMALL_LORA})) <= device.memory_bytes:
        yield f"train.lora_rank {_SMALL_LORA}, a LoRA instead of the whole networks ({_gb(total)})"


def _alone(experiment: Experiment, case: Case, changes: Mapping[str, Scalar]) -> Experiment:
    """An experiment of this case alone, changed."""
    train = Train.model_validate({**case.train.model_dump(), **changes})
    return experiment.model_copy(update={"train": train, "search": type(experiment.search)()})


def _least(case: Case) -> str:
    return f"a lower train.resolution (now {case.train.resolution}), a smaller base model or more memory"


def _unknown(experiment: Experiment) -> str:
    worst = max((case.memory for case in _cases(experiment)), key=lambda memory: memory.total)
    return (
        f"memory: training needs about {_gb(worst.total)} ({worst.parts_text()}); no GPU is seen from "
        "here, so set resources.gpu_memory_gb to see whether that fits"
    )


def _gb(count: int) -> str:
    return f"{count / GIB:.1f} GB"
