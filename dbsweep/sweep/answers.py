"""What the command line asks about runs that exist: the choice, the trials, the list of runs."""

from __future__ import annotations

import json
from pathlib import Path

from dbsweep.config.messages import nearest
from dbsweep.errors import RunError
from dbsweep.execution.driver_lock import is_led
from dbsweep.execution.folder import RunFolder, list_runs
from dbsweep.execution.ledger.ledger import Ledger
from dbsweep.models.checkpoint_files import MANIFEST, lost_files
from dbsweep.records.results import Checkpoint
from dbsweep.records.run import RunRecord
from dbsweep.reports.kept import kept
from dbsweep.sweep.storage import way_back

_NAMED = 12
"""Checkpoints that a message names, those of the nearest names."""

BEST = "best"
"""The name of the chosen checkpoint after ``RUN@``."""


def find_run(run: str, runs: Path) -> RunFolder:
    """The run of this name in the folder of runs, or the run whose folder is given.

    Raises:
        RunError: there is none, or a checkpoint is named.
    """
    path = Path(run)
    if (path / "ledger.db").is_file():
        return RunFolder(path.resolve())
    if "@" in path.name:
        whole = run.rpartition("@")[0]
        raise RunError(
            f"{run!r} names a checkpoint, and a run is asked for: give {whole}; "
            "`dbsweep export`, `dbsweep merge` and base_model take checkpoints"
        )
    if len(path.parts) > 1:
        return RunFolder.open(path.parent, path.name)  # says which runs there are beside it
    return RunFolder.open(runs, run)


def read_run(folder: RunFolder) -> RunRecord:
    """All that the ledger knows, and whether anybody still leads the run; one that is going on may be read too."""
    led = is_led(folder)  # asked first: a run that ends meanwhile is not taken for a dead one
    with Ledger.open(folder.ledger, read_only=True) as ledger:
        record = ledger.read()
    return record if led or record.finished is not None else record.without_driver()


def read_runs(runs: Path) -> tuple[list[RunRecord], list[str]]:
    """The ledgers of all runs in a folder, oldest first, and what is wrong with those that cannot be read.

    Each has the name of its folder, by which it is found, also where a person has copied or renamed that.

    Raises:
        RunError: it is a file.
    """
    if runs.is_file():
        raise RunError(f"{runs} is a file: --runs is the folder that holds the runs")
    records, faults = [], []
    for folder in list_runs(runs):
        try:
            records.append(read_run(folder).model_copy(update={"name": folder.name}))
        except RunError as error:
            faults.append(str(error))
    return sorted(records, key=lambda record: record.started), faults


def find_checkpoint(name: str, runs: Path, *, interrupted: bool = False) -> tuple[RunFolder, RunRecord, Checkpoint]:
    """The checkpoint that ``RUN``, ``RUN@best`` or ``RUN@b01-000120`` names.

    Args:
        interrupted: what branches saved when they were stopped is found too; it goes when they go on.

    Raises:
        RunError: no such run or checkpoint, nothing has been chosen yet, or its weights are not kept.
    """
    run, _, wanted = name.rpartition("@") if "@" in name and not Path(name).exists() else (name, "", BEST)
    folder = find_run(run, runs)
    record = read_run(folder)
    checkpoint = kept(record, folder.handle).checkpoint if wanted == BEST else wanted
    found = {**(interrupted_checkpoints(folder, record) if interrupted else {}), **record.checkpoints}
    if checkpoint not in found or not found[checkpoint].kept:
        whole = [name for name, each in found.items() if each.kept]
        near = ", ".join(sorted(nearest(checkpoint, whole, most=_NAMED, cutoff=0.0))) or "none yet"
        there = f"{near} and {len(whole) - _NAMED:,} more" if len(whole) > _NAMED else near
        if checkpoint not in found:
            raise RunError(f"run {record.name!r} has no checkpoint {wanted!r}: give {BEST} or one of {there}")
        raise RunError(
            f"run {record.name!r} has dropped the weights of {checkpoint!r} (checkpoints.keep): give {BEST} or one of "
            f"{there}, or run it again with checkpoints.keep=all"
        )
    return folder, record, found[checkpoint]


def refuse_lost(folder: RunFolder, checkpoint: Checkpoint) -> None:
    """RunError if the weights of a checkpoint, which the ledger has for kept, are not on this disk any more."""
    path = folder.path / checkpoint.path
    if lost := lost_files(path):
        raise RunError(
            f"the files of checkpoint {checkpoint.id!r} are gone or damaged ({path} lacks {' and '.join(lost)}): "
            f"{way_back(folder) or 'put them back'}, or take another checkpoint"
        )


def interrupted_checkpoints(folder: RunFolder, record: RunRecord) -> dict[str, Checkpoint]:
    """What branches saved between two checkpoints when the person stopped them, by id; the ledger does not list it."""
    found = {}
    for branch in record.plan.branches:
        path = folder.interrupted(branch.id)
        try:
            manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
            same = {key: manifest[key] for key in ("id", "step", "epoch", "sha256", "bytes")}
        except (OSError, ValueError, LookupError, TypeError):  # without a whole manifest it is no checkpoint
            continue
        found[manifest["id"]] = Checkpoint(branch=branch.id, path=folder.relative(path), **same)
    return found
