"""Charts as static SVG that follows the page's colours; hovering shows values by the page's own script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from dbsweep.config.messages import counted
from dbsweep.reports.curves import LOSSES, Curve, FrontPoint, Panel, Point
from dbsweep.reports.labels import label_place

WIDTH: Final = 400
HEIGHT: Final = 248
FRONT_WIDTH: Final = 720
FRONT_HEIGHT: Final = 440
FRONT_RIGHT: Final = 128
"""Room for the chosen checkpoint's label, which would cover dots on its left."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 16, 16, 32


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from data to SVG units."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The position of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def ticks(low: float, high: float, about: int = 5, least: float = 0.0) -> tuple[float, ...]:
    """Round values (1, 2 or 5 times a power of ten apart, `least` or more) within [low, high]; low < high."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = max(power * next(m for m in (1, 2, 5, 10) if m * power >= rough * 0.85), least)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return tuple(round(i * step, 10) + 0.0 for i in range(first, last + 1))


def span(values: Iterable[float], *, within: tuple[float, ...] = ()) -> tuple[float, float]:
    """Lowest and highest of the finite values and of `within`, with 4% air; never empty."""
    finite = [v for v in (*values, *within) if math.isfinite(v)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    air = (high - low) * 0.04 or abs(high) * 0.1 or 0.5
    return low - air, high + air


def line_chart(panel: Panel) -> Markup:
    """One panel of curves over epochs, with the chosen trial's interval as a band."""
    points = [point for curve in panel.curves for point in curve.points]
    scored = panel.title not in LOSSES
    bounds = [p.value for p in points] + [
        v for c in panel.curves if c.tone == "chosen" for p in c.points for v in (p.low, p.high)
    ]
    x = Scale(0, max(p.epoch for p in points), _LEFT, WIDTH - _RIGHT)
    y = Scale(*span(bounds, within=(0.0, 1.0) if scored else ()), HEIGHT - _BOTTOM, _TOP)
    parts = [_axes(x, y, WIDTH, HEIGHT, least=1.0), _text(x.end, HEIGHT - 4, "epoch", "end")]
    if panel.chosen_epoch is not None:
        at = x(panel.chosen_epoch)
        parts.append(
            Markup('<line class="here" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>').format(
                at, _TOP, HEIGHT - _BOTTOM
            )
        )
    parts += [_curve(curve, x, y, panel.chosen_epoch) for curve in panel.curves]
    here = [p.tip for c in panel.curves if c.tone == "chosen" for p in c.points if p.epoch == panel.chosen_epoch]
    chosen = "".join(f"; chosen: {tip}" for tip in here).replace("\n", ", ")
    curves = counted(len(panel.curves), "curve")
    return _svg(WIDTH, HEIGHT, f"{panel.title} over epochs, {curves}{chosen}", parts)


def front_chart(points: Sequence[FrontPoint]) -> Markup:
    """Identity against style, one dot a checkpoint; fainter dots have lost more of the prior."""
    x = Scale(*span((p.identity for p in points), within=(0.0, 1.0)), _LEFT, FRONT_WIDTH - FRONT_RIGHT)
    y = Scale(*span((p.style for p in points), within=(0.0, 1.0)), FRONT_HEIGHT - _BOTTOM - 8, _TOP + 16)
    parts = [_axes(x, y, FRONT_WIDTH - FRONT_RIGHT + _RIGHT, FRONT_HEIGHT - 8)]
    parts += [_text(x.end, FRONT_HEIGHT - 4, "identity →", "end"), _text(0, _TOP, "↑ style", "start")]
    parts.append(_path([(x(a), y(b)) for a, b in outline(points)], "edge"))
    for p in points:
        radius = {"plain": 4, "front": 5, "chosen": 8}[p.tone]
        fill = 0.25 + 0.75 * min(max(p.prior, 0.0), 1.0) if math.isfinite(p.prior) else 0.25
        parts.append(
            Markup(
                '<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="{}" fill-opacity="{:.2f}" data-tip="{}"/>'
            ).format(p.tone, x(p.identity), y(p.style), radius, fill, p.tip)
        )
    parts += [_front_label(p, points, x, y) for p in points if p.tone == "chosen"]
    chosen = "".join(f"; chosen: {p.tip}" for p in points if p.tone == "chosen").replace("\n", ", ")
    return _svg(
        FRONT_WIDTH, FRONT_HEIGHT, f"Identity against style of {counted(len(points), 'checkpoint')}{chosen}", parts
    )


