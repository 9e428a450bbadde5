"""Networks that wait in the host's memory while others need the device's: those that score, while is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakSet

import torch
from torch import nn

from dbsweep.models.device_memory import is_out_of_memory, release_memory

Made = TypeVar("Made")


class Movable:
    """A frozen network that `with_room` may take from its device, until it is asked for again.

    Args:
        network: put in evaluation mode; where it is, is its device.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network.eval().requires_grad_(False)
        self._is_away = False
        self.device = next(network.parameters()).device
        _MOVABLE.add(self)

    def on_device(self) -> Any:  # noqa: ANN401
        """The network, on its device."""
        if self._is_away:
            self._move(self.device)
            self._is_away = False  # not where memory ran out half way
        return self._network

    def leave(self) -> bool:
        """Moves the network to the host's memory; whether that made room on the device."""
        if self.device.type == "cpu":
            return False
        was_away, self._is_away = self._is_away, True
        self._move(torch.device("cpu"))
        return not was_away

    def _move(self, device: torch.device) -> None:
        with torch.inference_mode(False):  # which pictures are drawn in: its weights would be of it
            self._network.to(device)


_MOVABLE: WeakSet[Movable] = WeakSet()


def with_room(make: Callable[[], Made]) -> Made:
    """What is made; where memory runs out, begun again once all networks that can wait have left the device.

    Raises:
        RuntimeError, MemoryError: memory has run out all the same (`is_out_of_memory`), or something else has failed.
    """
    try:
        return make()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error) or not _leave():
            raise
    release_memory()  # not in the clause above, where the error keeps the tensors of its frames
    return make()


def _leave() -> bool:
    """Moves all networks that can wait to the host's memory; whether that made room on the device."""
    return sum(network.leave() for network in _MOVABLE) > 0
