"""Hair of people, in head units: what lies behind the head and what lies over the forehead."""

from __future__ import annotations

import numpy as np

from dbsweep.minisd.attributes import Subject
from dbsweep.minisd.head import HeadFrame
from dbsweep.minisd.shapes import Points, Shape, curve, ellipse, mirrored


def _cap(frame: HeadFrame, lift: float, side_y: float, fringe: tuple[tuple[float, float], ...]) -> Points:
    """Return hair that covers the skull down to `side_y` and ends in the line `fringe` from right to left.

    `fringe` is in units of the head's half width and half height; `lift` is the volume above the skull.
    """
    w, h = frame.width * (1.03 + 0.5 * lift), frame.height * (1.0 + lift)
    start = np.arcsin(np.clip(side_y / h, -1, 1))
    crown = ellipse(0, 0, w, h, np.pi - start, 2 * np.pi + start)
    line = curve(*((x * frame.width + frame.turn * 0.8, y * frame.height) for x, y in fringe))
    return np.concatenate([crown, line])


SWEPT = ((0.93, 0.0), (0.86, -0.36), (0.45, -0.62), (-0.1, -0.5), (-0.6, -0.42), (-0.86, -0.3), (-0.93, 0.0))
FRINGE = ((0.93, 0.1), (0.84, -0.34), (0.5, -0.42), (0.0, -0.38), (-0.5, -0.42), (-0.84, -0.34), (-0.93, 0.1))
PARTED = ((0.94, 0.3), (0.86, -0.1), (0.62, -0.42), (0.05, -0.66), (-0.55, -0.44), (-0.86, -0.1), (-0.94, 0.3))
HIGH = ((0.92, -0.1), (0.82, -0.42), (0.45, -0.58), (0.0, -0.6), (-0.45, -0.58), (-0.82, -0.42), (-0.92, -0.1))


def hair_behind(subject: Subject, frame: HeadFrame) -> list[Shape]:
    """Return the hair that the head and shoulders cover."""
    w, h, style = frame.width, frame.height, subject.hair_style
    if style == "long":
        fall = ((-w * 1.1, -0.3), (-w * 0.66, -h * 0.92), (0, -h * 1.0), (w * 0.66, -h * 0.92), (w * 1.1, -0.3))
        ends = ((w * 1.3, 0.7), (w * 1.24, 1.5), (0, 1.35), (-w * 1.24, 1.5), (-w * 1.3, 0.7))
        return [Shape("hair_back", curve(*fall, *ends, closed=True))]
    if style == "bob":
        top = ((-w * 1.15, -0.3), (-w * 0.7, -h * 0.92), (0, -h * 1.0), (w * 0.7, -h * 0.92), (w * 1.15, -0.3))
        ends = ((w * 1.36, 0.55), (w * 1.12, 0.8), (0, 0.7), (-w * 1.12, 0.8), (-w * 1.36, 0.55))
        return [Shape("hair_back", curve(*top, *ends, closed=True))]
    if style == "curly":
        return [Shape("hair_back", _puffs(frame))]
    if style == "bun":
        knot = ellipse(0.0, -h * 1.3, 0.36, 0.32)
        return [Shape("hair", knot), Shape("sheen", ellipse(0, -h * 1.3, 0.22, 0.18, 1.1 * np.pi, 1.6 * np.pi), 0.05)]
    if style == "pigtails":
        tail = curve((w * 0.9, -0.15), (w * 1.35, -0.3), (w * 1.72, 0.2), (w * 1.5, 0.85), (w * 1.15, 0.5), closed=True)
        ties = [Shape("trim", ellipse(s * w * 1.05, -0.08, 0.12, 0.12)) for s in (-1, 1)]
        return [Shape("hair_back", tail), Shape("hair_back", mirrored(tail)), *ties]
    return []


