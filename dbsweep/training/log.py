"""Figures of the steps since the last checkpoint, kept on the device and read once."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from dbsweep.records.results import StepLog, StepSeries
from dbsweep.training.memory import peak_memory_bytes

POINTS = 64
"""Points of a checkpoint's series at most: 4 kB in the ledger."""

DIGITS = 5
"""Significant ones of a point."""


class Meter:
    """Training figures over a span of steps; its clock starts when it is made.

    Args:
        device: where the figures are.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._figures: list[torch.Tensor] = []
        self._rates: list[tuple[float, float]] = []
        self._images: list[int] = []
        self._times = [time.perf_counter()]

    def add(self, figures: torch.Tensor, rates: tuple[float, float], images: int) -> None:
        """Adds one step.

        Args:
            figures: (loss, instance loss, prior loss, gradient norm), (4,) on the device.
            rates: learning rates of UNet and text encoder; 0 for what does not train.
            images: that went through the UNet, class images included.
        """
        self._figures.append(figures)
        self._rates.append(rates)
        self._images.append(images)
        self._times.append(time.perf_counter())

    def log(self, step: int) -> StepLog:
        """Averages and series up to a step."""
        figures = torch.stack(self._figures).to("cpu", torch.float64).numpy()  # waits for the device
        seconds = time.perf_counter() - self._times[0]
        loss, instance_loss, prior_loss, grad_norm = figures.mean(axis=0).tolist()
        return StepLog(
            step=step,
            loss=loss,
            instance_loss=instance_loss,
            prior_loss=prior_loss,
            learning_rate=self._rates[-1][0],
            text_encoder_learning_rate=self._rates[-1][1],
            grad_norm=grad_norm,
            steps_per_s=len(figures) / seconds,
            images_per_s=sum(self._images) / seconds,
            memory_bytes=peak_memory_bytes(self._device),
            series=self._series(step, figures),
        )

    def _series(self, step: int, figures: npt.NDArray[np.float64]) -> StepSeries:
        count = len(figures)
        ends = np.unique(np.linspace(0, count, min(count, POINTS) + 1).round().astype(int))
        starts, ends = ends[:-1], ends[1:]
        means = np.add.reduceat(figures, starts) / (ends - starts)[:, None]
        seconds = np.diff([self._times[0], *(self._times[end] for end in ends)])
        loss, instance_loss, prior_loss, grad_norm = (_short(column) for column in means.T)
        return StepSeries(
            steps=tuple(int(step - count + end) for end in ends),
            loss=loss,
            instance_loss=instance_loss,
            prior_loss=prior_loss,
            grad_norm=grad_norm,
            learning_rate=_short([self._rates[end - 1][0] for end in ends]),
            text_encoder_learning_rate=_short([self._rates[end - 1][1] for end in ends]),
            images_per_s=_short(np.add.reduceat(self._images, starts) / seconds),
        )


def _short(values: Sequence[float] | npt.NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.{DIGITS}g}") for value in values)
