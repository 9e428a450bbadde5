"""Windows: how many lie side by side, where one lies, and what they leave off."""

from __future__ import annotations

import pytest

from dbsweep.concepts.windows import enlargement, left_off, place_around, smaller_size, split_places

SQUARE = (512, 512)


@pytest.mark.parametrize(
    ("photo", "overlap", "places"),
    [
        ((1000, 1000), 0.2, ()),
        ((1900, 1000), 0.2, ()),  # one square shows more than half
        # Two squares long: (2 - 0.2) / (1 - 0.2) = 2.25, so three windows, half a square from each other.
        ((2000, 1000), 0.2, (0.0, 0.5, 1.0)),
        ((1000, 2000), 0.2, (0.0, 0.5, 1.0)),
        ((3000, 1000), 0.0, (0.0, 0.5, 1.0)),  # exactly three, and no fourth by rounding
        ((2000, 1000), 0.0, (0.0, 1.0)),
        ((2600, 1000), 0.2, (0.0, 1 / 2, 1.0)),  # (2.6 - 0.2) / 0.8 = 3
        ((2601, 1000), 0.2, (0.0, 1 / 3, 2 / 3, 1.0)),
    ],
)
def test_a_long_photo_is_split_into_as_few_windows_as_overlap_so_much(photo, overlap, places):
    assert split_places(photo, SQUARE, 0.5, overlap) == pytest.approx(places)


def test_what_is_long_is_so_beside_the_windows_shape():
    assert split_places((1000, 1000), (512, 1024), 0.5, 0.0) == (0.0, 1.0)
    assert split_places((1000, 2000), (512, 1024), 1.0, 0.0) == ()
    assert split_places((1000, 1400), SQUARE, 0.75, 0.0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("point", "photo", "place"),
    [
        ((150, 50), (300, 100), 0.5),
        ((100, 50), (300, 100), 0.25),  # the window of 100 begins at 50 of the 200 that it can move
        ((100, 99), (300, 100), 0.25),  # across nothing is cropped
        ((20, 50), (300, 100), 0.0),
        ((299, 50), (300, 100), 1.0),
        ((50, 100), (100, 300), 0.25),
        ((1, 1), (100, 100), 0.5),
    ],
)
def test_a_window_lies_around_a_point_as_far_as_the_ends_allow(point, photo, place):
    assert place_around(point, photo, SQUARE) == pytest.approx(place)


def test_what_a_window_leaves_off_and_by_how_much_it_is_enlarged():
    assert left_off((1500, 1000), SQUARE) == pytest.approx(1 / 3)
    assert left_off((1000, 1500), (512, 768)) == pytest.approx(0.0)
    assert enlargement((256, 1000), SQUARE) == 2.0
    assert enlargement((2048, 1024), SQUARE) == 0.5


def test_a_whole_photo_is_made_small_so_that_it_covers_the_size_and_never_enlarged():
    assert smaller_size((3000, 2000), SQUARE) == (768, 512)
    assert smaller_size((2000, 3000), (512, 768)) == (512, 768)
    assert smaller_size((400, 3000), SQUARE) == (400, 3000)
