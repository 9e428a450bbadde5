"""What the command line asks about runs that exist: the choice, the trials, the list of runs."""

from __future__ import annotations

import json
from pathlib import Path

from dbsweep.errors import RunError
from dbsweep.execution.folder import RunFolder, list_runs
from dbsweep.execution.ledger import Ledger
from dbsweep.models.checkpoint_files import MANIFEST
from dbsweep.records.results import Checkpoint
from dbsweep.records.run import RunRecord
from dbsweep.reports.listings import kept

BEST = "best"
"""The name of the chosen checkpoint after ``RUN@``."""


def find_run(run: str, runs: Path) -> RunFolder:
    """The run of this name in the folder of runs, or the run whose folder is given.

    Raises:
        RunError: there is none.
    """
    path = Path(run)
    if (path / "ledger.db").is_file():
        return RunFolder(path.resolve())
    return RunFolder.open(runs, run)


def read_run(folder: RunFolder) -> RunRecord:
    """All that the ledger knows; a run that is going on may be read too."""
    with Ledger.open(folder.ledger, read_only=True) as ledger:
        return ledger.read()


def read_runs(runs: Path) -> list[RunRecord]:
    """The ledgers of all runs in a folder, oldest first; RunError if it is a file."""
    if runs.is_file():
        raise RunError(f"{runs} is a file: --runs is the folder that holds the runs")
    return sorted((read_run(folder) for folder in list_runs(runs)), key=lambda record: record.started)


def find_checkpoint(name: str, runs: Path, *, interrupted: bool = False) -> tuple[RunFolder, RunRecord, Checkpoint]:
    """The checkpoint that ``RUN``, ``RUN@best`` or ``RUN@b01-000120`` names.

    Args:
        interrupted: what branches saved when they were stopped is found too; it goes when they go on.

    Raises:
        RunError: no such run or checkpoint, or nothing has been chosen yet.
    """
    run, _, wanted = name.rpartition("@") if "@" in name and not Path(name).exists() else (name, "", BEST)
    folder = find_run(run, runs)
    record = read_run(folder)
    checkpoint = kept(record).checkpoint if wanted == BEST else wanted
    found = {**(interrupted_checkpoints(folder, record) if interrupted else {}), **record.checkpoints}
    if checkpoint not in found:
        there = ", ".join(sorted(found)) or "none yet"
        raise RunError(f"run {record.name!r} has no checkpoint {wanted!r}: give {BEST} or one of {there}")
    return folder, record, found[checkpoint]


def interrupted_checkpoints(folder: RunFolder, record: RunRecord) -> dict[str, Checkpoint]:
    """What branches saved between two checkpoints when the person stopped them, by id; the ledger does not list it."""
    found = {}
    for branch in record.plan.branches:
        path = folder.interrupted(branch.id)
        if not (path / MANIFEST).is_file():
            continue
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        same = {key: manifest[key] for key in ("id", "step", "epoch", "sha256", "bytes")}
        found[manifest["id"]] = Checkpoint(branch=branch.id, path=folder.relative(path), **same)
    return found
