"""What photos, their sizes and repeats make of an epoch."""

from __future__ import annotations

import pytest

from dbsweep.config.schema import Train
from dbsweep.plan.photos import Photos, class_images_used, photos_of, steps_per_epoch, uses_per_epoch
from dbsweep.plan.plan import make_plan
from dbsweep.training.order import Order
from tests.plan.experiments import CONCEPT, experiment

SQUARE, TALL, WIDE = (900, 900), (600, 900), (900, 600)


def train(**changes: object) -> Train:
    return Train.model_validate({"resolution": 512, **changes})


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({}, 9),
        ({"batch_size": 2}, 5),
        ({"batch_size": 2, "aspect_ratio_buckets": True}, 5),  # 4 squares: 2, 3 tall: 2, 2 wide: 1
        ({"batch_size": 4, "aspect_ratio_buckets": True}, 3),  # 1 + 1 + 1
        ({"batch_size": 2, "gradient_accumulation": 2, "aspect_ratio_buckets": True}, 3),
        ({"batch_size": 4}, 3),
        ({"batch_size": 9}, 1),
    ],
    ids=str,
)
def test_a_size_may_leave_a_batch_that_is_not_full(settings: dict[str, object], steps: int) -> None:
    photos = (Photos(4, 1, (SQUARE, SQUARE, TALL, WIDE)), Photos(5, 1, (SQUARE, SQUARE, TALL, TALL, WIDE)))
    assert steps_per_epoch(photos, train(**settings)) == steps
    assert uses_per_epoch(photos) == 9
    sizes = [size for each in photos for size in each.sizes or ()]
    numbers = tuple(sizes.index(size) if settings.get("aspect_ratio_buckets") else 0 for size in sizes)
    given = train(**settings)
    assert Order(0, numbers, given.batch_size, given.gradient_accumulation).steps_per_epoch == steps  # as it trains


def test_repeats_lengthen_the_epoch_and_ask_for_no_more_class_images() -> None:
    woman = {
        **CONCEPT,
        "instance_token": "zwx",
        "class_prompt": "photo of woman",
        "instance_prompt": "photo of zwx woman",
    }
    woman["sanity_prompts"] = ["zwx woman, neon style"]
    train = {"epochs": 10, "class_images_per_instance": 2, "batch_size": 2}
    setup = experiment(concepts=[{**CONCEPT, "repeats": 3}, woman], train=train)
    once = experiment(concepts=[CONCEPT, woman], train=train)
    plan, plain = make_plan(setup, [4, 5]), make_plan(once, [4, 5])
    assert plan.steps_per_epoch == 9  # (3 * 4 + 5) / 2
    assert plain.steps_per_epoch == 5
    assert plan.cost.images == plain.cost.images


def test_photos_of_all_sizes_use_the_same_class_images_of_the_person() -> None:
    photos = Photos(4, 1, (SQUARE, TALL, TALL, TALL))
    given = {"class_images_per_instance": 2}
    assert class_images_used(photos, train(**given)) == 2 * 4
    assert class_images_used(photos, train(**given, aspect_ratio_buckets=True)) == 2 * 3  # of the tall ones


def test_buckets_are_planned_and_told() -> None:
    setup = experiment(train={"resolution": 512, "aspect_ratio_buckets": True, "batch_size": 2, "epochs": 10})
    sizes = [[SQUARE, TALL, TALL, TALL]]
    plan = make_plan(setup, [4], photo_sizes=sizes)
    assert plan.steps_per_epoch == 3
    assert (
        "aspect_ratio_buckets: an epoch has 3 of 384×640, 1 of 512×512 pixels, 1 step more than if all had one size"
        in plan.notes
    )
    with pytest.raises(ValueError, match="aspect_ratio_buckets needs the sizes of the photos"):
        make_plan(setup, [4])
    plain = make_plan(experiment(train={"batch_size": 2, "epochs": 10}), [4], photo_sizes=sizes)
    assert plain.steps_per_epoch == 2
    assert not [note for note in plain.notes if "buckets" in note]


def test_counts_must_fit_the_concepts() -> None:
    with pytest.raises(ValueError, match="1 concepts need as many photo counts above 0"):
        photos_of(experiment(), [3, 4])
