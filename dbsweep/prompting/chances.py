"""Choosing the next token by numbers that were drawn before, so that what is said depends on these alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from transformers import LogitsProcessor


def chance(seed: int, attempt: int) -> np.random.Generator:
    """What an attempt's choices come of: the same whatever is asked for before, beside or after it."""
    return np.random.default_rng([seed, attempt])


class ChosenByChance(LogitsProcessor):  # type: ignore[misc]  # transformers has no types
    """Leaves one token of each row, by inverse transform sampling.

    transformers' own sampling draws from one generator for all rows: each would depend on how many there are.

    Args:
        draws: (n, steps) float64, 0 to 1 without 1: of each row, the number of each step.
        start: tokens that a row has before the first step.
    """

    def __init__(self, draws: Tensor, start: int) -> None:
        self._draws = draws
        self._start = start

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """(n, vocabulary) scores, of each row 0 for the chosen token and minus infinity for the others."""
        step = input_ids.shape[1] - self._start
        cumulative = scores.double().softmax(-1).cumsum(-1)
        wanted = self._draws[:, step : step + 1] * cumulative[:, -1:]
        chosen = (cumulative <= wanted).sum(-1, keepdim=True)
        return torch.full_like(scores, float("-inf")).scatter(1, chosen, 0.0)
