"""How a person is told whether trials fit the device, and what makes them fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dbsweep.config.schema import Experiment, Train
from dbsweep.config.search import Search
from dbsweep.plan.courses import text_encoder_epochs
from dbsweep.plan.memory.encoders import SMALL_ENCODER, guesses
from dbsweep.plan.memory.ladder import Savings, savings_text, smallest_passes, useful_steps
from dbsweep.plan.memory.needs import USELESS, WRITTEN, Case, Device, cases_of, left_alone, need_of
from dbsweep.plan.memory.training import GIB
from dbsweep.records.record import Scalar

_SHOWN = 6
_SMALL_LORA = 8
_SIDES = 64
"""Of pictures that are advised, in pixels, a multiple."""
_ENCODER = "evaluate.encoder"


def forecast(experiment: Experiment, device: Device) -> Iterator[str]:
    """Whether trials fit, and what would make them fit, for each need."""
    cases = sorted(cases_of(experiment), key=lambda case: -case.memory.total)
    if device.half is None and cases[0].memory.total <= device.memory_bytes:
        return  # on the CPU memory is hardly ever short, and other programs share it
    for case in cases[:_SHOWN]:
        yield _case_text(experiment, case, device)
    if len(cases) > _SHOWN:
        yield f"memory: {len(cases) - _SHOWN} more settings need less"
    yield from guesses(experiment.evaluate)


def forecast_without_device(experiment: Experiment) -> Iterator[str]:
    """What trials need, where nobody knows what they have."""
    worst = max(cases_of(experiment), key=lambda case: case.memory.total)
    yield (
        f"{_need_text(worst, of='')}; no GPU is seen from here, so set resources.gpu_memory_gb to see whether that fits"
    )
    yield from guesses(experiment.evaluate)


def _case_text(experiment: Experiment, case: Case, device: Device) -> str:
    need = _need_text(case, of=f" of {device.name}")
    if case.memory.total <= device.memory_bytes:
        return f"{need}: fits"
    if means := list(_means(experiment, case, device)):
        advice = f"what makes it fit: {'; or '.join(means)}"
    elif (together := _together(experiment, case, device)) is not None:
        advice = f"what makes it fit{together}"
    else:
        advice = f"only {_least(case)} may make it fit"
    return f"{need}: does not fit and will probably run out of memory; {advice}"


def _need_text(case: Case, *, of: str) -> str:
    """What needs the most of a trial, and how much."""
    named = f" ({case.named})" if case.named else ""
    needed = f"{named} needs about {gigabytes(case.memory.total)}{of} ({case.memory.parts_text()})"
    if case.drawing_decides:
        return f"memory: drawing a checkpoint{needed}, more than training, which needs {gigabytes(case.training.total)}"
    return f"memory: training{needed}"


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
    if case.drawing_decides:
        for side in range(experiment.train.resolution // _SIDES * _SIDES, 0, -_SIDES):
            if (total := need({"resolution": side})) <= device.memory_bytes:
                yield f"train.resolution {side}, at which all is drawn ({gigabytes(total)})"
                break


def _together(experiment: Experiment, case: Case, device: Device) -> str | None:
    """What makes a case fit where none of `_means` does, without what is not needed; None if nothing can."""
    train = case.train
    smallest = smallest_passes(train) if not left_alone(experiment) & {"batch_size", "gradient_accumulation"} else {}
    changes: list[dict[str, Scalar]] = [
        {"gradient_checkpointing": True},
        smallest,
        {"lora_rank": train.lora_rank or _SMALL_LORA},
        {_ENCODER: SMALL_ENCODER},
        # Of whole networks and one photo's pass, copies in half precision cost more than they save.
        {"precision": device.half if device.half is not None and train.lora_rank > 0 else "fp32"},
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
    return f"{', all together' if len(changes) > 1 else ''}: {', '.join(named)} ({gigabytes(total)})"


def _alone(experiment: Experiment, case: Case, changes: Mapping[str, Scalar]) -> Experiment:
    """An experiment of this case alone, changed: settings of `train`, or the scoring encoder.

    A resolution that is swept stays as it is: `train` has what is drawn at.
    """
    drawn_at = experiment.train.resolution
    of_train = {"resolution": drawn_at, **{name: value for name, value in changes.items() if name != _ENCODER}}
    train = Train.model_validate({**case.train.model_dump(), **of_train})
    swept = {"resolution": [case.train.resolution]} if "resolution" in experiment.search.axes else {}
    evaluate = experiment.evaluate.model_copy(update={"encoder": changes.get(_ENCODER, experiment.evaluate.encoder)})
    return experiment.model_copy(update={"train": train, "search": Search.model_validate(swept), "evaluate": evaluate})


def _least(case: Case) -> str:
    return f"a lower train.resolution (now {case.train.resolution}), a smaller base model or more memory"


def lines_text(experiment: Experiment, savings: Savings) -> str:
    """The lines of `train` that savings would change: ``the line train.optimizer``."""
    names = [f"train.{name}" for name in WRITTEN if name in savings and name in experiment.train.model_fields_set]
    return f"the {'line' if len(names) == 1 else 'lines'} {', '.join(names)}"


def gigabytes(count: int) -> str:
    """``2147483648`` → ``2.0 GB``."""
    return f"{count / GIB:.1f} GB"
