"""Renders report data as one offline page, with contact sheets beside it for sharing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dbsweep import __version__
from dbsweep.reports import charts
from dbsweep.reports.contact import write_sheets
from dbsweep.reports.data import ReportData
from dbsweep.reports.images import Album
from dbsweep.reports.strips import SCORE_ROWS

STRIP_WIDTH: Final = 1216
"""Pixels that a film strip or grid may take on a desktop screen before it scrolls."""


def render_report(data: ReportData, out_dir: Path) -> Path:
    """Write the page; a report that is already there is replaced only once the new one is complete.

    Args:
        data: what to show; images are read here, missing ones shown as missing.
        out_dir: usually ``runs/<name>/report``; made if needed. Its folders ``images`` (full-size files) and
            ``sheets`` (see `dbsweep.reports.contact.write_sheets`) are the report's own and written anew.

    Returns:
        The path of ``index.html``.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    for folder in ("images", "sheets"):
        shutil.rmtree(out_dir / folder, ignore_errors=True)
    write_sheets(data, out_dir / "sheets")
    page = out_dir / "index.html"
    draft = out_dir / f".index.html.{os.getpid()}"
    draft.write_text(page_html(data, Album(out_dir)), encoding="utf-8")
    draft.replace(page)
    return page


def page_html(data: ReportData, album: Album) -> str:
    """The page as text; everything that comes from the user's files is escaped."""
    environment = Environment(
        loader=PackageLoader("dbsweep.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    assert environment.loader is not None, "given above"
    style, script = (environment.loader.get_source(environment, name)[0] for name in ("page.css", "page.js"))
    return environment.get_template("page.html.j2").render(
        data=data,
        embed=album.embed,
        charts=charts,
        cell_size=cell_size,
        score_rows=SCORE_ROWS,
        shown={strip.trial for strip in (*data.strips, *(chapter.strip for chapter in data.chapters))},
        style=Markup(style),
        script=Markup(script),
        version=__version__,
    )


def cell_size(columns: int, beside: int = 0) -> int:
    """Pixels of a picture so that a row fits the page: 128 and 64 show 64-pixel images without resampling.

    Args:
        beside: pixels that the head of a row takes.
    """
    room = STRIP_WIDTH - beside
    return next((size for size in (128, 96) if columns * (size + 6) <= room), 64 if columns > 16 else 96)
