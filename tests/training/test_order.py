"""Every epoch is a permutation of the photos, whatever the batch."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsweep.training.order import images_of_step, partner, steps_per_epoch


@pytest.mark.parametrize(("images", "per_step", "steps"), [(12, 1, 12), (12, 4, 3), (12, 5, 3), (1, 8, 1)])
def test_steps_per_epoch_round_up(images: int, per_step: int, steps: int) -> None:
    assert steps_per_epoch(images, per_step) == steps


@given(st.integers(0, 9), st.integers(1, 30), st.integers(1, 12), st.integers(0, 5))
def test_an_epoch_sees_every_image_once(seed: int, images: int, per_step: int, epoch: int) -> None:
    steps = steps_per_epoch(images, per_step)
    seen = [images_of_step(seed, epoch * steps + k, images, per_step) for k in range(steps)]
    assert {e for e, _ in seen} == {epoch}
    assert sorted(chain.from_iterable(chosen for _, chosen in seen)) == list(range(images))
    assert all(len(chosen) == per_step for _, chosen in seen[:-1])
    # The same order for every batch size.
    alone = [images_of_step(seed, epoch * images + k, images, 1)[1][0] for k in range(images)]
    assert list(chain.from_iterable(chosen for _, chosen in seen)) == alone


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    def order(seed: int, epoch: int) -> tuple[int, ...]:
        return images_of_step(seed, epoch, 30, 30)[1]

    assert len({order(seed, epoch) for seed in range(3) for epoch in range(3)}) == 9


def test_partners_cover_the_class_images_and_no_more() -> None:
    drawn = [partner(0, epoch, image, 10) for epoch in range(20) for image in range(10)]
    assert set(drawn) == set(range(10))
    assert drawn != sorted(drawn)
