"""Numeric precision of the forward pass; the weights themselves stay in float32."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import torch

from dbsweep.errors import ResourceError
from dbsweep.models.precision import Precision

SCALER = "scaler."


class MixedPrecision:
    """Autocast, and loss scaling where half precision needs it.

    Args:
        name: ``fp32``, ``fp16`` or ``bf16``.

    Attributes:
        scaler: keeps small fp16 gradients from vanishing; None where nothing is scaled.

    Raises:
        ResourceError: the device cannot train in this precision.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        check_precision(name, on_gpu=device.type != "cpu")
        self._dtype = Precision(name).dtype
        self._device = device.type
        self.scaler = torch.amp.GradScaler(device.type) if name == "fp16" else None

    def autocast(self) -> AbstractContextManager[object]:
        """The context of a forward pass."""
        if self._dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self._device, self._dtype)

    def scale(self, loss: torch.Tensor) -> torch.Tensor:
        """The loss to take gradients of."""
        return loss if self.scaler is None else self.scaler.scale(loss)

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Brings the gradients back to their true size."""
        if self.scaler is not None:
            self.scaler.unscale_(optimizer)

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """Updates the weights, or skips where scaled gradients have overflowed."""
        if self.scaler is None:
            optimizer.step()
            return
        self.scaler.step(optimizer)
        self.scaler.update()

    def state(self) -> dict[str, torch.Tensor]:
        """The scaler's counters."""
        if self.scaler is None:
            return {}
        return {f"{SCALER}{name}": torch.tensor(value) for name, value in self.scaler.state_dict().items()}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Puts the scaler's counters back."""
        if self.scaler is not None:
            own = {k.removeprefix(SCALER): v.item() for k, v in state.items() if k.startswith(SCALER)}
            self.scaler.load_state_dict(own)


def check_precision(name: str, *, on_gpu: bool, field: str = "train.precision") -> None:
    """ResourceError where the device cannot compute in the precision that a field of the experiment file names."""
    if name == "fp16" and not on_gpu:
        raise ResourceError(f"{field} fp16 needs a GPU, and trials run on the CPU: use bf16 or fp32")
