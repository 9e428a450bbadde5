"""How far a face is turned, by where its nose is between its eyes."""

from __future__ import annotations

import pytest

from dbsweep.concepts.face import Face


@pytest.mark.parametrize(
    ("eyes", "nose", "turn"),
    [
        (((10, 20), (30, 20)), (20, 35), 0.0),
        (((10, 20), (30, 20)), (14, 35), -0.3),  # 6 of 20 pixels to the left
        (((10, 20), (10, 40)), (0, 30), 0.0),  # the head lies on its side
        (((10, 20), (10, 40)), (0, 40), 0.5),
        (((10, 20), (10, 20)), (0, 0), 0.0),
    ],
)
def test_turn(eyes, nose, turn):
    assert Face(0, 0, 40, 50, eyes, nose).turn == pytest.approx(turn)
