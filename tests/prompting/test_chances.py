"""The token that is chosen is the one that a number between 0 and 1 falls on."""

from __future__ import annotations

import numpy as np
import torch

from dbsweep.prompting.chances import ChosenByChance, chance


def chosen(scores: list[float], draws: list[float]) -> list[int]:
    """The token that each number falls on."""
    rows = torch.tensor([scores] * len(draws))
    choose = ChosenByChance(torch.tensor(draws, dtype=torch.float64)[:, None], 2)
    left = choose(torch.zeros(len(draws), 2, dtype=torch.int64), rows)
    assert left.isfinite().sum(-1).tolist() == [1] * len(draws)
    return left.argmax(-1).tolist()


def test_each_token_has_a_part_as_large_as_its_probability() -> None:
    scores = torch.tensor([0.2, 0.5, 0.3]).log().tolist()
    assert chosen(scores, [0.0, 0.19, 0.21, 0.69, 0.71, 0.999999]) == [0, 0, 1, 1, 2, 2]


def test_a_token_without_probability_is_never_chosen() -> None:
    none = float("-inf")
    assert chosen([none, 1.0, none, 1.0, none], [0.0, 0.4999, 0.5001, np.nextafter(1.0, 0.0)]) == [1, 1, 3, 3]


def test_each_step_has_its_own_number() -> None:
    choose = ChosenByChance(torch.tensor([[0.1, 0.9]], dtype=torch.float64), 3)
    scores = torch.zeros(1, 2)
    steps = [choose(torch.zeros(1, 3 + step, dtype=torch.int64), scores).argmax().item() for step in range(2)]
    assert steps == [0, 1]


def test_an_attempt_has_the_same_numbers_each_time_and_no_others() -> None:
    numbers = {(seed, attempt): tuple(chance(seed, attempt).random(3)) for seed in range(3) for attempt in range(3)}
    assert len(set(numbers.values())) == 9
    assert numbers[1, 2] == tuple(chance(1, 2).random(3))
    assert tuple(chance(1, 2).random(2)) == numbers[1, 2][:2]
