"""The training set: an endless, numbered stream of subjects, scenes and styles, and their renders on disk."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dbsweep.minisd.attributes import STYLES, Scene, Style, Subject
from dbsweep.minisd.canvas import SIZE
from dbsweep.minisd.render import render
from dbsweep.minisd.scene import draw_scene
from dbsweep.minisd.subject import random_subject

WORLD_STREAM: Final = 0x77A1D
"""Keeps the random stream of training apart from that of `draw_subject`, so that no seeded subject is trained on."""
PHOTO_SHARE: Final = 0.28
CHUNK: Final = 250

Renders = NDArray[np.uint8]
"""(n, 64, 64, 3) uint8, RGB."""


@dataclass(frozen=True)
class Sample:
    """One picture of the world: what is on it and how it is drawn."""

    subject: Subject
    scene: Scene
    style: Style


def draw_sample(seed: int, index: int) -> Sample:
    """Return sample number `index` of the stream that belongs to `seed`."""
    rng = np.random.default_rng([WORLD_STREAM, seed, index])
    photo = rng.random() < PHOTO_SHARE
    style = STYLES[0] if photo else STYLES[1 + int(rng.integers(len(STYLES) - 1))]
    return Sample(random_subject(rng), draw_scene(rng), style)


def draw_samples(seed: int, count: int) -> list[Sample]:
    """Return the first `count` samples of the stream."""
    return [draw_sample(seed, index) for index in range(count)]


def render_samples(samples: list[Sample]) -> Renders:
    """Return the pictures of `samples`."""
    return np.stack([np.asarray(render(s.subject, s.scene, s.style)) for s in samples])


def _render_chunk(seed: int, start: int, stop: int) -> tuple[int, Renders]:
    return start, render_samples([draw_sample(seed, index) for index in range(start, stop)])


def open_renders(path: Path, seed: int, count: int, workers: int | None = None) -> Renders:
    """Return the first `count` pictures of the stream, rendering to `path` what is not there yet.

    Args:
        path: a `.npy` file; it appears under this name only when it is complete.
        seed: which stream.
        count: how many pictures.
        workers: processes that render; None uses every core.

    Returns:
        A read-only memory map of the file.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npy")
        target = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=(count, SIZE, SIZE, 3))
        starts = range(0, count, CHUNK)
        with ProcessPoolExecutor(workers or os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
            jobs = [pool.submit(_render_chunk, seed, start, min(start + CHUNK, count)) for start in starts]
            for job in jobs:
                start, chunk = job.result()
                target[start : start + len(chunk)] = chunk
        target.flush()
        partial.rename(path)
    renders: Renders = np.load(path, mmap_mode="r")
    if len(renders) < count:
        raise ValueError(f"{path} holds {len(renders)} pictures, {count} are needed; remove it to render again")
    return renders[:count]
