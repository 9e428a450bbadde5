"""Which settings that save memory are taken, so that trials fit the device."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from dbsweep.config.schema import Experiment
from dbsweep.plan.memory.forecast import forecast, forecast_without_device, gigabytes, lines_text
from dbsweep.plan.memory.ladder import Savings, savings_text, useful_steps, ways_to_save
from dbsweep.plan.memory.needs import USELESS, WRITTEN, Device, left_alone, need_of
from dbsweep.records.record import Scalar


@dataclass(frozen=True, slots=True)
class Fit:
    """An experiment whose trials fit the device as well as may be, and what a person should know of it."""

    experiment: Experiment
    notes: tuple[str, ...]


def fit(experiment: Experiment, device: Device | None) -> Fit:
    """Chooses the settings that save memory, where `train.memory` is auto, and tells the forecast.

    What the experiment file has is kept (`WRITTEN`); where nothing fits with it, the note names the lines in the way.

    The choice is one for all trials, so that they differ in what is swept and in nothing else, and it is made here,
    once: what is chosen stands in the run's experiment file, and the weights depend on no device that a worker meets.

    Args:
        device: None where it is not known.
    """
    if device is None:
        on_gpu = experiment.resources.gpus_per_trial > 0
        return Fit(experiment, tuple(forecast_without_device(experiment)) if on_gpu else ())
    if experiment.train.memory != "auto":
        return Fit(experiment, tuple(forecast(experiment, device)))
    savings = _savings(experiment, device)
    chosen = _with(experiment, savings)
    need = f"as given, a trial needs {gigabytes(need_of(experiment))} of {device.name}"
    if not savings:
        told = f"memory auto: {need}; nothing is changed"
    else:
        told = f"memory auto: {need}, so all trials train with {savings_text(savings)}"
    return Fit(chosen, (told + _kept_text(experiment, device, need_of(chosen)), *forecast(chosen, device)))


def _kept_text(experiment: Experiment, device: Device, needed: int) -> str:
    """What is kept as it is written where more memory could be saved, and which lines are in the way of what fits."""
    if need_of(experiment) <= device.memory_bytes:
        return ""
    train, swept = experiment.train, left_alone(experiment, freed=WRITTEN)
    ways = ways_to_save(train, half=device.half, keep_weights=False, swept=swept)
    kept = [name for name in WRITTEN if name in train.model_fields_set and any(name in way for way in ways)]
    if not kept:
        return ""
    text = f"; kept as written: {savings_text({name: getattr(train, name) for name in kept})}"
    freed = _savings(experiment, device, freed=kept)
    total = need_of(_with(experiment, freed))
    if needed <= device.memory_bytes or total > device.memory_bytes:
        return text
    return f"{text}, with which nothing fits: take out {lines_text(experiment, freed)} ({gigabytes(total)})"


def _savings(experiment: Experiment, device: Device, freed: Collection[str] = ()) -> Savings:
    """What costs least time of all with which all trials fit; where none does, what needs least.

    Args:
        freed: as in `left_alone`.
    """

    def need(savings: Savings) -> int:
        return need_of(_with(experiment, savings))

    swept = left_alone(experiment, freed=freed)
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
