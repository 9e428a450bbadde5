"""Learning rates are those of diffusers' ``get_scheduler``."""

from __future__ import annotations

import pytest
import torch
from diffusers.optimization import get_scheduler

from dbsweep.config.schema import LearningRateSchedule
from dbsweep.training.schedule import learning_rate
from tests.training.dreambooth import settings


@pytest.mark.parametrize("schedule", LearningRateSchedule)
@pytest.mark.parametrize("warmup", [0, 5])
def test_rates_equal_diffusers(schedule: LearningRateSchedule, warmup: int) -> None:
    train = settings(lr_scheduler=schedule, lr_warmup_steps=warmup, learning_rate=2e-4)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2e-4)
    theirs = get_scheduler(schedule.value, optimizer, num_warmup_steps=warmup, num_training_steps=20)
    for step in range(22):
        assert learning_rate(train, step, 20) == pytest.approx(theirs.get_last_lr()[0], rel=1e-9, abs=1e-15), step
        optimizer.step()
        theirs.step()


def test_warm_up_rises_and_cosine_falls() -> None:
    train = settings(lr_scheduler="cosine", lr_warmup_steps=4, learning_rate=1.0)
    assert [learning_rate(train, step, 12) for step in (0, 2, 4, 8, 12)] == pytest.approx([0, 0.5, 1, 0.5, 0])
