"""Buckets keep the shape of a photo, in sizes that the UNet takes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsweep.plan.buckets import bucket_of, bucket_sizes


@pytest.mark.parametrize("resolution", [64, 256, 512, 768, 1024])
def test_sizes_are_multiples_with_about_the_pixels_of_the_square(resolution: int) -> None:
    step = min(64, resolution // 8)
    sizes = bucket_sizes(resolution)
    assert (resolution, resolution) in sizes
    for width, height in sizes:
        assert width % step == height % step == 0
        assert 0.7 * resolution**2 < width * height <= resolution**2
        assert resolution // 2 <= min(width, height)
        assert max(width, height) <= 2 * resolution
        assert (height, width) in sizes


def test_the_buckets_of_512_are_novelai_s() -> None:
    tall = [size for size in bucket_sizes(512) if size[0] < size[1]]
    assert {(256, 1024), (320, 768), (384, 640), (448, 576)} <= set(tall)


@pytest.mark.parametrize(
    ("photo", "resolution", "bucket"),
    [
        ((3000, 3000), 512, (512, 512)),
        ((2000, 3000), 512, (384, 640)),
        ((4000, 3000), 512, (576, 448)),
        ((100, 5000), 512, (256, 1024)),
        ((96, 64), 64, (80, 48)),
    ],
)
def test_a_photo_goes_to_the_nearest_shape(photo: tuple[int, int], resolution: int, bucket: tuple[int, int]) -> None:
    assert bucket_of(photo, resolution) == bucket


@given(st.integers(1, 9000), st.integers(1, 9000), st.sampled_from([64, 512, 768]))
def test_no_bucket_is_nearer_and_turning_a_photo_turns_its_bucket(width: int, height: int, resolution: int) -> None:
    found = bucket_of((width, height), resolution)
    off = [abs(math.log(w / h) - math.log(width / height)) for w, h in bucket_sizes(resolution)]
    assert abs(math.log(found[0] / found[1]) - math.log(width / height)) == min(off)
    turned = bucket_of((height, width), resolution)
    assert math.isclose(turned[0] * turned[1], found[0] * found[1], rel_tol=0.3)
    if off.count(min(off)) == 1:
        assert turned == found[::-1]
