"""What the command line asks about runs that exist: the choice, the trials, the list of runs."""

from __future__ import annotations

from pathlib import Path

from dbsweep.execution.folder import RunFolder, list_runs
from dbsweep.execution.ledger import Ledger
from dbsweep.records import RunRecord


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
    """The ledgers of all runs in a folder, oldest first."""
    return sorted((read_run(folder) for folder in list_runs(runs)), key=lambda record: record.started)
