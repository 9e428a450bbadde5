"""The head of a person: outline, ears, eyes, nose, mouth, marks, in head units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from dbsweep.minisd.attributes import Subject
from dbsweep.minisd.shapes import Points, Shape, curve, ellipse, mirrored

WIDTHS: Final = {"round": 0.92, "oval": 0.80, "long": 0.71}
HEIGHTS: Final = {"round": 0.93, "oval": 1.0, "long": 1.07}
JAW_POWERS: Final = {"soft": 2.0, "square": 3.4, "pointed": 1.6}


@dataclass(frozen=True)
class HeadFrame:
    """Where the parts of one head sit, in head units."""

    width: float
    height: float
    power: float
    """Exponent of the lower half of the outline: 2 is an ellipse, more is a squarer jaw."""
    turn: float
    """Sideways offset of the features of a turned face."""

    @property
    def eye_x(self) -> float:
        """Distance of an eye from the middle of the face."""
        return 0.33 + 0.14 * (self.width - 0.71)

    def x_at(self, y: float) -> float:
        """Half width of the face at height `y`."""
        power = self.power if y > 0 else 2.0
        return float(self.width * max(0.0, 1 - abs(y / self.height) ** power) ** (1 / power))


def head_frame(subject: Subject, yaw: float) -> HeadFrame:
    """Return the proportions of `subject`'s head, turned by `yaw`."""
    shape = subject.face_shape
    return HeadFrame(WIDTHS[shape], HEIGHTS[shape], JAW_POWERS[subject.jaw], 0.10 * yaw)


def outline(frame: HeadFrame, start: float = 0.0, end: float = 2 * np.pi) -> Points:
    """Return the outline of the face between two angles (0 is right, a quarter turn is down)."""
    t = np.linspace(start, end, 44)
    cos, sin = np.cos(t), np.sin(t)
    power = np.where(sin > 0, frame.power, 2.0)
    x = frame.width * np.sign(cos) * np.abs(cos) ** (2 / power)
    y = frame.height * np.sign(sin) * np.abs(sin) ** (2 / power)
    return np.stack([x, y], axis=1)


def neck(subject: Subject) -> list[Shape]:
    """Return the neck and the shadow of the chin on it."""
    half = {"man": 0.42, "woman": 0.29}.get(subject.klass, 0.35)
    sides = np.array([[-half, 0.5], [half, 0.5], [half * 1.08, 1.5], [-half * 1.08, 1.5]])
    return [Shape("neck", sides), Shape("shadow", ellipse(0, 0.92, half, 0.26))]


def ears(frame: HeadFrame) -> list[Shape]:
    """Return both ears; the turn hides one and shows more of the other."""
    shapes: list[Shape] = []
    for side in (-1, 1):
        reach = frame.width + 0.05 - 0.6 * side * frame.turn
        shapes.append(Shape("skin", ellipse(side * reach, 0.08, 0.14, 0.2)))
        shapes.append(Shape("shadow", ellipse(side * reach, 0.09, 0.065, 0.11)))
    return shapes


def eyes(subject: Subject, frame: HeadFrame) -> list[Shape]:
    """Return eyes with lids, highlights and brows; women get lashes."""
    shapes: list[Shape] = []
    rx, ry = (0.185, 0.2) if subject.klass == "woman" else (0.175, 0.18)
    for side in (-1, 1):
        x, y = side * frame.eye_x + frame.turn, 0.03
        gaze = x + 0.35 * frame.turn
        shapes += [
            Shape("eye", ellipse(x, y, rx, ry)),
            Shape("iris", ellipse(gaze, y + 0.01, 0.115, 0.135)),
            Shape("pupil", ellipse(gaze, y + 0.01, 0.06, 0.075)),
            Shape("glint", ellipse(gaze + 0.045, y - 0.055, 0.04, 0.04)),
            Shape("lid", ellipse(x, y, rx, ry, 1.08 * np.pi, 1.92 * np.pi), 0.06),
        ]
        if subject.klass == "woman":
            shapes += _lashes(x, y, side)
        arch = 0.09 if subject.klass == "woman" else 0.05
        weight = 0.075 if subject.klass == "woman" else 0.13
        brow = curve((x - side * 0.17, -0.27), (x, -0.29 - arch), (x + side * 0.2, -0.25))
        shapes.append(Shape("brow", brow, weight))
    return shapes


def _lashes(x: float, y: float, side: int) -> list[Shape]:
    ends = ((0.12, -0.15, 0.21, -0.26), (0.165, -0.08, 0.29, -0.15))
    return [Shape("lid", np.array([[x + side * a, y + b], [x + side * c, y + d]]), 0.055) for a, b, c, d in ends]


def nose(subject: Subject, frame: HeadFrame) -> list[Shape]:
    """Return the nose, which leads the turn of the face."""
    x = 1.7 * frame.turn
    if subject.nose == "button":
        return [Shape("nose", ellipse(x, 0.3, 0.075, 0.06))]
    if subject.nose == "big":
        return [Shape("nose", ellipse(x, 0.29, 0.15, 0.115))]
    return [Shape("nose", np.array([[x - 0.03, 0.06], [x + 0.13, 0.38], [x - 0.09, 0.38]]))]


