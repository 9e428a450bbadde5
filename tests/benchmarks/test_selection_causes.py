"""What is told beside the results, on sweeps whose answer is known."""

from __future__ import annotations

import numpy as np

from benchmarks.selection_causes import lost_with
from benchmarks.selection_methods import Judged
from tests.benchmarks.selection_sweeps import settings_sweep


def test_what_each_value_of_a_swept_setting_loses() -> None:
    """The best of the eight trials are worth 0.8 down to 0.1: rate by rate, class images, text encoder."""
    best = [0.5, 0.6, 0.8, 0.7, 0.2, 0.1, 0.4, 0.3]
    truth = np.array([[0.0, each, 0.0, each / 2] for each in best])
    found = lost_with([Judged(settings_sweep(), truth, np.array([truth, truth]))] * 2)
    assert found == {
        "learning_rate 1e-05": 0.0,
        "learning_rate 0.0001": 0.4,
        "class_images_per_instance 0": 0.2,
        "class_images_per_instance 2": 0.0,
        "text_encoder_ratio 0": 0.0,
        "text_encoder_ratio 1": 0.1,
    }
