"""Shapes of a portrait lie where geometry says, and a pose moves them without changing them."""

from __future__ import annotations

import numpy as np
import pytest

from dbsweep.minisd.shapes import Pose, Shape, curve, ellipse, mirrored, rounded_box

UPRIGHT = Pose(centre=(0.0, 0.0), scale=1.0, tilt=0.0)


def test_an_ellipse_has_its_equation_and_an_arc_its_ends() -> None:
    x, y = ellipse(1.0, 2.0, 3.0, 4.0).T
    assert ((x - 1) / 3) ** 2 + ((y - 2) / 4) ** 2 == pytest.approx(np.ones(len(x)))
    assert len({(round(a, 9), round(b, 9)) for a, b in zip(x, y, strict=True)}) == len(x), "no point twice"
    arc = ellipse(0.0, 0.0, 1.0, 1.0, 0.0, np.pi / 2)
    assert arc[0] == pytest.approx([1, 0])
    assert arc[-1] == pytest.approx([0, 1]), "a quarter turn is down"


@pytest.mark.parametrize("power", [2.0, 4.0, 10.0])
def test_a_box_sharpens_with_its_power(power: float) -> None:
    x, y = rounded_box(1.0, 2.0, 3.0, 4.0, power).T
    assert np.abs((x - 1) / 3) ** power + np.abs((y - 2) / 4) ** power == pytest.approx(np.ones(len(x)))


@pytest.mark.parametrize("closed", [False, True])
def test_a_curve_goes_through_its_knots(closed: bool) -> None:
    knots = [(0.0, 0.0), (1.0, 2.0), (3.0, 1.0), (4.0, 4.0)]
    points = curve(*knots, closed=closed, steps=5)
    assert len(points) == (20 if closed else 16)
    assert points[::5][: len(knots)] == pytest.approx(np.array(knots))


def test_a_pose_scales_lines_and_keeps_bodies_upright() -> None:
    shape = Shape("nose", np.array([[0.0, 0.0], [1.0, -1.0]]), width=0.5)
    placed = Pose(centre=(10.0, 20.0), scale=2.0, tilt=0.7).body(shape)
    assert placed.points == pytest.approx(np.array([[10.0, 20.0], [12.0, 18.0]]))
    assert (placed.role, placed.width) == ("nose", 1.0)


def test_a_head_rolls_about_the_base_of_its_neck() -> None:
    pose = Pose(centre=(0.0, 0.0), scale=1.0, tilt=np.pi / 2)
    shape = Shape("nose", np.array([[0.0, 1.25], [0.0, 0.25]]))
    turned = pose.head(shape).points
    assert turned[0] == pytest.approx([0.0, 1.25]), "which stays"
    assert np.linalg.norm(turned[1] - turned[0]) == pytest.approx(1.0)
    assert turned[1] == pytest.approx([1.0, 1.25]), "to the right"
    assert UPRIGHT.head(shape).points == pytest.approx(shape.points)


def test_what_is_mirrored_twice_is_the_same() -> None:
    points = ellipse(1.0, 2.0, 0.5, 0.5)
    assert mirrored(points)[:, 0] == pytest.approx(-points[:, 0])
    assert mirrored(mirrored(points)) == pytest.approx(points)
