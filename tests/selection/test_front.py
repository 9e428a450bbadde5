"""The Pareto front."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dbsweep.selection.front import pareto_front

NAN = math.nan


def test_front_of_a_table() -> None:
    values = np.array(
        [
            [0.9, 0.2],  # most of the first
            [0.5, 0.5],
            [0.5, 0.5],  # equal ones stand together
            [0.5, 0.4],  # beaten by the two above
            [0.1, 0.9],  # most of the second
            [NAN, 1.0],
        ]
    )
    assert pareto_front(values).tolist() == [True, True, True, False, True, False]


@given(st.lists(st.tuples(*[st.sampled_from([0.0, 0.25, 0.5, 1.0])] * 3), min_size=1, max_size=12))
def test_every_point_off_the_front_is_beaten_by_one_on_it(points: list[tuple[float, float, float]]) -> None:
    values = np.array(points)
    on_front = pareto_front(values)
    for row, on in zip(values, on_front, strict=True):
        beaten = any((other >= row).all() and (other > row).any() for other in values[on_front])
        assert beaten is not bool(on)
