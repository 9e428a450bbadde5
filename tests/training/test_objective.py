"""Noise, target and loss are diffusers' and the equations'."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDPMScheduler

from dbsweep.errors import ModelError
from dbsweep.training.objective import Objective, losses
from tests.tiny_models import SCHEDULER

CPU = torch.device("cpu")


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_noise_and_target_equal_diffusers(prediction_type: str) -> None:
    config = {**SCHEDULER, "prediction_type": prediction_type}
    ours, theirs = Objective(config, CPU), DDPMScheduler.from_config(config)
    latents, noise = torch.randn(2, 5, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    timesteps = torch.tensor([0, 1, 500, 998, 999])
    assert ours.timesteps == 1000
    torch.testing.assert_close(ours.add_noise(latents, noise, timesteps), theirs.add_noise(latents, noise, timesteps))
    expected = noise if prediction_type == "epsilon" else theirs.get_velocity(latents, noise, timesteps)
    torch.testing.assert_close(ours.target(latents, noise, timesteps), expected)


def test_a_model_that_predicts_something_else_is_refused() -> None:
    with pytest.raises(ModelError, match="prediction_type 'sample'; epsilon and v_prediction can be trained"):
        Objective({**SCHEDULER, "prediction_type": "sample"}, CPU)


def test_losses_of_the_two_halves() -> None:
    prediction = torch.tensor([1.0, 3.0, 0.0, 2.0]).reshape(4, 1, 1, 1)
    target = torch.zeros(4, 1, 1, 1)
    found = losses(prediction, target, 2)
    assert (found.instance.item(), found.prior.item()) == (5.0, 2.0)  # (1 + 9) / 2 and (0 + 4) / 2
    found = losses(prediction.bfloat16(), target, 4)
    assert (found.instance.item(), found.prior.item()) == (3.5, 0.0)  # 14 / 4
    assert found.instance.dtype == torch.float32


def test_an_instance_image_without_a_class_image_counts_as_a_prior_loss_of_0() -> None:
    found = losses(torch.tensor([1.0, 3.0, 2.0, 6.0]).reshape(4, 1, 1, 1), torch.zeros(4, 1, 1, 1), 3)
    assert found.prior.item() == pytest.approx(12.0)  # (36 + 0 + 0) / 3


def masked_losses(
    errors: list[float], pixel_weights: list[float], weights: torch.Tensor | None = None
) -> tuple[float, float]:
    """Of images of two pixels whose predictions are off by these, instance images first."""
    prediction = torch.tensor(errors).reshape(-1, 1, 1, 2).expand(-1, 4, -1, -1)
    pixels = torch.tensor(pixel_weights).reshape(-1, 1, 2)
    found = losses(prediction, torch.zeros_like(prediction), len(pixels), weights, pixels)
    return found.instance.item(), found.prior.item()


def test_pixels_weigh_beside_each_other_and_images_alike() -> None:
    assert masked_losses([1, 3, 5, 7], [1, 0, 1, 0]) == (13.0, 0.0)  # (1 + 25) / 2: of two images the first pixels
    assert masked_losses([1, 3, 5, 7], [0.5, 0.5, 0.5, 0.5]) == (21.0, 0.0)  # (5 + 37) / 2: as if nothing was masked
    assert masked_losses([1, 3, 5, 7], [1, 0.25, 0, 0.125])[0] == pytest.approx((3.25 / 1.25 + 49) / 2)


def test_class_images_count_everywhere() -> None:
    assert masked_losses([1, 3, 5, 7], [1, 0]) == (1.0, 37.0)


def test_min_snr_weighs_what_the_mask_leaves() -> None:
    assert masked_losses([1, 3, 5, 7], [1, 0, 0, 1], torch.tensor([0.5, 2.0])) == (49.25, 0.0)  # (0.5 + 2 * 49) / 2


def test_an_error_of_the_background_alone_moves_nothing_at_weight_0() -> None:
    prediction = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    target, mask = prediction.detach().clone(), torch.zeros(2, 8, 8)
    mask[:, 2:5, 1:4] = 1.0
    target += 3.0 * (1.0 - mask)[:, None]
    found = losses(prediction, target, 2, None, mask)
    (gradient,) = torch.autograd.grad(found.instance, prediction)
    assert found.instance.item() == 0.0
    assert not gradient.any()
    (gradient,) = torch.autograd.grad(losses(prediction, target, 2, None, mask + 1e-3).instance, prediction)
    assert gradient.abs().sum() > 0


def test_min_snr_caps_nearly_clean_timesteps_and_leaves_pure_noise_whole() -> None:
    weights = Objective(SCHEDULER, CPU, min_snr_gamma=5.0).weights(torch.tensor([0, 999]))
    assert weights is not None
    assert weights.tolist() == pytest.approx([5.0 * 0.00085 / 0.99915, 1.0], rel=1e-3)
    assert Objective(SCHEDULER, CPU).weights(torch.tensor([0])) is None
    # For v: γ / (SNR + 1) = γ (1 - ᾱ) where capped, SNR / (SNR + 1) = ᾱ where not.
    weights = Objective({**SCHEDULER, "prediction_type": "v_prediction"}, CPU, min_snr_gamma=5.0).weights(
        torch.tensor([0, 999])
    )
    assert weights is not None
    assert weights.tolist() == pytest.approx([5.0 * 0.00085, 0.00466], rel=1e-3)
    found = losses(
        torch.tensor([1.0, 2.0, 3.0]).reshape(3, 1, 1, 1), torch.zeros(3, 1, 1, 1), 2, torch.tensor([1, 0.5, 2])
    )
    assert (found.instance.item(), found.prior.item()) == (1.5, 9.0)  # (1 + 0.5 * 4) / 2 and (2 * 9) / 2


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_debiased_weights_are_those_of_the_paper_and_of_kohya(prediction_type: str) -> None:
    """1 / √SNR, for v 1 / (SNR + 1), of an SNR of 1000 at most; in float64 from the betas."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    alphas = torch.cumprod(1.0 - betas, 0)
    snr = (alphas / (1.0 - alphas)).clamp(max=1000.0)
    expected = snr**-0.5 if prediction_type == "epsilon" else 1.0 / (snr + 1.0)
    objective = Objective({**SCHEDULER, "prediction_type": prediction_type}, CPU, debiased=True)
    weights = objective.weights(torch.arange(1000))
    assert weights is not None
    torch.testing.assert_close(weights.double(), expected, rtol=1e-3, atol=0.0)
    assert weights[0].item() == pytest.approx(1000**-0.5 if prediction_type == "epsilon" else 1 / 1001)
    assert torch.equal(weights.sort().values, weights)  # the noisier, the more it counts
