"""Figures of the steps since the last checkpoint, summed on the device and read once."""

from __future__ import annotations

import time

import torch

from dbsweep.records.results import StepLog
from dbsweep.training.memory import peak_memory_bytes


class Meter:
    """Averages of training figures over a span of steps; its clock starts when it is made.

    Args:
        device: where the figures are.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._sums = torch.zeros(4, dtype=torch.float64, device=device)
        self._steps = 0
        self._start = time.perf_counter()

    def add(self, figures: torch.Tensor) -> None:
        """Adds one step's (loss, instance loss, prior loss, gradient norm), (4,) on the device."""
        self._sums += figures
        self._steps += 1

    def log(self, step: int, learning_rate: float) -> StepLog:
        """The averages up to a step."""
        loss, instance_loss, prior_loss, grad_norm = (self._sums / self._steps).tolist()  # waits for the device
        return StepLog(
            step=step,
            loss=loss,
            instance_loss=instance_loss,
            prior_loss=prior_loss,
            learning_rate=learning_rate,
            grad_norm=grad_norm,
            steps_per_s=self._steps / (time.perf_counter() - self._start),
            memory_bytes=peak_memory_bytes(self._device),
        )
