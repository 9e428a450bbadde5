"""The training loop: DreamBooth with prior preservation, one optimizer step after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn
from torch.profiler import record_function

from dbsweep.config.schema import Train
from dbsweep.errors import DivergedError, TrialError
from dbsweep.models.adapters import is_adapter, remove_adapters, weight_tensors
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.precision import Precision
from dbsweep.records.results import StepLog
from dbsweep.training.attention import set_attention
from dbsweep.training.average import WeightAverage
from dbsweep.training.conditioning import PromptEncoder
from dbsweep.training.data import ConceptData
from dbsweep.training.determinism import same_bits
from dbsweep.training.gradients import Gradients
from dbsweep.training.log import LOG, Meter
from dbsweep.training.lora import begin_lora, hold_in_half, lora_shape
from dbsweep.training.memory import forget_peak_memory
from dbsweep.training.norms import set_half_norms
from dbsweep.training.optimizer import drop_parameters, estimate, make_optimizer, set_learning_rates
from dbsweep.training.parameter_groups import group_rates, parameter_groups
from dbsweep.training.precision import MixedPrecision
from dbsweep.training.recomputing import set_recomputing
from dbsweep.training.schedule import learning_rates
from dbsweep.training.state import copies, load_optimizer, load_weights, optimizer_tensors
from dbsweep.training.weight_norms import NormLimit

PHASES = ("data", "encode", "forward", "backward", "optimizer")
"""Ranges of a step that torch's profiler shows by these names."""


