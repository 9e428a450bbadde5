"""The gradients of a step, however it is cut into passes and whatever was computed before."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel

from dbsweep.training.trainer import Trainer
from tests.training.dreambooth import concept, distance, fresh_models, make_trainer, settings


def test_accumulated_batches_equal_the_large_batch(tiny_sd: Path) -> None:
    """Also at the end of an epoch: 5 photos in steps of 4 leave one, which counts as much as each of the 4."""

    def trained(batch_size: int, gradient_accumulation: int) -> UNet2DConditionModel:
        models = fresh_models(tiny_sd)
        train = settings(batch_size=batch_size, gradient_accumulation=gradient_accumulation)
        make_trainer(models, train).train_until(4)
        return models.unet

    start = fresh_models(tiny_sd).unet
    four, six = trained(4, 1), trained(6, 1)
    assert distance(four, trained(2, 2), start) < 5e-4
    assert distance(four, trained(1, 4), start) < 5e-4
    assert distance(six, trained(3, 2), start) < 5e-4  # steps of 5 photos: parts of 3 and 2
    assert distance(four, six, start) > 0.1


def test_gradients_depend_on_the_step_and_on_nothing_before(tiny_sd: Path) -> None:
    models = fresh_models(tiny_sd)
    gradients = make_trainer(models, settings())._gradients
    parameters = list(models.unet.parameters())

    def of_step(step: int) -> torch.Tensor:
        gradients.of_step(step, parameters)
        return torch.cat([parameter.grad.flatten() for parameter in parameters if parameter.grad is not None])

    first, other, again = of_step(3), of_step(4), of_step(3)
    assert not torch.equal(first, other)
    assert torch.equal(first, again)
    gradients.forget(parameters)
    assert all(parameter.grad is None for parameter in parameters)


@pytest.mark.parametrize(("class_images", "images"), [(0, [4, 1]), (3, [8, 2])], ids=["without prior", "with prior"])
def test_all_images_of_a_step_are_counted(tiny_sd: Path, class_images: int, images: list[int]) -> None:
    """Of 5 photos steps of 4 leave one."""
    models = fresh_models(tiny_sd)
    train = settings(batch_size=2, gradient_accumulation=2, class_images_per_instance=class_images)
    gradients = make_trainer(models, train)._gradients
    seen: list[int] = []
    models.unet.register_forward_pre_hook(lambda module, args: seen.append(len(args[0])))
    counts = [gradients.of_step(step, list(models.unet.parameters()))[1] for step in (0, 1)]
    assert counts == images
    assert sum(seen) == sum(images)


def test_a_plan_that_disagrees_with_the_data_is_refused(tiny_sd: Path) -> None:
    models = fresh_models(tiny_sd)
    with pytest.raises(ValueError, match="7 steps an epoch were planned, 5 images make 5"):
        Trainer(models, [concept(15)], settings(), steps_per_epoch=7, total_steps=9, text_encoder_steps=0)
