"""The search section: forms of axes, and values that the swept setting does not allow."""

from __future__ import annotations

from typing import get_args

import pytest

from dbsweep.config.axes import LogUniform, Uniform, Values
from dbsweep.config.optimization import OptimizerName
from dbsweep.config.schema import Search
from tests.config.conftest import Faults, Load

NO_VALUES = "an axis needs at least one value, got none; give values or remove the key"
NOT_ANY_NUMBER = "only settings that can take any number can be sampled by uniform; use a list or `choice`"
FORM = "must be a list, a value or one `form: …`, got "
OPTIMIZER = "must be " + ", ".join(map(repr, get_args(OptimizerName)[:-1])) + " or 'prodigy', "


@pytest.mark.parametrize(
    ("axis", "path", "message"),
    [
        ("learning_rate: [1e-4, -1e-6, slow]", "learning_rate[1]", "must be greater than 0, got '-1e-6'"),
        ("learning_rate: [[1e-4]]", "learning_rate[0]", "must be a number, got ['1e-4']"),
        ("learning_rate: -1", "learning_rate", "must be greater than 0, got -1"),
        ("epochs: 4, 8", "epochs", "must be a whole number, got '4, 8'; several values are a list: [4, 8]"),
        ("epochs: [1.5]", "epochs[0]", "must be a whole number, got 1.5"),
        ("epochs: [null]", "epochs[0]", "must be a whole number, got nothing"),
        ("epochs: []", "epochs", NO_VALUES),
        ("epochs:", "epochs", NO_VALUES),
        ("epochs: {choice: []}", "epochs.choice", NO_VALUES),
        ("epochs: {choice: [1, 0]}", "epochs.choice[1]", "must be at least 1, got 0"),
        ("optimizer: [prodigyy]", "optimizer[0]", OPTIMIZER + "got 'prodigyy'; did you mean `prodigy`?"),
        ("resolution: [65]", "resolution[0]", "must be a multiple of 8, got 65"),
        ("precision: [fp8]", "precision[0]", "must be 'fp32', 'fp16' or 'bf16', got 'fp8'"),
        ("gradient_checkpointing: [maybe]", "gradient_checkpointing[0]", "must be true or false, got 'maybe'"),
        ("learningrate: [1e-4]", "learningrate", "no setting of `train` has this name; did you mean `learning_rate`?"),
        ("epochs: {unifrom: [1, 2]}", "epochs", FORM + "{'unifrom': [1, 2]}; did you mean `uniform`?"),
        ("memory: [auto]", "memory", "cannot be swept: what saves memory is chosen for all trials; set train.memory"),
        ("epochs: {}", "epochs", FORM + "{}; allowed: values, uniform, loguniform, choice"),
        ("epochs: {uniform: [9, 2]}", "epochs.uniform", "the first bound must be below the second, got [9, 2]"),
        ("epochs: {uniform: [2, 2]}", "epochs.uniform", "the first bound must be below the second, got [2, 2]"),
        ("epochs: {uniform: [2]}", "epochs.uniform", "must be two bounds, [lowest, highest], got [2]"),
        ("epochs: {uniform: 2}", "epochs.uniform", "must be two bounds, [lowest, highest], got 2"),
        ("epochs: {uniform: [0, 2]}", "epochs.uniform[0]", "must be at least 1, got 0"),
        ("epochs: {uniform: [1, 2.5]}", "epochs.uniform[1]", "must be a whole number, got 2.5"),
        ("text_encoder_ratio: {uniform: [0, 1.2]}", "text_encoder_ratio.uniform[1]", "must be at most 1, got 1.2"),
        (
            "weight_decay: {loguniform: [0, 1]}",
            "weight_decay.loguniform[0]",
            "a loguniform bound must be greater than 0, got 0.0",
        ),
        ("precision: {uniform: [0, 1]}", "precision.uniform", NOT_ANY_NUMBER),
        ("resolution: {uniform: [64, 128]}", "resolution.uniform", NOT_ANY_NUMBER),
        ("samples: 0", "samples", "must be at least 1, got 0"),
    ],
)
def test_wrong_axes(faults: Faults, axis: str, path: str, message: str):
    found = faults(f"search:\n  {axis}\n")
    assert found[f"search.{path}"] == f"{message} (line 11)"


def test_all_axes_are_checked_at_once(faults: Faults):
    found = faults("search: {learning_rate: [-1, -2], epochs: [0], nonsense: [1], samples: x}")
    assert list(found) == [
        "search.samples",
        "search.learning_rate[0]",
        "search.learning_rate[1]",
        "search.epochs[0]",
        "search.nonsense",
    ]


def test_samples_without_a_distribution_are_a_fault(faults: Faults):
    message = faults("search: {samples: 8, learning_rate: [1e-4]}")["search"]
    assert message.startswith("`samples: 8` has no effect because no axis is a distribution")


def test_values_get_the_type_of_the_setting(load: Load):
    axes = load(
        "search: {learning_rate: [1, 2e-6], epochs: ['3'], text_encoder_ratio: 1, lr_scheduler: [cosine]}"
    ).search.axes
    swept = [value for axis in axes.values() if isinstance(axis, Values) for value in axis.values]
    assert [repr(value) for value in swept] == ["1.0", "2e-06", "3", "1.0", "'cosine'"]


def test_a_search_can_be_built_in_code():
    axes = {"learning_rate": Values(values=(1e-4,)), "epochs": Uniform(uniform=(2, 5))}
    search = Search(axes=axes, samples=3)
    assert search.axes == axes
    assert search.samples == 3


def test_a_setting_that_may_be_null_can_be_sampled(load: Load):
    axes = load("search: {samples: 2, text_encoder_learning_rate: {loguniform: [1e-7, 1e-5]}}").search.axes
    assert axes == {"text_encoder_learning_rate": LogUniform(loguniform=(1e-7, 1e-5))}
