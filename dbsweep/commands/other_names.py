"""What a person of another trainer may call a command, where no likeness of letters would tell."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import typer

from dbsweep.errors import InputError

OTHER_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "continue": "resume",
        "convert": "export",
        "generate": "draw",
        "list": "runs",
        "preprocess": "photos",
        "sample": "draw",
        "save": "export",
        "start": "run",
        "sweep": "run",
        "tag": "caption",
        "train": "run",
        "train_db.py": "run",
        "train_dreambooth.py": "run",
        "train_dreambooth_lora.py": "run",
        "train_network.py": "run",
        "txt2img": "draw",
    }
)
"""A command or script there, and the command here."""


def add_other_names(app: typer.Typer) -> None:
    """Has the app tell, for each of these names and whatever follows it, what it is called here; its help has none."""
    for name in OTHER_NAMES:
        app.command(
            name,
            hidden=True,
            add_help_option=False,
            context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        )(_refuse)


def _refuse(context: typer.Context) -> None:
    ours = OTHER_NAMES[str(context.info_name)]
    raise InputError(f"there is no command {context.info_name}; it is called {ours} here: see `dbsweep {ours} --help`")
