"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path, typer.Argument(metavar="FILE", help="Experiment file (YAML).")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="Name of a run, or path of its folder.")]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PATH=VALUE", help="Change a value of the file, such as `train.seed=1`; may be repeated."
    ),
]
Address = Annotated[
    str | None,
    typer.Option(metavar="ADDR", help="Ray cluster to run on: HOST:PORT or `auto`.", show_default="this machine"),
]
Alone = Annotated[
    bool,
    typer.Option("--alone", metavar="", help="Train every trial by itself, to check that sharing changes nothing."),
]
Json = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")]
Runs = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder that holds the runs.")]

RUNS = Path("runs")
