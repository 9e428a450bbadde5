"""Grids: images over CFG, prompt weight and other axes, as tables of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dbsweep.records.results import GridImage
from dbsweep.records.run import RunRecord
from dbsweep.reports.pictures import Picture
from dbsweep.reports.words import listing


@dataclass(frozen=True, slots=True)
class GridRow:
    """One value of the y axis; `pictures` has one entry a value of the x axis, None where none was drawn."""

    value: str
    pictures: tuple[Picture | None, ...]


@dataclass(frozen=True, slots=True)
class GridTable:
    """One layer of a grid (one value of its z axis).

    Attributes:
        layer: ``z label z value``; empty without a z axis.
        y_label: empty without a y axis.
    """

    title: str
    prompt: str
    layer: str
    x_label: str
    y_label: str
    x_values: tuple[str, ...]
    rows: tuple[GridRow, ...]
    seeds: tuple[int, ...]

    @property
    def seeds_text(self) -> str:
        """What stands side by side in a cell: `seed 1`, `seeds 1 and 2 side by side`."""
        names = listing(str(seed) for seed in self.seeds)
        return f"seed {names}" if len(self.seeds) == 1 else f"seeds {names} side by side"


def grid_tables(record: RunRecord, run_folder: Path) -> tuple[GridTable, ...]:
    """One table for each layer of each grid of the run."""
    return tuple(_table(grid, layer, run_folder) for grid in record.grids for layer in range(len(grid.cells)))


def _table(grid: GridImage, layer: int, run_folder: Path) -> GridTable:
    z_value = grid.z_values[layer] if layer < len(grid.z_values) else ""
    rows = []
    for y, cells in enumerate(grid.cells[layer]):
        y_value = grid.y_values[y] if y < len(grid.y_values) else ""
        rows.append(
            GridRow(y_value, tuple(_picture(grid, cell, x, y_value, run_folder) for x, cell in enumerate(cells)))
        )
    return GridTable(
        title=grid.title,
        prompt=grid.prompt,
        layer=f"{grid.z_label} {z_value}".strip() if z_value else "",
        x_label=grid.x_label,
        y_label=grid.y_label,
        x_values=grid.x_values,
        rows=tuple(rows),
        seeds=grid.seeds,
    )


def _picture(grid: GridImage, cell: tuple[str, ...], x: int, y_value: str, run_folder: Path) -> Picture | None:
    if not cell:
        return None
    where = f"{grid.x_label} {grid.x_values[x]}"
    if y_value:
        where += f", {grid.y_label} {y_value}"
    seeds = ", ".join(str(seed) for seed in grid.seeds)
    paths = tuple(run_folder / path for path in cell)
    return Picture(paths, f"“{grid.prompt}” at {where}", f"{where} · “{grid.prompt}” · seeds {seeds}")
