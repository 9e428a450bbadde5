"""What is chosen so that training fits, and what is left alone."""

from __future__ import annotations

import pytest

from dbsweep.config.schema import Experiment, Train
from dbsweep.plan.memory.fitting import fit
from dbsweep.plan.memory.ladder import images_per_pass
from dbsweep.plan.memory.needs import USELESS, Device, need_of
from dbsweep.plan.plan import make_plan
from tests.plan.devices import gpu, sd1


def test_what_fits_is_not_changed():
    fitted = fit(sd1(), gpu(80))
    assert fitted.experiment == sd1()
    assert fitted.notes[0].startswith("memory auto: as given, a trial needs ")
    assert fitted.notes[0].endswith(" of the GPU's 80 GB; nothing is changed")
    assert fitted.notes[1].endswith(": fits")


def test_what_fits_to_the_byte_is_not_changed():
    exact = Device(memory_bytes=need_of(sd1()), name="this GPU", half="bf16")
    fitted = fit(sd1(), exact)
    assert fitted.experiment == sd1()
    assert fitted.notes[1].endswith(": fits")
    short = exact.model_copy(update={"memory_bytes": exact.memory_bytes - 1})
    assert fit(sd1(), short).experiment != sd1()


def test_less_memory_takes_more_steps_and_each_choice_fits():
    chosen = [fit(sd1(train={"batch_size": 4}), gpu(size)).experiment.train for size in (80, 28, 20, 16)]
    steps = [(train.precision, train.optimizer, train.batch_size, train.gradient_checkpointing) for train in chosen]
    assert steps == [
        ("fp32", "adamw", 4, False),
        ("bf16", "adamw", 4, False),
        ("bf16", "adamw_8bit", 4, False),
        # In passes of 4 images the gradients of the first would wait for those of the next: slower, and 1.7 GB more.
        ("bf16", "adamw_8bit", 4, True),
    ]
    assert "fits" in fit(sd1(train={"batch_size": 4}), gpu(16)).notes[1]


