"""Ranges of timesteps and weights of the loss that can be trained with."""

from __future__ import annotations

import pytest

from dbsweep.errors import ConfigError
from tests.config.conftest import Faults, Load


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (
            "min_timestep: 600, max_timestep: 600",
            "min_timestep must be below max_timestep, got 600 and 600; timesteps from the first up to, but not"
            " including, the second train",
        ),
        (
            "min_snr_gamma: 5, debiased_estimation_loss: true",
            "min_snr_gamma 5 and debiased_estimation_loss both weight timesteps, and each would undo what the other is"
            " for; remove one of them",
        ),
    ],
)
def test_what_does_not_go_together(faults: Faults, train: str, message: str):
    assert faults(f"train: {{{train}}}") == {"train": f"{message} (line 10)"}


def test_timesteps_are_those_of_the_noise_schedule(faults: Faults):
    assert faults("train: {min_timestep: 1000, max_timestep: 1001}") == {
        "train.min_timestep": "must be less than 1000, got 1000 (line 10)",
        "train.max_timestep": "must be at most 1000, got 1001 (line 10)",
    }


def test_swept_ranges_that_are_empty_name_their_axis(load: Load):
    given = load("train: {max_timestep: 500}\nsearch: {min_timestep: [0, 500]}")
    with pytest.raises(
        ConfigError, match=r"search\.min_timestep: min_timestep 500 cannot be trained with a trial's other"
    ):
        given.train_for({"min_timestep": 500})


@pytest.mark.parametrize(
    "train", ["min_timestep: 999", "max_timestep: 1", "debiased_estimation_loss: true", "min_snr_gamma: 5"]
)
def test_what_can_be_trained_with_is_taken(load: Load, train: str):
    name = train.partition(":")[0]
    assert name in load(f"train: {{{train}}}").train.model_fields_set
