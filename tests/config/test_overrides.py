"""`--set path=value`."""

from __future__ import annotations

import pytest

from dbsweep.config.axes import LogUniform, Values
from tests.config.conftest import SMALL, Faults, Load


def test_values_are_yaml(load: Load):
    experiment = load(
        "train: {seed: 1}\n",
        "train.seed=3",
        "search.learning_rate=[1e-4, 2e-4]",
        "search.weight_decay={loguniform: [1e-3, 1e-1]}",
        "search.samples=2",
        "concepts.0.instance_prompt=a photo of ohwx man",
        "concepts[0].sanity_prompts[0]=ohwx = drawn",
        "evaluate.stop_overtrained=false",
    )
    assert experiment.train.seed == 3
    assert experiment.search.axes["learning_rate"] == Values(values=(1e-4, 2e-4))
    assert experiment.search.axes["weight_decay"] == LogUniform(loguniform=(1e-3, 1e-1))
    assert experiment.concepts[0].instance_prompt == "a photo of ohwx man"
    assert experiment.concepts[0].sanity_prompts == ("ohwx = drawn",)
    assert not experiment.evaluate.stop_overtrained


def test_empty_sections_can_be_set_into(load: Load):
    assert load("train:\n", "train.seed=3").train.seed == 3


def test_the_last_override_wins(load: Load):
    assert load("", "train.seed=3", "train.seed=4").train.seed == 4


@pytest.mark.parametrize(
    ("override", "path", "message"),
    [
        ("train.sead=3", "train.sead", "is an unknown key; did you mean `seed`? (--set)"),
        ("trian.seed=3", "trian", "is an unknown key; did you mean `train`? (--set)"),
        ("learning_rate=3", "learning_rate", "is unknown here; it belongs to section `train` (--set)"),
        ("train.name=x", "train.name", "is unknown here; it belongs to the top of the file (--set)"),
        ("train.seeds=1", "train.seeds", "is an unknown key; did you mean `seed`? (--set)"),  # and not a grid's
        ("class_prompt=x", "class_prompt", "is unknown here; it belongs to section `concepts[0]` (--set)"),
        (
            "train.instance_images=x",
            "train.instance_images",
            "is unknown here; it belongs to section `concepts[0]` (--set)",
        ),
        ("train.seed=-3", "train.seed", "must be at least 0, got -3 (--set)"),
        ("train.seed", "--set train.seed", "must be path=value, as in train.seed=3"),
        ("=3", "--set =3", "must be path=value, as in train.seed=3"),
        ("train..seed=3", "--set train..seed=3", "must be path=value, as in train.seed=3"),
        ("name.x=3", "--set name.x=3", "`name` is a single value and has no part `x`"),
        ("concepts.1.x=3", "--set concepts.1.x=3", "`concepts` is a list; its items are 0 to 0, got '1'"),
        ("concepts.x=3", "--set concepts.x=3", "`concepts` is a list; its items are 0 to 0, got 'x'"),
        ("train.seed=[1", "--set train.seed=[1", "the value must be YAML, got '[1'; quote it"),
        (
            "search.epochs=",
            "search.epochs",
            "an axis needs at least one value, got none; give values or remove the key (--set)",
        ),
    ],
)
def test_what_cannot_be_set(faults: Faults, override: str, path: str, message: str):
    assert faults("", override) == {path: message}


@pytest.mark.parametrize("override", ["train.epochs=80", "train={epochs: 80}"])
def test_what_is_swept_cannot_be_set_beside_its_axis(faults: Faults, load: Load, override: str):
    message = "changes nothing, for search.epochs is swept; set that instead"
    assert faults("search: {epochs: [6, 12]}\n", override) == {"--set train.epochs": message}
    assert load("search: {epochs: [6, 12]}\n", "search.epochs=80").search.axes["epochs"] == Values(values=(80,))
    assert load("search: {epochs: [6, 12]}\ntrain: {epochs: 5}\n", "train.seed=1").train.seed == 1


def test_the_size_at_which_is_drawn_can_be_set_beside_the_axis(load: Load):
    assert load("search: {resolution: [64, 128]}\n", "train.resolution=64").train.resolution == 64


def test_items_of_an_empty_list_cannot_be_set(faults: Faults):
    found = faults("", "concepts.0.class_token=x", text=SMALL[: SMALL.index("concepts")] + "concepts: []\n")
    assert found["--set concepts.0.class_token=x"] == "`concepts` is an empty list and has no item 0"
    assert found["concepts"] == "needs at least 1, got none (line 3)"


def test_a_fault_of_the_file_disappears_when_it_is_overridden(load: Load):
    assert load("train: {seed: -1}\n", "train.seed=1").train.seed == 1
