"""What follows from the settings of a trial."""

from __future__ import annotations

import pytest

from dbsweep.config.schema import Train


@pytest.mark.parametrize(
    ("settings", "may"),
    [
        ({}, True),
        ({"cuda_graphs": False}, False),
        ({"gradient_checkpointing": True}, True),
        ({"lora_rank": 4, "lora_dropout": 0.1}, True),
        ({"gradient_checkpointing": True, "lora_rank": 4, "lora_dropout": 0.1}, False),
    ],
)
def test_passes_are_replayed_unless_what_drops_out_is_recomputed(settings: dict[str, object], may: bool) -> None:
    assert Train.model_validate(settings).may_replay is may


@pytest.mark.parametrize(
    ("settings", "rates"),
    [
        ({}, (1.0, 1.0)),
        ({"text_encoder_learning_rate": 0.5}, (1.0, 0.5)),
        ({"batch_size": 4, "gradient_accumulation": 2}, (1.0, 1.0)),
        ({"scale_lr": True, "batch_size": 4, "gradient_accumulation": 2}, (8.0, 8.0)),
        ({"scale_lr": True, "batch_size": 3, "text_encoder_learning_rate": 0.5}, (3.0, 1.5)),
    ],
)
def test_learning_rates_are_scaled_by_what_a_step_sees_where_that_is_asked_for(
    settings: dict[str, object], rates: tuple[float, float]
) -> None:
    assert Train.model_validate({"learning_rate": 1.0, **settings}).peak_learning_rates == rates
