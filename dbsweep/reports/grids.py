"""Grids: images over CFG, prompt weight and other axes, as tables of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from dbsweep.config.axes import LABELS, NOTHING, AxisKind, value_text
from dbsweep.config.schema import Evaluate, Experiment
from dbsweep.records.names import BASE
from dbsweep.records.record import Scalar
from dbsweep.records.results import GridImage
from dbsweep.records.run import RunRecord
from dbsweep.reports.pictures import Picture
from dbsweep.reports.words import listing, shortened

AS_USUAL: Final = "as the scored pictures are drawn"
"""What is said of the cell whose settings are those by which checkpoints were drawn and scored."""


@dataclass(frozen=True, slots=True)
class GridRow:
    """One value of the y axis; `pictures` has one entry a value of the x axis, None where none was drawn.

    Attributes:
        head: the value where there is little room.
        usual: of each picture, whether it has the settings by which checkpoints are drawn and scored.
    """

    value: str
    head: str
    pictures: tuple[Picture | None, ...]
    usual: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class GridTable:
    """One layer of a grid (one value of its z axis).

    Attributes:
        layer: ``z label z value``; empty without a z axis.
        y_label: empty without a y axis.
        x_heads: `x_values` where there is little room.
        rows: none where nothing could be drawn.
        usual: in words, the settings of the cells that are usual; empty where none is.
        chosen: the value that is the checkpoint to keep; empty where none is.
        over_checkpoints: whether an axis says which checkpoint draws; else one draws all.
        into: the custom model of a grid that merges, empty elsewhere; on its first layer alone.
        notes: what is left out of the grid and why; likewise.
    """

    title: str
    prompt: str
    layer: str
    x_label: str
    y_label: str
    x_values: tuple[str, ...]
    x_heads: tuple[str, ...]
    rows: tuple[GridRow, ...]
    seeds: tuple[int, ...]
    usual: str
    chosen: str = ""
    over_checkpoints: bool = False
    into: str = ""
    notes: tuple[str, ...] = ()

    @property
    def seeds_text(self) -> str:
        """What stands side by side in a cell: `seed 1`, `seeds 1 and 2 side by side`."""
        names = listing(str(seed) for seed in self.seeds)
        return f"seed {names}" if len(self.seeds) == 1 else f"seeds {names} side by side"

    @property
    def heads_width(self) -> int:
        """About how many pixels the heads of the rows take on the page."""
        return max(len(head) for head in (f"{self.y_label} ↓", *(row.head for row in self.rows))) * 7 + 16


def grid_tables(record: RunRecord, run_folder: Path) -> tuple[GridTable, ...]:
    """One table for each layer of each grid of the run; a bare one for a grid of which nothing could be drawn."""
    usual = _usual_values(Experiment.model_validate(record.experiment).evaluate)
    kept = record.kept.checkpoint if record.kept is not None else None
    tables: list[GridTable] = []
    for drawn in record.grids:
        grid, chosen = _with_the_chosen(drawn, kept)
        layers = [_table(grid, layer, usual, run_folder) for layer in range(len(grid.cells))] if grid.paths else []
        layers = [replace(table, chosen=chosen) for table in layers or [_bare(grid)]]
        tables += [replace(layers[0], into=grid.into, notes=grid.notes), *layers[1:]]
    return tuple(tables)


def _with_the_chosen(grid: GridImage, kept: str | None) -> tuple[GridImage, str]:
    """The grid with the checkpoint to keep named as that, where an axis of checkpoints has it, and its name there."""
    for name in ("x", "y", "z"):
        if getattr(grid, f"{name}_label") == LABELS[AxisKind.CHECKPOINT] and kept in grid.checkpoints:
            titles = list(getattr(grid, f"{name}_values"))
            place = grid.checkpoints.index(kept)
            titles[place] += ", chosen"
            return grid.model_copy(update={f"{name}_values": tuple(titles)}), titles[place]
    return grid, ""


def _bare(grid: GridImage) -> GridTable:
    return GridTable(
        title=grid.title,
        prompt=grid.prompt,
        layer="",
        x_label=grid.x_label,
        y_label=grid.y_label,
        x_values=(),
        x_heads=(),
        rows=(),
        seeds=grid.seeds,
        usual="",
        over_checkpoints=True,
    )


def _usual_values(evaluate: Evaluate) -> dict[str, str]:
    """What checkpoints are drawn with for their scores, by labels of axes; any seed, words or checkpoint will do."""
    values: dict[AxisKind, Scalar] = {
        AxisKind.GUIDANCE_SCALE: evaluate.guidance_scale,
        AxisKind.PROMPT_WEIGHT: 1.0,
        AxisKind.NUM_INFERENCE_STEPS: evaluate.num_inference_steps,
        AxisKind.SAMPLER: evaluate.sampler,
    }
    return {LABELS[axis]: value_text(value) for axis, value in values.items()}


def _table(grid: GridImage, layer: int, usual: Mapping[str, str], run_folder: Path) -> GridTable:
    wanted = [
        (label, usual[name])
        for label in (grid.x_label, grid.y_label, grid.z_label)
        if (name := label.partition(" of “")[0]) in usual and not grid.into  # merged models draw no scored pictures
    ]

    def is_usual(values: Sequence[tuple[str, str]]) -> bool:
        return bool(wanted) and all(pair in values for pair in wanted)

    z_value = grid.z_values[layer] if layer < len(grid.z_values) else ""
    y_heads = shortened(grid.y_values)
    rows = []
    for y, cells in enumerate(grid.cells[layer]):
        y_value = grid.y_values[y] if y < len(grid.y_values) else ""
        beside = ((grid.y_label, y_value), (grid.z_label, z_value))
        marks = tuple(
            bool(cell) and is_usual(((grid.x_label, x), *beside)) for x, cell in zip(grid.x_values, cells, strict=True)
        )
        pictures = tuple(_picture(grid, cell, x, y_value, marks[x], run_folder) for x, cell in enumerate(cells))
        rows.append(GridRow(y_value, y_heads[y] if y < len(y_heads) else "", pictures, marks))
    return GridTable(
        title=grid.title,
        prompt=grid.prompt,
        layer=_at(grid.z_label, z_value) if z_value else "",
        x_label=grid.x_label,
        y_label=grid.y_label,
        x_values=grid.x_values,
        x_heads=shortened(grid.x_values),
        rows=tuple(rows),
        seeds=grid.seeds,
        usual=", ".join(f"{label} {value}" for label, value in wanted) if any(any(row.usual) for row in rows) else "",
        over_checkpoints=bool(grid.checkpoints),
    )


def _picture(
    grid: GridImage, cell: tuple[str, ...], x: int, y_value: str, usual: bool, run_folder: Path
) -> Picture | None:
    if not cell:
        return None
    where = _at(grid.x_label, grid.x_values[x])
    if y_value:
        where += f", {_at(grid.y_label, y_value)}"
    if usual:
        where += f", {AS_USUAL}"
    seeds = ", ".join(str(seed) for seed in grid.seeds)
    paths = tuple(run_folder / path for path in cell)
    return Picture(paths, f"“{grid.prompt}” at {where}", f"{where} · “{grid.prompt}” · seeds {seeds}")


def _at(label: str, value: str) -> str:
    """A value with its axis: `CFG scale 5`, `words “ink poster style”`; of models `epoch 4`, `m 0.75` say it all."""
    if label == LABELS[AxisKind.MERGE_RATIO]:
        return value
    if label == LABELS[AxisKind.CHECKPOINT]:
        return "base model" if value == BASE else value
    return f"{label} “{value}”" if label == LABELS[AxisKind.WORDS] and value != NOTHING else f"{label} {value}"
