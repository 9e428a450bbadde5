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
"""Runs a pass: adds to the gradients of parameters, and returns figures on the device."""


def can_replay(train: Train, device: torch.device) -> bool:
    """Whether passes can be captured."""
    return train.may_replay and device.type == "cuda"


class Replayed:
    """Passes, the ones that come again and again replayed from a CUDA graph.

    There is one graph at a time, of the latest kind of pass, and none is there when a pass runs as it is: their
    activations never lie in memory side by side.

    Args:
        run: what all passes run; must not wait for the device.
        adds_up: a pass may follow another of its step, and then adds to its gradients.
    """

    def __init__(self, run: Run, *, adds_up: bool = False) -> None:
        self._run, self._adds_up = run, adds_up
        self._graph: _Graph | None = None
        self._kind: Hashable = None
        self._in_a_row = 0
        self._brief: set[Hashable] = set()  # kinds that are not worth it
        self._reached: list[bool] = []  # which parameters the last pass has given a gradient
        self._is_off = False

    @property
    def is_replaying(self) -> bool:
        """Whether the last pass came from a graph."""
        return self._graph is not None

    def __call__(self, given: Pass, parameters: Sequence[nn.Parameter]) -> torch.Tensor:
        """The pass's figures; the parameters have its gradients afterwards, or sums with those that were there."""
        if given.kind != self._kind:
            if self._graph is not None and self._in_a_row < PASSES_BEFORE + WORTH_REPLAYS:
                self._brief.add(self._kind)
            self.forget()
            self._kind = given.kind
        is_next = self._in_a_row >= PASSES_BEFORE and not self._is_off and self._kind not in self._brief
        if self._graph is None and is_next:
            self._graph = self._captured(given, parameters)
        self._in_a_row += 1
        if self._graph is not None:
            return self._graph.replay(given, parameters)
        figures = self._run(given)
        self._reached = [parameter.grad is not None for parameter in parameters]
        return figures

    def forget(self) -> None:
        """Gives the graph's memory back; it is captured anew when its passes come again."""
        self._graph, self._kind, self._in_a_row = None, None, 0

    def _captured(self, given: Pass, parameters: Sequence[nn.Parameter]) -> _Graph | None:
        before = [parameter.grad for parameter in parameters]
        try:
            if self._adds_up:
                for parameter, is_reached in zip(parameters, self._reached, strict=True):
                    if is_reached and parameter.grad is None:
                        parameter.grad = torch.zeros_like(parameter)
            return _Graph(self._run, given, parameters)
        except RuntimeError as error:  # an operation that cannot be captured, or no memory: it runs as it is
            reason = " ".join(str(error).split())[:200]
        for parameter, gradient in zip(parameters, before, strict=True):
            parameter.grad = gradient
        release_memory()  # not in the clause above, where the error keeps what the capture has taken
        _end_capture_of_random_numbers()
        self._is_off = True
        warnings.warn(f"training goes on without CUDA graphs ({reason})", RuntimeWarning, stacklevel=2)
        return None


class _Graph:
    """One captured pass, with the tensors that it reads and the gradients that it writes.

    To gradients that were there before the capture it adds, as autograd does; a replay sets them to zero first where
    the parameter has none.
    """

    def __init__(self, run: Run, given: Pass, parameters: Sequence[nn.Parameter]) -> None:
        self._tensors = {name: each.clone() for name, each in given.tensors.items()}
        self._graph = torch.cuda.CUDAGraph()
        adds_to = [parameter.grad is not None for parameter in parameters]
        # Where a capture fails torch stays on its stream, for which bitsandbytes' kernels would not wait.
        back = torch.cuda.stream(torch.cuda.current_stream())
        with back, torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._figures = run(Pass(self._tensors, given.fixed))
        self._gradients = [(parameter.grad, adds) for parameter, adds in zip(parameters, adds_to, strict=True)]

    def replay(self, given: Pass, parameters: Sequence[nn.Parameter]) -> torch.Tensor:
        for name, each in given.tensors.items():
            self._tensors[name].copy_(each)
        kept = list(zip(parameters, self._gradients, strict=True))
        for parameter, (gradient, adds) in kept:
            if adds and gradient is not None and parameter.grad is None:
                gradient.zero_()
        self._graph.replay()
        for parameter, (gradient, _) in kept:
            parameter.grad = gradient
        return self._figures.clone()


def _end_capture_of_random_numbers() -> None:
    """Torch's generator of a GPU takes a capture that has failed for one that goes on, and refuses to draw outside."""
    if torch.cuda.is_available():
        generator = torch.cuda.default_generators[torch.cuda.current_device()]
        generator.graphsafe_set_state(generator.clone_state())
