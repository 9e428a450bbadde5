"""How a person is told whether training fits the device, and what makes it fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dbsweep.config.schema import Experiment, Train
from dbsweep.plan.courses import text_encoder_epochs
from dbsweep.plan.ladder import Savings, savings_text, smallest_passes, useful_steps
from dbsweep.plan.memory import GIB
from dbsweep.plan.needs import USELESS, WRITTEN, Case, Device, cases_of, left_alone, need_of
from dbsweep.plan.sizes import SMALL_ENCODER
from dbsweep.records.record import Scalar

_SHOWN = 6
_SMALL_LORA = 8
_ENCODER = "evaluate.encoder"


def forecast(experiment: Experiment, device: Device) -> Iterator[str]:
    """Whether training fits, and what would make it fit, for each need."""
    cases = sorted(cases_of(experiment), key=lambda case: -case.memory.total)
    if device.half is None and cases[0].memory.total <= device.memory_bytes:
        return  # on the CPU memory is hardly ever short, and other programs share it
    for case in cases[:_SHOWN]:
        yield _case_text(experiment, case, device)
    if len(cases) > _SHOWN:
        yield f"memory: {len(cases) - _SHOWN} more settings need less"


def forecast_without_device(experiment: Experiment) -> str:
    """What training needs, where nobody knows what it has."""
    worst = max((case.memory for case in cases_of(experiment)), key=lambda memory: memory.total)
    return (
        f"memory: training needs about {gigabytes(worst.total)} ({worst.parts_text()}); no GPU is seen from "
        "here, so set resources.gpu_memory_gb to see whether that fits"
    )


def _case_text(experiment: Experiment, case: Case, device: Device) -> str:
    named = f" ({case.named})" if case.named else ""
    need = f"memory: training{named} needs about {gigabytes(case.memory.total)} of {device.name}"
    parts = f"({case.memory.parts_text()})"
    if case.memory.total <= device.memory_bytes:
        return f"{need} {parts}: fits"
    if means := list(_means(experiment, case, device)):
        advice = f"what makes it fit: {'; or '.join(means)}"
    elif (together := _together(experiment, case, device)) is not None:
        advice = f"what makes it fit, all together: {together}"
    else:
        advice = f"only {_least(case)} may make it fit"
    return f"{need} {parts}: does not fit and will probably run out of memory; {advice}"


def _means(experiment: Experiment, case: Case, device: Device) -> Iterator[str]:
    """Changes of which each alone makes a case fit, those that keep most of what is trained first."""

    def need(changes: Mapping[str, Scalar]) -> int:
        return need_of(_alone(experiment, case, changes))

    train = case.train
    if train.memory != "auto":
        written = experiment.train.model_fields_set.intersection(WRITTEN)
        for freed in ((), written):
            swept = left_alone(experiment, freed=freed)
            steps = useful_steps(train, need, half=device.half, keep_weights=False, swept=swept, useless=USELESS)
            fitting = next((savings for savings in steps if need(savings) <= device.memory_bytes), None)
            if fitting is not None:
                without = f" without {lines_text(experiment, fitting)}" if freed else ""
                yield f"train.memory auto{without}, which may take {savings_text(fitting)} ({gigabytes(need(fitting))})"
                break
    share = experiment.resources.gpus_per_trial
    if 0.0 < share < 1.0 and case.memory.total <= device.memory_bytes / share:
        yield f"resources.gpus_per_trial 1, no other trial on the same GPU ({gigabytes(case.memory.total)})"
    if text_encoder_epochs(train) > 0 and (total := need({"text_encoder_ratio": 0.0})) <= device.memory_bytes:
        yield f"train.text_encoder_ratio 0 ({gigabytes(total)})"
    if train.lora_rank == 0 and (total := need({"lora_rank": _SMALL_LORA})) <= device.memory_bytes:
        yield f"train.lora_rank {_SMALL_LORA}, a LoRA instead of the whole networks ({gigabytes(total)})"
    if (total := need({_ENCODER: SMALL_ENCODER})) <= device.memory_bytes:
        yield f"{_ENCODER} {SMALL_ENCODER}, a smaller CLIP that scores ({gigabytes(total)})"


def _together(experiment: Experiment, case: Case, device: Device) -> str | None:
    """What makes a case fit where nothing does alone, without what is not needed; None if nothing can."""
    train = case.train
    smallest = smallest_passes(train) if not left_alone(experiment) & {"batch_size", "gradient_accumulation"} else {}
    changes: list[dict[str, Scalar]] = [
        {"gradient_checkpointing": True},
        smallest,
        {"lora_rank": train.lora_rank or _SMALL_LORA},
        {_ENCODER: SMALL_ENCODER},
        {"precision": "fp32"},  # of one photo's pass, copies in half precision cost more than they save
        {"text_encoder_ratio": 0.0},
    ]

    def need(some: Sequence[Mapping[str, Scalar]]) -> int:
        return need_of(_alone(experiment, case, {name: value for change in some for name, value in change.items()}))

    for change in reversed(changes):
        fewer = [other for other in changes if other is not change]
        if need(fewer) <= device.memory_bytes or need(fewer) <= need(changes):
            changes = fewer
    if (total := need(changes)) > device.memory_bytes:
        return None
    changed = [(name, value) for change in changes for name, value in change.items()]
    named = (savings_text({name if name == _ENCODER else f"train.{name}": value}) for name, value in changed)
    return f"{', '.join(named)} ({gigabytes(total)})"


def _alone(experiment: Experiment, case: Case, changes: Mapping[str, Scalar]) -> Experiment:
    """An experiment of this case alone, changed: settings of `train`, or the scoring encoder."""
    of_train = {name: value for name, value in changes.items() if name != _ENCODER}
    train = Train.model_validate({**case.train.model_dump(), **of_train})
    evaluate = experiment.evaluate.model_copy(update={"encoder": changes.get(_ENCODER, experiment.evaluate.encoder)})
    return experiment.model_copy(update={"train": train, "search": type(experiment.search)(), "evaluate": evaluate})


def _least(case: Case) -> str:
    return f"a lower train.resolution (now {case.train.resolution}), a smaller base model or more memory"


def lines_text(experiment: Experiment, savings: Savings) -> str:
    """The lines of `train` that savings would change: ``the line train.optimizer``."""
    names = [f"train.{name}" for name in WRITTEN if name in savings and name in experiment.train.model_fields_set]
    return f"the {'line' if len(names) == 1 else 'lines'} {', '.join(names)}"


def gigabytes(count: int) -> str:
    """``2147483648`` → ``2.0 GB``."""
    return f"{count / GIB:.1f} GB"
