"""Draws depend on seed, purpose and counters alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dbsweep.training.randomness import Purpose, generator, key, seed_torch


def test_the_same_counters_give_the_same_draw() -> None:
    first = generator(3, Purpose.NOISE, 1, 2, 0).standard_normal(4)
    generator(3, Purpose.NOISE, 1, 3, 0).standard_normal(100)
    assert np.array_equal(generator(3, Purpose.NOISE, 1, 2, 0).standard_normal(4), first)


def test_draws_stay_as_they_are() -> None:
    """Golden: a change here breaks the continuation of every run made before."""
    assert key(0, Purpose.ORDER, 0) == 0x4535CE2420AC22F06830E85087692056
    assert generator(0, Purpose.ORDER, 0).permutation(8).tolist() == [1, 5, 0, 6, 2, 7, 3, 4]


@pytest.mark.parametrize(
    "other",
    [(4, Purpose.NOISE, 1, 23), (3, Purpose.LATENT, 1, 23), (3, Purpose.NOISE, 2, 23), (3, Purpose.NOISE, 12, 3)],
)
def test_anything_else_gives_another_draw(other: tuple[int, Purpose, int, int]) -> None:
    assert key(3, Purpose.NOISE, 1, 23) != key(*other)
    one, two = (generator(*which).standard_normal(1000) for which in ((3, Purpose.NOISE, 1, 23), other))
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.15


def test_no_two_of_many_keys_meet() -> None:
    keys = {key(0, purpose, epoch, image) for purpose in Purpose for epoch in range(50) for image in range(50)}
    assert len(keys) == len(Purpose) * 50 * 50


def test_torch_draws_on_the_cpu_by_a_seed_and_other_devices_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(8)
    asked: list[str] = []
    for name in ("cuda", "mps", "xpu", "mtia"):
        seeding = "manual_seed" if name == "mps" else "manual_seed_all"
        monkeypatch.setattr(getattr(torch, name), seeding, lambda seed, name=name: asked.append(name))
    seed_torch(5, torch.device("cpu"))
    assert torch.equal(torch.rand(8), wanted)
    assert asked == []
    seed_torch(5, torch.device("cuda"))
    assert "cuda" in asked