def _front_label(chosen: FrontPoint, points: Sequence[FrontPoint], x: Scale, y: Scale) -> Markup:
    words = chosen.tip.split("\n")[0]
    dots = [(x(p.identity), y(p.style)) for p in points if p is not chosen]
    at = label_place(words, (x(chosen.identity), y(chosen.style)), dots, (FRONT_WIDTH, FRONT_HEIGHT - _BOTTOM))
    return _text(at.x, at.y, words, at.anchor, "label")


def outline(points: Sequence[FrontPoint]) -> tuple[tuple[float, float], ...]:
    """The (identity, style) pairs that no other beats in both, by falling identity."""
    front: list[tuple[float, float]] = []
    for identity, style in sorted(((p.identity, p.style) for p in points), reverse=True):
        if not front or style > front[-1][1]:
            front.append((identity, style))
    return tuple(front)


def _curve(curve: Curve, x: Scale, y: Scale, chosen_epoch: int | None) -> Markup:
    parts = [_band(curve.points, x, y)] if curve.tone == "chosen" else []
    parts.append(_path([(x(p.epoch), y(p.value)) for p in curve.points], "line"))
    for p in curve.points:
        here = curve.tone == "chosen" and p.epoch == chosen_epoch
        parts.append(
            Markup('<circle class="dot{}" cx="{:.1f}" cy="{:.1f}" r="{}" data-tip="{}"/>').format(
                " here" if here else "", x(p.epoch), y(p.value), 5 if here else 3, p.tip
            )
        )
    return Markup('<g class="curve {}" data-trial="{}">{}</g>').format(curve.tone, curve.trial, Markup("").join(parts))


def _band(points: Sequence[Point], x: Scale, y: Scale) -> Markup:
    if not any(p.low < p.high for p in points):
        return Markup("")
    around = [(x(p.epoch), y(p.high)) for p in points] + [(x(p.epoch), y(p.low)) for p in reversed(points)]
    corners = " ".join(f"{a:.1f},{b:.1f}" for a, b in around if math.isfinite(b))
    return Markup('<polygon class="band" points="{}"/>').format(corners)


def _axes(x: Scale, y: Scale, width: int, height: int, *, least: float = 0.0) -> Markup:
    """Lines across and numbers along both axes; those of x are `least` or more apart, as whole epochs are."""
    parts = []
    for value in ticks(y.low, y.high):
        line = Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>')
        parts.append(line.format(_LEFT, width - _RIGHT, y(value), y(value)))
        parts.append(_text(_LEFT - 8, y(value) + 4, _tick(value), "end"))
    for value in ticks(x.low, x.high, least=least):
        parts.append(_text(x(value), height - _BOTTOM + 16, _tick(value), "middle"))
    return Markup("").join(parts)


def _tick(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _path(points: Sequence[tuple[float, float]], kind: str) -> Markup:
    if len(points) < 2:
        return Markup("")
    steps = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    return Markup('<polyline class="{}" points="{}"/>').format(kind, steps)


def _text(x: float, y: float, words: str, anchor: str, kind: str = "tick") -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(kind, x, y, anchor, words)


def _svg(width: int, height: int, label: str, parts: Sequence[Markup]) -> Markup:
    opening = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(width, height, label)
    return opening + Markup("").join(parts) + Markup("</svg>")
