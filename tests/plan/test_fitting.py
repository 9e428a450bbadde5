"""Whether training fits, what is chosen so that it does, and what a person reads."""

from __future__ import annotations

from dbsweep.config.schema import Experiment
from dbsweep.plan.fitting import fit
from dbsweep.plan.memory import GIB
from dbsweep.plan.needs import Device
from dbsweep.plan.plan import make_plan
from tests.plan.experiments import experiment

SD1 = "stable-diffusion-v1-5/stable-diffusion-v1-5"


def gpu(gigabytes: float, half: str = "bf16") -> Device:
    name = f"the GPU's {gigabytes:g} GB"
    return Device.model_validate({"memory_bytes": int(gigabytes * GIB), "name": name, "half": half})


def sd1(memory: str = "auto", **changes: object) -> Experiment:
    train = {"memory": memory, **dict(changes.pop("train", {}))}  # type: ignore[call-overload]
    return experiment(base_model=SD1, train=train, resources={"gpus_per_trial": 1}, **changes)


def test_what_fits_is_not_changed():
    fitted = fit(sd1(), gpu(80))
    assert fitted.experiment == sd1()
    assert fitted.notes[0].startswith("memory auto: as given, training needs ")
    assert fitted.notes[0].endswith(" of the GPU's 80 GB; nothing is changed")
    assert fitted.notes[1].endswith(": fits")


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


def test_what_can_never_fit_is_told_with_what_would_help():
    first, second = fit(sd1(), gpu(11)).notes
    assert "gradient_checkpointing true" in first
    assert "does not fit and will probably run out of memory" in second
    assert "train.lora_rank 8, a LoRA instead of the whole networks" in second
    (hopeless,) = fit(sd1("as_given"), gpu(3)).notes
    assert "only a lower train.resolution (now 512), a smaller base model or more memory may make it fit" in hopeless


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


def test_settings_that_need_the_same_are_told_once():
    assert len(fit(sd1("as_given", search={"learning_rate": [1e-6, 2e-6], "epochs": [10, 20]}), gpu(80)).notes) == 1


def test_what_saves_next_to_nothing_is_not_taken():
    lora = fit(sd1(train={"lora_rank": 4, "class_images_per_instance": 0}), gpu(6)).experiment.train
    assert lora.optimizer == "adamw"
    assert lora.precision == "bf16" or lora.gradient_checkpointing


def test_a_gpu_that_nobody_knows_is_asked_for():
    (note,) = fit(sd1("as_given"), None).notes
    assert "set resources.gpu_memory_gb to see whether that fits" in note
    assert fit(experiment(), None).notes == ()


def test_a_cpu_with_room_is_not_worth_a_word():
    cpu = Device(memory_bytes=16 * GIB, name="16 GB")
    assert fit(experiment(), cpu).notes == ()
    assert "does not fit" in fit(experiment(base_model=SD1), cpu).notes[0]


def test_the_choice_is_part_of_what_determines_the_weights_and_auto_is_not():
    """Stages are keyed by what is trained, so a precision that was chosen counts, and the wish to choose does not."""
    plans = [make_plan(fit(sd1(), gpu(size)).experiment, [3]) for size in (80, 16)]
    assert plans[0].stages[0].id != plans[1].stages[0].id
    assert make_plan(sd1("as_given"), [3]).stages == plans[0].stages


def test_trials_that_need_other_amounts_are_told_apart_in_words():
    notes = fit(sd1("as_given", search={"class_images_per_instance": [0, 10]}), gpu(80)).notes
    assert [note.split(" needs ")[0] for note in notes] == [
        "memory: training (with class images)",
        "memory: training (without class images)",
    ]