def every_way(given: Experiment) -> list[Experiment]:
    """The given one with all that memory can be saved by, in all combinations."""
    train = given.train
    return [
        sd1(
            train=train.model_dump()
            | {"precision": precision, "optimizer": optimizer, "gradient_checkpointing": recomputed}
            | {"batch_size": size, "gradient_accumulation": train.batch_size * train.gradient_accumulation // size}
        )
        for precision in ("fp32", "bf16")
        for optimizer in (("adamw", "adamw_8bit") if train.lora_rank == 0 else ("adamw",))
        for recomputed in (False, True)
        for size in range(1, train.batch_size + 1)
        if train.batch_size % size == 0
    ]


def time_per_image(train: Train) -> float:
    """As `dbsweep.plan.memory.ladder` has it."""
    return (1 + 1.5 / images_per_pass(train)) * (1.23 if train.gradient_checkpointing else 1.0)


@pytest.mark.parametrize(
    "train",
    [
        {"batch_size": 4},
        {"batch_size": 16, "resolution": 768},
        {"batch_size": 6, "gradient_accumulation": 2},
        {"batch_size": 8, "lora_rank": 8},
        {"batch_size": 12, "class_images_per_instance": 0, "text_encoder_ratio": 0},
    ],
    ids=str,
)
def test_nothing_that_fits_would_take_less_time(train: dict[str, object]):
    """Sizes of GPUs at which another way begins to fit, and a byte less, within the share that is not worth a step."""
    given = sd1(train=train)
    ways = [(need_of(way), way.train) for way in (given, *every_way(given))]
    before, fitting = given.train, 0
    for size in sorted({need for need, _ in ways}, reverse=True):
        chosen = fit(given, Device(memory_bytes=size, name="this GPU", half="bf16")).experiment
        there = [time_per_image(way) for need, way in ways if need <= (1.0 - 2 * USELESS) * size]
        assert not there or need_of(chosen) <= size
        assert all(time_per_image(chosen.train) <= time for time in there)
        assert time_per_image(chosen.train) >= time_per_image(before)
        before, fitting = chosen.train, fitting + bool(there)
    assert fitting > 5


def test_what_is_written_is_kept_and_the_rest_is_chosen():
    given = sd1(train={"precision": "fp32", "batch_size": 4})
    fitted = fit(given, gpu(20))
    changes = {"optimizer": "adamw_8bit", "batch_size": 2, "gradient_accumulation": 2}
    assert fitted.experiment.train == given.train.model_copy(update=changes)
    assert fitted.notes[0].endswith(
        "with optimizer adamw_8bit, batch_size 2, gradient_accumulation 2; kept as written: precision fp32"
    )
    assert "kept" not in fit(given, gpu(80)).notes[0]
    assert "kept" not in fit(sd1(train={"precision": "bf16", "batch_size": 4}), gpu(16)).notes[0]  # saves already


def test_lines_in_the_way_of_what_fits_are_named():
    written = {"optimizer": "adamw", "gradient_checkpointing": False, "precision": "bf16"}
    fitted = fit(sd1(train=written), gpu(16))
    assert fitted.experiment.train.optimizer == "adamw"
    told = "kept as written: optimizer adamw, gradient_checkpointing false, with which nothing fits: take out the line "
    assert told in fitted.notes[0]
    assert "does not fit" in fitted.notes[1]
    named = fitted.notes[0].partition("take out the line train.")[2].partition(" ")[0]
    freed = fit(sd1(train={name: value for name, value in written.items() if name != named}), gpu(16))
    assert ": fits" in freed.notes[1]
    assert "take out" not in fit(sd1(train=written), gpu(4)).notes[0]


def test_half_precision_is_not_taken_where_the_copy_of_the_weights_eats_what_it_saves():
    """As in the published table: 11.17 GB at batch 1 with fp16 and without."""
    assert fit(sd1(), gpu(16)).experiment.train == sd1().train.model_copy(update={"optimizer": "adamw_8bit"})


def test_an_old_gpu_gets_fp16():
    assert fit(sd1(train={"batch_size": 4}), gpu(24, "fp16")).experiment.train.precision == "fp16"


@pytest.mark.parametrize(
    ("resolution", "batch_size", "more"),
    [(384, 2, {"gradient_checkpointing": True}), (512, 8, {"batch_size": 2})],
    ids=str,
)
def test_training_is_not_slowed_down_for_less_than_drawing_takes(
    resolution: int, batch_size: int, more: dict[str, object]
):
    """Checkpoints drawn at 1024 pixels take 8.5 GB, so that what makes smaller photos fit 8 GB would be for nothing."""
    train = {"lora_rank": 8, "batch_size": batch_size, "text_encoder_ratio": 0, "class_images_per_instance": 0} | {
        "precision": "fp32"  # in half precision all of it fits
    }
    small = {"encoder": "ViT-B-32/openai"}
    alone = fit(sd1(train={**train, "resolution": resolution}, evaluate=small), gpu(8)).experiment.train
    assert more.items() <= alone.model_dump().items()
    drawn = sd1(train={**train, "resolution": 1024}, evaluate=small, search={"resolution": [resolution]})
    fitted = fit(drawn, gpu(8))
    assert not more.items() <= fitted.experiment.train.model_dump().items()
    assert time_per_image(fitted.experiment.train) < time_per_image(alone)
    assert fitted.notes[1].startswith("memory: drawing a checkpoint needs about 8.5 GB of the GPU's 8 GB")


def test_without_auto_nothing_is_chosen_and_auto_is_advised():
    given = sd1("as_given")
    fitted = fit(given, gpu(16))
    assert fitted.experiment is given
    (note,) = fitted.notes
    assert note.startswith("memory: training needs about ")
    assert "what makes it fit: train.memory auto, which may take optimizer adamw_8bit (" in note


def test_the_choice_stays_when_it_is_made_again_elsewhere():
    """A run's own file, on another machine: what it trained with is what it asks for."""
    once = fit(sd1(), gpu(16)).experiment
    assert fit(once, gpu(16)).experiment == once
    assert fit(once, gpu(80)).experiment == once


def test_all_trials_get_one_choice_and_what_is_swept_is_left_alone():
    swept = sd1(search={"optimizer": ["adamw", "adafactor"], "text_encoder_ratio": [0, 1]})
    fitted = fit(swept, gpu(14))
    assert fitted.experiment.search == swept.search
    assert fitted.experiment.train == swept.train.model_copy(update={"gradient_checkpointing": True})
    text = "\n".join(fitted.notes)
    for words in ("optimizer adamw,", "optimizer adafactor,", "text encoder trains", "text encoder frozen"):
        assert words.rstrip(",") in text
    assert len(fitted.notes) == 1 + 4


@pytest.mark.parametrize("axis", [{"aspect_ratio_buckets": [False, True]}, {"lora_dropout": [0, 0.1]}], ids=str)
def test_passes_stay_as_large_where_smaller_ones_would_make_other_steps_of_some_trials(axis: dict[str, list[object]]):
    train = {"batch_size": 4, "lora_rank": 4}
    assert fit(sd1(train=train), gpu(6)).experiment.train.batch_size < 4
    assert fit(sd1(train=train, search=axis), gpu(6)).experiment.train.batch_size == 4


def test_what_saves_next_to_nothing_is_not_taken():
    lora = fit(sd1(train={"lora_rank": 4, "class_images_per_instance": 0}), gpu(6)).experiment.train
    assert lora.optimizer == "adamw"
    assert lora.precision == "bf16" or lora.gradient_checkpointing


def test_the_choice_is_part_of_what_determines_the_weights_and_auto_is_not():
    """Stages are keyed by what is trained, so a precision that was chosen counts, and the wish to choose does not."""
    plans = [make_plan(fit(sd1(), gpu(size)).experiment, [3]) for size in (80, 16)]
    assert plans[0].stages[0].id != plans[1].stages[0].id
    assert make_plan(sd1("as_given"), [3]).stages == plans[0].stages
