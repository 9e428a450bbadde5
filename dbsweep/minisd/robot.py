"""Robots: metal heads with antennas, bolts and grilles, in head units."""

from __future__ import annotations

from typing import Final

import numpy as np

from dbsweep.minisd.attributes import Subject
from dbsweep.minisd.eyewear import glasses
from dbsweep.minisd.head import HeadFrame
from dbsweep.minisd.shapes import Points, Shape, curve, ellipse, rounded_box

BOX_POWERS: Final = {"soft": 3.2, "square": 9.0, "pointed": 4.5}


def robot_head(subject: Subject, frame: HeadFrame) -> list[Shape]:
    """Return the parts of a robot's head from back to front."""
    w, h = frame.width * 1.02, frame.height * 0.92
    face = rounded_box(0, 0.02, w, h, BOX_POWERS[subject.jaw])
    if subject.jaw == "pointed":
        face = face * np.stack([np.where(face[:, 1] > 0, 1 - 0.22 * face[:, 1], 1.0), np.ones(len(face))], axis=1)
    plate = rounded_box(frame.turn, 0.03, w * 0.8, 0.36, 5.0)
    return [
        *_top(subject, h),
        *_bolts(w),
        Shape("skin", face),
        Shape("sheen", ellipse(0, 0, w * 0.74, h * 0.76, 1.16 * np.pi, 1.4 * np.pi), 0.07),
        *([] if subject.glasses != "none" else [Shape("shadow", plate)]),
        *_eyes(subject, frame),
        *_nose(subject, frame),
        *_mouth(subject, frame),
        *_marks(subject, frame),
        *glasses(subject.glasses, frame.eye_x, frame.turn, w),
    ]


def robot_neck() -> list[Shape]:
    """Return a ribbed metal neck."""
    pipe = np.array([[-0.26, 0.6], [0.26, 0.6], [0.26, 1.5], [-0.26, 1.5]])
    ribs = [Shape("grille", np.array([[-0.26, y], [0.26, y]]), 0.06) for y in (1.02, 1.16)]
    return [Shape("neck", pipe), *ribs]


def _top(subject: Subject, h: float) -> list[Shape]:
    """Return what stands on the head, in the robot's signal colour."""
    kind = subject.hair_style
    if kind == "crest":
        fin = curve(
            (-0.5, -h * 0.9),
            (-0.36, -h * 1.3),
            (0.0, -h * 1.5),
            (0.36, -h * 1.3),
            (0.5, -h * 0.9),
            (0, -0.7),
            closed=True,
        )
        return [Shape("hair", fin)]
    if kind == "lamp":
        bulb = np.concatenate(
            [ellipse(0, -h * 1.08, 0.3, 0.38, np.pi, 2 * np.pi), np.array([[0.3, -0.8], [-0.3, -0.8]])]
        )
        return [Shape("hair", bulb), Shape("sheen", ellipse(0, -h * 1.1, 0.18, 0.22, 1.1 * np.pi, 1.5 * np.pi), 0.06)]
    shapes: list[Shape] = []
    feet = ((0.0, 0.0),) if kind == "antenna" else ((-0.36, -0.2), (0.36, 0.2))
    for x, lean in feet:
        shapes.append(Shape("grille", np.array([[x, -h * 0.9], [x + lean, -h * 1.32]]), 0.09))
        shapes.append(Shape("hair", ellipse(x + lean, -h * 1.4, 0.19, 0.19)))
        shapes.append(Shape("glint", ellipse(x + lean - 0.06, -h * 1.4 - 0.06, 0.05, 0.05)))
    return shapes


def _bolts(w: float) -> list[Shape]:
    return [Shape("bolt", rounded_box(side * (w + 0.06), 0.06, 0.13, 0.2, 5.0)) for side in (-1, 1)]


def _eyes(subject: Subject, frame: HeadFrame) -> list[Shape]:
    shapes: list[Shape] = []
    for side in (-1, 1):
        x = side * frame.eye_x + frame.turn
        shapes += [
            Shape("pupil", ellipse(x, 0.03, 0.2, 0.2)),
            Shape("iris", ellipse(x, 0.03, 0.15, 0.15)),
            Shape("glint", ellipse(x - 0.045, -0.02, 0.055, 0.055)),
        ]
    return shapes


def _nose(subject: Subject, frame: HeadFrame) -> list[Shape]:
    x = 1.7 * frame.turn
    if subject.nose == "button":
        return [Shape("bolt", ellipse(x, 0.34, 0.07, 0.07))]
    if subject.nose == "big":
        return [Shape("bolt", rounded_box(x, 0.33, 0.14, 0.1, 5.0))]
    return [Shape("bolt", np.array([[x, 0.18], [x + 0.12, 0.42], [x - 0.12, 0.42]]))]


def _mouth(subject: Subject, frame: HeadFrame) -> list[Shape]:
    x, y = frame.turn, 0.62 * frame.height
    if subject.mouth == "smile":
        return [Shape("grille", curve((x - 0.3, y - 0.08), (x, y + 0.07), (x + 0.3, y - 0.08)), 0.1)]
    half, tall = {"grin": (0.38, 0.15), "straight": (0.32, 0.075), "small": (0.15, 0.1)}[subject.mouth]
    box: Points = rounded_box(x, y, half, tall, 7.0)
    shapes = [Shape("teeth", box), Shape("grille", np.concatenate([box, box[:1]]), 0.06)]
    if subject.mouth == "grin":
        bars = [Shape("grille", np.array([[x + dx, y - tall], [x + dx, y + tall]]), 0.05) for dx in (-0.19, 0.0, 0.19)]
        shapes += bars
    return shapes


def _marks(subject: Subject, frame: HeadFrame) -> list[Shape]:
    if subject.mark == "none":
        return []
    if subject.mark == "freckles":
        return [Shape("mark", ellipse(s * x, 0.44, 0.045, 0.045)) for s in (-1, 1) for x in (0.48, 0.62)]
    side = -1 if subject.mark == "left mole" else 1
    return [Shape("mark", ellipse(side * 0.48 + frame.turn, 0.46, 0.075, 0.075))]
