"""Grids become tables, a layer each."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.config.axes import NOTHING
from dbsweep.config.schema import Experiment
from dbsweep.records.choice import Overrule
from dbsweep.records.run import RunRecord
from dbsweep.reports.grids import AS_USUAL, grid_tables


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


def test_the_cell_that_is_drawn_as_the_scored_pictures_are_is_told(record: RunRecord, run_folder: Path) -> None:
    (table,) = grid_tables(record, run_folder)
    assert [(row.value, row.usual) for row in table.rows if any(row.usual)] == [
        ("1", (False, False, True, False, False))
    ]
    assert table.usual == "CFG scale 7.5, weight of “ohwx man” 1"
    told = [p.alt for row in table.rows for p in row.pictures if p is not None and AS_USUAL in p.alt and p.caption]
    assert told == [f"“{table.prompt}” at CFG scale 7.5, weight of “ohwx man” 1, {AS_USUAL}"]


def test_no_cell_is_told_where_none_is_drawn_so(record: RunRecord, run_folder: Path) -> None:
    """By another CFG scale, or where only seeds differ, which do in scored pictures too."""
    evaluate = {**record.experiment["evaluate"], "guidance_scale": 7.0}  # type: ignore[dict-item]
    (grid,) = record.grids
    seeds = grid.model_copy(update={"x_label": "seed", "y_label": "seed of nothing"})
    for changed in ({"experiment": {**record.experiment, "evaluate": evaluate}}, {"grids": (seeds,)}):
        (table,) = grid_tables(record.model_copy(update=changed), run_folder)
        assert (table.usual, {mark for row in table.rows for mark in row.usual}) == ("", {False})


def test_of_layers_only_the_usual_one_has_such_a_cell(record: RunRecord, run_folder: Path) -> None:
    (grid,) = record.grids
    deep = grid.model_copy(update={"z_label": "steps", "z_values": ("20", "50"), "cells": (grid.cells[0],) * 2})
    steps = Experiment.model_validate(record.experiment).evaluate.num_inference_steps
    tables = grid_tables(record.model_copy(update={"grids": (deep,)}), run_folder)
    assert [table.layer for table in tables if table.usual] == [f"steps {steps}"]


def with_words(record: RunRecord, *words: str) -> RunRecord:
    """The grid of the run with words in place of weights."""
    (grid,) = record.grids
    changes = {"y_label": "words", "y_values": words, "cells": (grid.cells[0][: len(words)],)}
    return record.model_copy(update={"grids": (grid.model_copy(update=changes),)})


def test_words_are_told_in_quotes_and_long_ones_shortened_at_the_heads(record: RunRecord, run_folder: Path) -> None:
    long = "ink poster style, muted colours, by the old master"
    (table,) = grid_tables(with_words(record, "ink poster style", long, NOTHING), run_folder)
    assert [row.head for row in table.rows] == ["ink poster style", "ink poster … old master", NOTHING]
    captions = [row.pictures[0].caption for row in table.rows if row.pictures[0] is not None]
    assert [caption.partition(" · ")[0] for caption in captions] == [
        "CFG scale 3, words “ink poster style”",
        f"CFG scale 3, words “{long}”",
        "CFG scale 3, words (nothing)",
    ]


def test_of_words_all_cells_are_drawn_as_the_scored_pictures_are(record: RunRecord, run_folder: Path) -> None:
    """They have other prompts too."""
    (table,) = grid_tables(with_words(record, "ink poster style", "neon style"), run_folder)
    assert table.usual == "CFG scale 7.5"
    assert [row.usual for row in table.rows] == [(False, False, True, False, False)] * 2


def test_a_layer_of_words(record: RunRecord, run_folder: Path) -> None:
    (grid,) = record.grids
    words = {"z_label": "words", "z_values": ("ink poster style", "neon style"), "cells": (grid.cells[0],) * 2}
    tables = grid_tables(record.model_copy(update={"grids": (grid.model_copy(update=words),)}), run_folder)
    assert [table.layer for table in tables] == ["words “ink poster style”", "words “neon style”"]


def over_checkpoints(record: RunRecord, *titles: str, place: str = "y") -> RunRecord:
    """The grid of the run with checkpoints in place of weights; the last one is the choice."""
    (grid,) = record.grids
    assert record.choice is not None
    ids = (*(f"some-{i}" for i in range(len(titles) - 1)), record.choice.best.checkpoint)
    rows = grid.cells[0][: len(titles)]
    cells = (rows,) if place == "y" else tuple((row,) for row in rows)
    changes = {f"{place}_label": "checkpoint", f"{place}_values": titles, "checkpoints": ids, "cells": cells}
    return record.model_copy(update={"grids": (grid.model_copy(update=changes),)})


def test_checkpoints_are_named_as_elsewhere_and_the_one_to_keep_is_told(record: RunRecord, run_folder: Path) -> None:
    (table,) = grid_tables(over_checkpoints(record, "base", "t001, epoch 20", "epoch 40"), run_folder)
    assert [row.head for row in table.rows] == ["base", "t001, epoch 20", "epoch 40, chosen"]
    captions = [row.pictures[0].caption for row in table.rows if row.pictures[0] is not None]
    assert [caption.partition(" · ")[0] for caption in captions] == [
        "CFG scale 3, base model",
        "CFG scale 3, t001, epoch 20",
        "CFG scale 3, epoch 40, chosen",
    ]
    assert (table.over_checkpoints, table.chosen) == (True, "epoch 40, chosen")
    assert table.usual == "CFG scale 7.5"
    assert [row.usual[2] for row in table.rows] == [True, True, True]


def over_merges(record: RunRecord, place: str = "y") -> RunRecord:
    """The grid of the run with multipliers in place of weights."""
    (grid,) = record.grids
    rows = grid.cells[0][:3]
    cells = (rows,) if place == "y" else tuple((row,) for row in rows)
    changes = {f"{place}_label": "multiplier", f"{place}_values": ("m 0", "m 0.75", "m 0.95"), "cells": cells}
    return record.model_copy(update={"grids": (grid.model_copy(update={**changes, "into": "protogen"}),)})


def test_merges_are_told_by_their_multiplier_and_none_is_as_the_scored_ones(
    record: RunRecord, run_folder: Path
) -> None:
    (table,) = grid_tables(over_merges(record), run_folder)
    assert (table.y_label, [row.head for row in table.rows]) == ("multiplier", ["m 0", "m 0.75", "m 0.95"])
    captions = [row.pictures[0].caption for row in table.rows if row.pictures[0] is not None]
    assert [caption.partition(" · ")[0] for caption in captions] == [
        "CFG scale 3, m 0",
        "CFG scale 3, m 0.75",
        "CFG scale 3, m 0.95",
    ]
    assert (table.into, table.over_checkpoints, table.usual) == ("protogen", False, "")
    assert not any(any(row.usual) for row in table.rows)


def test_the_model_that_is_merged_into_is_told_once(record: RunRecord, run_folder: Path) -> None:
    tables = grid_tables(over_merges(record, place="z"), run_folder)
    assert [(table.layer, table.into) for table in tables] == [("m 0", "protogen"), ("m 0.75", ""), ("m 0.95", "")]


def test_a_checkpoint_that_was_not_taken_is_not_told_as_chosen(record: RunRecord, run_folder: Path) -> None:
    varied = over_checkpoints(record, "base", "epoch 40")
    assert record.choice is not None
    mine = Overrule(candidate=record.choice.candidates[-1], because="her smile", time=0.0)
    (table,) = grid_tables(varied.model_copy(update={"overrule": mine}), run_folder)
    assert ([row.value for row in table.rows], table.chosen) == (["base", "epoch 40"], "")


def test_what_is_left_out_is_told_once_and_the_rest_is_shown(record: RunRecord, run_folder: Path) -> None:
    varied = over_checkpoints(record, "base", "epoch 40", place="z")
    grid = varied.grids[0].model_copy(update={"notes": ("without epoch 50: …",)})
    tables = grid_tables(varied.model_copy(update={"grids": (grid,)}), run_folder)
    assert [(table.layer, table.notes) for table in tables] == [
        ("base model", ("without epoch 50: …",)),
        ("epoch 40, chosen", ()),
    ]


@pytest.mark.parametrize("cells", [(), ((),), (((), ()),)])
def test_of_a_grid_of_which_nothing_could_be_drawn_the_reason_stands(
    record: RunRecord, run_folder: Path, cells: tuple[()]
) -> None:
    (grid,) = record.grids
    notes = ("without epoch 50: …",)
    bare = grid.model_copy(update={"cells": cells, "checkpoints": (), "notes": notes})
    (table,) = grid_tables(record.model_copy(update={"grids": (bare,)}), run_folder)
    assert (table.prompt, table.notes, table.rows) == (grid.prompt, notes, ())


def test_where_the_usual_cell_was_not_drawn_none_is_told(record: RunRecord, run_folder: Path) -> None:
    (grid,) = record.grids
    holes = tuple(tuple(() if x == 2 else cell for x, cell in enumerate(row)) for row in grid.cells[0])
    (table,) = grid_tables(
        record.model_copy(update={"grids": (grid.model_copy(update={"cells": (holes,)}),)}), run_folder
    )
    assert (table.usual, any(any(row.usual) for row in table.rows)) == ("", False)
