"""Values of the sections, and settings of a trial."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from dbsweep.config.schema import Experiment, Train
from dbsweep.errors import ConfigError
from tests.config.conftest import SMALL, Faults, Load

TEXT = "must be text (numbers, dates and yes/no need quotes to be text), got "


@pytest.mark.parametrize(
    ("more", "path", "message"),
    [
        (
            "storage: shared/runs",
            "storage",
            "must be an absolute path or a URI (s3://bucket/folder, file:///mnt/shared), got 'shared/runs'",
        ),
        (
            "storage: s3://key:sec/ret@bucket/runs",
            "storage",
            "must not hold a user name or password: give the machines a role or set their environment",
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
        ("train: {background_weight: -0.1}", "train.background_weight", "must be at least 0, got -0.1"),
        ("train: {background_weight: true}", "train.background_weight", "must be a number, got true"),
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


def test_concepts_need_different_tokens(faults: Faults):
    second = SMALL[SMALL.index("  - instance_images") :].replace("ohwx", "OHWX")
    assert faults(second) == {
        "concepts[1].instance_token": "must differ between concepts, got 'OHWX' as in concepts[0] (line 11)"
    }


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("instance_token", "ohwx two"),
        ("class_prompt", "photo of ohwx"),
        ("prior_prompt", "an ohwx"),
        ("class_token", "ohwx"),
    ],
)
def test_the_token_of_a_concept_stays_out_of_the_others(faults: Faults, field: str, words: str):
    lines = ["instance_token: zwx", "class_token: dog", "class_prompt: photo of dog", "prior_prompt: a dog"]
    given = [f"{field}: {words}" if line.startswith(field) else line for line in lines]
    prompts = ['instance_prompt: "[filewords]"', 'sanity_prompts: ["[filewords], ink"]']
    second = "\n    ".join(["  - instance_images: dogs", *given, *prompts])
    told = f"must not contain the instance token 'ohwx' of concepts[0], got '{words}': both would be taught in one word"
    line = 11 + [each.split(":")[0] for each in lines].index(field)
    assert faults(second + "\n") == {f"concepts[1].{field}": f"{told} (line {line})"}


def test_some_concept_has_class_images(faults: Faults):
    assert faults(text=SMALL + "    class_images: {enabled: false}\n") == {
        "concepts[0].class_images.enabled": "leaves no concept with class images: set"
        " train.class_images_per_instance: 0 in its place (line 10)"
    }


def test_settings_of_a_trial_replace_those_of_the_section(load: Load):
    experiment = load("train: {seed: 5, epochs: 9}")
    assert experiment.train_for({"epochs": 2, "learning_rate": 1e-5}) == Train(seed=5, epochs=2, learning_rate=1e-5)
    with pytest.raises(ConfigError, match=r"train: epochs must be at least 1, got 0$"):
        experiment.train_for({"epochs": 0})


@pytest.mark.parametrize(
    ("more", "reads"),
    [
        ("", False),
        ("train: {background_weight: 0.9}", True),
        ("train: {background_weight: 0}\nsearch: {background_weight: [1.0]}", False),
        ("search: {background_weight: [1, 0.5]}", True),
        ("search: {background_weight: {choice: [1, 0]}, samples: 2}", True),
        ("search: {background_weight: {uniform: [0.5, 1]}, samples: 2}", True),
    ],
)
def test_masks_are_read_where_a_trial_asks_for_them(load: Load, more: str, reads: bool):
    assert load(more).reads_masks is reads


def test_everything_is_frozen(load: Load):
    experiment = load()
    with pytest.raises(ValidationError, match="frozen"):
        experiment.train.epochs = 3  # type: ignore[misc]
