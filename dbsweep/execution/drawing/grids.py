"""The experiment's grids: one image for every cell and seed, each model loaded or merged once for all that it draws."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from dbsweep.config.axes import LABELS, AxisKind, GridAxis, value_text
from dbsweep.config.schema import Experiment, Grid
from dbsweep.execution import loaded
from dbsweep.execution.drawing.grid_merges import Merge, draw_merges
from dbsweep.execution.drawing.picture_folder import draw_batches, is_there
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import SweepJob
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.restoring import read_weights
from dbsweep.records.record import Scalar
from dbsweep.records.results import GridImage, GridModel, GridModels
from dbsweep.sampling.grammar import weight_words
from dbsweep.sampling.infotext import ImageInfo, format_info, write_png
from dbsweep.sampling.request import ImageRequest, Picture

_BATCH = 16
"""Pictures that are drawn at once, as when a checkpoint is looked at."""

Cell = tuple[Scalar | None, Scalar | None, Scalar | None]
"""Values on x, y and z; None where there is no such axis. Those of an axis of checkpoints are their ids."""


Painter: TypeAlias = GridModel | Merge
"""Whose weights draw a cell."""

Following: TypeAlias = Callable[[StableDiffusion], AbstractContextManager[None]]
"""Inside, what these networks draw is progress; see `StallWatch.following`."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """An image of a grid.

    Attributes:
        file: where it goes.
    """

    painter: Painter
    request: ImageRequest
    file: Path


def draw_grids(
    job: SweepJob, models: Sequence[GridModels], following: Following = lambda _: nullcontext()
) -> tuple[GridImage, ...]:
    """Draws all grids of the experiment and writes their images into the run folder.

    Args:
        models: of each grid, what draws it.
        following: entered for networks that draw beside those of the base model.

    Returns:
        Their records; what cannot be merged is told in their notes.

    Raises:
        ModelError: a checkpoint cannot be read.
    """
    run, experiment = RunFolder(job.run_folder), job.experiment
    run.grids.mkdir(exist_ok=True)
    grids = [
        _pictures(grid, experiment, each, run.grids / f"{index:02d}-{each.chosen.id}")
        for index, (grid, each) in enumerate(zip(experiment.grids, models, strict=True))
    ]
    waiting: defaultdict[Painter, list[_Picture]] = defaultdict(list)
    for picture in itertools.chain.from_iterable(grids):
        waiting[picture.painter].append(picture)
    for painter, pictures in waiting.items():
        if isinstance(painter, GridModel):
            _draw_all(job, pictures, *_load(job, painter))

    def draw_with(merge: Merge, networks: StableDiffusion, model_hash: str) -> None:
        with following(networks):
            _draw_all(job, waiting[merge], networks, model_hash)

    failed = draw_merges(job, [painter for painter in waiting if isinstance(painter, Merge)], draw_with)
    lacking = {picture.file: why for merge, why in failed.items() for picture in waiting[merge]}
    return tuple(_record(job, index, each, grids[index], lacking) for index, each in enumerate(models))


def _pictures(grid: Grid, experiment: Experiment, models: GridModels, folder: Path) -> list[_Picture]:
    cells = cell_requests(grid, experiment, models.models)
    return [
        _Picture(_painter(cell, grid, models), request, folder / f"{place:04d}.png")
        for place, (cell, request) in enumerate(cells)
    ]


def _draw_all(job: SweepJob, pictures: Sequence[_Picture], networks: StableDiffusion, model_hash: str) -> None:
    """All that one model draws, but for what is there already: of a driver or worker that was killed."""
    clip_skip = job.experiment.clip_skip
    asked = [Picture(picture.request, clip_skip) for picture in pictures]
    texts = [format_info(ImageInfo(picture.request, model_hash, clip_skip=clip_skip)) for picture in pictures]
    missing = {index for index, text in enumerate(texts) if not is_there(pictures[index].file, text)}
    precision = job.experiment.evaluate.precision
    for images in draw_batches(networks, asked, missing, precision=precision, batch_size=_BATCH):
        for index, image in images.items():
            picture = pictures[index]
            picture.file.parent.mkdir(exist_ok=True)
            write_png(picture.file, image, picture.request, model_hash, clip_skip=clip_skip)


def _load(job: SweepJob, model: GridModel) -> tuple[StableDiffusion, str]:
    """The networks with the model's weights, and its short hash."""
    if model.checkpoint is None:
        untrained = loaded.untrained_models(job.base)
        return untrained, untrained.sha256[:10]
    networks = loaded.models_to_change(job.base)
    read_weights(job.run_folder / model.checkpoint.path, networks)
    return networks, model.checkpoint.sha256[:10]


def _painter(cell: Cell, grid: Grid, models: GridModels) -> Painter:
    """What draws a cell: the value of its axis of checkpoints, else the one that draws the whole grid, or its merge."""
    values = {axis.axis: v for axis, v in zip((grid.x, grid.y, grid.z), cell, strict=True) if axis is not None}
    name = values.get(AxisKind.CHECKPOINT, models.models[0].id)
    model = next(model for model in models.models if model.id == name)
    merging = grid.axis(AxisKind.MERGE_RATIO)
    if merging is None:
        return model
    assert merging.into is not None  # `GridAxis` asks for it
    return Merge(merging.into, model, float(values[AxisKind.MERGE_RATIO] or 0))


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
        case AxisKind.WORDS | AxisKind.CHECKPOINT | AxisKind.MERGE_RATIO:
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


def _record(
    job: SweepJob, index: int, models: GridModels, pictures: Sequence[_Picture], lacking: Mapping[Path, str]
) -> GridImage:
    grid, run = job.experiment.grids[index], RunFolder(job.run_folder)
    xs, ys, zs = (_texts(axis, models.models) for axis in (grid.x, grid.y, grid.z))
    seeds = grid_seeds(grid)
    together = (pictures[start : start + len(seeds)] for start in range(0, len(pictures), len(seeds)))
    cells = (tuple(run.relative(p.file) for p in cell if p.file not in lacking) for cell in together)
    merging = grid.axis(AxisKind.MERGE_RATIO)
    into = "" if merging is None else job.customs[str(merging.into)].name
    reasons = dict.fromkeys(lacking[p.file] for p in pictures if p.file in lacking)
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
        cells=tuple(tuple(tuple(next(cells) for _ in xs) for _ in ys) for _ in zs),
        checkpoints=tuple(model.id for model in models.models) if varied else (),
        into=into,
        notes=(*models.notes, *(f"not merged into {into}: {reason}" for reason in reasons)),
    )


def _values(axis: GridAxis | None, models: Sequence[GridModel]) -> tuple[Scalar | None, ...]:
    if axis is None:
        return (None,)
    return tuple(model.id for model in models) if _varies_checkpoint(axis) else axis.values


def _texts(axis: GridAxis | None, models: Sequence[GridModel]) -> tuple[str, ...]:
    if axis is None:
        return ("",)
    if _varies_checkpoint(axis):
        return tuple(model.title for model in models)
    prefix = "m " if axis.axis is AxisKind.MERGE_RATIO else ""
    return tuple(f"{prefix}{value_text(value)}" for value in axis.values)


def _label(axis: GridAxis | None) -> str:
    if axis is None:
        return ""
    return LABELS[axis.axis] if axis.word is None else f"{LABELS[axis.axis]} of “{axis.word}”"
