"""Charts: where points land, what hovering shows, odd data."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsweep.reports.charts import HEIGHT, WIDTH, Scale, front_chart, line_chart, outline, span, ticks
from dbsweep.reports.curves import LOSSES, Curve, FrontPoint, Panel, Point


def point(epoch: int, value: float, spread: float = 0.0, tip: str = "tip") -> Point:
    return Point(epoch, value, value - spread, value + spread, tip)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.04, 1.04, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (0, 60, (0.0, 20.0, 40.0, 60.0)),
        (0.07, 0.115, (0.07, 0.08, 0.09, 0.1, 0.11)),
        (0, 1, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: tuple[float, ...]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_there_are_no_half_epochs() -> None:
    chart = line_chart(Panel("Utility", "", None, (Curve("t001", "plain", (point(0, 0.1), point(2, 0.5))),)))
    below = [text for text in ET.fromstring(chart).iter("text") if text.get("text-anchor") == "middle"]
    assert [text.text for text in below] == ["0", "1", "2"]


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_lie_within_and_are_few(low: float, width: float) -> None:
    found = ticks(low, low + width)
    assert 2 <= len(found) <= 12
    assert all(low - 1e-6 * width <= t <= low + width + 1e-6 * width for t in found)


def test_span_leaves_air_and_survives_flat_and_missing_values() -> None:
    assert span([0.0, 1.0]) == pytest.approx((-0.04, 1.04))
    low, high = span([0.3, 0.3])
    assert low < 0.3 < high
    assert span([float("nan")]) == pytest.approx((-0.04, 1.04))


def test_scale() -> None:
    assert Scale(0, 10, 40, 240)(5) == 140


def test_a_line_chart_draws_values_inside_its_frame_with_their_tips() -> None:
    chosen = Curve("t1", "chosen", (point(0, 0.0), point(10, 0.9, 0.05, "t1, epoch 10\nIdentity 0.90")))
    other = Curve("t2", "overtrained", (point(0, 0.0), point(10, 0.4)))
    svg = ET.fromstring(line_chart(Panel("Identity", "unit", 10, (other, chosen))))
    assert svg.get("viewBox") == f"0 0 {WIDTH} {HEIGHT}"
    dots = svg.findall(".//circle")
    assert len(dots) == 4
    assert all(0 <= float(d.get("cx", "")) <= WIDTH and 0 <= float(d.get("cy", "")) <= HEIGHT for d in dots)
    here = [d.get("data-tip", "").split() for d in dots if "here" in d.get("class", "")]
    assert here == [["t1,", "epoch", "10", "Identity", "0.90"]]
    assert float(dots[3].get("cy", "")) < float(dots[1].get("cy", ""))  # 0.9 is drawn above 0.4
    assert len(svg.findall(".//polygon")) == 1
    assert [g.get("class") for g in svg.findall("g")] == ["curve overtrained", "curve chosen"]


@pytest.mark.parametrize(("title", "fills"), [*((loss, True) for loss in LOSSES), ("Identity", False)])
def test_losses_fill_their_frames_and_scores_stand_between_0_and_1(title: str, fills: bool) -> None:
    rising = Curve("t1", "plain", (point(1, 0.08), point(2, 0.1)))
    first, last = ET.fromstring(line_chart(Panel(title, "unit", None, (rising,)))).findall(".//circle")
    assert (float(first.get("cy", "")) - float(last.get("cy", "")) > HEIGHT / 2) is fills


def test_tips_are_escaped() -> None:
    svg = line_chart(Panel("<b>", "u", None, (Curve('"x"', "plain", (point(1, 0.5, tip="<script>"),)),)))
    assert "<script>" not in svg
    assert ET.fromstring(svg).find(".//circle").get("data-tip") == "<script>"  # type: ignore[union-attr]


def test_the_front_is_outlined_by_what_nothing_beats_in_both() -> None:
    values = [(0.1, 0.99), (0.5, 0.9), (0.4, 0.9), (0.4, 0.8), (0.9, 0.5), (0.9, 0.4)]
    points = [FrontPoint(identity, style, 1.0, "plain", "tip") for identity, style in values]
    assert outline(points) == ((0.9, 0.5), (0.5, 0.9), (0.1, 0.99))


def test_the_front_labels_the_choice_and_fades_what_lost_the_prior() -> None:
    points = (FrontPoint(0.9, 0.1, 0.0, "plain", "a"), FrontPoint(0.8, 0.9, 1.0, "chosen", "t1, epoch 5\nmore"))
    svg = ET.fromstring(front_chart(points))
    opacity = [float(d.get("fill-opacity", "")) for d in svg.findall("circle")]
    assert opacity[0] < opacity[1]
    assert [t.text for t in svg.findall("text") if t.get("class") == "label"] == ["t1, epoch 5"]


def test_only_the_interval_that_is_drawn_needs_room() -> None:
    """The band of the chosen trial lies within the frame; another's interval, which is not drawn, makes none wider."""
    wide = (point(0, 0.5, 40.0), point(10, 0.6, 40.0))

    def places(tone: str) -> list[float]:
        svg = ET.fromstring(line_chart(Panel("Identity", "unit", None, (Curve("t1", tone, wide),))))
        corners = [float(pair.split(",")[1]) for p in svg.iter("polygon") for pair in p.get("points", "").split()]
        assert all(0 <= y <= HEIGHT for y in corners)
        assert bool(corners) is (tone == "chosen")
        return [float(dot.get("cy", "")) for dot in svg.iter("circle")]

    assert abs(places("chosen")[0] - places("chosen")[1]) < 1.0
    assert abs(places("plain")[0] - places("plain")[1]) > 10.0


