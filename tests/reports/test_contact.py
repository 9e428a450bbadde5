"""Contact sheets: every image in its place, marks, missing files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from dbsweep.records.run import RunRecord
from dbsweep.reports.contact import BAD, BAD_SOFT, INK, film_strip_png, grid_png, write_sheets
from dbsweep.reports.data import ReportData, report_data


def opened(path: Path) -> Image.Image:
    """An image as RGB, its file closed again."""
    with Image.open(path) as image:
        return image.convert("RGB")


def holds(sheet: Image.Image, tile: Image.Image) -> bool:
    """Whether the tile lies somewhere in the sheet, pixel by pixel."""
    page, small = np.asarray(sheet.convert("RGB")), np.asarray(tile.convert("RGB"))
    height, width = small.shape[:2]
    middle = small[height // 2].tobytes()  # the row that differs most between pictures
    for y, row in enumerate(page[height // 2 : page.shape[0] - height // 2 + 1]):
        at = row.tobytes().find(middle)
        if at >= 0 and np.array_equal(page[y : y + height, at // 3 : at // 3 + width], small):
            return True
    return False


def data_of(record: RunRecord, run_folder: Path) -> ReportData:
    return report_data(record, run_folder)


def test_a_film_strip_holds_the_first_seed_of_every_cell(record: RunRecord, run_folder: Path, tmp_path: Path) -> None:
    strip = data_of(record, run_folder).chapters[-1].strip
    sheet = opened(film_strip_png(strip, tmp_path / "deep/strip.png", cell=64))
    for row in (strip.rows[0], strip.rows[-1]):
        for picture in (row.pictures[0], row.pictures[-1]):
            assert picture is not None
            assert holds(sheet, opened(picture.paths[0]))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["strip.png"]


def test_overtraining_is_marked_only_where_there_is_some(record: RunRecord, run_folder: Path, tmp_path: Path) -> None:
    little, _, much = (chapter.strip for chapter in data_of(record, run_folder).chapters)

    def colours(name: str) -> set[tuple[int, ...]]:
        return {colour for _, colour in opened(tmp_path / name).getcolors(1 << 24) or ()}  # type: ignore[misc]

    film_strip_png(much, tmp_path / "much.png", cell=64)
    film_strip_png(little, tmp_path / "little.png", cell=64)
    assert {BAD, BAD_SOFT} <= colours("much.png")
    assert not {BAD, BAD_SOFT} & colours("little.png")


def test_a_long_prompt_has_its_room_and_nothing_runs_through_it(
    record: RunRecord, run_folder: Path, tmp_path: Path
) -> None:
    much = data_of(record, run_folder).chapters[-1].strip
    words = "photo of ohwx man on the cover of a magazine, " * 20
    long = replace(much, rows=(replace(much.rows[0], prompt=words), *much.rows[1:]))
    sheet = np.asarray(opened(film_strip_png(long, tmp_path / "long.png", cell=64)))
    assert sheet.shape[1] > 20 * 200
    line = sheet[: sheet.shape[0] // 2, 16 + next(i for i, c in enumerate(much.columns) if c.onset) * 68 - 2]
    marked = np.flatnonzero((line == BAD).all(axis=1))
    assert np.diff(marked).max() > 10  # the line makes way for the prompt


def test_pixels_of_a_tile_are_all_of_one_size(record: RunRecord, run_folder: Path, tmp_path: Path) -> None:
    """Of 64 pixels drawn as 128 each stays a square; as 96 they are smoothed and not made wider by turns."""
    strip = data_of(record, run_folder).chapters[0].strip
    picture = strip.rows[0].pictures[0]
    assert picture is not None
    small = opened(picture.paths[0])
    for cell, hard in ((128, True), (96, False)):
        sheet = opened(film_strip_png(strip, tmp_path / f"{cell}.png", cell=cell))
        assert holds(sheet, small.resize((cell, cell), Image.Resampling.NEAREST)) is hard


def test_missing_images_leave_a_crossed_out_cell(record: RunRecord, tmp_path: Path) -> None:
    strip = report_data(record, tmp_path / "gone").chapters[0].strip
    assert opened(film_strip_png(strip, tmp_path / "strip.png")).size[0] > 7 * 128


def test_a_grid_shows_all_seeds(record: RunRecord, run_folder: Path, tmp_path: Path) -> None:
    (table,) = data_of(record, run_folder).grids
    sheet = opened(grid_png(table, tmp_path / "grid.png", cell=64))
    picture = table.rows[-1].pictures[-1]
    assert picture is not None
    assert all(holds(sheet, opened(path)) for path in picture.paths)
    bare = replace(table, y_label="", rows=(replace(table.rows[0], value=""),))
    assert opened(grid_png(bare, tmp_path / "bare.png", cell=64)).height < sheet.height


def test_the_usual_cell_of_a_grid_is_framed(record: RunRecord, run_folder: Path, tmp_path: Path) -> None:
    (table,) = data_of(record, run_folder).grids
    plain = replace(table, usual="", rows=tuple(replace(row, usual=(False,) * len(row.usual)) for row in table.rows))
    framed, bare = (
        np.asarray(opened(grid_png(each, tmp_path / "grid.png", cell=64)))[4 * 24 :] for each in (table, plain)
    )
    changed = np.argwhere((framed != bare).any(axis=2))
    height, width = changed.max(axis=0) - changed.min(axis=0) + 1
    assert (height, width) == (64 + 2 * 4, 2 * 64 + 2 * 4), "around both seeds"
    assert {tuple(framed[y, x]) for y, x in changed} == {INK}


def test_heads_do_not_run_into_each_other_and_what_is_not_drawn_has_no_sheet(
    record: RunRecord, run_folder: Path, tmp_path: Path
) -> None:
    data = data_of(record, run_folder)
    (table,) = data.grids
    long = tuple(f"{value} and some more words" for value in table.x_heads)
    wide = opened(grid_png(replace(table, x_heads=long), tmp_path / "wide.png", cell=64))
    assert wide.width > opened(grid_png(table, tmp_path / "grid.png", cell=64)).width
    write_sheets(replace(data, grids=(replace(table, rows=()), table)), tmp_path / "sheets")
    assert [path.name for path in (tmp_path / "sheets").glob("grid-*")] == ["grid-2.png"]


def test_all_sheets_of_a_report(record: RunRecord, run_folder: Path, tmp_path: Path) -> None:
    data = data_of(record, run_folder)
    paths = write_sheets(data, tmp_path)
    assert [path.name for path in paths] == [
        "choice.png",
        "film-strip-t002.png",
        "film-strip-t004.png",
        "film-strip-t006.png",
        "grid-1.png",
    ]
    choice = opened(tmp_path / "choice.png")
    assert data.decision is not None
    last = data.decision.concepts[0].comparisons[-1].chosen[-1]
    before = data.decision.concepts[0].comparisons[0].base[0]
    half = choice.width // 2
    for picture, is_right in ((before, False), (last, True)):
        large = opened(picture.paths[0]).resize((128, 128), Image.Resampling.NEAREST)
        assert holds(choice.crop((0, 0, half, choice.height)), large) is not is_right
        assert holds(choice.crop((half, 0, choice.width, choice.height)), large) is is_right