class Trainer:
    """Trains the UNet, and the text encoder up to a step, of the given models in place.

    What a step descends is the loss of `Gradients`, in which all that is random depends on (seed, purpose, step) alone.
    So training from `state` on gives the same weights, on the CPU bit for bit, as never having stopped.

    Args:
        models: weights become float32 where they are not. A LoRA is laid around them, so they must then be the base
            model's; one that is there is taken off. Around a LoRA the UNet's become half precision where passes are
            (`Train.frozen_in_half`).
        steps_per_epoch: as planned; must agree with the data.
        total_steps: of the whole trial; linear and cosine schedules depend on it.
        text_encoder_steps: the text encoder trains while ``step < text_encoder_steps``. From then on it is outside
            the optimizer: nothing moves it, weight decay included.
        clip_skip: as in `dbsweep.sampling.conditioning.encode_prompts`.

    Attributes:
        step: optimizer steps done since the untrained base model.
        lora: what the LoRA is like; None where whole networks train.

    Raises:
        ResourceError: the device lacks what the settings ask for.
        ModelError: the model predicts what cannot be trained.
    """

    def __init__(
        self,
        models: StableDiffusion,
        concepts: Sequence[ConceptData],
        train: Train,
        *,
        steps_per_epoch: int,
        total_steps: int,
        text_encoder_steps: int,
        clip_skip: int = 1,
    ) -> None:
        self.step = 0
        self._train = train
        self._device = models.device
        self._precision = MixedPrecision(train.precision, self._device)
        self._total_steps = total_steps
        self._text_encoder_steps = text_encoder_steps
        self._unet, self._text_encoder = models.unet, models.text_encoder
        self._prompts = PromptEncoder(models.text_encoder, models.tokenizer, clip_skip=clip_skip)
        self._modules: dict[str, nn.Module] = {"unet": models.unet, "text_encoder": models.text_encoder}
        models.vae.requires_grad_(False)
        _prepare(models, train)
        set_attention(models.unet, train.attention)
        self.lora = lora_shape(train)
        self._trained = {"unet": models.unet} | (
            {"text_encoder": models.text_encoder} if text_encoder_steps > 0 else {}
        )
        if self.lora is not None:
            begin_lora(self._trained, self.lora, train.seed)
        if train.frozen_in_half:
            hold_in_half(models.unet, Precision(train.precision).dtype)
        self._trains: Callable[[str], bool] = is_adapter if self.lora is not None else lambda _: True
        self._gradients = Gradients(  # of networks with their adapters, which lie around them now
            models, concepts, train, self._prompts, self._precision, steps_per_epoch=steps_per_epoch
        )
        self._meter = Meter(self._device)
        self._begin()
        self._weights = weight_tensors(self._modules, self._trains)  # last, for an optimizer may lay them out anew

    @property
    def untold(self) -> int:
        """Steps whose figures `train_until` has not returned: those before an `on_step` that ended it."""
        return len(self._meter)

    def train_until(self, step: int, on_step: Callable[[int], None] | None = None) -> StepLog:
        """Trains up to a step, counted from the untrained base model.

        Args:
            on_step: called after each step with the number of steps done.

        Returns:
            Figures averaged over the steps of this call, and over `untold` ones before it.

        Raises:
            DivergedError: loss or gradients are no longer finite; the weights are those before that step.
            ResourceError: an operation cannot give the same bits every time, as the settings ask for.
        """
        if step < self.step or (step == self.step and self.untold == 0):
            raise ValueError(f"already at step {self.step}, asked to train until {step}")
        meter = self._meter
        meter.start_clock()
        forget_peak_memory(self._device)
        try:
            while self.step < step:
                with self._same_bits():
                    meter.add(*self._train_step())
                self.step += 1
                if on_step is not None:
                    on_step(self.step)
        finally:  # what follows needs the memory: drawing and scoring, or another branch
            self._gradients.forget(self._parameters)
        self._meter = Meter(self._device)
        return meter.log(self.step)

    def end(self) -> None:
        """Gives the memory of the optimizer's moments back: no step follows, and no state is asked for."""
        self._optimizer.state.clear()

    def weights_to_keep(self) -> AbstractContextManager[None]:
        """Inside, the models have the weights of a checkpoint: their moving average, where the settings ask for it."""
        return self._average.in_place() if self._average is not None else nullcontext()

    def state(self) -> dict[str, torch.Tensor]:
        """Copies of all that the next step depends on: float32 weights, moments, counters; on the CPU.

        And, from within `on_step`, the figures of `untold` steps.
        """
        return copies(self._tensors())

    def state_to_write(self) -> dict[str, torch.Tensor]:
        """As `state`, for whoever writes it before the next step: copied only where `weights_to_keep` changes it."""
        return self.state() if self._average is not None else self._tensors()

    def _tensors(self) -> dict[str, torch.Tensor]:
        """What `state` copies."""
        trained = min(self.step, self._text_encoder_steps)
        return {
            "step": torch.tensor(self.step),
            "text_encoder_steps_done": torch.tensor(trained),
            **self._weights,
            **optimizer_tensors(self._optimizer, self._names),
            **self._precision.state(),
            **(self._average.state() if self._average is not None else {}),
            **self._meter.state(),
        }

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Goes on from `state` of a trainer with the same settings, of which the text encoder's end may differ.

        Raises:
            TrialError: the state is of another model, or its text encoder was trained longer or shorter than this
                trainer would have.
        """
        step, trained = int(state["step"]), int(state["text_encoder_steps_done"])
        if trained != min(step, self._text_encoder_steps):
            raise TrialError(
                f"the state at step {step} has a text encoder trained for {trained} steps, this trial needs"
                f" {min(step, self._text_encoder_steps)}: start it from another checkpoint"
            )
        load_weights(self._weights, state)
        self._begin()
        load_optimizer(self._optimizer, self._names, state)
        self._precision.load_state(state)
        if self._average is not None:
            self._average.load_state(state)
        self._meter = Meter(self._device, {name: each for name, each in state.items() if name.startswith(LOG)})
        self.step = step

    def _begin(self) -> None:
        """A fresh optimizer over all that ever trains."""
        groups = {
            name: {key: p for key, p in module.named_parameters() if self._trains(key)}
            for name, module in self._trained.items()
        }
        self._names = {p: f"{name}.{key}" for name, group in groups.items() for key, p in group.items()}
        for module in self._modules.values():
            for parameter in module.parameters():
                parameter.requires_grad_(parameter in self._names)
        self._parameters = list(self._names)
        self._optimizer = make_optimizer(self._train, parameter_groups(self._train, groups.values()))
        limit = self._train.lora_max_norm
        self._norm_limit = NormLimit(self._trained.values(), limit) if limit > 0.0 else None
        self._prompts.thaw()
        decay = self._train.ema_decay
        self._average = WeightAverage(self._names, decay) if decay > 0.0 else None

    def _freeze_text_encoder(self) -> None:
        # At the first step without it and not right after its last: a state between the two still has its moments,
        # for another trial that goes on training it from there.
        self._text_encoder.zero_grad(set_to_none=True)
        self._text_encoder.requires_grad_(False)
        self._text_encoder.eval()
        drop_parameters(self._optimizer, self._text_encoder.parameters())
        self._parameters = [parameter for parameter, name in self._names.items() if name.startswith("unet.")]
        self._prompts.freeze()

    def _train_step(self) -> tuple[torch.Tensor, tuple[float, float], int]:
        """One optimizer step; returns what `Meter.add` takes."""
        self._set_modes()
        figures, images = self._gradients.of_step(self.step, self._parameters)
        rates = learning_rates(self._train, self.step, self._total_steps)
        unet_rate, text_rate = (estimate(self._optimizer) * rate for rate in rates)
        with record_function("optimizer"):
            norm = self._update(figures[0], rates)
        trained = (unet_rate, text_rate if self.step < self._text_encoder_steps else 0.0)
        return torch.cat([figures, norm[None]]), trained, images

    def _same_bits(self) -> AbstractContextManager[None]:
        if self._device.type == "cpu":  # whose kernels do so by themselves
            return nullcontext()
        return same_bits(self._train.deterministic)

    def _set_modes(self) -> None:
        """Training mode again: sampling between two steps may have changed it."""
        if not self._unet.training:
            self._unet.train()
        if self.step >= self._text_encoder_steps:
            if not self._prompts.frozen:
                self._freeze_text_encoder()
        elif not self._text_encoder.training:
            self._text_encoder.train()

    def _update(self, loss: torch.Tensor, rates: tuple[float, float]) -> torch.Tensor:
        """Clips the gradients and moves the weights; returns the norm before clipping."""
        self._precision.unscale(self._optimizer)
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        self._check_finite(loss, norm)
        if norm.item() > self._train.max_grad_norm > 0.0:  # the check above has waited for the device already
            nn.utils.clip_grads_with_norm_(self._parameters, self._train.max_grad_norm, norm)
        set_learning_rates(self._optimizer, group_rates(self._train, rates))
        self._precision.step(self._optimizer)
        if self._norm_limit is not None:
            self._norm_limit.apply()
        if self._average is not None:
            self._average.step()
        return norm

    def _check_finite(self, loss: torch.Tensor, norm: torch.Tensor) -> None:
        # A scaled fp16 gradient may overflow: the scaler then skips the update and scales less.
        checked = loss if self._precision.scaler is not None else loss + norm
        if not torch.isfinite(checked).item():
            raise DivergedError(
                f"the loss is not finite at step {self.step + 1} (loss {loss.item()}, gradient norm {norm.item()}):"
                f" lower train.learning_rate (now {self._train.learning_rate:g})"
                + ("" if self._train.precision == "fp32" else f", or use precision fp32 (now {self._train.precision})")
            )


def _prepare(models: StableDiffusion, train: Train) -> None:
    """Float32 weights without adapters; what another trial may have set otherwise."""
    remove_adapters(models.networks)
    for module in (models.unet, models.text_encoder):
        if module.dtype is not torch.float32:
            module.to(torch.float32)
    set_recomputing(models, train.gradient_checkpointing, drops_out=train.lora_dropout > 0.0)
    set_half_norms(models.unet, models.device.type != "cpu" and train.precision != "fp32")
