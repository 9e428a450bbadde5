"""The focal point of a photo: corners as OpenCV finds them, entropy as Shannon has it, weighed as A1111 does."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from dbsweep.concepts.face import Face
from dbsweep.concepts.focus import (
    FocusWeights,
    centre_of_mass,
    corner_strength,
    corners,
    focal_place,
    liveliest,
    mean_point,
    weighted_mean,
)

SQUARE = (64, 64)


def test_the_strength_of_a_corner_is_the_smaller_eigenvalue():
    """Of a picture that rises by 1 a column the Sobel gradient is (8, 0) everywhere: along an edge it is 0."""
    slope = np.tile(np.arange(7, dtype=np.uint8), (7, 1))
    assert corner_strength(slope)[3, 3] == pytest.approx(0.0)
    # x + y² / 2 has the gradients (8, 8 y) in rows y = 1, 2, 3 of 3 × 3 pixels:
    # xx = 9 · 64 = 576, xy = 3 · 64 (1 + 2 + 3) = 1152, yy = 3 · 64 (1 + 4 + 9) = 2688,
    # of which the smaller eigenvalue is (576 + 2688) / 2 - √(1056² + 1152²).
    rows = np.arange(7)[:, None]
    curved = (2 * np.arange(7)[None, :] + rows * rows).astype(np.uint8)  # twice that, whole numbers
    assert corner_strength(curved)[2, 3] == pytest.approx(4 * (1632 - (1056**2 + 1152**2) ** 0.5))


def square_at(x: int, y: int, size: tuple[int, int] = (200, 100), side: int = 30) -> np.ndarray:
    grey = np.full((size[1], size[0]), 40, dtype=np.uint8)
    grey[y : y + side, x : x + side] = 220
    return grey


def test_a_square_has_four_corners():
    found = {(x, y) for x, y in corners(square_at(20, 30))}
    assert len(found) == 4
    for x, y in ((20, 30), (49, 30), (20, 59), (49, 59)):
        assert any(abs(x - a) <= 1 and abs(y - b) <= 1 for a, b in found)


def test_nothing_has_no_corners_and_the_lowest_tenth_does_not_count():
    assert len(corners(np.full((50, 80), 90, dtype=np.uint8))) == 0
    assert len(corners(np.zeros((1, 2), dtype=np.uint8))) == 0
    assert {y < 90 for _, y in corners(square_at(100, 70, side=28))} == {True}
    assert len(corners(square_at(100, 92, side=7))) == 0


def test_corners_are_those_of_opencv():
    cv2 = pytest.importorskip("cv2")
    noise = np.random.default_rng(0).integers(0, 256, (12, 20), dtype=np.uint8)
    grey = np.asarray(Image.fromarray(noise).resize((200, 120), Image.Resampling.BICUBIC))
    theirs = cv2.goodFeaturesToTrack(grey[:108], 100, 0.04, 0.06 * 108).reshape(-1, 2)
    ours = corners(grey)
    ours = ours[ours[:, 1] < 104]  # theirs ends where ours still sees what lies below
    near = [np.hypot(*(ours - point).T).min() < 1e-6 for point in theirs if point[1] < 104]
    assert len(near) > 20
    assert np.mean(near) > 0.9


def test_the_liveliest_window_has_the_most_entropy():
    """Half of each window of 4 is one grey level and half another where the step lies: 1 bit, elsewhere none."""
    grey = np.zeros((4, 40), dtype=np.uint8)
    grey[:, 30:] = 200
    assert liveliest(grey, (4, 4)) == (30.0, 2.0)  # the window from 28 to 32
    assert liveliest(grey.T, (4, 4)) == (2.0, 30.0)
    assert liveliest(grey[:, :4], (4, 4)) is None, "nothing is left off"


def test_of_windows_that_are_alike_the_middle_one_is_taken():
    assert liveliest(np.zeros((8, 40), dtype=np.uint8), (8, 8)) == (20.0, 4.0)


def test_points_are_weighed():
    assert weighted_mean([(0.5, (10.0, 0.0)), (0.15, (75.0, 13.0))]) == pytest.approx((25.0, 3.0))
    assert weighted_mean([(0.0, (10.0, 0.0))]) is None
    assert mean_point(np.array([[0.0, 2.0], [4.0, 4.0]])) == (2.0, 3.0)
    assert mean_point(np.empty((0, 2))) is None


def test_the_middle_of_a_mask():
    mask = np.zeros((4, 10))
    mask[1:3, 6:8] = 255
    assert centre_of_mass(mask) == (7.0, 2.0)
    assert centre_of_mass(np.zeros((2, 2))) is None


def portrait(x: int, size: tuple[int, int] = (600, 200)) -> Image.Image:
    """Something with many corners on a plain ground."""
    photo = Image.new("RGB", size, (90, 120, 150))
    noise = np.random.default_rng(0).integers(0, 256, (10, 10, 3), dtype=np.uint8)
    photo.paste(Image.fromarray(noise).resize((100, 100), Image.Resampling.NEAREST), (x, 40))
    return photo


@pytest.mark.parametrize(("x", "place"), [(0, 0.0), (150, 0.25), (250, 0.5), (500, 1.0)])
def test_a_window_lies_around_what_stands_out(x, place):
    """Its middle is at x + 50 and the window of 200 can move by 400."""
    found, around = focal_place(portrait(x), None, SQUARE, FocusWeights())
    assert found == pytest.approx(place, abs=0.04)
    assert around == "what stands out"


def test_without_corners_the_liveliest_window_is_kept():
    """Grey levels rise in the last 200 of 600 pixels, smoothly: no corner is there, most levels are at the end."""
    levels = np.concatenate([np.full(400, 20), np.linspace(20, 250, 200)]).astype(np.uint8)
    photo = Image.fromarray(np.tile(levels, (200, 1))).convert("RGB")
    assert focal_place(photo, None, SQUARE, FocusWeights())[0] == pytest.approx(1.0, abs=0.02)
    assert focal_place(photo, None, SQUARE, FocusWeights(entropy=0.0))[0] == 0.5


def test_its_place_does_not_depend_on_the_size_that_is_cut():
    photo = portrait(180).resize((2400, 800))
    assert len({focal_place(photo, None, size, FocusWeights()) for size in ((64, 64), (512, 512), (768, 768))}) == 1


def test_what_a_mask_leaves_comes_first():
    mask = Image.new("L", (600, 200), 0)
    mask.paste(255, (140, 20, 160, 60))
    place, around = focal_place(portrait(450), mask, SQUARE, FocusWeights())
    assert place == pytest.approx(0.125)
    assert around == "what its mask leaves"


def face(left: float, width: float = 40.0) -> Face:
    return Face(left, 20.0, width, 50.0, ((left + 10, 40.0), (left + 30, 40.0)), (left + 20, 50.0))


def test_a_face_comes_first_and_of_several_the_largest():
    """At 180 to 220 it is in the middle of a window that begins at 100 of 400."""
    mask = Image.new("L", (600, 200), 255)
    seen = [[face(180)], [face(180), face(500, 20)]]
    found = [focal_place(portrait(450), mask, SQUARE, FocusWeights(), lambda _: seen.pop(0)) for _ in range(2)]
    assert found == [(0.25, "its face"), (0.25, "its largest face")]


def test_a_face_in_a_tall_photo_is_in_the_middle_by_its_upper_third():
    """0.33 · 50 below 220 is 236.5, and the window of 200 can move by 400."""
    found = Face(80.0, 220.0, 40.0, 50.0, ((90.0, 240.0), (110.0, 240.0)), (100.0, 250.0))
    place, _ = focal_place(portrait(0, (200, 600)), None, SQUARE, FocusWeights(), lambda _: [found])
    assert place == pytest.approx((236.5 - 100.0) / 400.0)


def test_where_no_face_is_found_that_is_said():
    place, around = focal_place(portrait(500), None, SQUARE, FocusWeights(), lambda _: [])
    assert (round(place, 1), around) == (1.0, "what stands out, for no face is found")


def test_without_weights_it_is_the_middle():
    assert focal_place(portrait(0), None, SQUARE, FocusWeights(0.0, 0.0))[0] == 0.5
