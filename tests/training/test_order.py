"""Every epoch is a permutation of the photos, whatever the batch, cut into batches of one size."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsweep.training.order import Order, partner


def order(images: int, batch_size: int = 1, accumulation: int = 1, seed: int = 0) -> Order:
    """Of images of one size."""
    return Order(seed, (0,) * images, batch_size, accumulation)


def epoch_of(order: Order, epoch: int) -> list[tuple[tuple[int, ...], ...]]:
    """The batches of each step of an epoch."""
    steps = order.steps_per_epoch
    seen = [order.step(epoch * steps + k) for k in range(steps)]
    assert {found for found, _ in seen} == {epoch}
    return [batches for _, batches in seen]


@pytest.mark.parametrize(
    ("images", "batch_size", "accumulation", "steps"),
    [(12, 1, 1, 12), (12, 4, 1, 3), (12, 5, 1, 3), (12, 2, 2, 3), (12, 3, 3, 2), (1, 4, 2, 1)],
)
def test_steps_per_epoch_round_up(images: int, batch_size: int, accumulation: int, steps: int) -> None:
    assert order(images, batch_size, accumulation).steps_per_epoch == steps


@given(st.integers(0, 9), st.integers(1, 30), st.integers(1, 4), st.integers(1, 3), st.integers(0, 5))
def test_images_of_one_size_come_in_the_same_order_for_every_batch(
    seed: int, images: int, batch_size: int, accumulation: int, epoch: int
) -> None:
    steps = epoch_of(order(images, batch_size, accumulation, seed), epoch)
    flat = [list(chain.from_iterable(batches)) for batches in steps]
    assert sorted(chain.from_iterable(flat)) == list(range(images))
    assert all(len(step) == batch_size * accumulation for step in flat[:-1])
    assert list(chain.from_iterable(flat)) == [step[0][0] for step in epoch_of(order(images, seed=seed), epoch)]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3))
def test_a_batch_has_one_size_and_an_epoch_every_image_once(
    sizes: list[int], batch_size: int, accumulation: int, epoch: int
) -> None:
    steps = epoch_of(Order(7, tuple(sizes), batch_size, accumulation), epoch)
    batches = list(chain.from_iterable(steps))
    assert sorted(chain.from_iterable(batches)) == list(range(len(sizes)))
    assert all(len({sizes[image] for image in batch}) == 1 for batch in batches)
    assert all(len(step) == accumulation for step in steps[:-1])
    for size in set(sizes):  # no size has more than one batch that is not full
        short = [batch for batch in batches if sizes[batch[0]] == size and len(batch) < batch_size]
        assert len(short) <= 1


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    orders = {
        tuple(chain.from_iterable(chain.from_iterable(epoch_of(order(30, 30, seed=seed), epoch))))
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(orders) == 9


def test_partners_cover_the_class_images_and_no_more() -> None:
    drawn = [partner(0, epoch, image, 10) for epoch in range(20) for image in range(10)]
    assert set(drawn) == set(range(10))
    assert drawn != sorted(drawn)
