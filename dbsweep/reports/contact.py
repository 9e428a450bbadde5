"""Contact sheets: film strips and grids as labelled PNG files, for sharing, MLflow and a README."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from PIL import Image, ImageDraw, ImageFont, ImageOps

from dbsweep.reports.data import ReportData
from dbsweep.reports.decision import ConceptPictures, Decision
from dbsweep.reports.grids import AS_USUAL, GridTable
from dbsweep.reports.images import blank, read_image
from dbsweep.reports.pictures import Picture
from dbsweep.reports.strips import FilmStrip

Colour: TypeAlias = tuple[int, int, int]

PAPER: Final = (251, 250, 247)
INK: Final = (30, 32, 34)
MUTED: Final = (93, 98, 102)
ACCENT: Final = (10, 106, 98)
BAD: Final = (176, 54, 27)
BAD_SOFT: Final = (251, 232, 226)

MARGIN: Final = 16
GAP: Final = 4
LINE: Final = 24


@dataclass(frozen=True, slots=True)
class _Page:
    """A sheet being drawn; positions in pixels from its upper left corner."""

    image: Image.Image
    pen: ImageDraw.ImageDraw

    @classmethod
    def blank(cls, width: int, height: int) -> _Page:
        image = Image.new("RGB", (width, height), PAPER)
        return cls(image, ImageDraw.Draw(image))

    def write(
        self, x: int, y: int, words: str, *, size: int = 14, ink: Colour = INK, ground: Colour | None = None
    ) -> None:
        """Text by Pillow's own font, which needs no font on the machine; (x, y) is its upper left corner."""
        if ground is not None:
            self.pen.rectangle((x, y, x + _text_width(words, size) + GAP, y + LINE - GAP), fill=ground)
        self.pen.text((x, y), words, fill=ink, font=ImageFont.load_default(size))

    def place(self, x: int, y: int, picture: Picture | None, cell: int) -> None:
        """The first image of a picture in a square cell; crossed out when its file is missing."""
        if picture is not None:
            self.image.paste(_tile(picture.paths[0], cell), (x, y))

    def save(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}")
        self.image.save(draft, "PNG")
        return draft.replace(path)


def write_sheets(data: ReportData, folder: Path) -> tuple[Path, ...]:
    """Write the choice, the strips of the story and all grids as PNG files.

    Returns:
        The paths written: ``choice.png``, ``film-strip-<trial>.png``, ``grid-<number>.png``.
    """
    paths = [choice_png(data.decision, folder / "choice.png")] if data.decision is not None else []
    paths += [film_strip_png(c.strip, folder / f"film-strip-{c.strip.trial}.png") for c in data.chapters]
    paths += [grid_png(grid, folder / f"grid-{i}.png") for i, grid in enumerate(data.grids, start=1) if grid.rows]
    return tuple(paths)


def choice_png(decision: Decision, path: Path, *, cell: int = 128) -> Path:
    """Write the photos, and what the base model and the chosen checkpoint draw for the same prompts and seeds.

    Args:
        decision: from `dbsweep.reports.decision.decision`.
        path: the PNG file to write; its folder is made if needed.
        cell: side of an image, pixels.

    Returns:
        `path`.
    """
    seeds = max((len(side) for k in decision.concepts for c in k.comparisons for side in (c.base, c.chosen)), default=1)
    prompts = [words for k in decision.concepts for c in k.comparisons for words in (c.base_prompt, c.prompt)]
    half = max(seeds * (cell + GAP), *(_text_width(words, 14) for words in prompts), 0) + 2 * MARGIN
    photos = cell // 2
    heights = [photos + 3 * LINE + len(concept.comparisons) * (cell + LINE) for concept in decision.concepts]
    page = _Page.blank(2 * half, LINE + 2 * MARGIN + sum(heights))
    page.write(MARGIN, MARGIN, f"{decision.trial}, epoch {decision.epoch}", size=20, ink=ACCENT)
    y = LINE + 2 * MARGIN
    for concept, height in zip(decision.concepts, heights, strict=True):
        _place_concept(page, concept, y, half, cell)
        y += height
    return page.save(path)


def film_strip_png(strip: FilmStrip, path: Path, *, cell: int = 128) -> Path:
    """Write a film strip, one image (the first seed) for each prompt and checkpoint.

    Args:
        strip: from `dbsweep.reports.strips.film_strips`.
        path: the PNG file to write; its folder is made if needed.
        cell: side of an image, pixels; multiples of 64 keep MiniSD's images crisp.

    Returns:
        `path`.
    """
    pitch, row = cell + GAP, cell + LINE
    top = MARGIN + 3 * LINE + 24
    words = (strip.settings, *(row.prompt for row in strip.rows))
    width = max(len(strip.columns) * pitch - GAP, *(_text_width(each, 14) for each in words)) + 2 * MARGIN
    page = _Page.blank(width, top + len(strip.rows) * row + LINE + MARGIN)
    page.write(MARGIN, MARGIN, f"{strip.trial}: {strip.badge[1]}", size=20)
    page.write(MARGIN, MARGIN + LINE + 4, strip.settings, ink=MUTED)
    _mark_columns(page, strip, top, cell)
    for r, strip_row in enumerate(strip.rows):
        y = top + r * row
        page.write(MARGIN, y + 2, strip_row.prompt, ink=MUTED, ground=PAPER)  # over the mark of overtraining
        for c, picture in enumerate(strip_row.pictures):
            page.place(MARGIN + c * pitch, y + LINE, picture, cell)
    return page.save(path)


