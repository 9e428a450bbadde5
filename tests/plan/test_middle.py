"""Which settings are in the middle of what is searched."""

from __future__ import annotations

from typing import Any

import pytest

from dbsweep.config.search import Search
from dbsweep.plan.middle import off_middle


@pytest.mark.parametrize(
    ("axes", "settings", "expected"),
    [
        ({"learning_rate": [4e-6, 1e-6, 2e-6]}, {"learning_rate": 2e-6}, 0.0),
        ({"learning_rate": [4e-6, 1e-6, 2e-6]}, {"learning_rate": 4e-6}, 1.0),
        (
            {"text_encoder_ratio": [0.0, 0.3, 0.7, 1.0]},
            {"text_encoder_ratio": 0.7},
            1 / 3,
        ),  # half a rank of one and a half
        (
            {"learning_rate": [1e-6, 2e-6, 4e-6], "class_images_per_instance": [0, 5, 10]},
            {"learning_rate": 2e-6, "class_images_per_instance": 10},
            0.5,
        ),
        (
            {"learning_rate": [1e-6, 2e-6], "optimizer": ["adamw", "lion_8bit", "adafactor"]},
            {"learning_rate": 1e-6},
            0.0,
        ),
        ({"epochs": [10, 20, 30]}, {"epochs": 30}, 0.0),
        ({}, {}, 0.0),
    ],
    ids=str,
)
def test_off_middle(axes: dict[str, Any], settings: dict[str, Any], expected: float) -> None:
    assert off_middle(Search.model_validate(axes), settings) == pytest.approx(expected)
