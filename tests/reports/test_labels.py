"""A label stands beside its dot, off the others and within the chart."""

from __future__ import annotations

import pytest

from dbsweep.reports.labels import LETTER, Place, label_place

FRAME = (720.0, 400.0)
WORDS = "t016, epoch 12"
WIDTH = len(WORDS) * LETTER
ABOVE = [(230.0, 178.0), (300.0, 178.0), (370.0, 178.0)]
BELOW = [(230.0, 226.0), (300.0, 226.0), (370.0, 226.0)]


@pytest.mark.parametrize(
    ("others", "anchor", "side"),
    [
        ([], "start", "beside"),
        ([(310.0, 198.0), (400.0, 204.0)], "middle", "above"),  # two on its right
        ([(340.0, 200.0), (300.0, 178.0)], "end", "above"),  # and one above
        ([(340.0, 200.0), *ABOVE], "middle", "below"),  # and several above
        ([(340.0, 200.0), *ABOVE, *BELOW], "end", "beside"),  # and below
    ],
)
def test_a_label_gives_way_to_other_dots(others: list[tuple[float, float]], anchor: str, side: str) -> None:
    place = label_place(WORDS, (300.0, 200.0), others, FRAME)
    assert place.covered(WIDTH, others) == 0
    assert place.anchor == anchor
    assert {"above": place.y < 192, "below": place.y > 215, "beside": 196 < place.y < 208}[side]


@pytest.mark.parametrize("dot", [(10.0, 200.0), (715.0, 200.0), (715.0, 5.0), (5.0, 395.0), (400.0, 3.0)])
def test_a_label_stays_within_the_chart(dot: tuple[float, float]) -> None:
    assert label_place(WORDS, dot, [], FRAME).is_within(WIDTH, FRAME)


def test_where_all_places_cover_something_the_fewest_are_covered() -> None:
    crowd = [(x, y) for x in range(150, 460, 12) for y in range(140, 260, 8) if (x, y) != (300, 200)]
    crowd = [(x, y) for x, y in crowd if not (x < 290 and y > 216)]  # but at the lower left
    place = label_place(WORDS, (300.0, 200.0), [(float(x), float(y)) for x, y in crowd], FRAME)
    assert (place.anchor, place.y > 215) == ("end", True)


def test_a_dot_is_covered_where_the_label_is() -> None:
    place = Place(100.0, 100.0, "start")
    assert place.covered(50.0, [(120.0, 95.0), (170.0, 95.0), (120.0, 60.0)]) == 1
