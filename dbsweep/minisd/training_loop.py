"""The loop that all trainings share: schedule, average of weights, progress, checkpoints that survive a kill.

Two processes of one thread each train faster on two cores than one process of two threads, so a loop can be one of
several workers that average their gradients.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import torch
import torch.distributed as dist
from torch import Tensor, nn

from dbsweep.minisd.muon import new_optimizers

LossFn = Callable[[torch.Generator], Tensor]
"""Draws its batch and noise from the generator of the step and returns the loss."""
OnSave = Callable[[nn.ModuleDict], None]
"""Called at each checkpoint with the modules holding averaged weights."""
SAVED: Final = "state.pt"


@dataclass(frozen=True)
class LoopPlan:
    """How long and how fast one training goes."""

    name: str
    steps: int
    learning_rate: float
    """Muon's rate, for matrices and kernels."""
    adam_rate: float = 1e-3
    """AdamW's rate, for everything else."""
    weight_decay: float = 0.0
    warmup: int = 50
    """Steps over which the learning rates rise from 0."""
    cooldown: float = 0.4
    """Last share of the steps, over which the learning rates fall to 0."""
    ema_decay: float = 0.998
    save_every: int = 500
    """Steps between checkpoints."""
    seed: int = 0

    def factor_at(self, step: int) -> float:
        """Return what the rates are multiplied by at a step (0-based): linear rise, plateau, linear fall."""
        fall = (self.steps - step) / max(1.0, self.steps * self.cooldown)
        return min(1.0, (step + 1) / max(1, self.warmup), fall)


@dataclass(frozen=True)
class Workers:
    """This process among those that train together."""

    rank: int = 0
    count: int = 1

    def average(self, tensors: list[Tensor]) -> None:
        """Replace each tensor by its mean over the workers."""
        if self.count > 1:
            flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
            dist.all_reduce(flat)
            flat /= self.count
            for tensor, part in zip(tensors, torch.split(flat, [t.numel() for t in tensors]), strict=True):
                tensor.copy_(part.view_as(tensor))


@dataclass
class Loop:
    """One training: what is trained, by which plan, where its checkpoint lives, who hears of it."""

    modules: nn.ModuleDict
    plan: LoopPlan
    folder: Path
    report: Callable[[str], None]
    workers: Workers = field(default_factory=Workers)
    on_save: OnSave | None = None
    stop_after: int | None = None
    """Stop, with a checkpoint, when this many steps have been taken in all; for tests."""

    def run(self, loss_fn: LossFn) -> bool:
        """Train from the last checkpoint on, leave the averaged weights in `modules`, say whether all steps ran.

        Every step draws from a generator seeded by (seed, step, worker), so a training that was killed goes on to
        the very same weights.

        Raises:
            FloatingPointError: if the loss is not finite.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._params = dict(self.modules.named_parameters())
        self._optimizers = new_optimizers(
            self.modules, self.plan.learning_rate, self.plan.adam_rate, self.plan.weight_decay
        )
        self._average = {name: value.detach().clone() for name, value in self._params.items()}
        first, mean, began = self._restore(), 0.0, time.monotonic()
        last = self.plan.steps if self.stop_after is None else min(self.stop_after, self.plan.steps)
        for step in range(first, last):
            value = self._step(step, loss_fn)
            mean = value if step == first else 0.98 * mean + 0.02 * value
            done = step + 1
            if self.workers.rank == 0 and (done % 50 == 0 or done == last):
                self._tell(done, first, mean, began)
            if self.workers.rank == 0 and (done % self.plan.save_every == 0 or done == last):
                self._save(done)
        self._show_average()
        return last == self.plan.steps

    def _step(self, step: int, loss_fn: LossFn) -> float:
        """Take one optimizer step, move the average, and return the loss."""
        seed = (self.plan.seed << 40) + (self.workers.rank << 32) + step
        loss = loss_fn(torch.Generator().manual_seed(seed))
        value = float(loss.detach())
        if not math.isfinite(value):
            raise FloatingPointError(f"{self.plan.name}: the loss is {value} at step {step}; lower the learning rate")
        self.modules.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.workers.average([p.grad for p in self._params.values() if p.grad is not None])
        torch.nn.utils.clip_grad_norm_(self._params.values(), 1.0)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group.setdefault("full_lr", group["lr"]) * self.plan.factor_at(step)
            optimizer.step()
        weight = 1 - min(self.plan.ema_decay, (1 + step) / (10 + step))
        live = [value.detach() for value in self._params.values()]
        torch._foreach_lerp_(list(self._average.values()), live, weight)
        return value

    def _tell(self, done: int, first: int, mean: float, began: float) -> None:
        rate = (done - first) / max(1e-9, time.monotonic() - began)
        left = int((self.plan.steps - done) / rate)
        self.report(
            f"{self.plan.name}: step {done}/{self.plan.steps}  loss {mean:.4f}  {rate:.2f} steps/s  "
            f"{left // 60}:{left % 60:02d} left"
        )

    @torch.no_grad()
    def _show_average(self) -> None:
        for name, value in self._params.items():
            value.copy_(self._average[name])

    @torch.no_grad()
    def _save(self, step: int) -> None:
        """Write the checkpoint under its name only when it is complete, then show the averaged weights."""
        partial = self.folder / f"{SAVED}.partial"
        torch.save(
            {
                "step": step,
                "modules": self.modules.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
                "average": self._average,
            },
            partial,
        )
        os.replace(partial, self.folder / SAVED)
        if self.on_save is not None:
            live = {name: value.clone() for name, value in self._params.items()}
            self._show_average()
            self.on_save(self.modules)
            for name, value in self._params.items():
                value.copy_(live[name])

    def _restore(self) -> int:
        """Load the checkpoint and return the step it was taken after; 0 if there is none."""
        path = self.folder / SAVED
        if not path.exists():
            return 0
        state = torch.load(path, weights_only=True)
        self.modules.load_state_dict(state["modules"])
        for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self._average = state["average"]
        return int(state["step"])
