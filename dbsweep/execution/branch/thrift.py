"""What a branch does when memory runs out: it goes on with less, a step of the ladder at a time."""

from __future__ import annotations

from pathlib import Path

import torch

from dbsweep.config.schema import Train
from dbsweep.errors import ResourceError
from dbsweep.execution.jobs import BranchJob
from dbsweep.models.checkpoints import read_manifest
from dbsweep.plan.memory.encoders import SMALL_ENCODER, encoder_bytes
from dbsweep.plan.memory.ladder import Half, Savings, savings_text, useful_steps
from dbsweep.plan.memory.model_files import size_of
from dbsweep.plan.memory.needs import prompts_of
from dbsweep.plan.memory.training import training_memory

_NUMBERS = ("precision", "optimizer")
"""Settings that change the weights by more than rounding."""


class Thrift:
    """The memory-saving settings of one branch beside its own; none until memory has run out.

    Where `train.memory` is auto it goes down the ladder step by step. Else it takes one step, of those that change
    weights by no more than rounding. Where no step is left, as for a fork whose parent has taken it, the branch is
    tried once more as it was: another process may have had the memory.

    Steps that change the weights are taken only where nothing depends on what was trained before: a branch that starts
    at the base model and has kept nothing yet. Forks go on with its settings, which its checkpoints tell.

    Args:
        half: the half precision that this device computes fast.

    Attributes:
        savings: settings of `train` by name.
    """

    def __init__(self, job: BranchJob, half: Half | None) -> None:
        self._experiment = job.sweep.experiment
        self._given = self._experiment.train_for(job.branch.settings)
        self._half = half
        self._fresh = job.fork is None
        self._retried = False
        self.savings: Savings = {}

    @property
    def train(self) -> Train:
        """The branch's settings as it trains with them."""
        return self._given.model_copy(update=self.savings)

    def go_on_from(self, checkpoint: Path) -> None:
        """Takes over the settings that a checkpoint's state was trained with."""
        self._fresh = False
        self.savings = self.savings or read_manifest(checkpoint).savings  # its own were found from there

    def kept(self) -> None:
        """Notes that a checkpoint has been kept: from now on the weights stay what its settings make them."""
        self._fresh = False

    def save(self, step: int, reason: str) -> str:
        """Goes one step down the ladder, or notes that the branch may be tried once more as it was.

        Args:
            step: the last one trained; reason: what ran out.

        Returns:
            What happened and what is done about it, for the person.

        Raises:
            ResourceError: there is no further step, or the settings allow none, and this branch was tried again before.
        """
        before = self.train
        may_save = before.memory == "auto" or not self._retried
        savings = self._further() if may_save else None
        if savings is None and self._retried:
            encoder = self._experiment.evaluate.encoder
            raise ResourceError(_exhausted(before, encoder, self.savings, step, reason))
        self._retried = True
        again = f"out of memory after step {step}; starting again from its last checkpoint"
        if savings is None:
            return f"{again}, as it was: nothing is left to save, but another process may have had the memory"
        changed = dict.fromkeys((*self.savings, *savings))
        self.savings = savings
        now = {name: getattr(self.train, name) for name in changed}
        more = {name: value for name, value in now.items() if value != getattr(before, name)}
        return f"{again} with {savings_text(more)}"

    def _further(self) -> Savings | None:
        """The settings that cost least time of those that need less than the present ones; None where none do."""
        keep_weights = not (self._given.memory == "auto" and self._fresh)
        numbers = {name: value for name, value in self.savings.items() if keep_weights and name in _NUMBERS}
        ladder = useful_steps(
            self._given.model_copy(update=numbers),
            lambda savings: self._need({**numbers, **savings}),
            half=self._half,
            keep_weights=keep_weights,
        )
        now = self._need(self.savings)
        return next(({**numbers, **savings} for savings in ladder if self._need({**numbers, **savings}) < now), None)

    def _need(self, savings: Savings) -> int:
        train, experiment = self._given.model_copy(update=savings), self._experiment
        size, prompts = size_of(experiment.base_model), prompts_of(experiment, train)
        return training_memory(train, size, prompts=prompts, scoring_bytes=0).total


def half_of(device: str) -> Half | None:
    """The half precision that a device computes fast."""
    if device != "cuda":
        return None
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def _exhausted(train: Train, encoder: str, savings: Savings, step: int, reason: str) -> str:
    tried = f" even with {savings_text(savings)}" if savings else ""
    means = [
        f"a lower train.resolution (now {train.resolution})",
        *(["train.memory auto"] if train.memory != "auto" else []),
        *(["train.precision bf16"] if train.precision == "fp32" else []),
        *(["train.optimizer adamw_8bit"] if train.optimizer == "adamw" and train.lora_rank == 0 else []),
        *([f"train.text_encoder_ratio 0 (now {train.text_encoder_ratio:g})"] if train.text_encoder_ratio > 0 else []),
        *(["train.lora_rank 8, which trains a LoRA"] if train.lora_rank == 0 else []),
        *(
            [f"evaluate.encoder {SMALL_ENCODER} (now {encoder}), which stays loaded"]
            if encoder_bytes(encoder) > encoder_bytes(SMALL_ENCODER)
            else []
        ),
        "a larger share of a GPU",
    ]
    return f"out of memory after step {step}{tried} ({_one_line(reason)}); what helps: {', '.join(means)}"


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 160 else f"{text[:157]}..."
