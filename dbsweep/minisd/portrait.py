"""A portrait: the shapes of one subject in one scene, from back to front, on the unit canvas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dbsweep.minisd import hair, head, robot
from dbsweep.minisd.attributes import Scene, Subject
from dbsweep.minisd.eyewear import glasses
from dbsweep.minisd.shapes import Pose, Shape, curve


@dataclass(frozen=True)
class Portrait:
    """Shapes from back to front, and where the head is on the unit canvas."""

    subject: Subject
    scene: Scene
    shapes: tuple[Shape, ...]
    pose: Pose


def compose(subject: Subject, scene: Scene) -> Portrait:
    """Lay out `subject` as it sits in `scene`."""
    pose = Pose((0.5 + scene.shift_x, 0.495 + scene.shift_y), 0.305 * scene.zoom, scene.tilt)
    frame = head.head_frame(subject, scene.yaw)
    shapes: list[Shape] = []

    def add(parts: list[Shape], place: Callable[[Shape], Shape]) -> None:
        shapes.extend(place(part) for part in parts)

    if subject.klass == "robot":
        add(robot.robot_neck(), pose.body)
        add(_clothes(subject, scene), pose.body)
        add(robot.robot_head(subject, frame), pose.head)
    else:
        add(hair.hair_behind(subject, frame), pose.head)
        add(head.neck(subject), pose.body)
        add(_clothes(subject, scene), pose.body)
        add(_face(subject, frame), pose.head)
    return Portrait(subject, scene, tuple(shapes), pose)


def _face(subject: Subject, frame: head.HeadFrame) -> list[Shape]:
    """Return the parts of a person's head in front of the neck, from back to front."""
    return [
        *head.ears(frame),
        Shape("skin", head.outline(frame)),
        *head.beard(subject, frame),
        *head.marks(subject, frame),
        *head.eyes(subject, frame),
        *head.nose(subject, frame),
        *head.mouth(subject, frame),
        *head.moustache(subject, frame),
        *hair.hair_over(subject, frame),
        *glasses(subject.glasses, frame.eye_x, frame.turn, frame.width),
    ]


def _clothes(subject: Subject, scene: Scene) -> list[Shape]:
    """Return shoulders and what is worn on them."""
    broad = {"man": 1.5, "woman": 1.25}.get(subject.klass, 1.4)
    neckline = (
        ((0.46, 1.2), (0.0, 1.42), (-0.46, 1.2))
        if scene.shirt != "collar"
        else ((0.42, 1.16), (0.0, 1.5), (-0.42, 1.16))
    )
    left = ((-0.62, 1.2), (-broad * 0.86, 1.36), (-broad, 1.75), (-broad * 1.02, 2.6))
    right = tuple((-x, y) for x, y in reversed(left))
    body = np.concatenate([curve(*left), curve(*right), curve(*neckline)])
    shapes = [Shape("clothes", body)]
    if scene.shirt == "collar":
        flap = np.array([[0.4, 1.08], [0.66, 1.28], [0.34, 1.62], [0.02, 1.42]])
        shapes += [Shape("trim", flap), Shape("trim", flap * np.array([-1.0, 1.0]))]
    elif scene.shirt == "hoodie":
        hood = curve((-0.78, 1.3), (-0.5, 1.14), (0.0, 1.36), (0.5, 1.14), (0.78, 1.3), (0.0, 1.66), closed=True)
        shapes += [Shape("trim", hood)]
    elif scene.shirt == "stripes":
        rows = ((1.58, broad * 0.92), (1.84, broad))
        shapes += [Shape("trim", np.array([[-x, y], [x, y]]), 0.1) for y, x in rows]
    return shapes
