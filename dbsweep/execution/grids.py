"""The experiment's grids: one image for every cell and seed, each checkpoint loaded once for all that it draws."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dbsweep.config.axes import LABELS, AxisKind, GridAxis, value_text
from dbsweep.config.schema import Experiment, Grid
from dbsweep.execution import loaded
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import SweepJob
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.checkpoints import read_weights
from dbsweep.records.record import Scalar
from dbsweep.records.results import GridImage, GridModel, GridModels
from dbsweep.sampling.grammar import weight_words
from dbsweep.sampling.infotext import write_png
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.sampler import draw

Cell = tuple[Scalar | None, Scalar | None, Scalar | None]
"""Values on x, y and z; None where there is no such axis. Those of an axis of checkpoints are their ids."""


def draw_grids(job: SweepJob, models: Sequence[GridModels]) -> tuple[GridImage, ...]:
    """Draws all grids of the experiment and writes their images into the run folder.

    Args:
        models: of each grid, what draws it.

    Raises:
        ModelError: a checkpoint cannot be read.
    """
    run, experiment = RunFolder(job.run_folder), job.experiment
    run.grids.mkdir(exist_ok=True)
    waiting: defaultdict[GridModel, list[tuple[Path, ImageRequest]]] = defaultdict(list)
    grids = []
    for index, (grid, each) in enumerate(zip(experiment.grids, models, strict=True)):
        cells = cell_requests(grid, experiment, each.models)
        folder = run.grids / f"{index:02d}-{each.chosen.id}"
        files = [folder / f"{place:04d}.png" for place in range(len(cells))]
        for file, (cell, request) in zip(files, cells, strict=True):
            waiting[_model_of(cell, grid, each)].append((file, request))
        grids.append(_record(grid, index, each, run, files))
    for model, pictures in waiting.items():
        _draw_all(job, model, pictures)
    return tuple(grids)


def _draw_all(job: SweepJob, model: GridModel, pictures: Sequence[tuple[Path, ImageRequest]]) -> None:
    """All that one checkpoint draws."""
    experiment = job.experiment
    networks, model_hash = _load(job, model)
    requests = [request for _, request in pictures]
    images = draw(networks, requests, clip_skip=experiment.clip_skip, precision=experiment.evaluate.precision)
    for (file, request), image in zip(pictures, images, strict=True):
        file.parent.mkdir(exist_ok=True)
        write_png(file, image, request, model_hash, clip_skip=experiment.clip_skip)


def _load(job: SweepJob, model: GridModel) -> tuple[StableDiffusion, str]:
    """The networks with the model's weights, and its short hash."""
    if model.checkpoint is None:
        untrained = loaded.untrained_models(job.base)
        return untrained, untrained.sha256[:10]
    networks = loaded.models_to_change(job.base)
    read_weights(job.run_folder / model.checkpoint.path, networks)
    return networks, model.checkpoint.sha256[:10]


def _model_of(cell: Cell, grid: Grid, models: GridModels) -> GridModel:
    """What draws a cell: the value of its axis of checkpoints, else the one that draws the whole grid."""
    axes = zip((grid.x, grid.y, grid.z), cell, strict=True)
    name = next((value for axis, value in axes if _varies_checkpoint(axis)), models.models[0].id)
    return next(model for model in models.models if model.id == name)


def _varies_checkpoint(axis: GridAxis | None) -> bool:
    return axis is not None and axis.axis is AxisKind.CHECKPOINT


def cell_requests(
    grid: Grid, experiment: Experiment, models: Sequence[GridModel] = ()
) -> list[tuple[Cell, ImageRequest]]:
    """What each cell is drawn from: z outermost, then y, then x, the seeds of a cell together.

    Args:
        models: those of its axis of checkpoints, if it has one.
    """
    zs, ys, xs = (_values(axis, models) for axis in (grid.z, grid.y, grid.x))
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
    """The request with one axis at a value; it has its words already, and no weights."""
    match kind:
        case AxisKind.WORDS | AxisKind.CHECKPOINT:
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


def _record(grid: Grid, index: int, models: GridModels, run: RunFolder, files: Sequence[Path]) -> GridImage:
    xs, ys, zs = (_texts(axis, models.models) for axis in (grid.x, grid.y, grid.z))
    paths = iter([run.relative(file) for file in files])
    seeds = grid_seeds(grid)
    labels = [_label(axis) for axis in (grid.x, grid.y, grid.z)]
    varied = grid.axis(AxisKind.CHECKPOINT) is not None
    return GridImage(
        title=f"Grid {index + 1}: {' × '.join(label for label in labels if label)} ({models.chosen.id})",
        prompt=grid.prompt,
        x_label=labels[0],
        y_label=labels[1],
        z_label=labels[2],
        x_values=xs,
        y_values=ys,
        z_values=zs,
        seeds=seeds,
        cells=tuple(tuple(tuple(tuple(next(paths) for _ in seeds) for _ in xs) for _ in ys) for _ in zs),
        checkpoints=tuple(model.id for model in models.models) if varied else (),
        notes=models.notes,
    )


def _values(axis: GridAxis | None, models: Sequence[GridModel]) -> tuple[Scalar | None, ...]:
    if axis is None:
        return (None,)
    return tuple(model.id for model in models) if _varies_checkpoint(axis) else axis.values


def _texts(axis: GridAxis | None, models: Sequence[GridModel]) -> tuple[str, ...]:
    if axis is None:
        return ("",)
    return tuple(m.title for m in models) if _varies_checkpoint(axis) else tuple(value_text(v) for v in axis.values)


def _label(axis: GridAxis | None) -> str:
    if axis is None:
        return ""
    return LABELS[axis.axis] if axis.word is None else f"{LABELS[axis.axis]} of “{axis.word}”"
