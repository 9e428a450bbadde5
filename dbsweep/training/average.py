"""A moving average of the weights, which checkpoints hold in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from diffusers.training_utils import EMAModel
from torch import nn

AVERAGE = "average."
STEPS = "average_steps"


class WeightAverage:
    """diffusers' `EMAModel` over all that ever trains: after n steps the decay is min(decay, (1 + n) / (10 + n)).

    A text encoder that froze is its own average, as the UNet goes on seeing it.

    Args:
        names: of the parameters.
        decay: in the long run.
    """

    def __init__(self, names: Mapping[nn.Parameter, str], decay: float) -> None:
        self._names = names
        self._parameters = list(names)
        self._ema = EMAModel(self._parameters, decay=decay, foreach=True)

    def step(self) -> None:
        """Takes the weights of another step in."""
        self._ema.step(self._parameters)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the parameters are the average; afterwards as before."""
        self._ema.store(self._parameters)
        self._ema.copy_to(self._parameters)
        try:
            yield
        finally:
            self._ema.restore(self._parameters)

    def state(self) -> dict[str, torch.Tensor]:
        """The averages themselves, and the count of steps."""
        shadows = zip(self._names.values(), self._ema.shadow_params, strict=True)
        return {
            STEPS: torch.tensor(self._ema.optimization_step),
            **{f"{AVERAGE}{name}": shadow for name, shadow in shadows},
        }

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Goes on from `state`."""
        self._ema.optimization_step = int(state[STEPS])
        for name, shadow in zip(self._names.values(), self._ema.shadow_params, strict=True):
            shadow.copy_(state[f"{AVERAGE}{name}"])
