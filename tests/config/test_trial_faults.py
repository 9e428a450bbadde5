"""Swept values that cannot be trained together are named with their axes."""

from __future__ import annotations

import pytest

from dbsweep.errors import ConfigError
from tests.config.conftest import Load


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