def mouth(subject: Subject, frame: HeadFrame) -> list[Shape]:
    """Return the mouth; lips of women are coloured."""
    x, y = frame.turn, 0.6 * frame.height
    lips = subject.klass == "woman"
    if subject.mouth == "grin":
        bowl = np.concatenate([ellipse(x, y - 0.07, 0.27, 0.05, np.pi, 0), ellipse(x, y - 0.07, 0.27, 0.25, 0, np.pi)])
        teeth = np.concatenate([ellipse(x, y - 0.05, 0.21, 0.02, np.pi, 0), ellipse(x, y - 0.05, 0.2, 0.09, 0, np.pi)])
        edge = [Shape("lips", np.concatenate([bowl, bowl[:1]]), 0.06)] if lips else []
        return [Shape("mouth", bowl), Shape("teeth", teeth), *edge]
    knots = {
        "smile": ((-0.25, -0.06), (0.0, 0.06), (0.25, -0.06)),
        "straight": ((-0.22, 0.0), (0.0, 0.0), (0.22, 0.0)),
        "small": ((-0.1, 0.0), (0.0, 0.03), (0.1, 0.0)),
    }[subject.mouth]
    line = curve(*((x + dx, y + dy) for dx, dy in knots))
    if not lips:
        return [Shape("mouth", line, 0.075)]
    half, sag = knots[2][0] * 0.85 + 0.02, knots[1][1]
    full = curve(
        (x - half, y + knots[0][1]), (x - 0.06, y - 0.075 + sag), (x, y - 0.05 + sag), (x + 0.06, y - 0.075 + sag),
        (x + half, y + knots[2][1]), (x, y + 0.11 + sag), closed=True,
    )  # fmt: skip
    return [Shape("lips", full), Shape("mouth", line, 0.035)]


def marks(subject: Subject, frame: HeadFrame) -> list[Shape]:
    """Return blush, moles or freckles, and women's earrings."""
    shapes = [Shape("blush", ellipse(s * (frame.eye_x + 0.12) + frame.turn, 0.36, 0.15, 0.09)) for s in (-1, 1)]
    if subject.mark == "freckles":
        spots = np.array([[0.2, 0.27], [0.31, 0.35], [0.42, 0.27], [0.5, 0.37]])
        both = np.concatenate([spots, mirrored(spots)])
        shapes += [Shape("mark", ellipse(x + frame.turn, y, 0.034, 0.034)) for x, y in both]
    elif subject.mark != "none":
        side = -1 if subject.mark == "left mole" else 1
        shapes.append(Shape("mark", ellipse(side * 0.4 + frame.turn, 0.46, 0.06, 0.06)))
    if subject.klass == "woman":
        shapes += [Shape("earring", ellipse(s * (frame.width + 0.06), 0.34, 0.075, 0.075)) for s in (-1, 1)]
    return shapes


def beard(subject: Subject, frame: HeadFrame) -> list[Shape]:
    """Return the beard that lies under the mouth (a moustache lies over it, see `moustache`)."""
    x, y = frame.turn, 0.6 * frame.height
    if subject.beard == "goatee":
        chin = frame.height * 1.07
        tuft = ((x - 0.17, y + 0.14), (x, y + 0.1), (x + 0.17, y + 0.14), (x + 0.2, chin - 0.12), (x, chin + 0.08))
        return [Shape("beard", curve(*tuft, (x - 0.2, chin - 0.12), closed=True))]
    if subject.beard != "full":
        return []
    side = outline(frame, 0.02 * np.pi, 0.98 * np.pi) * np.array([1.02, 1.1])
    inner = curve(
        (-frame.x_at(0.0) * 0.86, 0.14), (x - 0.42, 0.36), (x - 0.2, 0.42), (x, 0.45), (x + 0.2, 0.42),
        (x + 0.42, 0.36), (frame.x_at(0.0) * 0.86, 0.14),
    )  # fmt: skip
    return [Shape("beard", np.concatenate([side, inner]))]


def moustache(subject: Subject, frame: HeadFrame) -> list[Shape]:
    """Return the moustache, drawn over the mouth; a goatee has a thin one."""
    if subject.beard not in ("moustache", "goatee"):
        return []
    x, y, full = 1.2 * frame.turn, 0.6 * frame.height - 0.12, subject.beard == "moustache"
    half, drop, thick = (0.34, 0.13, 0.1) if full else (0.24, 0.17, 0.045)
    knots = ((0.0, -thick), (0.18, -thick * 0.8), (half, drop), (0.16, thick * 0.7), (0.0, thick * 0.3))
    wing = curve(*knots)
    return [Shape("beard", wing + np.array([x, y])), Shape("beard", mirrored(wing) + np.array([x, y]))]
