"""Batches pair each photo with a class image of its concept, and an image's draws do not depend on the others."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from dbsweep.concepts.captions import Caption
from dbsweep.concepts.latents import LatentMoments
from dbsweep.errors import ModelError
from dbsweep.training.data import ConceptData, TrainingSet
from dbsweep.training.noise import NoiseSource
from tests.training.dreambooth import settings


def constant(values: list[float]) -> LatentMoments:
    """Images of one value each, with hardly any variance."""
    mean = torch.tensor(values)[:, None, None, None].expand(-1, 4, 2, 2).clone()
    return LatentMoments(mean, torch.full_like(mean, -30.0))


def concept(name: str, photos: list[float], class_images: list[float]) -> ConceptData:
    return ConceptData(
        instance=constant(photos),
        class_images=constant(class_images) if class_images else None,
        instance_captions=(Caption(f"photo of ohwx {name}"),) * len(photos),
        class_captions=(Caption(f"photo of {name}"),) * len(class_images),
    )


MAN = concept("man", [1, 2], [10, 11, 12, 13, 14, 15])
DOG = concept("dog", [3], [20, 21, 22])


def training_set(concepts: list[ConceptData], per_instance: int, seed: int = 0, **changes: object) -> TrainingSet:
    train = settings(class_images_per_instance=per_instance, seed=seed, **changes)
    return TrainingSet(concepts, train, scaling_factor=2.0, timesteps=1000)


def test_each_photo_meets_class_images_of_its_concept_among_the_first() -> None:
    data = training_set([MAN, DOG], 2)
    assert len(data) == 3
    partners: dict[int, set[float]] = {0: set(), 1: set(), 2: set()}
    for epoch in range(60):
        batch = data.batch(epoch, [2, 0, 1])
        values = (batch.latents[:, 0, 0, 0] / 2.0).round().tolist()
        assert values[:3] == [3, 1, 2]
        assert batch.instance_images == 3
        for image, value in zip([2, 0, 1], values[3:], strict=True):
            partners[image].add(value)
    assert partners == {0: {10, 11, 12, 13}, 1: {10, 11, 12, 13}, 2: {20, 21}}


def test_prompts_follow_the_images() -> None:
    batch = training_set([MAN, DOG], 1).batch(0, [0, 2])
    assert batch.prompts == ("photo of ohwx man", "photo of ohwx dog", "photo of man", "photo of dog")


def test_captions_belong_to_their_images() -> None:
    each = dataclasses.replace(
        MAN,
        instance_captions=(Caption("[filewords]", "first"), Caption("[filewords]", "second")),
        class_captions=tuple(Caption(f"class {index}") for index in range(6)),
    )
    data = training_set([each], 3)
    for epoch in range(20):
        batch = data.batch(epoch, [1, 0])
        assert batch.prompts[:2] == ("second", "first")
        values = (batch.latents[2:, 0, 0, 0] / 2.0).round().tolist()
        assert [f"class {value - 10:.0f}" for value in values] == list(batch.prompts[2:])


def test_every_image_needs_a_caption() -> None:
    with pytest.raises(ValueError, match="6 images have 5 captions"):
        dataclasses.replace(MAN, class_captions=(Caption("photo of man"),) * 5)


def test_mirrored_photos_take_half_of_the_uses() -> None:
    data = training_set([dataclasses.replace(MAN, mirrored=(constant([-1, -2]),)), DOG], 1)
    drawn = [data.batch(epoch, [1, 0, 2]).latents[:, 0, 0, 0] / 2.0 for epoch in range(200)]
    values = [tuple(each.round().tolist()) for each in drawn]
    assert {tuple(map(abs, value[:3])) for value in values} == {(2, 1, 3)}
    for image in (0, 1):
        assert sum(value[image] < 0 for value in values) == pytest.approx(100, abs=28)  # 4 deviations
    assert len({value[:2] for value in values}) == 4  # each photo by its own chance
    assert all(value[2] == 3 and min(value[3:]) > 0 for value in values)  # the dog and the class images as they are


def test_each_use_takes_one_of_the_windows_by_chance() -> None:
    man = dataclasses.replace(MAN, crops=(constant([101, 102]), constant([201, 202])))
    mirrored = (constant([-1, -2]), constant([-101, -102]), constant([-201, -202]))
    plain = training_set([man], 1)
    flipped = training_set([dataclasses.replace(man, mirrored=mirrored)], 1)
    seen = [(plain.batch(epoch, [0, 1]), flipped.batch(epoch, [0, 1])) for epoch in range(300)]
    values = [[int(v) for v in (batch.latents[:2, 0, 0, 0] / 2.0).round()] for batch, _ in seen]
    for image in (0, 1):
        counts = [sum(value[image] == image + 1 + window for value in values) for window in (0, 100, 200)]
        assert sum(counts) == 300
        assert counts == pytest.approx([100] * 3, abs=33)  # 4 deviations
    assert len({tuple(v // 100 for v in value) for value in values}) == 9  # each photo by its own chance
    both = [[int(v) for v in (batch.latents[:2, 0, 0, 0] / 2.0).round()] for _, batch in seen]
    assert [[abs(v) for v in value] for value in both] == values  # a flip changes no crop
    assert len({value[0] for value in both}) == 6


def test_the_mask_is_that_of_the_view() -> None:
    man = dataclasses.replace(MAN, crops=(constant([101, 102]),), mirrored=(constant([-1, -2]), constant([-101, -102])))
    values = (0.1, 0.2), (0.3, 0.4), (0.5, 0.6), (0.7, 0.8)
    masks = tuple(torch.tensor(each)[:, None, None].expand(2, 2, 2) for each in values)
    data = training_set([dataclasses.replace(man, masks=masks), DOG], 1, background_weight=0.5)
    seen = {1: 0.1, 2: 0.2, 101: 0.3, 102: 0.4, -1: 0.5, -2: 0.6, -101: 0.7, -102: 0.8, 3: 1.0}  # the dog has none
    met = set()
    for epoch in range(60):
        batch = data.batch(epoch, [1, 0, 2])
        assert batch.pixel_weights is not None
        assert batch.pixel_weights.shape == (3, 2, 2)
        for value, weight in zip(
            (batch.latents[:3, 0, 0, 0] / 2).round().int().tolist(), batch.pixel_weights, strict=True
        ):
            assert weight.unique().tolist() == pytest.approx([0.5 + 0.5 * seen[value]])
            met.add(value)
    assert met == set(seen)


def test_masks_do_not_count_at_weight_1() -> None:
    man = dataclasses.replace(MAN, masks=(torch.full((2, 2, 2), 0.5),))
    assert training_set([man, DOG], 1).batch(0, [1, 0]).pixel_weights is None
    weights = training_set([DOG], 1, background_weight=0.0).batch(0, [0]).pixel_weights
    assert weights is not None
    assert weights.tolist() == [[[1, 1], [1, 1]]]


def test_every_view_needs_a_mask() -> None:
    mask = torch.ones(2, 2, 2)
    with pytest.raises(ValueError, match="2 views of the photos have 1 masks"):
        dataclasses.replace(MAN, crops=(constant([1, 2]),), masks=(mask,))


def test_repeats_are_images_of_their_own() -> None:
    data = training_set([dataclasses.replace(MAN, repeats=3), DOG], 2)
    assert (len(data), data.sizes) == (7, (0,) * 7)
    batch = data.batch(0, range(7))
    assert (batch.latents[:7, 0, 0, 0] / 2.0).round().tolist() == [1, 2, 1, 2, 1, 2, 3]
    assert not torch.equal(batch.noise[0], batch.noise[2])
    partners = {int(v) for epoch in range(60) for v in (data.batch(epoch, range(6)).latents[6:, 0, 0, 0] / 2).round()}
    assert partners == {10, 11, 12, 13}  # no more class images than without repeats


def test_images_tell_their_sizes() -> None:
    wide = LatentMoments(torch.zeros(2, 4, 2, 3), torch.zeros(2, 4, 2, 3))
    data = training_set([dataclasses.replace(MAN, instance=wide, class_images=None, class_captions=()), DOG], 0)
    assert data.sizes == (0, 0, 1)


def test_without_class_images_there_is_one_half() -> None:
    batch = training_set([concept("man", [1, 2], [])], 0).batch(0, [1, 0])
    assert (len(batch.latents), batch.instance_images, len(batch.prompts)) == (2, 2, 2)


def test_a_concept_may_go_without_class_images_beside_others() -> None:
    data = training_set([MAN, dataclasses.replace(DOG, has_class_images=False)], 1)
    batch = data.batch(0, [2, 0, 1])
    assert batch.prompts == ("photo of ohwx dog", "photo of ohwx man", "photo of ohwx man", *["photo of man"] * 2)
    assert batch.instance_images == 3


def test_too_few_class_images_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="8 class images wanted, 6 given"):
        training_set([MAN], 4)


def test_draws_do_not_depend_on_the_other_images() -> None:
    data = training_set([MAN, DOG], 1)
    together, alone = data.batch(5, [2, 1]), data.batch(5, [1])
    for field in ("latents", "noise", "timesteps"):
        assert torch.equal(getattr(together, field)[[1, 3]], getattr(alone, field))
    other = data.batch(6, [1])
    assert not torch.equal(other.noise, alone.noise)
    assert not torch.equal(alone.noise[0], alone.noise[1])
    assert not torch.equal(training_set([MAN, DOG], 1, seed=1).batch(5, [1]).noise, alone.noise)


def test_latents_are_sampled_from_the_posterior() -> None:
    wide = dataclasses.replace(
        MAN, instance=LatentMoments(torch.full((2, 4, 2, 2), 5.0), torch.full((2, 4, 2, 2), 1.0))
    )
    data = training_set([wide], 0)
    drawn = torch.cat([data.batch(epoch, [0, 1]).latents for epoch in range(200)]) / 2.0
    assert drawn.mean().item() == pytest.approx(5.0, abs=0.1)
    assert drawn.var().item() == pytest.approx(2.718, rel=0.1)  # exp(1)


def test_timesteps_cover_the_schedule() -> None:
    data = training_set([MAN], 1)
    drawn = torch.cat([data.batch(epoch, [0, 1]).timesteps for epoch in range(300)])
    assert drawn.min() < 10
    assert drawn.max() in range(990, 1000)
    assert drawn.float().mean().item() == pytest.approx(499.5, abs=40)
    few = TrainingSet([MAN], settings(class_images_per_instance=1), scaling_factor=2.0, timesteps=4)
    drawn = torch.cat([few.batch(epoch, [0, 1]).timesteps for epoch in range(100)])
    assert drawn.bincount().tolist() == pytest.approx([100] * 4, abs=35)  # 4 deviations; the last as often as any


def test_timesteps_stay_in_the_range_of_the_settings() -> None:
    data = training_set([MAN], 1, min_timestep=200, max_timestep=204)
    drawn = torch.cat([data.batch(epoch, [0, 1]).timesteps for epoch in range(100)])
    counts = drawn.bincount().tolist()  # of photos and class images
    assert (len(counts), sum(counts[:200])) == (204, 0)
    assert counts[200:] == pytest.approx([100] * 4, abs=35)
    train = settings(class_images_per_instance=1, min_timestep=2)
    few = TrainingSet([MAN], train, scaling_factor=2.0, timesteps=4)
    drawn = torch.cat([few.batch(epoch, [0, 1]).timesteps for epoch in range(20)])
    assert set(drawn.tolist()) == {2, 3}


def test_a_range_behind_the_last_timestep_is_refused() -> None:
    train = settings(class_images_per_instance=1, min_timestep=4)
    with pytest.raises(ModelError, match=r"train\.min_timestep is 4, and the base model has 4 timesteps: lower it"):
        TrainingSet([MAN], train, scaling_factor=2.0, timesteps=4)


def test_noise_is_that_of_the_settings() -> None:
    large = dataclasses.replace(MAN, instance=LatentMoments(torch.zeros(2, 4, 8, 8), torch.zeros(2, 4, 8, 8)))
    data = training_set(
        [large],
        0,
        noise_offset=0.1,
        multires_noise_iterations=3,
        multires_noise_discount=0.7,
        input_perturbation=0.2,
    )
    batch = data.batch(4, [1])
    source = NoiseSource(0, offset=0.1, multires_iterations=3, multires_discount=0.7, perturbation=0.2)
    expected = source.predicted((4, 1, 0), (4, 8, 8))
    assert torch.equal(batch.noise[0], expected)
    assert torch.equal(batch.seen_noise[0], source.seen(expected, (4, 1, 0)))
    assert not torch.equal(batch.noise, training_set([large], 0, noise_offset=0.1).batch(4, [1]).noise)