def test_the_chosen_epoch_has_its_line_and_bands_go_round_their_curve() -> None:
    curve = Curve("t1", "chosen", (point(0, 0.2, 0.1), point(10, 0.6, 0.1), point(20, 0.7, 0.1)))
    other = Curve("t2", "plain", (point(0, 0.2), point(10, 0.3), point(20, 0.4)))
    svg = ET.fromstring(line_chart(Panel("Identity", "unit", 10, (other, curve))))
    (line,) = [each for each in svg.iter("line") if each.get("class") == "here"]
    (dot,) = [each for each in svg.iter("circle") if "here" in each.get("class", "")]
    assert line.get("x1") == line.get("x2") == dot.get("cx")
    (band,) = svg.iter("polygon")
    across = [float(pair.split(",")[0]) for pair in band.get("points", "").split()]
    assert across == [*across[:3], *reversed(across[:3])]  # there along the upper bound, back along the lower


def test_one_checkpoint_is_a_dot_without_a_line_and_a_value_without_an_interval_has_no_band() -> None:
    svg = ET.fromstring(line_chart(Panel("Identity", "unit", None, (Curve("t1", "chosen", (point(5, 0.5),)),))))
    assert [len(list(svg.iter(tag))) for tag in ("circle", "polyline", "polygon")] == [1, 0, 0]


def test_numbers_below_zero_have_a_true_minus_sign() -> None:
    svg = line_chart(Panel("Identity", "unit", None, (Curve("t1", "plain", (point(0, -0.5), point(10, 0.5))),)))
    labels = [text.text or "" for text in ET.fromstring(svg).iter("text")]
    assert "−0.5" in labels
    assert not any("-" in label for label in labels)


def test_the_label_of_the_choice_covers_no_other_dot() -> None:
    near = [FrontPoint(0.83 + i / 50, 0.8, 1.0, "front", "tip") for i in range(5)]
    svg = ET.fromstring(front_chart((*near, FrontPoint(0.8, 0.8, 1.0, "chosen", "t1, epoch 5"))))
    dots = [float(dot.get("cy", "")) for dot in svg.iter("circle")]
    (label,) = (t for t in svg.iter("text") if t.get("class") == "label")
    assert min(abs(float(label.get("y", "")) - y) for y in dots) > 12
    (style,) = (t for t in svg.iter("text") if t.text == "↑ style")
    assert float(style.get("y", "")) < min(dots)


def test_charts_tell_in_words_what_they_show() -> None:
    chosen = Curve("t1", "chosen", (point(0, 0.0), point(10, 0.9, tip="t1, epoch 10\nIdentity 0.90")))
    other = Curve("t2", "plain", (point(0, 0.0), point(10, 0.4)))
    panel = ET.fromstring(line_chart(Panel("Identity", "", 10, (other, chosen))))
    assert panel.get("aria-label") == "Identity over epochs, 2 curves; chosen: t1, epoch 10, Identity 0.90"
    bare = ET.fromstring(line_chart(Panel("Identity", "", None, (other,))))
    assert bare.get("aria-label") == "Identity over epochs, 1 curve"
    front = ET.fromstring(front_chart((FrontPoint(0.8, 0.3, 1.0, "chosen", "t1, epoch 5\nUtility 0.9"),)))
    assert front.get("aria-label") == "Identity against style of 1 checkpoint; chosen: t1, epoch 5, Utility 0.9"


def test_the_label_of_the_choice_stands_beside_its_dot() -> None:
    svg = ET.fromstring(front_chart((FrontPoint(0.8, 0.3, 1.0, "chosen", "t1, epoch 5\nmore"),)))
    (dot,), (label,) = svg.iter("circle"), (t for t in svg.iter("text") if t.get("class") == "label")
    assert 0 < float(label.get("x", "")) - float(dot.get("cx", "")) < 20
    assert abs(float(label.get("y", "")) - float(dot.get("cy", ""))) < 8
