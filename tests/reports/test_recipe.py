"""The recipe leads to the chosen weights again."""

from __future__ import annotations

import shlex

import pytest
import yaml

from dbsweep.config.schema import Experiment, LearningRateSchedule, Train
from dbsweep.records.choice import Overrule
from dbsweep.records.run import RunRecord
from dbsweep.reports.recipe import draw_command, export_commands, retraining_yaml, shorten


def trained_with(record: RunRecord, **train: object) -> RunRecord:
    changed = {**record.experiment, "train": {"resolution": 64, **train}}
    return record.model_copy(update={"experiment": changed})


def test_whole_networks_are_got_as_one_file_or_as_a_folder(record: RunRecord) -> None:
    assert export_commands(record, "'/my runs/quick'") == (
        (
            "one file for A1111, ComfyUI and Forge",
            "dbsweep export '/my runs/quick' --out synthetic.safetensors",
        ),
        ("a diffusers folder", "dbsweep best '/my runs/quick' --export synthetic-best"),
    )


def test_a_lora_is_offered_first_in_the_format_that_loads_it(record: RunRecord) -> None:
    (gives, command), *whole = export_commands(trained_with(record, lora_rank=4), "quick")
    assert (gives, command) == (
        "the LoRA, for A1111, ComfyUI and Forge",
        "dbsweep export quick --out synthetic-lora.safetensors --format lora",
    )
    assert [gives for gives, _ in whole] == [
        "one file for A1111, ComfyUI and Forge, worked into the base model",
        "a diffusers folder",
    ]
    gives, command = export_commands(trained_with(record, lora_rank=4, lora_dora=True), "quick")[0]
    assert (gives, command.split()[-1]) == ("the DoRA, for diffusers", "peft")


def test_the_choice_draws_its_subject_by_a_command_that_a_shell_reads_as_meant(record: RunRecord) -> None:
    gives, command = draw_command(record, "'/my runs/quick'")
    assert gives == "pictures of your own prompts"
    assert shlex.split(command) == [
        *("dbsweep", "draw", "/my runs/quick", "--prompt", "photo of ohwx man", "--out", "synthetic-pictures")
    ]


@pytest.mark.parametrize(
    ("prompts", "drawn"),
    [
        ({"instance_prompt": "a photo of ohwx man"}, "a photo of ohwx man"),
        ({"sample_prompt": "ohwx man, smiling"}, "ohwx man, smiling"),
        ({"instance_prompt": "[filewords]"}, "photo of ohwx man"),
        ({"instance_prompt": "[filewords], ohwx man"}, "ohwx man"),
        ({"sample_prompt": "[filewords], ohwx man"}, "photo of ohwx man"),
    ],
    ids=str,
)
def test_the_prompt_that_is_suggested_is_the_file_s(record: RunRecord, prompts: dict[str, str], drawn: str) -> None:
    """But for captions, which only photos have."""
    concept = {**record.experiment["concepts"][0], **prompts}  # type: ignore[index]
    other = record.model_copy(update={"experiment": {**record.experiment, "concepts": [concept]}})
    assert shlex.split(draw_command(other, "quick")[1])[4] == drawn


@pytest.mark.parametrize("epochs", [1, 3, 10, 60, 100])
@pytest.mark.parametrize("ratio", [0.0, 0.2, 0.25, 0.5, 0.7, 1.0])
def test_a_shorter_training_freezes_the_text_encoder_at_the_same_epoch(epochs: int, ratio: float) -> None:
    train = Train(epochs=epochs, text_encoder_ratio=ratio)
    for epoch in range(1, epochs + 1):
        short = shorten(train, epoch)
        assert short.epochs == epoch
        frozen_at = round(short.epochs * short.text_encoder_ratio)
        assert frozen_at == min(round(epochs * ratio), epoch)


def test_a_schedule_that_spans_the_training_is_not_shortened() -> None:
    train = Train(epochs=60, lr_scheduler=LearningRateSchedule.COSINE)
    assert shorten(train, 20) == train


def test_the_yaml_is_an_experiment_with_the_chosen_settings(record: RunRecord) -> None:
    assert record.choice is not None
    best = record.choice.best
    again = Experiment.model_validate(yaml.safe_load(retraining_yaml(record)))
    settings = record.settings_of(best.trial)
    assert again.train.learning_rate == settings["learning_rate"]
    assert again.train.class_images_per_instance == settings["class_images_per_instance"]
    assert again.train.epochs == best.epoch
    assert again.search.axes == {}
    assert again.concepts == Experiment.model_validate(record.experiment).concepts


def test_the_yaml_trains_the_same_model_on_the_same_machine(record: RunRecord) -> None:
    other = {
        "clip_skip": 2,
        "vae": "stabilityai/sd-vae-ft-mse",
        "base_model": "models/v1-5.safetensors",
        "base_model_ema": True,
        "resources": {"cpus_per_trial": 4, "gpus_per_trial": 1},
        "checkpoints": {"precision": "fp32"},
        "tracking": {"uri": "https://user:secret@mlflow.example"},
    }
    text = retraining_yaml(record.model_copy(update={"experiment": {**record.experiment, **other}}))
    again = Experiment.model_validate(yaml.safe_load(text))
    before = Experiment.model_validate({**record.experiment, **other})
    same = ("base_model", "base_model_ema", "vae", "clip_skip", "concepts", "evaluate", "resources", "checkpoints")
    assert {name: getattr(again, name) for name in same} == {name: getattr(before, name) for name in same}
    assert "secret" not in text


def test_the_yaml_says_where_to_stop_under_a_schedule(record: RunRecord) -> None:
    train = {**Train(epochs=60, lr_scheduler=LearningRateSchedule.LINEAR, resolution=64).model_dump(mode="json")}
    changed = record.model_copy(update={"experiment": {**record.experiment, "train": train}})
    assert record.choice is not None
    text = retraining_yaml(changed)
    assert f"take the checkpoint of epoch {record.choice.best.epoch}" in text
    assert yaml.safe_load(text)["train"]["epochs"] == 60


def test_no_choice_no_recipe(record: RunRecord) -> None:
    with pytest.raises(ValueError, match="has no choice to export or retrain"):
        retraining_yaml(record.model_copy(update={"choice": None}))


def test_a_token_with_quotes_reaches_the_command_whole(record: RunRecord) -> None:
    (man,) = Experiment.model_validate(record.experiment).model_dump(mode="json")["concepts"]
    token = "o'h\"x"
    concept = {
        **man,
        "instance_token": token,
        "instance_prompt": f"photo of {token} man",
        "sanity_prompts": [f"photo of {token} man, neon style"],
    }
    quoted = record.model_copy(update={"experiment": {**record.experiment, "concepts": [concept]}})
    assert f"photo of {token} man" in shlex.split(draw_command(quoted, "quick")[1])


def test_the_longest_name_leaves_room_for_again(record: RunRecord) -> None:
    name = "n" * 64
    again = Experiment.model_validate(yaml.safe_load(retraining_yaml(record.model_copy(update={"name": name}))))
    assert again.name == "n" * 58 + "-again"


def test_what_the_person_took_is_what_is_trained_again(record: RunRecord) -> None:
    assert record.choice is not None
    mine = next(c for c in record.choice.candidates if c.trial == "t001")
    overruled = record.model_copy(update={"overrule": Overrule(candidate=mine, because="sharper", time=0.0)})
    again = yaml.safe_load(retraining_yaml(overruled))
    assert (again["train"]["learning_rate"], again["train"]["epochs"]) == (5e-5, mine.epoch)
