"""What is predicted and what is seen differ only where the settings say so."""

from __future__ import annotations

import pytest
import torch

from dbsweep.training.noise import NoiseSource
from dbsweep.training.randomness import Purpose

SHAPE = (4, 32, 32)


def drawn(source: NoiseSource, count: int = 100) -> tuple[torch.Tensor, torch.Tensor]:
    predicted = [source.predicted((0, image, 0), SHAPE) for image in range(count)]
    seen = [source.seen(noise, (0, image, 0)) for image, noise in enumerate(predicted)]
    return torch.stack(predicted), torch.stack(seen)


def test_plain_noise_is_standard_normal_and_all_of_it_is_predicted() -> None:
    predicted, seen = drawn(NoiseSource(3))
    assert torch.equal(predicted, seen)
    assert torch.equal(predicted[5], NoiseSource(3).normal(Purpose.NOISE, (0, 5, 0), SHAPE))
    assert predicted.var().item() == pytest.approx(1.0, abs=0.01)


def test_an_offset_is_one_value_a_channel() -> None:
    plain, _ = drawn(NoiseSource(3))
    predicted, seen = drawn(NoiseSource(3, offset=0.5))
    shift = predicted - plain
    assert torch.equal(predicted, seen)
    assert shift.std(dim=(2, 3)).max().item() < 1e-6
    values = shift.mean(dim=(2, 3)).flatten()  # 400 normal values of deviation 0.5
    assert values.std().item() == pytest.approx(0.5, abs=0.06)
    assert values.mean().item() == pytest.approx(0.0, abs=0.08)


def test_a_perturbation_is_seen_and_not_predicted() -> None:
    plain, _ = drawn(NoiseSource(3))
    predicted, seen = drawn(NoiseSource(3, perturbation=0.1))
    assert torch.equal(predicted, plain)
    extra = seen - predicted
    assert extra.std().item() == pytest.approx(0.1, abs=0.001)
    assert abs(torch.corrcoef(torch.stack([extra.flatten(), predicted.flatten()]))[0, 1].item()) < 0.01