def _puffs(frame: HeadFrame) -> Points:
    """Return a cloud of curls around the skull as one outline."""
    t = np.linspace(0.92 * np.pi, 2.08 * np.pi, 96)
    ripple = 1.0 + 0.075 * np.abs(np.sin((t - t[0]) * 9 * np.pi / (t[-1] - t[0])))
    x, y = frame.width * 1.24 * ripple * np.cos(t), frame.height * 1.24 * ripple * np.sin(t)
    return np.stack([x, y + 0.12], axis=1)


def hair_over(subject: Subject, frame: HeadFrame) -> list[Shape]:
    """Return the hair in front of the head, with its sheen."""
    w, h, style = frame.width, frame.height, subject.hair_style
    sheen = Shape("sheen", ellipse(0, 0, w * 0.82, h * 0.9, 1.2 * np.pi, 1.48 * np.pi), 0.07)
    if style == "bald":
        shine = ellipse(0, 0, w * 0.62, h * 0.76, 1.22 * np.pi, 1.42 * np.pi)
        return [Shape("glint", shine, 0.07)]
    if style == "short":
        return [Shape("hair", _cap(frame, 0.13, -0.02, SWEPT)), sheen]
    if style == "spiky":
        return [Shape("hair", _spikes(frame))]
    if style == "mohawk":
        return [Shape("hair", _mohawk(frame))]
    if style == "curly":
        locks = [Shape("hair", ellipse(x * w, -h * 0.66, w * 0.3, 0.22)) for x in (-0.55, 0.0, 0.55)]
        return [Shape("hair", _cap(frame, 0.16, -0.05, HIGH)), *locks, sheen]
    if style == "long":
        return [Shape("hair", _cap(frame, 0.13, 0.3, PARTED)), *_strands(frame), sheen]
    if style == "bob":
        return [Shape("hair", _cap(frame, 0.18, 0.12, FRINGE)), sheen]
    return [Shape("hair", _cap(frame, 0.1, -0.08, HIGH if style == "bun" else PARTED)), sheen]


def _spikes(frame: HeadFrame) -> Points:
    """Return a crown of seven spikes over a ragged hairline."""
    w, h = frame.width, frame.height
    t = np.linspace(1.0 * np.pi, 2.0 * np.pi, 15)
    reach = np.where(np.arange(15) % 2 == 1, 1.48, 1.08)
    crown = np.stack([w * (0.55 + 0.5 * reach) * np.cos(t), h * reach * np.sin(t)], axis=1)
    ragged = [(0.92, -0.05), (0.8, -0.42), (0.55, -0.38), (0.36, -0.6), (0.1, -0.4), (-0.15, -0.62), (-0.42, -0.4)]
    line = np.array([*ragged, (-0.8, -0.44), (-0.92, -0.05)]) * np.array([w, h])
    return np.concatenate([crown, line])


def _strands(frame: HeadFrame) -> list[Shape]:
    """Return the parting and two locks that fall from it."""
    w, h, x = frame.width, frame.height, 0.8 * frame.turn
    left = curve((x, -h * 1.1), (x - w * 0.55, -h * 0.78), (-w * 0.98, 0.0))
    right = curve((x, -h * 1.1), (x + w * 0.55, -h * 0.78), (w * 0.98, 0.0))
    part = np.array([[x, -h * 1.12], [x + 0.02, -h * 0.68]])
    return [Shape("hair_back", line, 0.06) for line in (left, right, part)]


def _mohawk(frame: HeadFrame) -> Points:
    """Return a tall narrow crest over the middle of a shaved head."""
    h, lean = frame.height, frame.turn
    left = [(-0.3, -0.55), (-0.4, -1.12), (-0.26, -1.25), (-0.3, -1.5), (-0.1, -1.42), (0.0, -1.62)]
    right = [(0.1, -1.42), (0.3, -1.5), (0.26, -1.25), (0.4, -1.12), (0.3, -0.55), (0.0, -0.48)]
    crest: Points = np.array([*left, *right]) * np.array([1.0, h]) + np.array([lean, 0.0])
    return crest
