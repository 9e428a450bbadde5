"""What is chosen so that training fits, and what is left alone."""

from __future__ import annotations

import pytest

from dbsweep.plan.fitting import fit
from dbsweep.plan.needs import Device, need_of
from dbsweep.plan.plan import make_plan
from tests.plan.devices import gpu, sd1


def test_what_fits_is_not_changed():
    fitted = fit(sd1(), gpu(80))
    assert fitted.experiment == sd1()
    assert fitted.notes[0].startswith("memory auto: as given, training needs ")
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
    chosen = [fit(sd1(train={"batch_size": 4}), gpu(size)).experiment.train for size in (80, 32, 24, 16, 13)]
    steps = [(train.precision, train.optimizer, train.batch_size, train.gradient_checkpointing) for train in chosen]
    assert steps[0] == ("fp32", "adamw", 4, False)
    assert steps == sorted(steps, key=lambda step: (step[0] == "bf16", step[1] == "adamw_8bit", -step[2], step[3]))
    assert len(set(steps)) >= 4
    assert {train.batch_size * train.gradient_accumulation for train in chosen} == {4}
    assert "fits" in fit(sd1(train={"batch_size": 4}), gpu(16)).notes[1]


def test_half_precision_is_not_taken_where_the_copy_of_the_weights_eats_what_it_saves():
    """As in the published table: 11.17 GB at batch 1 with fp16 and without."""
    assert fit(sd1(), gpu(16)).experiment.train == sd1().train.model_copy(update={"optimizer": "adamw_8bit"})


def test_an_old_gpu_gets_fp16():
    assert fit(sd1(train={"batch_size": 4}), gpu(24, "fp16")).experiment.train.precision == "fp16"


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