def grid_png(grid: GridTable, path: Path, *, cell: int = 128) -> Path:
    """Write one layer of a grid with its axes; the seeds of a cell stand side by side.

    Args:
        grid: from `dbsweep.reports.grids.grid_tables`.
        path: the PNG file to write; its folder is made if needed.
        cell: side of an image, pixels.

    Returns:
        `path`.
    """
    left = MARGIN + max(_text_width(words, 14) for words in (f"{grid.y_label} ↓", *(r.head for r in grid.rows))) + 16
    seeds = max((len(p.paths) for row in grid.rows for p in row.pictures if p is not None), default=1)
    pitch = max(seeds * cell + GAP, *(_text_width(head, 14) for head in grid.x_heads)) + 2 * GAP
    top = MARGIN + 4 * LINE
    width = max(left + len(grid.x_values) * pitch + MARGIN, _text_width(grid.prompt, 20) + 2 * MARGIN)
    page = _Page.blank(width, top + len(grid.rows) * (cell + GAP) + MARGIN)
    page.write(MARGIN, MARGIN, grid.prompt, size=20)
    framed = f"framed: {grid.usual}, {AS_USUAL}" if grid.usual else ""
    page.write(MARGIN, MARGIN + LINE + 4, " · ".join(filter(None, (grid.layer, framed))), ink=MUTED)
    page.write(left, MARGIN + 2 * LINE, grid.x_label, ink=MUTED)
    page.write(MARGIN, MARGIN + 3 * LINE, grid.y_label, ink=MUTED)
    for x, head in enumerate(grid.x_heads):
        page.write(left + x * pitch, MARGIN + 3 * LINE, head)
    for y, row in enumerate(grid.rows):
        page.write(MARGIN, top + y * (cell + GAP) + cell // 2 - 8, row.head)
        for x, picture in enumerate(row.pictures):
            at = (left + x * pitch, top + y * (cell + GAP))
            _place_seeds(page, *at, picture, cell)
            if row.usual[x] and picture is not None:
                right, bottom = at[0] + len(picture.paths) * cell, at[1] + cell
                page.pen.rectangle((at[0] - GAP, at[1] - GAP, right + GAP - 1, bottom + GAP - 1), outline=INK, width=3)
    return page.save(path)


def _place_concept(page: _Page, concept: ConceptPictures, y: int, half: int, cell: int) -> None:
    """Photos at half size in one row, then a row for each prompt: the base model left, the chosen checkpoint right."""
    page.write(MARGIN, y, f"photos of {concept.name}", ink=MUTED)
    for i, photo in enumerate(concept.photos[: (2 * half - 2 * MARGIN) // (cell // 2 + GAP)]):
        page.place(MARGIN + i * (cell // 2 + GAP), y + LINE, photo, cell // 2)
    y += LINE + cell // 2 + LINE // 2
    page.write(MARGIN, y, "the base model")
    page.write(half, y, "after training", ink=ACCENT)
    for row, comparison in enumerate(concept.comparisons):
        top = y + LINE + row * (cell + LINE)
        sides = ((MARGIN, comparison.base_prompt, comparison.base), (half, comparison.prompt, comparison.chosen))
        for x, prompt, pictures in sides:
            page.write(x, top + 2, prompt, ink=MUTED)
            for i, picture in enumerate(pictures):
                page.place(x + i * (cell + GAP), top + LINE, picture, cell)


def _place_seeds(page: _Page, x: int, y: int, picture: Picture | None, cell: int) -> None:
    for i, path in enumerate(picture.paths if picture is not None else ()):
        page.image.paste(_tile(path, cell), (x + i * cell, y))


def _mark_columns(page: _Page, strip: FilmStrip, top: int, cell: int) -> None:
    """Heads, the ground behind overtrained checkpoints, and the frame of the chosen one."""
    bottom = page.image.height - MARGIN
    for index, column in enumerate(strip.columns):
        x = MARGIN + index * (cell + GAP)
        if column.lost:
            page.pen.rectangle((x - GAP // 2, top - LINE - 16, x + cell + GAP // 2 - 1, bottom), fill=BAD_SOFT)
        if column.onset:
            page.pen.line((x - GAP // 2, top - LINE - 16, x - GAP // 2, bottom), fill=BAD, width=2)
            page.write(x + 4, top - LINE - 14, "overtrained from here", ink=BAD, size=12)
        if column.chosen:
            page.pen.rectangle((x - GAP, top - 20, x + cell + GAP - 1, bottom), outline=ACCENT, width=3)
            page.write(x + 4, bottom - LINE + 2, "chosen", ink=ACCENT)
        page.write(x + 4, top - 16, column.title, ink=ACCENT if column.chosen else INK)


def _tile(path: Path, cell: int) -> Image.Image:
    image = read_image(path)
    if image is None:
        return blank((cell, cell))
    hard = cell % max(image.size) == 0  # enlarged pixels stay pixels, where all become as wide
    return ImageOps.fit(image, (cell, cell), Image.Resampling.NEAREST if hard else Image.Resampling.LANCZOS)


def _text_width(words: str, size: int) -> int:
    return round(ImageFont.load_default(size).getlength(words))
