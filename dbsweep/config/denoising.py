"""The part of the `train` section that says which noise the UNet learns to predict, and how much each error counts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from dbsweep.config.fields import CountOrNone, Fraction, NotBool, NotNegative, Section

TIMESTEPS = 1000
"""Of Stable Diffusion: 0 is nearly clean, 999 nearly noise alone."""


class Denoising(Section):
    """Which noise the UNet learns to predict, and how much each error counts."""

    min_snr_gamma: NotNegative = Field(
        0.0, description="caps the loss weight of nearly clean timesteps, usually 5; 0 weights all timesteps equally"
    )
    debiased_estimation_loss: bool = Field(
        False, description="weights the loss of a timestep by 1 / √SNR: noisy ones count more; not with min_snr_gamma"
    )
    min_timestep: Annotated[int, Field(ge=0, lt=TIMESTEPS), NotBool] = Field(
        0, description="lowest timestep that trains; 0 is nearly clean, 999 nearly noise alone"
    )
    max_timestep: Annotated[int, Field(ge=1, le=TIMESTEPS), NotBool] = Field(
        TIMESTEPS, description="timesteps below this one train"
    )
    noise_offset: NotNegative = Field(
        0.0,
        description="adds noise that is the same for all pixels of a channel, usually 0.05; for darker and brighter"
        " images",
    )
    multires_noise_iterations: CountOrNone = Field(
        0, description="adds noise of so many sizes, coarser and coarser, usually 6; for darker and brighter images"
    )
    multires_noise_discount: Fraction = Field(0.3, description="strength of each of these sizes beside the one before")
    input_perturbation: NotNegative = Field(
        0.0,
        description="adds noise to the input that the model does not have to predict, usually 0.1; against exposure"
        " bias",
    )

    @model_validator(mode="after")
    def _some_timestep_trains(self) -> Denoising:
        if self.min_timestep >= self.max_timestep:
            raise ValueError(
                f"min_timestep must be below max_timestep, got {self.min_timestep} and {self.max_timestep}; timesteps"
                " from the first up to, but not including, the second train"
            )
        return self

    @model_validator(mode="after")
    def _timesteps_are_weighted_once(self) -> Denoising:
        if self.debiased_estimation_loss and self.min_snr_gamma > 0.0:
            raise ValueError(
                f"min_snr_gamma {self.min_snr_gamma:g} and debiased_estimation_loss both weight timesteps, and each"
                " would undo what the other is for; remove one of them"
            )
        return self
