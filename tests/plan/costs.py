"""What small plans cost, and the images of one evaluation."""

from __future__ import annotations

from typing import Any

from dbsweep.config.schema import Experiment
from dbsweep.plan.plan import make_plan
from dbsweep.plan.rates import Rates
from dbsweep.records.plan import Cost
from tests.plan.experiments import experiment

RATES = Rates(weight_bytes=10**9, state_bytes=10**10, seconds_per_step=1.0, seconds_per_unet_pass=0.01, workers=1)
# One instance, one sanity and one class prompt, four seeds each.
EVALUATION = (1 + 1 + 1) * 4
# The base model draws the same, and the instance prompt once more with its token.
REFERENCES = EVALUATION + 4


def cost(setup: Experiment, photos: tuple[int, ...] = (12,), rates: Rates = RATES) -> Cost:
    return make_plan(setup, photos, rates).cost


def small(**changes: Any) -> Experiment:
    sections: dict[str, Any] = {
        "train": {"epochs": 4, "text_encoder_ratio": 1, "class_images_per_instance": 2, "resolution": 64},
        "evaluate": {"every_epochs": 2, "race": {"enabled": False}},
    }
    return experiment(**{**sections, **changes})
