"""The experiment's grids: one image for every cell and seed, drawn from one checkpoint."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dbsweep.config.axes import LABELS, AxisKind, GridAxis, value_text
from dbsweep.config.schema import Experiment, Grid
from dbsweep.execution import loaded
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import SweepJob
from dbsweep.models.checkpoints import read_weights
from dbsweep.records.record import Scalar
from dbsweep.records.results import Checkpoint, GridImage
from dbsweep.sampling.grammar import weight_words
from dbsweep.sampling.infotext import write_png
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.sampler import draw

Cell = tuple[Scalar | None, Scalar | None, Scalar | None]
"""Values on x, y and z; None where there is no such axis."""


def draw_grids(job: SweepJob, checkpoint: Checkpoint) -> tuple[GridImage, ...]:
    """Draws all grids of the experiment from a checkpoint and writes their images into the run folder.

    Raises:
        ModelError: the checkpoint cannot be read.
    """
    run, experiment = RunFolder(job.run_folder), job.experiment
    models = loaded.models_to_change(job.base)
    read_weights(job.run_folder / checkpoint.path, models)
    grids = []
    for index, grid in enumerate(experiment.grids):
        requests = cell_requests(grid, experiment)
        images = draw(
            models,
            [request for _, request in requests],
            clip_skip=experiment.clip_skip,
            precision=experiment.evaluate.precision,
        )
        folder = run.grids / f"{index:02d}-{checkpoint.id}"
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"{place:04d}.png" for place in range(len(images))]
        for file, image, (_, request) in zip(files, images, requests, strict=True):
            write_png(file, image, request, checkpoint.sha256[:10], clip_skip=experiment.clip_skip)
        grids.append(_record(grid, index, checkpoint, run, files))
    return tuple(grids)


def cell_requests(grid: Grid, experiment: Experiment) -> list[tuple[Cell, ImageRequest]]:
    """What each cell is drawn from: z outermost, then y, then x, the seeds of a cell together."""
    zs, ys, xs = (_values(axis) for axis in (grid.z, grid.y, grid.x))
    cells = [(x, y, z) for z, y, x in itertools.product(zs, ys, xs)]
    return [(cell, _request(grid, experiment, cell, seed)) for cell in cells for seed in grid_seeds(grid)]


def grid_seeds(grid: Grid) -> tuple[int, ...]:
    """Seeds of every cell; one where an axis varies the seed."""
    return grid.seeds if all(axis.axis is not AxisKind.SEED for axis in grid.axes) else grid.seeds[:1]


def _request(grid: Grid, experiment: Experiment, cell: Cell, seed: int) -> ImageRequest:
    evaluate, resolution = experiment.evaluate, experiment.train.resolution
    axes = zip((grid.x, grid.y, grid.z), cell, strict=True)
    moves = [(axis, value) for axis, value in axes if axis is not None and value is not None]
    words = next((value for axis, value in moves if axis.axis is AxisKind.WORDS), None)
    request = ImageRequest(
        prompt=grid.worded(grid.prompt, words),
        negative_prompt=grid.worded(grid.negative_prompt, words),
        seed=seed,
        guidance_scale=evaluate.guidance_scale,
        num_inference_steps=evaluate.num_inference_steps,
        sampler=evaluate.sampler,
        width=resolution,
        height=resolution,
    )
    for axis, value in moves:
        request = _moved(request, axis.axis, value, weighted=grid.worded(axis.word or "", words))
    return request


def _moved(request: ImageRequest, kind: AxisKind, value: Scalar, *, weighted: str) -> ImageRequest:
    """The request, which has its words already, with one axis at a value."""
    match kind:
        case AxisKind.WORDS:
            return request
        case AxisKind.PROMPT_WEIGHT:
            return replace(request, prompt=weight_words(request.prompt, weighted, float(value)))
        case AxisKind.GUIDANCE_SCALE:
            return replace(request, guidance_scale=float(value))
        case AxisKind.NUM_INFERENCE_STEPS:
            return replace(request, num_inference_steps=int(value))
        case AxisKind.SAMPLER:
            return replace(request, sampler=str(value))
        case AxisKind.SEED:
            return replace(request, seed=int(value))


def _record(grid: Grid, index: int, checkpoint: Checkpoint, run: RunFolder, files: Sequence[Path]) -> GridImage:
    xs, ys, zs = (_values(axis) for axis in (grid.x, grid.y, grid.z))
    paths = iter([run.relative(file) for file in files])
    seeds = grid_seeds(grid)
    labels = [_label(axis) for axis in (grid.x, grid.y, grid.z)]
    return GridImage(
        title=f"Grid {index + 1}: {' × '.join(label for label in labels if label)} ({checkpoint.id})",
        prompt=grid.prompt,
        x_label=labels[0],
        y_label=labels[1],
        z_label=labels[2],
        x_values=_texts(xs),
        y_values=_texts(ys),
        z_values=_texts(zs),
        seeds=seeds,
        cells=tuple(tuple(tuple(tuple(next(paths) for _ in seeds) for _ in xs) for _ in ys) for _ in zs),
    )


def _values(axis: GridAxis | None) -> tuple[Scalar | None, ...]:
    return axis.values if axis is not None else (None,)


def _texts(values: Sequence[Scalar | None]) -> tuple[str, ...]:
    return tuple("" if value is None else value_text(value) for value in values)


def _label(axis: GridAxis | None) -> str:
    if axis is None:
        return ""
    return LABELS[axis.axis] if axis.word is None else f"{LABELS[axis.axis]} of “{axis.word}”"
