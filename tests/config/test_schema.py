"""Each section's own rules, and how their faults read."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from dbsweep.config.fields import SamplerName
from dbsweep.config.schema import Experiment, Train
from dbsweep.errors import ConfigError
from tests.config.conftest import SMALL, Faults, Load

SAMPLER = "must be " + ", ".join(map(repr, get_args(SamplerName)[:-1])) + " or 'UniPC', got "
TEXT = "must be text (numbers, dates and yes/no need quotes to be text), got "
WORD = "`word` is needed for axis prompt_weight and for no other"
KINDS = "must be 'guidance_scale', 'prompt_weight', 'num_inference_steps', 'sampler' or 'seed', "


@pytest.mark.parametrize(
    ("more", "path", "message"),
    [
        (
            "storage: shared/runs",
            "storage",
            "must be an absolute path or a URI (s3://bucket/folder, file:///mnt/shared), got 'shared/runs'",
        ),
        (
            "storage: s3://key:secret@bucket/runs",
            "storage",
            "must not hold a user name or password: give the machines a role or set their environment",
        ),
        ("tracking: {uri: ''}", "tracking.uri", "must not be empty, got ''"),
        ("checkpoints: {keep: 0}", "checkpoints.keep", "must be 'all' or a whole number from 1 on, got 0"),
        ("checkpoints: {keep: best}", "checkpoints.keep", "must be 'all' or a whole number from 1 on, got 'best'"),
        ("evaluate: {look_every: 0}", "evaluate.look_every", "must be 'auto' or a whole number from 1 on, got 0"),
        ("evaluate: {look_every: yes}", "evaluate.look_every", "must be 'auto' or a whole number from 1 on, got true"),
        ("train: {learning_rate: yes}", "train.learning_rate", "must be a number, got true"),
        ("train: {learning_rate: fast}", "train.learning_rate", "must be a number, got 'fast'"),
        ("train: {learning_rate: .nan}", "train.learning_rate", "must be a finite number, got nan"),
        ("train: {weight_decay: .inf}", "train.weight_decay", "must be a finite number, got inf"),
        ("train: {epochs: 2.5}", "train.epochs", "must be a whole number, got 2.5"),
        ("train: {epochs: [1, 2]}", "train.epochs", "must be a whole number, got [1, 2]"),
        (
            "train: {gradient_checkpointing: maybe}",
            "train.gradient_checkpointing",
            "must be true or false, got 'maybe'",
        ),
        ("train: {caption_dropout: 1}", "train.caption_dropout", "must be less than 1, got 1"),
        ("train: {text_encoder_ratio: 1.5}", "train.text_encoder_ratio", "must be at most 1, got 1.5"),
        (
            "train: {lr_scheduler: cosin}",
            "train.lr_scheduler",
            "must be 'constant', 'constant_with_warmup', 'piecewise_constant', 'linear', 'cosine', "
            "'cosine_with_restarts' or 'polynomial', got 'cosin'; did you mean `cosine`?",
        ),
        ("train: {precision: fp8}", "train.precision", "must be 'fp32', 'fp16' or 'bf16', got 'fp8'"),
        ("train: fast", "train", "must be a section of `key: value` lines, got 'fast'"),
        ("train:", "train", "must be a section of `key: value` lines, got nothing"),
        ("evaluate: {negative_prompt: 3}", "evaluate.negative_prompt", TEXT + "3"),
        ("output: 3", "output", "must be a path, got 3"),
        ("wat: 1", "wat", "is an unknown key; allowed: " + ", ".join(Experiment.model_fields)),
        ("grids: {}", "grids", "must be a list, got {}"),
        ("grids: [3]", "grids[0]", "must be a section of `key: value` lines, got 3"),
    ],
)
def test_wrong_values(faults: Faults, more: str, path: str, message: str):
    assert faults(more) == {path: f"{message} (line 10)"}


@pytest.mark.parametrize("name", ["", "a b", "../x", ".hidden", "a/b", "x" * 65])
def test_names_are_safe_as_folders(faults: Faults, name: str):
    assert "1 to 64 letters" in faults("", f"name='{name}'")["name"]


def concept(**changes: str) -> str:
    text = SMALL
    for key, value in changes.items():
        lines = [f"    {key}: {value}" if line.strip().startswith(key) else line for line in text.splitlines()]
        text = "\n".join(lines) + "\n"
    return text


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        (
            {"instance_prompt": "photo of ohwxman"},
            "concepts[0].instance_prompt",
            "must contain the instance token 'ohwx' as a word, got 'photo of ohwxman' (line 7)",
        ),
        (
            {"sanity_prompts": "[ohwx neon, man in ink]"},
            "concepts[0].sanity_prompts[1]",
            "must contain the instance token 'ohwx' as a word, got 'man in ink' (line 9)",
        ),
        (
            {"class_prompt": "photo of OHWX man"},
            "concepts[0].class_prompt",
            "must not contain the instance token 'ohwx', got 'photo of OHWX man' (line 8)",
        ),
        (
            {"sanity_prompts": "[photo of ohwx man]"},
            "concepts[0].sanity_prompts",
            "must add a style to instance_prompt, got the same prompt (line 9)",
        ),
        (
            {"class_prompt": "photo of man\n    prior_prompt: picture of an ohwx"},
            "concepts[0].prior_prompt",
            "must not contain the instance token 'ohwx', got 'picture of an ohwx' (line 9)",
        ),
        (
            {"class_prompt": "photo of man\n    prior_prompt: '[filewords]'"},
            "concepts[0].prior_prompt",
            "must be the same at every checkpoint: [filewords] cannot be part of it, got '[filewords]' (line 9)",
        ),
        ({"instance_token": "''"}, "concepts[0].instance_token", "must not be empty, got '' (line 5)"),
        ({"sanity_prompts": "[]"}, "concepts[0].sanity_prompts", "needs at least 1, got none (line 9)"),
        (
            {"sanity_prompts": "[ink of ohwx man, ink of ohwx man]"},
            "concepts[0].sanity_prompts",
            "must differ: pictures that count twice make scores look surer than they are (line 9)",
        ),
        ({"instance_token": "' '"}, "concepts[0].instance_token", "must have words, got ' ' (line 5)"),
        ({"class_prompt": "' '"}, "concepts[0].class_prompt", "must have words, got ' ' (line 8)"),
        (
            {"class_token": "ohwx"},
            "concepts[0].class_token",
            "must be the noun for the class and not instance_token, got 'ohwx' for both (line 6)",
        ),
        (
            {"class_token": "ohwx man"},
            "concepts[0].class_token",
            "must be the noun alone, got 'ohwx man' with the instance token 'ohwx': leave it out (line 6)",
        ),
        (
            {"instance_token": "ohwx Man"},
            "concepts[0].class_token",
            "must not be part of instance_token, got 'man' in 'ohwx Man': leave it out there (line 6)",
        ),
    ],
)
def test_prompts_fit_the_tokens(faults: Faults, changes: dict[str, str], path: str, message: str):
    assert faults(text=concept(**changes)) == {path: message}


@pytest.mark.parametrize(
    ("setting", "path"),
    [("class_images: {folder: %s}", "class_images.folder"), ("validation_images: %s", "validation_images")],
)
def test_the_photos_are_not_class_images_nor_held_out(faults: Faults, load: Load, setting: str, path: str):
    def text(folder: str) -> str:
        return SMALL.replace("    class_token", f"    {setting % folder}\n    class_token")

    (fault,) = faults(text=text("./photos")).items()
    assert fault[0] == f"concepts[0].{path}"
    assert fault[1].startswith("must not be the folder of instance_images, which are trained as the subject, got '/")
    load(text=text("photos/other"))


def test_captions_may_name_the_subject(load: Load, faults: Faults):
    text = concept(instance_prompt='"[filewords]"', sanity_prompts='["[filewords], ink"]')
    assert load(text=text).concepts[0].captions == "hybrid"
    assert faults("    captions: fine_tuning\n") == {
        "concepts[0].instance_prompt": "must contain [filewords] where captions is fine_tuning, got 'photo of ohwx man'"
        " (line 7)"
    }


@pytest.mark.parametrize("token", ["OHWX", "<man-toy>", "ohwx's"])
def test_tokens_may_have_signs_and_capitals(load: Load, token: str):
    text = concept(instance_token=f'"{token}"', instance_prompt=f'"photo of {token.lower()}, smiling"')
    assert load(text=concept_with_sanity(text, token)).concepts[0].instance_token == token


def concept_with_sanity(text: str, token: str) -> str:
    return text.replace('["photo of ohwx man, neon style"]', f'["{token} in neon"]')


def test_a_token_inside_the_class_word_is_not_that_word(load: Load):
    assert load(text=SMALL.replace("class_prompt: photo of man", "class_prompt: photo of ohwxman")) is not None


def test_concepts_need_different_tokens(faults: Faults):
    second = SMALL[SMALL.index("  - instance_images") :].replace("ohwx", "OHWX")
    assert faults(second) == {
        "concepts[1].instance_token": "must differ between concepts, got 'OHWX' as in concepts[0] (line 11)"
    }


@pytest.mark.parametrize(
    ("grid", "path", "message"),
    [
        ("x: {axis: guidance_scale, values: [0.5, 5]}", "grids[0].x.values[0]", "must be at least 1, got 0.5"),
        ("x: {axis: guidance_scale, values: [a]}", "grids[0].x.values[0]", "must be a number, got 'a'"),
        ("x: {axis: num_inference_steps, values: [2.5]}", "grids[0].x.values[0]", "must be a whole number, got 2.5"),
        ("x: {axis: sampler, values: [3]}", "grids[0].x.values[0]", SAMPLER + "3"),
        ("x: {axis: seed, values: []}", "grids[0].x.values", "needs at least 1, got none"),
        ("x: {axis: seed, values: 3}", "grids[0].x.values", "must be a list, got 3"),
        ("x: {axis: sead, values: [3]}", "grids[0].x.axis", KINDS + "got 'sead'; did you mean `seed`?"),
        ("x: {axis: seed, values: [1], word: a}", "grids[0].x", WORD),
        ("x: {axis: prompt_weight, values: [1]}", "grids[0].x", WORD),
        (
            "x: {axis: prompt_weight, values: [1], word: ohw}",
            "grids[0]",
            "the prompt must contain the word 'ohw' of its axis, got 'photo of ohwx man'",
        ),
        (
            "x: {axis: seed, values: [1]}, z: {axis: seed, values: [1]}",
            "grids[0]",
            "every axis must vary something else, got seed, seed",
        ),
        ("x: {axis: seed, values: [1, 2]}, seeds: [1, 2]", "grids[0]", "has a seed axis, so `seeds` must be left out"),
        ("y: {axis: seed, values: [1]}", "grids[0].x", "is missing"),
    ],
)
def test_wrong_grids(faults: Faults, grid: str, path: str, message: str):
    found = faults(f"grids: [{{prompt: photo of ohwx man, {grid}}}]")
    assert found == {path: f"{message} (line 10)"}


def test_grid_values_get_the_type_of_their_axis(load: Load):
    grid = load(
        "grids: [{prompt: p, x: {axis: guidance_scale, values: [3, 5e0]}, y: {axis: seed, values: [1]}}]"
    ).grids[0]
    assert [repr(value) for axis in grid.axes for value in axis.values] == ["3.0", "5.0", "1"]


def test_settings_of_a_trial_replace_those_of_the_section(load: Load):
    experiment = load("train: {seed: 5, epochs: 9}")
    assert experiment.train_for({"epochs": 2, "learning_rate": 1e-5}) == Train(seed=5, epochs=2, learning_rate=1e-5)
    with pytest.raises(ConfigError, match=r"train: epochs must be at least 1, got 0$"):
        experiment.train_for({"epochs": 0})


def test_swept_values_that_do_not_go_together_are_named_with_their_axis(load: Load):
    experiment = load("search: {optimizer: [adamw, prodigy], learning_rate: [1e-5, 1.0]}")
    assert experiment.train_for({"optimizer": "prodigy", "learning_rate": 1.0}).learning_rate == 1.0
    with pytest.raises(ConfigError) as refused:
        experiment.train_for({"optimizer": "prodigy", "learning_rate": 1e-5})
    assert str(refused.value) == (
        f"{experiment.name}: search.optimizer: optimizer 'prodigy' cannot be trained with a trial's other settings: "
        "optimizer prodigy multiplies its own estimate by learning_rate, got 1e-05; use 1; or take it off its axis"
    )


def test_of_two_values_that_only_part_together_both_are_named(load: Load):
    experiment = load("search: {lr_scheduler: [constant, polynomial], learning_rate: [1e-9, 1e-5]}")
    with pytest.raises(ConfigError, match=r"search: lr_scheduler 'polynomial' and learning_rate 1e-09 cannot be") as it:
        experiment.train_for({"lr_scheduler": "polynomial", "learning_rate": 1e-9})
    assert str(it.value).endswith("raise it, or use linear; or take one of them off its axis")


def test_everything_is_frozen(load: Load):
    experiment = load()
    with pytest.raises(ValidationError, match="frozen"):
        experiment.train.epochs = 3  # type: ignore[misc]
