"""Grids become tables, a layer each."""

from __future__ import annotations

from pathlib import Path

from dbsweep.records.run import RunRecord
from dbsweep.reports.grids import grid_tables


def test_a_flat_grid(record: RunRecord, run_folder: Path) -> None:
    (table,) = grid_tables(record, run_folder)
    assert (table.x_label, table.x_values) == ("CFG scale", ("3", "5", "7.5", "10", "14"))
    assert [row.value for row in table.rows] == ["0.8", "1", "1.2", "1.4"]
    assert (table.layer, table.seeds_text) == ("", "seeds 1 and 2 side by side")
    picture = table.rows[2].pictures[1]
    assert picture is not None
    assert [path.name for path in picture.paths] == ["5-1.2-1.png", "5-1.2-2.png"]
    assert "CFG scale 5, weight of “ohwx man” 1.2" in picture.alt


def test_layers_and_empty_cells(record: RunRecord, run_folder: Path) -> None:
    (grid,) = record.grids
    holes = tuple(tuple(() for _ in row) for row in grid.cells[0])
    deep = grid.model_copy(update={"z_label": "seed", "z_values": ("1", "2"), "cells": (grid.cells[0], holes)})
    first, second = grid_tables(record.model_copy(update={"grids": (deep,)}), run_folder)
    assert (first.layer, second.layer) == ("seed 1", "seed 2")
    assert all(picture is None for row in second.rows for picture in row.pictures)
