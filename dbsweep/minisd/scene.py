"""Scenes: the clothes, background, pose and light that vary from picture to picture."""

from __future__ import annotations

import numpy as np

from dbsweep.minisd.attributes import BACKGROUNDS, LIGHTS, SHIRT_COLOURS, SHIRTS, Scene


def draw_scene(rng: np.random.Generator) -> Scene:
    """Draw one scene from `rng`; clothes and background never share a colour."""
    background = BACKGROUNDS[int(rng.integers(len(BACKGROUNDS)))]
    shirts = [colour for colour in SHIRT_COLOURS if colour != background]
    return Scene(
        shirt_colour=shirts[int(rng.integers(len(shirts)))],
        shirt=SHIRTS[int(rng.integers(len(SHIRTS)))],
        background=background,
        light=LIGHTS[int(rng.integers(len(LIGHTS)))],
        shift_x=float(rng.uniform(-0.05, 0.05)),
        shift_y=float(rng.uniform(-0.03, 0.03)),
        zoom=float(rng.uniform(0.86, 1.16)),
        tilt=float(np.clip(rng.normal(0.0, 0.08), -0.2, 0.2)),
        yaw=float(rng.uniform(-1.0, 1.0)),
        texture=int(rng.integers(1 << 31)),
    )
