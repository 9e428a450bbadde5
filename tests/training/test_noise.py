"""What is predicted and what is seen differ only where the settings say so."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dbsweep.training.noise import NoiseSource
from dbsweep.training.randomness import Purpose, generator

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


def coarser(noise: torch.Tensor, seed: int, image: int, iterations: int, discount: float) -> torch.Tensor:
    """Multi-resolution noise in float64, from the documented counters, pixel by pixel."""
    draws = generator(seed, Purpose.MULTIRES, 0, image, 0)
    total = noise.double().numpy().copy()
    channels, height, width = total.shape
    for level in range(iterations):
        ratio = (2.0 + 2.0 * draws.random()) ** level
        rows, columns = max(1, int(height / ratio)), max(1, int(width / ratio))
        coarse = draws.standard_normal((channels, rows, columns), dtype="float32").astype("float64")
        for y, x in np.ndindex(height, width):
            # The middle of a pixel, in pixels of the coarse noise; its edge goes on beyond the last middle.
            down = min(max((y + 0.5) * rows / height - 0.5, 0.0), rows - 1.0)
            right = min(max((x + 0.5) * columns / width - 0.5, 0.0), columns - 1.0)
            top, left = int(down), int(right)
            bottom, last = min(top + 1, rows - 1), min(left + 1, columns - 1)
            upper = (1 - right % 1) * coarse[:, top, left] + right % 1 * coarse[:, top, last]
            lower = (1 - right % 1) * coarse[:, bottom, left] + right % 1 * coarse[:, bottom, last]
            total[:, y, x] += discount**level * ((1 - down % 1) * upper + down % 1 * lower)
        if 1 in (rows, columns):
            break
    return torch.from_numpy(total / total.std(ddof=1))


@pytest.mark.parametrize(("shape", "iterations"), [((4, 16, 16), 3), ((4, 8, 12), 10)])
def test_noise_of_several_sizes_is_the_formulas(shape: tuple[int, int, int], iterations: int) -> None:
    source = NoiseSource(3, multires_iterations=iterations, multires_discount=0.6)
    for image in range(3):
        plain = NoiseSource(3).predicted((0, image, 0), shape)
        found = source.predicted((0, image, 0), shape)
        torch.testing.assert_close(found.double(), coarser(plain, 3, image, iterations, 0.6), rtol=1e-4, atol=1e-5)
        assert torch.equal(source.seen(found, (0, image, 0)), found)


def test_noise_of_several_sizes_varies_in_the_large_and_keeps_its_deviation() -> None:
    plain, _ = drawn(NoiseSource(3))
    predicted, _ = drawn(NoiseSource(3, multires_iterations=6, multires_discount=0.8))
    assert predicted.std(dim=(1, 2, 3)).tolist() == pytest.approx([1.0] * 100, abs=1e-5)
    means = [noise.mean(dim=(2, 3)).std().item() for noise in (plain, predicted)]
    assert means[0] == pytest.approx(1 / 32, abs=0.005)  # of 32 by 32 values that know nothing of each other
    assert means[1] > 0.2


def test_an_offset_is_there_before_the_other_sizes() -> None:
    """As in kohya's scripts: the deviation that all is divided by has both."""
    shape = (4, 16, 16)
    both = NoiseSource(3, offset=0.5, multires_iterations=2).predicted((0, 0, 0), shape)
    offset = NoiseSource(3, offset=0.5).predicted((0, 0, 0), shape)
    torch.testing.assert_close(both.double(), coarser(offset, 3, 0, 2, 0.3), rtol=1e-4, atol=1e-5)
