"""Learning rates are those of diffusers' ``get_scheduler``."""

from __future__ import annotations

import pytest
import torch
from diffusers.optimization import get_scheduler
from pydantic import ValidationError
from transformers.optimization import get_cosine_with_min_lr_schedule_with_warmup

from dbsweep.config.schema import LearningRateSchedule
from dbsweep.training.schedule import learning_rates
from tests.training.dreambooth import settings


@pytest.mark.parametrize("schedule", LearningRateSchedule)
@pytest.mark.parametrize("warmup", [0, 5])
def test_rates_equal_diffusers(schedule: LearningRateSchedule, warmup: int) -> None:
    rules = "1:4,0.5:9,2:12,0.1"
    train = settings(
        lr_scheduler=schedule, lr_warmup_steps=warmup, learning_rate=2e-4, lr_num_cycles=3, lr_power=2.5,
        lr_step_rules=rules,
    )  # fmt: skip
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2e-4)
    theirs = get_scheduler(
        schedule.value, optimizer, step_rules=rules, num_warmup_steps=warmup, num_training_steps=20, num_cycles=3,
        power=2.5,
    )  # fmt: skip
    for step in range(22):
        assert learning_rates(train, step, 20)[0] == pytest.approx(theirs.get_last_lr()[0], rel=1e-9, abs=1e-15), step
        optimizer.step()
        theirs.step()


def test_warm_up_rises_and_cosine_falls() -> None:
    train = settings(lr_scheduler="cosine", lr_warmup_steps=4, learning_rate=1.0)
    assert [learning_rates(train, step, 12)[0] for step in (0, 2, 4, 8, 12)] == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_restarts_rise_again_and_a_polynomial_ends_at_its_floor() -> None:
    train = settings(lr_scheduler="cosine_with_restarts", lr_num_cycles=2, learning_rate=1.0)
    assert [learning_rates(train, step, 8)[0] for step in (0, 2, 4, 6, 8)] == pytest.approx([1, 0.5, 1, 0.5, 0])
    train = settings(lr_scheduler="polynomial", lr_power=2.0, learning_rate=1.0)
    assert [learning_rates(train, step, 8)[0] for step in (0, 4, 8, 9)] == pytest.approx(
        [1, 0.25, 1e-7, 1e-7], rel=1e-6
    )


@pytest.mark.parametrize("warmup", [0, 5])
def test_a_minimal_rate_is_transformers(warmup: int) -> None:
    train = settings(lr_scheduler="cosine", lr_warmup_steps=warmup, learning_rate=2e-4, lr_min_ratio=0.2)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2e-4)
    theirs = get_cosine_with_min_lr_schedule_with_warmup(optimizer, warmup, 20, min_lr_rate=0.2)
    for step in range(21):
        assert learning_rates(train, step, 20)[0] == pytest.approx(theirs.get_last_lr()[0], rel=1e-9), step
        optimizer.step()
        theirs.step()


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("linear", [0, 0.5, 1, 0.75, 0.5]),  # after a warm-up from 0
        ("cosine", [0, 0.5, 1, 0.75, 0.5]),
        ("cosine_with_restarts", [0, 0.5, 1, 1, 0.5]),  # the second of two falls begins in the middle
        ("constant_with_warmup", [0, 0.5, 1, 1, 1]),
        ("polynomial", [0, 0.5, 1, 0.5, 1e-7]),
    ],
)
def test_what_falls_to_0_falls_to_a_share(schedule: str, rates: list[float]) -> None:
    train = settings(lr_scheduler=schedule, lr_warmup_steps=4, lr_num_cycles=2, lr_min_ratio=0.5, learning_rate=1.0)
    found = [learning_rates(train, step, 12)[0] for step in (0, 2, 4, 8, 12)]
    assert found == pytest.approx(rates, rel=1e-6)


def test_a_polynomial_that_would_rise_is_refused() -> None:
    with pytest.raises(ValidationError, match="polynomial falls to 1e-07, so learning_rate must be above that"):
        settings(lr_scheduler="polynomial", learning_rate=1e-7)


@pytest.mark.parametrize("schedule", LearningRateSchedule)
def test_two_rates_follow_one_schedule_as_in_diffusers(schedule: LearningRateSchedule) -> None:
    train = settings(
        lr_scheduler=schedule, lr_warmup_steps=3, learning_rate=1e-4, text_encoder_learning_rate=3e-5, batch_size=2,
        gradient_accumulation=3, scale_lr=True, lr_step_rules="0.5:7,1",
    )  # fmt: skip
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in (6e-4, 1.8e-4)]  # times 2 * 3
    optimizer = torch.optim.SGD(groups, lr=6e-4)
    theirs = get_scheduler(schedule.value, optimizer, step_rules="0.5:7,1", num_warmup_steps=3, num_training_steps=20)
    for step in range(21):
        assert learning_rates(train, step, 20) == pytest.approx(theirs.get_last_lr(), rel=1e-9, abs=1e-15), step
        optimizer.step()
        theirs.step()
