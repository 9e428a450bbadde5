"""The gradients of a step, however it is cut into passes and whatever was computed before."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel

from dbsweep.concepts.latents import LatentMoments
from dbsweep.training.trainer import Trainer
from tests.training.dreambooth import concept, distance, fresh_models, make_trainer, settings


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
def test_accumulated_batches_equal_the_large_batch(tiny_sd: Path, masked: bool) -> None:
    """Also at the end of an epoch: 5 photos in steps of 4 leave one, which counts as much as each of the 4."""
    changes = {"background_weight": 0.1, "random_flip": True, "random_crops": 2} if masked else {}

    def trained(batch_size: int, gradient_accumulation: int) -> UNet2DConditionModel:
        models = fresh_models(tiny_sd)
        train = settings(batch_size=batch_size, gradient_accumulation=gradient_accumulation, **changes)
        make_trainer(models, train).train_until(4)
        return models.unet

    start = fresh_models(tiny_sd).unet
    four, six = trained(4, 1), trained(6, 1)
    assert distance(four, trained(2, 2), start) < 5e-4
    assert distance(four, trained(1, 4), start) < 5e-4
    assert distance(six, trained(3, 2), start) < 5e-4  # steps of 5 photos: parts of 3 and 2
    assert distance(four, six, start) > 0.1


def widened(moments: LatentMoments) -> LatentMoments:
    return LatentMoments(*(torch.cat([each, each], dim=-1) for each in (moments.mean, moments.logvar)))


def test_a_step_over_concepts_and_sizes_is_the_mean_of_its_images(tiny_sd: Path) -> None:
    """Nine uses of square photos and one of a wide one make batches of 3, 3, 3 and 1, in two steps of two.

    Six of them are of a concept without class images.
    """
    models = fresh_models(tiny_sd)
    square, few, wide = concept(9, photos=3), concept(6, photos=2, seed=2), concept(3, photos=1, seed=3)
    assert wide.class_images is not None
    parts = [
        square,
        dataclasses.replace(few, repeats=3, has_class_images=False),
        dataclasses.replace(wide, instance=widened(wide.instance), class_images=widened(wide.class_images)),
    ]
    train = settings(batch_size=3, gradient_accumulation=2, prior_loss_weight=0.3, min_snr_gamma=5.0)
    gradients = Trainer(models, parts, train, steps_per_epoch=2, total_steps=4, text_encoder_steps=4)._gradients
    parameters = list(models.unet.parameters())

    def all_of_them() -> torch.Tensor:
        return torch.cat([parameter.grad.flatten() for parameter in parameters if parameter.grad is not None])

    seen = []
    for step in (0, 1):
        figures, count = gradients.of_step(step, parameters)
        whole = all_of_them().clone()
        gradients.forget(parameters)
        epoch, batches = gradients._order.step(step)
        images = [image for batch in batches for image in batch]
        alone = sum(gradients._pass(gradients._given(epoch, (image,), share=1 / len(images))) for image in images)
        assert count == len(images) + sum(gradients._data._owner[image][0] != 1 for image in images)
        torch.testing.assert_close(figures, alone)
        assert (all_of_them() - whole).norm() < 1e-4 * whole.norm()
        seen += [len(batch) for batch in batches]
    assert sorted(seen) == [1, 3, 3, 3]


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


def test_every_step_drops_out_inputs_of_its_own(tiny_sd: Path) -> None:
    models = fresh_models(tiny_sd)
    gradients = make_trainer(models, settings(lora_rank=2, lora_dropout=0.5), 0)._gradients
    dropped: list[torch.Tensor] = []
    layer = models.unet.get_submodule("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora_dropout")
    layer["default"].register_forward_hook(lambda module, args, output: dropped.append(output == 0))
    models.unet.train()
    for step in (0, 1, 0):
        gradients.of_step(step, list(models.unet.parameters()))
    first, other, again = dropped
    assert first.float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert not torch.equal(first, other)
    assert torch.equal(first, again)


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
