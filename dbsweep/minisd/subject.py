"""Subjects drawn from a seed, and the photos of one subject that a person would train on."""

from __future__ import annotations

from pathlib import Path
from typing import Final, cast

import numpy as np

from dbsweep.minisd.attributes import (
    BEARDS,
    CLASSES,
    EYE_COLOURS,
    FACE_SHAPES,
    GLASSES,
    HAIR_COLOURS,
    JAWS,
    MARKS,
    METALS,
    MOUTHS,
    NOSES,
    ROBOT_TOPS,
    SKINS,
    Klass,
    Subject,
)
from dbsweep.minisd.render import render
from dbsweep.minisd.scene import draw_scene

SUBJECT_STREAM: Final = 0x5B1EC7
"""Keeps the random stream of `draw_subject` apart from those of training (`world.py`)."""

_HAIR_WEIGHTS: Final[dict[str, dict[str, float]]] = {
    "man": {"bald": 2, "short": 4, "spiky": 3, "curly": 2, "mohawk": 1.5, "long": 1, "bun": 0.5},
    "woman": {"bob": 3, "long": 3.5, "bun": 2, "pigtails": 2, "curly": 2, "short": 1, "spiky": 0.5, "mohawk": 0.5},
}


def _pick(rng: np.random.Generator, values: tuple[str, ...], weights: tuple[float, ...] | None = None) -> str:
    """Draw one value; without weights all are equally likely."""
    share = None if weights is None else np.asarray(weights, dtype=np.float64) / sum(weights)
    return values[int(rng.choice(len(values), p=share))]


def random_subject(rng: np.random.Generator, klass: Klass | None = None) -> Subject:
    """Draw a subject from `rng`; `klass` None draws the class too."""
    kind = klass if klass is not None else CLASSES[int(rng.integers(len(CLASSES)))]
    return _random_robot(rng) if kind == "robot" else _random_person(rng, kind)


def _random_person(rng: np.random.Generator, klass: Klass) -> Subject:
    styles = _HAIR_WEIGHTS[klass]
    return Subject(
        klass=klass,
        skin=_pick(rng, SKINS),
        hair_colour=_pick(rng, HAIR_COLOURS, (3, 3, 3, 3, 2, 1.5, 1.5)),
        hair_style=_pick(rng, tuple(styles), tuple(styles.values())),
        glasses=_pick(rng, GLASSES, (5, 2, 2, 1)),
        beard=_pick(rng, BEARDS, (5, 2, 2, 3)) if klass == "man" else "none",
        face_shape=_pick(rng, FACE_SHAPES),
        jaw=_pick(rng, JAWS, (2, 3, 1) if klass == "man" else (3, 1, 3)),
        eye_colour=_pick(rng, EYE_COLOURS[:3]),
        nose=_pick(rng, NOSES),
        mouth=_pick(rng, MOUTHS, (4, 3, 2, 2)),
        mark=_pick(rng, MARKS, (6, 1, 1, 1.5)),
    )


def _random_robot(rng: np.random.Generator) -> Subject:
    return Subject(
        klass="robot",
        skin=_pick(rng, METALS),
        hair_colour=_pick(rng, HAIR_COLOURS),
        hair_style=_pick(rng, ROBOT_TOPS),
        glasses=_pick(rng, GLASSES, (6, 2, 2, 1)),
        beard="none",
        face_shape=_pick(rng, FACE_SHAPES),
        jaw=_pick(rng, JAWS),
        eye_colour=_pick(rng, EYE_COLOURS[1:]),
        nose=_pick(rng, NOSES),
        mouth=_pick(rng, MOUTHS),
        mark=_pick(rng, MARKS, (6, 1, 1, 1.5)),
    )


def draw_subject(seed: int, klass: Klass | None = None) -> Subject:
    """Return the subject that belongs to `seed`.

    Args:
        seed: any integer from 0 up; the same seed always gives the same subject.
        klass: the class, or None to let the seed decide.

    Raises:
        ValueError: if `seed` is negative or `klass` is not a class of this world.
    """
    if seed < 0:
        raise ValueError(f"`seed` must be 0 or more, got {seed}")
    if klass is not None and klass not in CLASSES:
        raise ValueError(f"`class` must be one of {', '.join(CLASSES)}, got {klass!r}")
    return random_subject(np.random.default_rng([SUBJECT_STREAM, seed]), klass)


def write_subject_photos(seed: int, klass: str | None, photos: int, out_dir: Path) -> list[Path]:
    """Write photos of one subject with varied clothes, background, pose and light.

    Args:
        seed: which subject, see `draw_subject`.
        klass: man, woman or robot; None lets the seed decide.
        photos: how many to write, at least 1.
        out_dir: folder for `photo_01.png`, `photo_02.png`, …; empty, or made.

    Returns:
        The paths written, in order.

    Raises:
        ValueError: if an argument is out of range.
        FileExistsError: if there is something already; nothing is written then.
    """
    if photos < 1:
        raise ValueError(f"`photos` must be 1 or more, got {photos}")
    subject = draw_subject(seed, cast("Klass | None", klass))
    digits = max(2, len(str(photos)))
    paths = [out_dir / f"photo_{index:0{digits}d}.png" for index in range(1, photos + 1)]
    if out_dir.exists() and not (out_dir.is_dir() and not any(out_dir.iterdir())):
        raise FileExistsError(f"{out_dir} exists already and is no empty folder; choose another")
    out_dir.mkdir(parents=True, exist_ok=True)
    for index, path in enumerate(paths):
        scene = draw_scene(np.random.default_rng([SUBJECT_STREAM, seed, 1 + index]))
        render(subject, scene, "photo").save(path)
    return paths
