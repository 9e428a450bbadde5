"""One forward and backward pass as data; on a GPU passes of one kind are captured once and then replayed.

An SD 1.5 UNet and its gradients are some six thousand kernels, and a fast GPU is done with each before the processor
has launched the next. A CUDA graph launches them all at once, in the same order on the same values.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import nn

from dbsweep.config.schema import Train
from dbsweep.models.device_memory import release_memory

PASSES_BEFORE = 2
"""Passes of one kind in a row that run as they are before one is captured, which takes as long as several."""
WORTH_REPLAYS = 4
"""A kind that another takes the place of after fewer replays, as where an epoch of a few batches ends with a smaller
one, is not captured again. A guess: by how much a capture costs more than a pass has not been measured."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What a pass works on.

    Attributes:
        tensors: on the device, by name; their values may differ between passes of one kind.
        fixed: all else that decides what is computed; hashable.
    """

    tensors: Mapping[str, torch.Tensor]
    fixed: tuple[Any, ...]

    @property
    def kind(self) -> Hashable:
        """Equal for passes that launch the same kernels on tensors of the same shapes."""
        return self.fixed, tuple((name, each.shape, each.dtype) for name, each in self.tensors.items())


Run: TypeAlias = Callable[[Pass], torch.Tensor]
"""Runs a pass: leaves gradients in parameters that have none, and returns figures on the device."""


def can_replay(train: Train, device: torch.device) -> bool:
    """Whether passes can be captured."""
    return train.may_replay and device.type == "cuda"


class Replayed:
    """Passes, the ones that come again and again replayed from a CUDA graph.

    There is one graph at a time, of the latest kind of pass, and none is there when a pass runs as it is: their
    activations never lie in memory side by side.
    """

    def __init__(self) -> None:
        self._graph: _Graph | None = None
        self._kind: Hashable = None
        self._in_a_row = 0
        self._brief: set[Hashable] = set()  # kinds that are not worth it
        self._is_off = False

    @property
    def is_replaying(self) -> bool:
        """Whether the last pass came from a graph."""
        return self._graph is not None

    def __call__(self, run: Run, given: Pass, parameters: Sequence[nn.Parameter]) -> torch.Tensor:
        """The pass's figures; `parameters`, which have no gradients before, have them afterwards.

        Args:
            run: always the same; must not wait for the device.
        """
        if given.kind != self._kind:
            if self._graph is not None and self._in_a_row < PASSES_BEFORE + WORTH_REPLAYS:
                self._brief.add(self._kind)
            self.forget()
            self._kind = given.kind
        is_next = self._in_a_row >= PASSES_BEFORE and not self._is_off and self._kind not in self._brief
        if self._graph is None and is_next:
            self._graph = self._captured(run, given, parameters)
        self._in_a_row += 1
        if self._graph is None:
            return run(given)
        return self._graph.replay(given, parameters)

    def forget(self) -> None:
        """Gives the graph's memory back; it is captured anew when its passes come again."""
        self._graph, self._kind, self._in_a_row = None, None, 0

    def _captured(self, run: Run, given: Pass, parameters: Sequence[nn.Parameter]) -> _Graph | None:
        try:
            return _Graph(run, given, parameters)
        except RuntimeError as error:  # an operation that cannot be captured, or no memory: it runs as it is
            reason = " ".join(str(error).split())[:200]
        for parameter in parameters:
            parameter.grad = None
        release_memory()  # not in the clause above, where the error keeps what the capture has taken
        self._is_off = True
        warnings.warn(f"training goes on without CUDA graphs ({reason})", RuntimeWarning, stacklevel=2)
        return None


class _Graph:
    """One captured pass, with the tensors that it reads and the gradients that it writes."""

    def __init__(self, run: Run, given: Pass, parameters: Sequence[nn.Parameter]) -> None:
        self._tensors = {name: each.clone() for name, each in given.tensors.items()}
        self._graph = torch.cuda.CUDAGraph()
        # Where a capture fails torch stays on its stream, for which bitsandbytes' kernels would not wait.
        back = torch.cuda.stream(torch.cuda.current_stream())
        with back, torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._figures = run(Pass(self._tensors, given.fixed))
        self._gradients = [parameter.grad for parameter in parameters]

    def replay(self, given: Pass, parameters: Sequence[nn.Parameter]) -> torch.Tensor:
        for name, each in given.tensors.items():
            self._tensors[name].copy_(each)
        self._graph.replay()
        for parameter, gradient in zip(parameters, self._gradients, strict=True):
            parameter.grad = gradient
        return self._figures.clone()
