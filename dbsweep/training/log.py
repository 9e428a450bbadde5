"""Figures of the steps since the last checkpoint, kept on the device and read once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from dbsweep.records.results import StepLog, StepSeries
from dbsweep.training.memory import peak_memory_bytes

POINTS = 64
"""Points of a checkpoint's series at most: 4 kB in the ledger."""

DIGITS = 5
"""Significant ones of a point."""

LOG = "log."


class Meter:
    """Training figures over a span of steps.

    Args:
        device: where the figures are.
        state: of a meter whose steps come before; empty for none.
    """

    def __init__(self, device: torch.device, state: Mapping[str, torch.Tensor] | None = None) -> None:
        self._device = device
        self._figures: list[torch.Tensor] = []
        self._rates: list[tuple[float, float]] = []
        self._images: list[int] = []
        self._seconds: list[float] = []
        if state:
            self._figures = list(state[f"{LOG}figures"].to(device))
            self._rates = [(unet, text_encoder) for unet, text_encoder in state[f"{LOG}rates"].tolist()]
            self._images = state[f"{LOG}images"].tolist()
            self._seconds = state[f"{LOG}seconds"].tolist()
        self.start_clock()

    def __len__(self) -> int:
        """How many steps there are."""
        return len(self._figures)

    def start_clock(self) -> None:
        """The next step begins now."""
        self._since = time.perf_counter()

    def state(self) -> dict[str, torch.Tensor]:
        """All of its steps; nothing where there are none."""
        if not self._figures:
            return {}
        return {
            f"{LOG}figures": torch.stack(self._figures),
            f"{LOG}rates": torch.tensor(self._rates, dtype=torch.float64),
            f"{LOG}images": torch.tensor(self._images),
            f"{LOG}seconds": torch.tensor(self._seconds, dtype=torch.float64),
        }

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
        now = time.perf_counter()
        self._seconds.append(now - self._since)
        self._since = now

    def log(self, step: int) -> StepLog:
        """Averages and series up to a step."""
        figures = torch.stack(self._figures).to("cpu", torch.float64).numpy()  # waits for the device
        seconds = sum(self._seconds) + time.perf_counter() - self._since
        loss, instance_loss, prior_loss, grad_norm = _means(figures, [0])[0].tolist()
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
        means = _means(figures, starts)
        seconds = np.add.reduceat(self._seconds, starts)
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


def _means(figures: npt.NDArray[np.float64], starts: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Of the steps from each start to the next.

    Steps whose scaled fp16 gradients overflowed, as the first ones do, have no norm and move no weights: theirs counts
    only where there are no others.
    """
    is_finite = np.isfinite(figures)
    counts = np.add.reduceat(is_finite.astype(np.float64), np.asarray(starts))
    sums = np.add.reduceat(np.where(is_finite, figures, 0.0), np.asarray(starts))
    return np.where(counts > 0, sums / np.maximum(counts, 1.0), np.inf)


def _short(values: Sequence[float] | npt.NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.{DIGITS}g}") for value in values)
