"""A network on a device that has no values: torch's meta tensors stand for those of a GPU, and are counted."""

from __future__ import annotations

import torch
from torch import nn


class OnDevice(nn.Module):
    """A weight of 4,000 bytes that keeps its values in mind while it is on the device.

    Attributes:
        most: bytes that the device has room for; it has run out where a move finds less.
    """

    def __init__(self) -> None:
        super().__init__()
        self._values = torch.arange(1000.0)
        self.most = 4000
        self.weight = nn.Parameter(self._values.to("meta"), requires_grad=False)

    @property
    def bytes_on_device(self) -> int:
        """Of the weight."""
        return self.weight.nbytes if self.weight.device.type == "meta" else 0

    def to(self, device: torch.device) -> OnDevice:  # type: ignore[override]
        """Moves the weight."""
        if device.type == "meta" and self.weight.nbytes > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        self.weight = nn.Parameter(self._values.to(device), requires_grad=False)
        return self
