"""The gradients of an optimizer step: its batches, each of which is one forward and one backward pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.profiler import record_function

from dbsweep.config.schema import Train
from dbsweep.models.bundle import StableDiffusion
from dbsweep.training.compiling import denoiser
from dbsweep.training.conditioning import PromptEncoder, Prompts
from dbsweep.training.data import Batch, ConceptData, TrainingSet
from dbsweep.training.objective import Losses, Objective, losses
from dbsweep.training.order import Order
from dbsweep.training.passes import Pass, Replayed, can_replay
from dbsweep.training.precision import MixedPrecision
from dbsweep.training.randomness import Purpose, key, seed_torch


class Gradients:
    """Of the loss of any optimizer step.

    A step sees ``batch_size * gradient_accumulation`` instance images (fewer at the end of an epoch), each paired with
    a class image of its concept, if that has some. Its loss is the mean over the instance images plus
    ``prior_loss_weight`` times the mean over their class images (Ruiz et al. 2023, eq. 2), a missing one counting as 0,
    however the step is cut into forward passes. An instance image's loss is a mean over its pixels, in which those of
    the background weigh ``background_weight``.

    All that is random depends on (seed, purpose, step) alone. To keep that true for dropout, each step seeds torch's
    global generator.

    Args:
        models: as they train, adapters included.
        prompts: frozen once the text encoder is.
        precision: of the forward passes.
        steps_per_epoch: as planned; must agree with the data.

    Raises:
        ResourceError: as `denoiser`.
        ModelError: as `Objective`.
    """

    def __init__(
        self,
        models: StableDiffusion,
        concepts: Sequence[ConceptData],
        train: Train,
        prompts: PromptEncoder,
        precision: MixedPrecision,
        *,
        steps_per_epoch: int,
    ) -> None:
        self._train = train
        self._device = models.device
        self._prompts = prompts
        self._precision = precision
        self._objective = Objective(
            models.scheduler_config,
            self._device,
            min_snr_gamma=train.min_snr_gamma,
            debiased=train.debiased_estimation_loss,
        )
        self._data = TrainingSet(
            concepts, train, scaling_factor=models.vae.config.scaling_factor, timesteps=self._objective.timesteps
        )
        self._order = Order(train.seed, self._data.sizes, train.batch_size, train.gradient_accumulation)
        _check_epoch(steps_per_epoch, len(self._data), self._order)
        self._denoise = denoiser(models.unet, train)
        self._replayed = None
        if can_replay(train, self._device):
            self._replayed = Replayed(self._pass, adds_up=train.gradient_accumulation > 1)
        self._ahead: dict[tuple[int, tuple[int, ...]], Batch] = {}

    def of_step(self, step: int, parameters: Sequence[nn.Parameter]) -> tuple[torch.Tensor, int]:
        """Gives the parameters the gradients of the step that follows ``step`` finished ones, in place of any others.

        Returns:
            Loss, instance loss and prior loss, (3,) on the device; and how many images went through the UNet, class
            images included.
        """
        seed_torch(key(self._train.seed, Purpose.DROPOUT, step) % 2**63, self._device)
        epoch, batches = self._order.step(step)
        images = sum(map(len, batches))
        _clear(parameters)
        figures, seen = torch.zeros(3, device=self._device), 0
        for batch in batches:
            # Batches of a step weigh by their images: exactly the large batch.
            given = self._given(epoch, batch, share=len(batch) / images)
            seen += len(given.tensors["latents"])
            figures += self._pass(given) if self._replayed is None else self._replayed(given, parameters)
        self._look_ahead(step + 1)
        return figures, seen

    def forget(self, parameters: Sequence[nn.Parameter]) -> None:
        """Gives the memory of the gradients back, and that of captured passes."""
        _clear(parameters)
        if self._replayed is not None:
            self._replayed.forget()

    def _given(self, epoch: int, images: tuple[int, ...], share: float) -> Pass:
        """The pass over these instance images, and their class images, which weighs as much as `share` in its step."""
        with record_function("data"):
            batch = self._ahead.pop((epoch, images), None) or self._data.batch(epoch, images)
            tensors = {
                "latents": batch.latents,
                "noise": batch.noise,
                "seen_noise": batch.seen_noise,
                "timesteps": batch.timesteps,
            }
            if batch.pixel_weights is not None:
                tensors["pixel_weights"] = batch.pixel_weights
            tensors = {name: each.to(self._device) for name, each in tensors.items()}
        with self._precision.autocast(), record_function("encode"):
            prompts = self._prompts.prepare(batch.prompts)
        fixed = (batch.instance_images, share, prompts.chunks, prompts.places)
        return Pass({**tensors, **prompts.tensors}, fixed)

    def _look_ahead(self, step: int) -> None:
        """Makes the batches of the next step while the GPU computes this one's."""
        if self._device.type == "cpu":
            return
        epoch, batches = self._order.step(step)
        self._ahead = {(epoch, images): self._data.batch(epoch, images) for images in batches}

    def _pass(self, given: Pass) -> torch.Tensor:
        """Forward and backward pass; returns its share of the step's loss, instance loss and prior loss, (3,)."""
        instance_images, share, chunks, places = given.fixed
        found = self._losses(given.tensors, Prompts(given.tensors, chunks, places), instance_images)
        loss = found.instance + self._train.prior_loss_weight * found.prior
        with record_function("backward"):
            torch.autograd.backward(self._precision.scale(share * loss))
        figures: torch.Tensor = share * torch.stack([loss, found.instance, found.prior]).detach()
        return figures

    def _losses(self, tensors: Mapping[str, torch.Tensor], prompts: Prompts, instance_images: int) -> Losses:
        """Forward pass of instance and class images together."""
        latents, noise, timesteps = tensors["latents"], tensors["noise"], tensors["timesteps"]
        noisy = self._objective.add_noise(latents, tensors["seen_noise"], timesteps)
        with self._precision.autocast():
            with record_function("encode"):
                states, mask = self._prompts.states(prompts)
            with record_function("forward"):
                prediction = self._denoise(
                    noisy, timesteps, encoder_hidden_states=states, encoder_attention_mask=mask, return_dict=False
                )[0]
        target, weights = self._objective.target(latents, noise, timesteps), self._objective.weights(timesteps)
        return losses(prediction, target, instance_images, weights, tensors.get("pixel_weights"))


def _check_epoch(planned: int, images: int, order: Order) -> None:
    if planned != order.steps_per_epoch:
        raise ValueError(f"{planned} steps an epoch were planned, {images} images make {order.steps_per_epoch}")


def _clear(parameters: Sequence[nn.Parameter]) -> None:
    for parameter in parameters:
        parameter.grad = None
