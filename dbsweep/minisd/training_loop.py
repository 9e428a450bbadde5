"""The loop that all three trainings share: schedule, average of weights, progress, checkpoints that survive a kill."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

LossFn = Callable[[torch.Generator], Tensor]
"""Draws its batch and noise from the generator of the step and returns the loss."""


@dataclass(frozen=True)
class LoopPlan:
    """How long and how fast one training goes."""

    name: str
    steps: int
    learning_rate: float
    weight_decay: float = 0.0
    warmup: int = 200
    """Steps over which the learning rate rises from 0."""
    cooldown: float = 0.3
    """Last share of the steps, over which the learning rate falls to 0."""
    ema_decay: float = 0.998
    save_every: int = 500
    """Steps between checkpoints."""
    seed: int = 0

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step (0-based): linear rise, plateau, cosine fall."""
        left = (self.steps - step) / max(1.0, self.steps * self.cooldown)
        fall = 0.5 - 0.5 * math.cos(math.pi * min(1.0, left))
        return self.learning_rate * min(1.0, (step + 1) / max(1, self.warmup)) * fall


class WeightAverage:
    """An exponential moving average of the trained parameters, unbiased at the start."""

    def __init__(self, modules: nn.ModuleDict, decay: float) -> None:
        """Start from the present weights."""
        self._live = dict(modules.named_parameters())
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in self._live.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average towards the present weights."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.values.values()), [p.detach() for p in self._live.values()], weight)

    @torch.no_grad()
    def write_to(self, modules: nn.ModuleDict) -> None:
        """Put the averaged weights into `modules`."""
        for name, value in modules.named_parameters():
            value.copy_(self.values[name])


@dataclass
class Trained:
    """What a loop leaves behind: the modules hold the averaged weights, `finished` says whether all steps ran."""

    finished: bool
    loss: float


def parameter_groups(modules: nn.ModuleDict, weight_decay: float) -> list[dict[str, Any]]:
    """Return optimizer groups; embeddings, norms and biases are not decayed."""
    decayed, kept = [], []
    for name, value in modules.named_parameters():
        plain = value.ndim < 2 or "embedding" in name
        (kept if plain else decayed).append(value)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": kept, "weight_decay": 0.0}]


SAVED: Final = "state.pt"


def train_loop(
    modules: nn.ModuleDict,
    loss_fn: LossFn,
    plan: LoopPlan,
    folder: Path,
    report: Callable[[str], None],
    on_save: Callable[[nn.ModuleDict], None] | None = None,
    stop_after: int | None = None,
) -> Trained:
    """Train until `plan.steps`, from the last checkpoint in `folder` if there is one.

    Every step draws from a generator seeded by (seed, step), so a training that was killed goes on to the very
    same weights.

    Args:
        modules: what is trained; on return they hold the averaged weights.
        loss_fn: the loss of one step.
        plan: length, rate and seed.
        folder: where the checkpoint lives.
        report: takes one progress line.
        on_save: called with the modules holding averaged weights at each checkpoint.
        stop_after: stop (with a checkpoint) when this many steps have been taken in all; for tests.

    Raises:
        FloatingPointError: if the loss is not finite.
    """
    folder.mkdir(parents=True, exist_ok=True)
    optimizer = torch.optim.AdamW(parameter_groups(modules, plan.weight_decay), lr=plan.learning_rate, betas=(0.9, 0.99))
    average = WeightAverage(modules, plan.ema_decay)
    first = _restore(folder / SAVED, modules, optimizer, average)
    last = plan.steps if stop_after is None else min(stop_after, plan.steps)
    mean, began = 0.0, time.monotonic()
    for step in range(first, last):
        mean = _take_step(step, modules, loss_fn, plan, optimizer, mean)
        average.update(step)
        done = step + 1
        if done % 50 == 0 or done == last:
            report(_progress(plan, done, first, mean, began))
        if done % plan.save_every == 0 or done == last:
            _save(folder / SAVED, modules, optimizer, average, done)
            if on_save is not None:
                _with_average(modules, average, on_save)
    average.write_to(modules)
    return Trained(last == plan.steps, mean)


def _take_step(
    step: int, modules: nn.ModuleDict, loss_fn: LossFn, plan: LoopPlan, optimizer: torch.optim.Optimizer, mean: float
) -> float:
    """Take one optimizer step and return the running mean of the loss."""
    for group in optimizer.param_groups:
        group["lr"] = plan.rate_at(step)
    loss = loss_fn(torch.Generator().manual_seed((plan.seed << 32) + step))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(modules.parameters(), 1.0)
    optimizer.step()
    value = float(loss.detach())
    if not math.isfinite(value):
        raise FloatingPointError(f"{plan.name}: the loss is {value} at step {step}; lower the learning rate")
    return value if mean == 0.0 else 0.98 * mean + 0.02 * value


def _progress(plan: LoopPlan, done: int, first: int, mean: float, began: float) -> str:
    rate = (done - first) / max(1e-9, time.monotonic() - began)
    left = int((plan.steps - done) / rate)
    return f"{plan.name}: step {done}/{plan.steps}  loss {mean:.4f}  {rate:.2f} steps/s  {left // 60}:{left % 60:02d} left"


def _with_average(
    modules: nn.ModuleDict, average: WeightAverage, on_save: Callable[[nn.ModuleDict], None]
) -> None:
    live = {name: value.detach().clone() for name, value in modules.named_parameters()}
    average.write_to(modules)
    on_save(modules)
    with torch.no_grad():
        for name, value in modules.named_parameters():
            value.copy_(live[name])


def _save(
    path: Path, modules: nn.ModuleDict, optimizer: torch.optim.Optimizer, average: WeightAverage, step: int
) -> None:
    partial = path.with_suffix(".partial")
    state = {"modules": modules.state_dict(), "optimizer": optimizer.state_dict(), "average": average.values}
    torch.save({**state, "step": step}, partial)
    os.replace(partial, path)


def _restore(
    path: Path, modules: nn.ModuleDict, optimizer: torch.optim.Optimizer, average: WeightAverage
) -> int:
    """Load a checkpoint and return the step it was taken after; 0 if there is none."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    modules.load_state_dict(state["modules"])
    optimizer.load_state_dict(state["optimizer"])
    average.values = state["average"]
    return int(state["step"])
